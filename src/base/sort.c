/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heapsort.
 *
 * Layer: base. Locks: none.
 */
#include "base/sort.h"

#include <stdint.h>
#include <string.h>

struct heap {
	char *array;
	size_t size;
	lr_sort_compare compare;
	const void *context;
};

static char *at(const struct heap *heap, size_t i)
{
	return heap->array + i * heap->size;
}

static void swap(const struct heap *heap, size_t i, size_t j)
{
	char piece[64];

	for (size_t done = 0; done < heap->size; done += sizeof(piece)) {
		size_t n = heap->size - done < sizeof(piece) ? heap->size - done : sizeof(piece);

		memcpy(piece, at(heap, i) + done, n);
		memcpy(at(heap, i) + done, at(heap, j) + done, n);
		memcpy(at(heap, j) + done, piece, n);
	}
}

static int order(const struct heap *heap, size_t i, size_t j)
{
	return heap->compare(heap->context, at(heap, i), at(heap, j));
}

/* Let element @i sink until neither child is larger. */
static void sink(const struct heap *heap, size_t i, size_t count)
{
	for (size_t child = 2 * i + 1; child < count; child = 2 * i + 1) {
		if (child + 1 < count && order(heap, child, child + 1) < 0)
			child++;
		if (order(heap, i, child) >= 0)
			return;
		swap(heap, i, child);
		i = child;
	}
}

void lr_sort(void *array, size_t count, size_t size, lr_sort_compare compare, const void *context)
{
	struct heap heap = { .array = array, .size = size, .compare = compare, .context = context };

	for (size_t i = count / 2; i > 0; i--)
		sink(&heap, i - 1, count);
	for (size_t end = count; end > 1; end--) {
		swap(&heap, 0, end - 1);
		sink(&heap, 0, end - 1);
	}
}
