/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Misuses that a process left in its image: what each was, and where.
 *
 * Layer: analyze. Not thread-safe.
 */
#ifndef LR_ANALYZE_MISUSES_H
#define LR_ANALYZE_MISUSES_H

#include "analyze/frames.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LR_MISUSES_TOLD 16

/* Of one kind, at one place. */
struct lr_misuse_told {
	const struct lr_image *image; /* of the first process that has it */
	const char *words;	      /* what and of which type, "...: box"; length bytes */
	size_t length;
	uint32_t site;
	uint64_t times; /* in all processes */
	uint64_t place;
};

struct lr_misuses {
	struct lr_misuse_told all[LR_MISUSES_TOLD]; /* those that came first */
	size_t count;
};

/** lr_misuse_site() - where a misuse was, if @note is of one; else 0 */
uint32_t lr_misuse_site(const struct lr_note *note);

/**
 * lr_misuses_add() - add those of a process
 * @symbolizer: prepared with the addresses of their sites
 *
 * Return: true if @misuses refers to @image.
 */
bool lr_misuses_add(struct lr_misuses *misuses, const struct lr_image *image,
		    const struct lr_symbolizer *symbolizer);

/** lr_misuse_frames() - for a walk of the stack of a misuse */
struct lr_frames lr_misuse_frames(const struct lr_misuse_told *misuse,
				  const struct lr_symbolizer *symbolizer);

#endif
