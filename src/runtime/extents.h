/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents: the objects of one check by address, and from a pointer to the object that it points into.
 *
 * Layer: runtime. Not thread-safe: the extents belong to one check. Memory comes from mmap: 16 bytes an object, as much again while they
 * are sorted, and one byte an object for finding them.
 */
#ifndef LR_RUNTIME_EXTENTS_H
#define LR_RUNTIME_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address and a type fit into one word, so that sorting moves 16 bytes. What is above 2^48 is kept out. */
#define LR_EXTENT_TYPE_BITS 16
#define LR_EXTENT_ADDRESS_MAX ((UINT64_C(1) << (64 - LR_EXTENT_TYPE_BITS)) - 1)

struct lr_extent {
	uint64_t key;	 /* address << LR_EXTENT_TYPE_BITS | type */
	uint32_t record; /* ordinal + 1 */
	union {
		uint32_t birth; /* until the sizes are known: the low bits of its birth number */
		uint32_t size;	/* at least 1; 0 of what is not there: no pointer leads to it */
	};
};

/* Objects without a large gap between them. */
struct lr_extent_region {
	uint64_t begin;
	uint64_t end;
	uint32_t first; /* extents [first, first + count) */
	uint32_t count;
	uint32_t table; /* in firsts: for each granule of the region, the first extent that begins in it or later; and one at the end */
	uint32_t shift; /* a granule is so large, as a power of two */
};

struct lr_extents {
	struct lr_extent *all;
	uint32_t room;
	uint32_t count; /* in use, up to room */
	uint32_t *outer; /* number + 1 of the nearest extent before that ends later; NULL if no two overlap */
	uint64_t begin;	 /* of the first one */
	uint64_t length; /* from there to the end of all */
	struct lr_extent_region *regions;
	uint32_t region_count;
	uint32_t last_region; /* found last time */
	uint32_t *firsts;
	uint64_t first_count;
};

static inline uint64_t lr_extent_address(const struct lr_extent *extent)
{
	return extent->key >> LR_EXTENT_TYPE_BITS;
}

static inline uint32_t lr_extent_type(const struct lr_extent *extent)
{
	return (uint32_t)(extent->key & ((1u << LR_EXTENT_TYPE_BITS) - 1));
}

static inline uint64_t lr_extent_end(const struct lr_extent *extent)
{
	return lr_extent_address(extent) + extent->size;
}

/** lr_extents_init() - none, with room for so many. Return: 0 or -ENOMEM. */
int lr_extents_init(struct lr_extents *extents, uint32_t room);

/** lr_extents_sort() - by address; of equal ones the order is kept. Return: 0 or -ENOMEM. */
int lr_extents_sort(struct lr_extents *extents);

/** lr_extents_swap - two extents change their numbers: what the caller keeps by number must follow */
typedef void (*lr_extents_swap)(void *context, uint32_t a, uint32_t b);

/**
 * lr_extents_link_overlapping() - prepare for objects within objects
 *
 * Called when sizes are known and before lr_extents_index(), if some overlap. Of extents with one address the largest comes first.
 * Return: 0 or -ENOMEM.
 */
int lr_extents_link_overlapping(struct lr_extents *extents, lr_extents_swap swap, void *context);

/** lr_extents_index() - prepare for lr_extents_find(). Return: 0 or -ENOMEM. */
int lr_extents_index(struct lr_extents *extents);

/** lr_extents_find_in_range() - lr_extents_find() for an address that is not below begin and not at begin + length or above. */
uint32_t lr_extents_find_in_range(struct lr_extents *extents, uint64_t address);

/** lr_extents_find() - the innermost extent that @address is in. Return: its number + 1, or 0. */
static inline uint32_t lr_extents_find(struct lr_extents *extents, uint64_t address)
{
	return address - extents->begin < extents->length ?
		       lr_extents_find_in_range(extents, address) :
		       0;
}

/*
 * lr_extents_prepare_find() and then lr_extents_approach() have brought near what lr_extents_find() of the same address reads: for callers with
 * several addresses at hand, of which each would wait for memory alone.
 */
void lr_extents_prepare_find(struct lr_extents *extents, uint64_t address);
void lr_extents_approach(struct lr_extents *extents, uint64_t address);

void lr_extents_free(struct lr_extents *extents);

#endif
