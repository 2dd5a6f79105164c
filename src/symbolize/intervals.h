/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intervals: address ranges that lie in each other, made flat, so that the innermost one at an address is one binary
 * search away. Compilation units, functions with what is inlined into them, and symbols are all looked up through
 * this.
 *
 * Layer: symbolize. Not thread-safe.
 */
#ifndef LR_SYMBOLIZE_INTERVALS_H
#define LR_SYMBOLIZE_INTERVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lr_interval {
	uint64_t start;
	uint64_t end; /* exclusive */
	uint32_t value;
};

/* Zeroed memory is an empty one. */
struct lr_intervals {
	struct lr_interval *items;
	size_t count;
};

void lr_intervals_finish(struct lr_intervals *intervals);

/* Add [@start, @end) -> @value; an empty range is left out. Return: 0 or -ENOMEM. */
int lr_intervals_add(struct lr_intervals *intervals, uint64_t start, uint64_t end, uint32_t value);

/**
 * lr_intervals_flatten() - make it ready for lr_intervals_find()
 *
 * Once, after the last add. Where several intervals cover an address, the one that starts last wins; of these the one
 * that ends first; of these the one with the highest value.
 *
 * Return: 0 or -ENOMEM.
 */
int lr_intervals_flatten(struct lr_intervals *intervals);

/* Return: whether there is an interval at @address; its value in @ret_value. */
bool lr_intervals_find(const struct lr_intervals *intervals, uint64_t address, uint32_t *ret_value);

#endif
