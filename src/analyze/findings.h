/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings: what an image says about leaks, by cause: what is to be mended, and what goes with it.
 *
 * Made by the process itself (its arena), by `lastref run` (the arena of a dead process) and by
 * `lastref report` (a file): one analysis for all of them.
 *
 * Layer: analyze (base and format only). Scratch memory comes from mmap, not malloc: the check in
 * the process may run anywhere. No locks: the image may change meanwhile (records of running
 * threads), which only makes a record be seen or not.
 */
#ifndef LR_ANALYZE_FINDINGS_H
#define LR_ANALYZE_FINDINGS_H

#include "format/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LR_EXAMPLES_MAX 3

struct lr_example {
	uint64_t birth;		    /* names the object */
	uint64_t object;	    /* address, not complemented */
	uint64_t record;	    /* ordinal */
	const struct lr_note *note; /* what the check in the process saw of it, or NULL */
	const char *text;	    /* what it wrote of itself, if the note says so */
	size_t text_length;
	bool dying;
};

enum lr_cause_kind {
	LR_CAUSE_LEAK, /* somebody outside forgot references to objects of one type, born at one site */
	LR_CAUSE_CYCLE, /* objects that hold each other; all such of one shape */
};

/* A pointer in objects of one type, as a report names it. */
struct lr_member {
	lr_text_ref name; /* 0 if only the offset is known */
	uint32_t offset;  /* UINT32_MAX if only the name is */
};

/* Objects of one type that go when a cause is mended, and are none of its roots. */
struct lr_kept {
	uint32_t type; /* id in the image */
	uint64_t objects;
	uint64_t bytes;
	uint32_t owner; /* type of what holds most of them, 0 if not known, and by which member */
	struct lr_member member;
};

/* One reference within a cycle. */
struct lr_link {
	uint64_t from; /* births */
	uint64_t to;
	struct lr_member member;
	bool is_found; /* by a word that points there; nobody declared it a reference */
};

/* More than a report shows: what many processes keep is added up by type. */
#define LR_KEPT_MAX 16
#define LR_LINKS_MAX 6

/* What only causes that are shown need. */
struct lr_detail {
	uint32_t kept_count;
	uint32_t link_count;
	struct lr_kept kept[LR_KEPT_MAX]; /* the most first */
	uint64_t kept_others;		  /* objects of further types */
	struct lr_link links[LR_LINKS_MAX]; /* of one cycle, in the order of the ring where it is one */
	uint64_t links_left_out;
};

/*
 * One thing to mend. Where nobody looked who holds whom (no check ran in the process), each leaked
 * object is a root.
 *
 * Objects that hold each other stay when those go that hold them, so they are a cause of their own
 * (also_held), unless some pointer among them is no reference: then their counts are too small for
 * what points at them.
 */
struct lr_cause {
	enum lr_cause_kind kind;
	uint32_t type; /* id in the image: of the roots. Of a cycle: of the object that its first link begins at */
	uint32_t site; /* of their birth; id in the image, 0 unknown. Of a cycle: of that object's */
	uint64_t shape; /* of a cycle: a hash of its types and members, the same in all runs; else 0. The upper half is without sizes and offsets */
	uint64_t roots; /* objects with a forgotten reference. Cycles: how many there are of this shape */
	uint64_t references; /* forgotten ones: counts, less what leaked objects hold. 0 if a count is not known. Cycles: such on their objects */
	uint64_t uncounted;  /* roots (cycles) of which a count is not known */
	uint64_t also_held; /* roots (cycles) that objects of other causes hold as well: they go only when those are mended too */
	uint64_t objects;   /* that go when this is mended, roots included */
	uint64_t bytes;
	uint64_t members; /* of one cycle: how many objects hold each other */
	uint64_t gone; /* of the roots, freed without their last unref: their memory is gone, or another's */
	uint64_t old_roots;  /* reported by an earlier check, and of no other figure here */
	uint64_t dying;	     /* of the roots, inside their destructor */
	uint32_t dying_site; /* of one of those: the last unref */
	bool is_at_rest; /* its roots are entries of a cache that nobody holds: they were not evicted. Such are a cause of their own */
	bool is_old; /* all its roots are such: it is told for what it keeps now, be it together with others (then objects is 0) */
	bool shown;  /* see lr_findings_choose() */
	uint32_t example_count;
	struct lr_example examples[LR_EXAMPLES_MAX]; /* of the roots, or of one cycle's objects: by type name, then the first born, by number */
	struct lr_detail *detail; /* if it is shown and keeps objects or is a cycle; else NULL */
	uint32_t label; /* the analysis's own: what the objects that it keeps are marked with */
	bool is_wanted; /* the same: some object that it keeps matches type_globs, be it together with others */
};

/* Per type. */
struct lr_type_totals {
	uint32_t type;
	uint64_t born;
	uint64_t live; /* at the end; reported ones included */
};

struct lr_findings {
	const struct lr_image *image;
	struct lr_cause *causes; /* sorted by kind, type name, then by shape, or site as modules and offsets; never by address */
	size_t cause_count;
	size_t silent_count; /* causes behind these of which nothing is told; they only have part in numbering what is */
	struct lr_type_totals *types; /* sorted by name */
	size_t type_count;
	uint64_t objects; /* in all causes, and shared ones; with type_globs of the latter those that match */
	uint64_t bytes;
	uint64_t shared; /* objects that several causes keep together; in no cause */
	uint64_t shared_bytes;
	bool looks_lost; /* looks are there, and none is of an object that has its record: the file is of another lastref */
	uint64_t unlooked; /* leaked objects that no check looked at: nothing is known of who holds them and whom they hold */
	uint64_t ignored; /* live, but the program said that they are to be, or of one that holds them; in no cause */
	uint64_t unbelieved; /* pointers in what is spared that .owns and .visit do not know: taken for no references */
	uint64_t resting; /* live, but spared: see lr_findings_options.spares_resting; in no cause */
	uint64_t reported; /* live, but reported by an earlier check; in no cause */
	uint64_t released; /* reported by an earlier check, and not live any more; 0 where type_globs choose */
	uint64_t overwritten; /* live records whose address was born again: freed without their last unref; in no cause */
	bool incomplete; /* no memory for the whole analysis: some objects are in no cause, or overwritten ones are, or types are missing */
	bool is_filtered; /* lr_findings_options.type_globs was given */
	struct lr_graph *graph; /* who holds whom; NULL without memory for it. It names objects by records of @image */
	struct lr_detail *details;
	size_t mapped_causes; /* sizes of the mappings, for lr_findings_free() */
	size_t mapped_types;
	size_t mapped_details;
};

struct lr_findings_options {
	const char *type_globs; /* patterns of type names, separated by commas; NULL for all. A cause is taken if one object that it keeps matches */
	bool skip_reported; /* tell nothing of what a check called by the program reported; it holds what it holds all the same */
	bool reported_hold_nothing; /* leave that out altogether: who asks what grew wants to know where it was born */
	bool want_types; /* fill the totals by type */
	/*
	 * An entry of a cache that nobody holds is no leak, nor is what only such entries hold by
	 * .owns or .visit, however old these are. Known of those that a check looked at.
	 */
	bool spares_resting;
	uint32_t since; /* leave out what is older than this checkpoint, and what is being destroyed, of which it is not known; 0 for none. What is older and reported holds what it holds */
	uint32_t until; /* leave out what was born since this checkpoint; 0 for none */

	/*
	 * Two records have one address: is the object that is there now that of @record? NULL, or
	 * false for both: the one with the larger birth number is.
	 */
	bool (*is_current)(uint64_t ordinal, const struct lr_record *record);
};

/**
 * lr_findings_make() - analyze
 * @findings: filled; give it back with lr_findings_free()
 *
 * Time and memory: linear. Of scratch 36 bytes a leaked object and 4 an edge at the most, and less
 * than half a byte a record; most of it stays until lr_findings_free(). Once more 8 bytes for each
 * cycle. Where memory lacks, @findings->incomplete is set, and what could be had is there: the sums
 * of objects and bytes always are.
 * Return: 0, or -ENOMEM if there is no cause at all for lack of memory.
 */
int lr_findings_make(struct lr_findings *findings, const struct lr_image *image,
		     const struct lr_findings_options *options);

/** lr_findings_mark() - mark the @max causes with the most objects as shown, all if @max is 0 */
void lr_findings_mark(struct lr_findings *findings, size_t max);

/**
 * lr_findings_choose() - mark the @max causes with the most objects as shown, all of them if @max
 * is 0, and find their details
 *
 * Where memory lacks for details, they are missing and @findings->incomplete is set.
 */
void lr_findings_choose(struct lr_findings *findings, size_t max);

void lr_findings_free(struct lr_findings *findings);

#endif
