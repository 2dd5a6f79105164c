/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings: what an image says about leaks, grouped by type and creation site.
 *
 * Made by the process itself (its arena), by `lastref run` (the arena of a dead process) and by `lastref report` (a file): one
 * analysis for all of them.
 *
 * Layer: analyze (base and format only). Scratch memory comes from mmap, not malloc: the check in the process may run anywhere.
 * No locks: the image may change meanwhile (records of running threads), which only makes a record be seen or not.
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

/* Leaked objects of one type born at one site. */
struct lr_group {
	uint32_t type; /* id in the image */
	uint32_t site; /* id in the image, 0 unknown */
	uint64_t objects;
	uint64_t bytes;
	uint64_t dying;	     /* of these, inside their destructor */
	uint32_t dying_site; /* of one of those: the last unref */
	bool shown;	     /* see lr_findings_choose() */
	uint32_t example_count;
	struct lr_example examples[LR_EXAMPLES_MAX]; /* the first born, by number */
};

/* Per type. */
struct lr_type_totals {
	uint32_t type;
	uint64_t born;
	uint64_t live; /* at the end; reported ones included */
};

struct lr_findings {
	const struct lr_image *image;
	struct lr_group *groups; /* sorted by type name, then by site as modules and offsets, never by address */
	size_t group_count;
	struct lr_type_totals *types; /* sorted by name */
	size_t type_count;
	uint64_t objects; /* in all groups */
	uint64_t bytes;
	uint64_t reported; /* live, but reported by an earlier check; in no group */
	uint64_t released; /* reported by an earlier check, and not live any more; 0 where type_globs choose */
	uint64_t overwritten; /* live records whose address was born again: freed without their last unref; in no group */
	bool incomplete; /* no memory for the whole analysis: some objects are in no group, or overwritten ones are, or types are missing */
	bool is_filtered;     /* lr_findings_options.type_globs was given */
	size_t mapped_groups; /* sizes of the mappings, for lr_findings_free() */
	size_t mapped_types;
};

struct lr_findings_options {
	const char *type_globs; /* patterns of type names, separated by commas; or NULL for all */
	bool skip_reported;	/* leave out what a check called by the program reported */
	bool only_reported;	/* leave out all else that is alive */
	bool want_types;	/* fill the totals by type */

	/*
	 * Two records have one address: is the object that is there now that of @record? NULL, or false for both: the one with the
	 * larger birth number is.
	 */
	bool (*is_current)(uint64_t ordinal, const struct lr_record *record);
};

/**
 * lr_findings_make() - analyze
 * @findings: filled; give it back with lr_findings_free()
 *
 * Time and memory: three passes over the records, 16 bytes of scratch an object at the most.
 * Where memory lacks, @findings->incomplete is set, and what could be had is there: the sums of objects and bytes always are.
 * Return: 0, or -ENOMEM if there is no group at all for lack of memory.
 */
int lr_findings_make(struct lr_findings *findings, const struct lr_image *image,
		     const struct lr_findings_options *options);

/** lr_findings_choose() - mark the @max groups with the most objects as shown; all of them if @max is 0. */
void lr_findings_choose(struct lr_findings *findings, size_t max);

void lr_findings_free(struct lr_findings *findings);

#endif
