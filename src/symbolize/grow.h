/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays that grow by one element at a time and know their own capacity.
 *
 * Layer: symbolize.
 */
#ifndef LR_SYMBOLIZE_GROW_H
#define LR_SYMBOLIZE_GROW_H

#include <stdlib.h>

/**
 * lr_grow() - room for one more element
 * @items: the array, NULL if @count is 0; only ever grown by this function
 * @count: elements in use
 * @size: of one
 *
 * The capacity is the power of two at or above @count, so that nobody has to store it.
 *
 * Return: the array, perhaps elsewhere; NULL without memory, and @items is still there.
 */
static inline void *lr_grow(void *items, size_t count, size_t size)
{
	if (count & (count - 1))
		return items;
	return reallocarray(items, count ? 2 * count : 1, size);
}

#endif
