/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The images of many processes, gathered to one report.
 *
 * Layer: cli. Of the images, those stay in memory that the report refers to, and the first.
 */
#ifndef LR_CLI_GATHER_H
#define LR_CLI_GATHER_H

#include "analyze/findings.h"
#include "analyze/report.h"
#include "cli/inputs.h"
#include "cli/load.h"
#include "cli/suppress.h"
#include "export/document.h"

struct lr_symbols_apart;

/* One image. */
struct lr_gathered {
	struct lr_loaded loaded;
	struct lr_findings findings;
	struct lr_gathered *next;
};

void lr_gathered_free(struct lr_gathered *gathered);

struct lr_gather {
	struct lr_report report;
	struct lr_symbolizer symbolizer;
	struct lr_inputs inputs;
	struct lr_gathered *first; /* the first image that was taken */
	struct lr_gathered *held;
	struct lr_document_process *processes; /* report.processes of them, unless memory lacks */
	size_t process_count;
	char *folder;	 /* the current one; NULL if it is not known */
	char **problems; /* messages of what could not be read */
	size_t problem_count;
	size_t failures; /* how many problems there were, also without memory for their messages */
	uint64_t snapshots; /* of the processes, those that went on */
	char **stories;	    /* lines of processes that went on, or ended without their check */
	size_t story_count;
	size_t stories_left_out;
};

/** lr_gather_init() - begin, with these suppressions. @symbols may be NULL: then nothing is known of any address. */
void lr_gather_init(struct lr_gather *gather, struct lr_symbols_apart *symbols,
		    const struct lr_suppress *suppress);

/**
 * lr_gather_take() - add an analyzed image
 * @file: its name, or NULL
 * @gathered: from malloc(); belongs to @gather from now on
 */
void lr_gather_take(struct lr_gather *gather, const char *file, struct lr_gathered *gathered);

/** lr_gather_named() - note a file, or the images in a folder, to be read */
void lr_gather_named(struct lr_gather *gather, const char *name);

/** lr_gather_source() - note what lr_source_open() returned for @name, which belongs to @gather from now on */
void lr_gather_source(struct lr_gather *gather, const char *name, int source);

/** lr_gather_inputs() - read, analyze and add what was noted. What cannot be read is complained of and noted as a problem. */
void lr_gather_inputs(struct lr_gather *gather, const struct lr_findings_options *options);

/** lr_gather_note() - note a problem that was told already */
void lr_gather_note(struct lr_gather *gather, const char *problem);

/** lr_gather_problem() - complain of what could not be read, and note it */
void lr_gather_problem(struct lr_gather *gather, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** lr_gather_document() - what the formats are written from, after lr_report_total() */
struct lr_document lr_gather_document(const struct lr_gather *gather);

void lr_gather_finish(struct lr_gather *gather);

#endif
