/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of an image that one check makes: in segments of its own, or in the arena, where a parent reads them.
 *
 * Layer: runtime. Not thread-safe: a struct belongs to one check.
 */
#ifndef LR_RUNTIME_ELEMENTS_H
#define LR_RUNTIME_ELEMENTS_H

#include "format/image.h"

/* Looks and edges are equally large, so that where one is needs no division. */
#define LR_ELEMENT_SIZE 16u
#define LR_ELEMENTS_IN_SEGMENT (LR_SEGMENT_SIZE / LR_ELEMENT_SIZE)
_Static_assert(sizeof(struct lr_look) == LR_ELEMENT_SIZE, "a look is an element");
_Static_assert(sizeof(struct lr_edge) == LR_ELEMENT_SIZE, "an edge is an element");

struct lr_elements {
	enum lr_segment_kind kind; /* LR_LOOKS or LR_EDGES */
	bool in_arena;
	uint32_t there;	 /* segments that are there */
	void **segments; /* of its own; or the arena's table */
	uint64_t used;	 /* elements */
};

/** lr_elements_init() - none yet. Those that an earlier check left in the arena are used again. Return: 0 or -ENOMEM. */
int lr_elements_init(struct lr_elements *elements, enum lr_segment_kind kind, bool in_arena);

/** lr_elements_add_segments() - what lr_elements_add() needs now and then. Return: 0 or -ENOMEM. */
int lr_elements_add_segments(struct lr_elements *elements);

/** lr_elements_at() - element @ordinal, which must be there. */
static inline void *lr_elements_at(const struct lr_elements *elements, uint64_t ordinal)
{
	return (char *)elements->segments[ordinal / LR_ELEMENTS_IN_SEGMENT] +
	       ordinal % LR_ELEMENTS_IN_SEGMENT * LR_ELEMENT_SIZE;
}

/** lr_elements_add() - one more, of which the bytes may be anything. Return: NULL without memory. */
static inline void *lr_elements_add(struct lr_elements *elements)
{
	if (elements->used == (uint64_t)elements->there * LR_ELEMENTS_IN_SEGMENT &&
	    lr_elements_add_segments(elements) != 0)
		return NULL;
	return lr_elements_at(elements, elements->used++);
}

/** lr_elements_cut() - take back all but the first @used. In the arena what is behind them is zeroed. */
void lr_elements_cut(struct lr_elements *elements, uint64_t used);

/** lr_elements_show() - have @image, which is not the arena's, show them. */
void lr_elements_show(const struct lr_elements *elements, struct lr_image *image);

/** lr_elements_free() - give the segments back; those in the arena stay. */
void lr_elements_free(struct lr_elements *elements);

#endif
