/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of one check.
 *
 * Layer: runtime. Locks: the arena's, for a segment of it.
 *
 * The arena never gives a segment back and has no place for a count of elements, so there an unused element must be zero: it then is one of the
 * record 0, which is none.
 */
#include "runtime/elements.h"

#include "base/pages.h"
#include "runtime/arena.h"

#include <errno.h>
#include <string.h>

#define TABLE_BYTES (LR_SEGMENTS_MAX * sizeof(void *))
/* Mapped at once at the most: pages that are not used cost nothing but address space. */
#define SEGMENTS_AT_ONCE 64u

int lr_elements_init(struct lr_elements *elements, enum lr_segment_kind kind, bool in_arena)
{
	*elements = (struct lr_elements){ .kind = kind, .in_arena = in_arena };
	if (in_arena) {
		elements->segments = lr_arena_image.spaces[kind].segments;
		elements->there = lr_arena_image.spaces[kind].count;
	} else {
		elements->segments = lr_pages_map(TABLE_BYTES);
	}
	return elements->segments ? 0 : -ENOMEM;
}

static int map_segments(struct lr_elements *elements)
{
	uint32_t count = elements->there == 0 ? 1 : elements->there;
	char *mapped;

	count = count < SEGMENTS_AT_ONCE ? count : SEGMENTS_AT_ONCE;
	if (elements->there + count > LR_SEGMENTS_MAX)
		return -ENOMEM;
	mapped = lr_pages_map((size_t)count * LR_SEGMENT_SIZE);
	if (!mapped)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		elements->segments[elements->there++] = mapped + (size_t)i * LR_SEGMENT_SIZE;
	return 0;
}

int lr_elements_add_segments(struct lr_elements *elements)
{
	int error;

	if (!elements->in_arena)
		return map_segments(elements);
	error = lr_arena_add_segment(elements->kind);
	if (error == 0)
		elements->there++;
	return error;
}

void lr_elements_cut(struct lr_elements *elements, uint64_t used)
{
	elements->used = used;
	if (!elements->in_arena)
		return;
	for (uint32_t i = (uint32_t)(used / LR_ELEMENTS_IN_SEGMENT); i < elements->there; i++) {
		size_t kept = i == used / LR_ELEMENTS_IN_SEGMENT ?
				      used % LR_ELEMENTS_IN_SEGMENT * LR_ELEMENT_SIZE :
				      0;

		memset((char *)elements->segments[i] + kept, 0, LR_SEGMENT_SIZE - kept);
	}
}

void lr_elements_show(const struct lr_elements *elements, struct lr_image *image)
{
	image->spaces[elements->kind] = (struct lr_space){
		.segments = elements->segments,
		.count = elements->there,
		.bytes = elements->used * LR_ELEMENT_SIZE,
	};
}

void lr_elements_free(struct lr_elements *elements)
{
	if (!elements->in_arena && elements->segments) {
		for (uint32_t i = 0; i < elements->there; i++)
			lr_pages_unmap(elements->segments[i], LR_SEGMENT_SIZE);
		lr_pages_unmap(elements->segments, TABLE_BYTES);
	}
	*elements = (struct lr_elements){ .kind = elements->kind };
}
