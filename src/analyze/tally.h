/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tally: how many of each kind, where the kinds are not known beforehand.
 *
 * Layer: analyze. Memory from mmap, as much as there are kinds.
 */
#ifndef LR_ANALYZE_TALLY_H
#define LR_ANALYZE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lr_tally_entry {
	uint64_t key[2];
	uint64_t objects; /* 0: an empty place */
	uint64_t bytes;
};

/* All zero is an empty one. */
struct lr_tally {
	struct lr_tally_entry *entries;
	size_t room; /* a power of two */
	size_t used;
};

/** lr_tally_add() - one more of (@a, @b). Return: false without memory. */
bool lr_tally_add(struct lr_tally *tally, uint64_t a, uint64_t b, uint64_t bytes);

void lr_tally_finish(struct lr_tally *tally);

#endif
