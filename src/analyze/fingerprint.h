/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fingerprints: names of causes that stay, over runs, machines and rebuilds, for baselines and
 * suppressions.
 *
 * Layer: analyze. Thread-safe if the symbolizer is.
 */
#ifndef LR_ANALYZE_FINGERPRINT_H
#define LR_ANALYZE_FINGERPRINT_H

#include "analyze/findings.h"
#include "analyze/frames.h"
#include "analyze/symbolizer.h"

#include <stdbool.h>
#include <stdint.h>

struct lr_code_frame {
	uint64_t build;	 /* of the module; odd if it is known which */
	uint64_t offset; /* of the call, in the module */
	/* a hash of file, line, column and function; of the offset where the line is not known */
	uint64_t call;
};

/* A place in the code: the calls by which a cause was born, as far as a report shows them. */
struct lr_code_place {
	uint64_t hash;	/* of all calls */
	uint64_t lines; /* the same without columns, which is all that most readers see */
	uint32_t depth;
	bool has_lines; /* one at least is known */
	struct lr_code_frame frames[LR_FRAMES_SHOWN];
};

/**
 * lr_fingerprint() - the fingerprint of a cause, written [lr-1c0ffee5] in reports
 * @symbolizer: prepared with the addresses of the cause's site
 *
 * Made of the kind of the cause (what rests in a cache is one apart), the type's name, and the names
 * of the functions of the birth's stack; of a cycle, of its shape. Lines, addresses and files have no
 * part in it, so that it stays when code moves. Where a function's name is not known, that of its
 * module stands for it: a program with and one without symbols have different fingerprints.
 *
 * Two calls in one function have the same one; lr_spots_number() tells them apart.
 */
uint32_t lr_fingerprint(const struct lr_image *image, const struct lr_cause *cause,
			const struct lr_symbolizer *symbolizer);

/**
 * lr_fingerprint_place() - the place of a cause in the code, for telling causes of one fingerprint
 * apart
 * @symbolizer: prepared as above
 *
 * Lines and columns have part in its hash; offsets where lines are not known. So code that the
 * compiler made twice of one call is at one place, and two calls are at two, on whichever lines. A
 * cycle has no frames.
 */
void lr_fingerprint_place(const struct lr_image *image, const struct lr_cause *cause,
			  const struct lr_symbolizer *symbolizer, struct lr_code_place *ret);

/**
 * lr_code_place_part() - where two places part: the number of the first frame whose calls differ.
 * Return: UINT32_MAX if one is the begin of the other.
 */
uint32_t lr_code_place_part(const struct lr_code_place *a, const struct lr_code_place *b);

/**
 * lr_code_place_compare() - as strcmp(): the order of the code within a build, the same in all
 * processes, with and without lines
 */
int lr_code_place_compare(const struct lr_code_place *a, const struct lr_code_place *b);

#endif
