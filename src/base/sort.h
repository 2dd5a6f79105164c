/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorting without memory: qsort(3) calls malloc, which the runtime must not.
 *
 * Layer: base. Thread-safe.
 */
#ifndef LR_BASE_SORT_H
#define LR_BASE_SORT_H

#include <stddef.h>

/* As strcmp() on two elements; @context as given to lr_sort(). */
typedef int (*lr_sort_compare)(const void *context, const void *a, const void *b);

/* In place, not stable, O(n log n) always. Source: heapsort (Williams, CACM 1964; Floyd's heap construction). */
void lr_sort(void *array, size_t count, size_t size, lr_sort_compare compare, const void *context);

#endif
