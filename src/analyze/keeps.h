/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What causes of many processes keep, added up by type.
 *
 * Layer: analyze. Scratch memory comes from mmap: the process under test makes a report of itself.
 * Not thread-safe.
 */
#ifndef LR_ANALYZE_KEEPS_H
#define LR_ANALYZE_KEEPS_H

#include "analyze/findings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LR_KEEPS_SHOWN 4

/* A type, and who holds its objects, as an image names them that stays. */
struct lr_keep_name {
	const struct lr_image *image;
	uint64_t hash; /* of all */
	uint64_t type_hash;
	uint32_t type; /* ids in the image */
	uint32_t owner;
	struct lr_member member;
};

struct lr_keep {
	uint32_t name; /* ordinal: one of the type, with the owner that holds the most of them */
	uint64_t objects;
	uint64_t bytes;
};

/* What is kept of one name, in a list. */
struct lr_keep_item {
	uint32_t name; /* ordinal */
	uint32_t next; /* of the list: ordinal + 1 */
	uint64_t objects;
	uint64_t bytes;
};

struct lr_keep_list {
	uint32_t count;	 /* this and the next two: made by lr_keeps_sort() */
	uint64_t others; /* objects of further types */
	struct lr_keep all[LR_KEEPS_SHOWN];
	uint32_t first; /* item: ordinal + 1 */
	uint32_t item_count;
	uint64_t unnamed; /* objects of types that their own process did not name */
};

/* How far lists and their items go. */
struct lr_keeps_end {
	size_t lists;
	size_t items;
};

struct lr_keeps {
	struct lr_keep_name *names;
	size_t name_count;
	size_t name_room;
	struct lr_keep_list *lists; /* known by number, from 1; 0 is an empty one */
	size_t list_room;
	struct lr_keep_item *items; /* of all lists */
	size_t item_room;
	struct lr_keeps_end end; /* may be set back to an earlier one */
	struct lr_keep_item *scratch;
	size_t scratch_room;
};

/** lr_keeps_finish() - an all-zero struct lr_keeps is an empty one */
void lr_keeps_finish(struct lr_keeps *keeps);

/**
 * lr_keeps_add() - add what a cause keeps to a list
 * @list: number; a new one if it is 0
 * @ret_refers: set to true if a name is @image's now
 *
 * Return: false without memory.
 */
bool lr_keeps_add(struct lr_keeps *keeps, uint32_t *list, const struct lr_image *image,
		  const struct lr_detail *detail, bool *ret_refers);

/** lr_keeps_join() - add list number @from to @list, as above */
bool lr_keeps_join(struct lr_keeps *keeps, uint32_t *list, uint32_t from);

/**
 * lr_keeps_sort() - choose the LR_KEEPS_SHOWN types of which there is the most, the most first; the
 * rest is others
 *
 * The order in which causes were added has no part in it. Return: false without memory; then all are
 * others.
 */
bool lr_keeps_sort(struct lr_keeps *keeps, uint32_t list);

#endif
