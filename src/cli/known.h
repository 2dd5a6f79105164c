/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One side of `lastref diff`: the causes of a baseline, or of images.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_KNOWN_H
#define LR_CLI_KNOWN_H

#include "analyze/baseline.h"
#include "cli/gather.h"

#include <stdbool.h>

struct lr_known_side {
	const char *name;
	bool has_images;
	struct lr_gather gather;  /* if it has */
	struct lr_text_file file; /* else: the baseline */
	struct lr_known *all;	  /* by fingerprint, each once; words of images are from malloc() */
	size_t count;
	uint32_t *fingerprints; /* the same */
	bool failed;		/* after a message: it cannot be read, or not all of it */
};

/**
 * lr_known_side_read() - read a baseline, an image, or a folder of images
 * @side: filled; if it has images, the report in it is not totalled yet
 * @base: the other side, whose causes are known in the report; or NULL. Must stay
 */
void lr_known_side_read(struct lr_known_side *side, const char *name,
			const struct lr_known_side *base, struct lr_symbols_apart *symbols,
			const struct lr_suppress *suppress);

void lr_known_side_finish(struct lr_known_side *side);

/* The cause with this fingerprint, or NULL. */
const struct lr_known *lr_known_side_find(const struct lr_known_side *side, uint32_t fingerprint);

#endif
