/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intervals in each other, made flat by one sweep over the addresses.
 *
 * Layer: symbolize. Locks: none.
 *
 * The sweep keeps a stack of the intervals that are open at its position; the top one is the innermost and owns the
 * addresses up to the next begin or to its own end:
 *
 *      outer  |---------------------|          flat:  |outer|inner|outer|last|outer|
 *      inner        |-----|
 *      last                    |----|  ...
 *
 * Intervals that overlap without lying in each other (wrong or strange input) do no harm: one that has ended stays on
 * the stack until it is the top, and then owns nothing.
 */
#include "symbolize/intervals.h"

#include "symbolize/grow.h"

#include <errno.h>
#include <stdlib.h>

struct sweep {
	struct lr_intervals flat;
	uint64_t position;
	const struct lr_interval **open;
	size_t depth;
};

void lr_intervals_finish(struct lr_intervals *intervals)
{
	free(intervals->items);
	*intervals = (struct lr_intervals){ 0 };
}

int lr_intervals_add(struct lr_intervals *intervals, uint64_t start, uint64_t end, uint32_t value)
{
	struct lr_interval *items;

	if (start >= end)
		return 0;
	items = lr_grow(intervals->items, intervals->count, sizeof(*items));
	if (!items)
		return -ENOMEM;
	intervals->items = items;
	items[intervals->count++] = (struct lr_interval){ start, end, value };
	return 0;
}

static int by_nesting(const void *left, const void *right)
{
	const struct lr_interval *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return (a->value > b->value) - (a->value < b->value);
}

/* The top of the stack owns everything from the position to @end. */
static int advance(struct sweep *sweep, uint64_t end)
{
	uint32_t value = sweep->open[sweep->depth - 1]->value;
	int result;

	if (end <= sweep->position)
		return 0;
	result = lr_intervals_add(&sweep->flat, sweep->position, end, value);
	sweep->position = end;
	return result;
}

static int close_until(struct sweep *sweep, uint64_t address)
{
	int result = 0;

	while (!result && sweep->depth && sweep->open[sweep->depth - 1]->end <= address) {
		result = advance(sweep, sweep->open[sweep->depth - 1]->end);
		sweep->depth--;
	}
	return result;
}

static int sweep_over(struct sweep *sweep, const struct lr_intervals *intervals)
{
	for (size_t i = 0; i < intervals->count; i++) {
		const struct lr_interval *next = &intervals->items[i];
		int result = close_until(sweep, next->start);

		if (!result && sweep->depth)
			result = advance(sweep, next->start);
		if (result)
			return result;
		sweep->position = next->start;
		sweep->open[sweep->depth++] = next;
	}
	return close_until(sweep, UINT64_MAX);
}

int lr_intervals_flatten(struct lr_intervals *intervals)
{
	struct sweep sweep = { 0 };
	int result;

	if (!intervals->count)
		return 0;
	qsort(intervals->items, intervals->count, sizeof(*intervals->items), by_nesting);
	sweep.open = calloc(intervals->count, sizeof(const struct lr_interval *));
	result = sweep.open ? sweep_over(&sweep, intervals) : -ENOMEM;
	free(sweep.open);
	if (result) {
		lr_intervals_finish(&sweep.flat);
		return result;
	}
	free(intervals->items);
	*intervals = sweep.flat;
	return 0;
}

bool lr_intervals_find(const struct lr_intervals *intervals, uint64_t address, uint32_t *ret_value)
{
	size_t low = 0, high = intervals->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct lr_interval *item = &intervals->items[middle];

		if (address < item->start) {
			high = middle;
		} else if (address >= item->end) {
			low = middle + 1;
		} else {
			*ret_value = item->value;
			return true;
		}
	}
	return false;
}
