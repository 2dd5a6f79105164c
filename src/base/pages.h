/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory by the page, for code that must not use malloc: it may run inside one.
 *
 * Layer: base. Thread-safe.
 */
#ifndef LR_BASE_PAGES_H
#define LR_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed private memory, rounded up to pages and not counted until it is touched. NULL when there is none. */
void *lr_pages_map(size_t size);

/* Give back what lr_pages_map(@size) returned; NULL is fine. */
void lr_pages_unmap(void *pages, size_t size);

/*
 * Make room for @count elements of @size bytes in an array whose pointer is at @array; it has room for *@room, 0 and NULL at first.
 * Amortized: the room doubles. Return: false without memory, and all is as before then.
 */
bool lr_pages_grow(void *array, size_t *room, size_t count, size_t size);

/*
 * Is every byte of [@address, @address + @size) readable now? By the kernel's word, so it never faults. Return: 1 yes, 0 no, or a
 * negative errno if the kernel does not say (a sandbox, no memory).
 */
int lr_pages_readable(const void *address, size_t size);

/* Copy @size bytes from @address, which may not be there at all. Return: 1 if all of them were, else as above. */
int lr_pages_copy(void *to, const void *address, size_t size);

#endif
