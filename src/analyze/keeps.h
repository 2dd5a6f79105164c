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
	uint32_t name; /* ordinal: of the first process in which the owner is known */
	uint64_t objects;
	uint64_t bytes;
};

struct lr_keep_list {
	uint32_t count;
	uint64_t others; /* objects of further types */
	struct lr_keep all[LR_KEPT_MAX];
};

struct lr_keeps {
	struct lr_keep_name *names;
	size_t name_count;
	size_t name_room;
	struct lr_keep_list *lists; /* known by number, from 1; 0 is an empty one */
	size_t list_count;
	size_t list_room;
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
 * lr_keeps_sort() - the most first; and what is not among the first LR_KEEPS_SHOWN joins the others
 */
void lr_keeps_sort(struct lr_keeps *keeps, uint32_t list);

#endif
