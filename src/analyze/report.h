/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report: the causes of one process, or of many, by their fingerprints.
 *
 * What all formats are written from. Causes of several processes that have one fingerprint are one
 * entry; suppressions and baselines know entries by fingerprint too.
 *
 * Layer: analyze. Scratch memory comes from mmap: the process under test makes a report of itself.
 * Not thread-safe.
 */
#ifndef LR_ANALYZE_REPORT_H
#define LR_ANALYZE_REPORT_H

#include "analyze/findings.h"
#include "analyze/misuses.h"
#include "analyze/keeps.h"
#include "analyze/spots.h"
#include "analyze/suppressions.h"
#include "analyze/symbolizer.h"

#define LR_FINGERPRINT_TEXT 12 /* "lr-1c0ffee5" and its zero */

/* Of causes of one spot or of one entry, in all processes that have it. As in struct lr_cause but for the first and the last. */
struct lr_sums {
	uint64_t causes; /* that were added */
	uint64_t roots;
	uint64_t references;
	uint64_t uncounted;
	uint64_t objects;
	uint64_t bytes;
	uint64_t gone;
	uint64_t dying;
	uint64_t also_held;
	uint64_t old_roots;
	uint64_t old_objects; /* that such keep now; also among the objects */
	uint64_t old_bytes;
};

/* What causes of one spot have in all processes, see struct lr_parts. */
struct lr_part {
	/* of the first process that has it; examples and details are from there */
	const struct lr_findings *findings;
	struct lr_cause *cause; /* in these; NULL if it is told with another spot's */
	uint32_t lender;	/* ordinal of that spot */
	struct lr_sums sums;
	uint32_t keeps;			    /* number of the list in lr_report.keeps, or 0 */
	struct lr_suppression *suppression; /* the first of the file that hides some of it */
};

/* A spot's causes, by whether a suppression matches what is known of each in its own process. */
struct lr_parts {
	struct lr_part visible;
	struct lr_part suppressed;
};

struct lr_entry {
	const struct lr_findings *findings; /* as in struct lr_part */
	struct lr_cause *cause;
	uint32_t fingerprint;
	uint64_t order;	       /* of its first spot, in the order of adding */
	uint64_t last_process; /* that has it, from 1 */
	uint64_t processes;    /* that have it */
	struct lr_sums sums;
	uint32_t keeps; /* see lr_report_keeps() */
	/* that hides it, or NULL. A part that is suppressed elsewhere is in no figure above */
	const struct lr_suppression *suppression;
	bool is_silent;	   /* it has nothing but a number; only lr_report_total() sees such */
	bool is_known;	   /* a baseline has it */
	bool shown;	   /* see lr_report_choose() */
	bool shares_lines; /* with another entry, so that a reader needs the columns too */
};

/* Was it reported before, and is there only because of what it keeps now? */
static inline bool lr_entry_is_old(const struct lr_entry *entry)
{
	return entry->cause->is_old;
}

/* What is not known before all processes are. */
struct lr_process_figures {
	/* if it matters who holds its shared objects, else NULL */
	const struct lr_findings *findings;
	size_t uses;   /* of causes that are told; silent ones follow */
	bool any_told; /* it has leaks that are in no spot */
	bool is_snapshot;
	uint64_t shared; /* as in struct lr_findings */
	uint64_t shared_bytes;
};

struct lr_report {
	struct lr_entry *entries; /* made by lr_report_total() */
	size_t count;
	size_t room;
	struct lr_spots spots;
	struct lr_parts *parts; /* one a spot */
	size_t part_room;
	struct lr_keeps keeps;
	struct lr_keeps_end part_keeps;	    /* where those of parts end; those of entries follow */
	struct lr_process_figures *figures; /* one a process of spots */
	size_t figure_room;
	/* set by the caller, before the first lr_report_add() */
	struct lr_suppression *suppressions;
	size_t suppression_count;
	const uint32_t *known_fingerprints; /* of a baseline, ascending; as suppressions */
	size_t known_fingerprint_count;
	bool wants_misuses; /* set by the caller, as suppressions: where they were, too */
	struct lr_misuses misuses;
	uint64_t processes;	/* that were added */
	size_t causes_left_out; /* that were not chosen in their findings, and so have no name */
	uint64_t left_out;	/* their objects */
	uint64_t left_out_bytes;

	/* As in struct lr_findings and in the images, of all processes. */
	uint64_t looks_lost; /* processes */
	uint64_t unlooked;
	uint64_t ignored;
	uint64_t resting;
	uint64_t unbelieved;
	uint64_t reported;
	uint64_t released;
	uint64_t overwritten;
	uint64_t cut_short;    /* processes of which the file ends early */
	uint64_t switched_off; /* processes that switched checking off */
	uint64_t counters[LR_COUNTERS];
	bool incomplete;

	/* After lr_report_total(). */
	size_t causes;	  /* entries that are neither suppressed nor known, and those left out */
	uint64_t objects; /* of these, and shared ones */
	uint64_t bytes;
	uint64_t processes_with; /* leaked objects that are neither suppressed nor known */
	uint64_t snapshots_with; /* of these, snapshots of processes that went on */
	/* as in struct lr_findings, but for those that only suppressed or known causes keep */
	uint64_t shared;
	uint64_t shared_bytes;
	/* objects of suppressed entries and parts of entries, and those that only such keep */
	uint64_t suppressed;
	uint64_t known; /* objects of entries that a baseline has, and those that only such keep */
};

void lr_report_init(struct lr_report *report);
void lr_report_finish(struct lr_report *report);

/**
 * lr_report_add() - add the causes of a process that lr_findings_choose() chose
 * @findings: must stay until lr_report_finish(), if this returns true
 * @symbolizer: this prepares it
 *
 * Return: true if the report refers to @findings.
 */
bool lr_report_add(struct lr_report *report, struct lr_findings *findings,
		   const struct lr_symbolizer *symbolizer);

/**
 * lr_report_total() - make the entries, sorted by kind, by type, and in the order in which they
 * were added, and fill in the sums
 *
 * May be called again. Where memory lacks, report->incomplete is set, and what has no entry is left
 * out.
 */
void lr_report_total(struct lr_report *report);

/** lr_report_find() - the entry with this fingerprint. Return: NULL if there is none. */
struct lr_entry *lr_report_find(const struct lr_report *report, uint32_t fingerprint);

/**
 * lr_report_keeps() - what goes with an entry, roots not included. Return: NULL if that is nothing.
 */
static inline const struct lr_keep_list *lr_report_keeps(const struct lr_report *report,
							 const struct lr_entry *entry)
{
	return entry->keeps != 0 ? &report->keeps.lists[entry->keeps - 1] : NULL;
}

/**
 * lr_report_choose() - mark the @max largest of the entries that are neither suppressed nor known
 * as shown; all of them if @max is 0.
 */
void lr_report_choose(struct lr_report *report, size_t max);

/**
 * lr_report_is_bad() - is there anything that must not be: new leaks, or what the processes
 * reported by themselves?
 *
 * What a check called by the program reported counts if it is in no cause, so that no suppression
 * can have hidden it.
 */
bool lr_report_is_bad(const struct lr_report *report);

/** lr_report_fingerprint() - as it is written: "lr-1c0ffee5". */
void lr_report_fingerprint(uint32_t fingerprint, char text[LR_FINGERPRINT_TEXT]);

#endif
