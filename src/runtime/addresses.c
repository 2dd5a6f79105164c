/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A radix table from address to index, and a hash table for the addresses that have no cell in it.
 *
 * Layer: runtime. Locks: radix_lock, to add a node and to add to the hash table; finding and storing in a cell is one load or one
 * compare-exchange.
 *
 * Three levels of 2,048 pointers and leaves of 8,192 cells cover 48 bits at four bytes a cell. An address beyond that, or not a
 * multiple of four, is legal too. Its cell is in a list of the hash table.
 */
#include "runtime/addresses.h"

#include "base/attributes.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/ranks.h"

#include <errno.h>
#include <stddef.h>

#define NODE_BITS 11
#define LEAF_BITS 13
#define CELL_BITS 2
#define NODE_SIZE (1u << NODE_BITS)
#define LEAF_SIZE (1u << LEAF_BITS)
#define COVERED_BITS (3 * NODE_BITS + LEAF_BITS + CELL_BITS)

#define ODDS_BITS 16
#define ODDS_IN_BLOCK 170u

struct odd {
	struct odd *next; /* of the same hash */
	uintptr_t address;
	uint32_t cell;
};

static struct lr_lock radix_lock = LR_LOCK_INIT(LR_RANK_RADIX);
static void *root[NODE_SIZE];
static struct odd **odds; /* lists by hash, each growing at its head only; mapped once, stored with release under radix_lock */
static struct odd *free_odds; /* guarded by radix_lock, as is the next */
static uint32_t free_odds_count;

static void *child_of(void **place, size_t size, bool add)
{
	/* Pairs with the release below. */
	void *child = __atomic_load_n(place, __ATOMIC_ACQUIRE);

	if (child || !add)
		return child;
	lr_lock(&radix_lock);
	child = *place;
	if (!child) {
		child = lr_pages_map(size);
		__atomic_store_n(place, child, __ATOMIC_RELEASE);
	}
	lr_unlock(&radix_lock);
	return child;
}

static uint32_t *find_odd(struct odd *const *list, uintptr_t address)
{
	/* Pairs with the release in add_odd(). */
	struct odd *odd = __atomic_load_n(list, __ATOMIC_ACQUIRE);

	while (odd && odd->address != address)
		odd = odd->next;
	return odd ? &odd->cell : NULL;
}

/* Caller holds radix_lock. */
static uint32_t *add_odd(struct odd **list, uintptr_t address)
{
	struct odd *odd;

	if (free_odds_count == 0) {
		free_odds = lr_pages_map(ODDS_IN_BLOCK * sizeof(*free_odds));
		if (!free_odds)
			return NULL;
		free_odds_count = ODDS_IN_BLOCK;
	}
	odd = &free_odds[--free_odds_count];
	odd->next = *list;
	odd->address = address;
	__atomic_store_n(list, odd, __ATOMIC_RELEASE);
	return &odd->cell;
}

/* Half a megabyte of addresses, of which the pages that are used are there. Zeroed pages are empty lists. */
static struct odd **odds_table(bool add)
{
	/* Pairs with the release below. */
	struct odd **table = __atomic_load_n(&odds, __ATOMIC_ACQUIRE);

	if (table || !add)
		return table;
	lr_lock(&radix_lock);
	if (!odds)
		__atomic_store_n(&odds, lr_pages_map(sizeof(*table) << ODDS_BITS), __ATOMIC_RELEASE);
	table = odds;
	lr_unlock(&radix_lock);
	return table;
}

static LR_COLD uint32_t *odd_cell(uintptr_t address, bool add)
{
	struct odd **table = odds_table(add);
	struct odd **list;
	uint32_t *cell;

	if (!table)
		return NULL;
	list = &table[lr_hash_word(address) >> (64 - ODDS_BITS)];
	cell = find_odd(list, address);
	if (cell || !add)
		return cell;
	lr_lock(&radix_lock);
	cell = find_odd(list, address);
	if (!cell)
		cell = add_odd(list, address);
	lr_unlock(&radix_lock);
	return cell;
}

static uint32_t *cell_of(const void *object, bool add)
{
	uintptr_t address = (uintptr_t)object;
	void **node = root;
	int shift = COVERED_BITS - NODE_BITS;
	uint32_t *leaf;

	if (LR_UNLIKELY(address >> COVERED_BITS != 0 || address % (1u << CELL_BITS) != 0))
		return odd_cell(address, add);
	for (int level = 0; level < 2 && node; level++, shift -= NODE_BITS)
		node = child_of(&node[(address >> shift) % NODE_SIZE], NODE_SIZE * sizeof(void *),
				add);
	if (!node)
		return NULL;
	leaf = child_of(&node[(address >> shift) % NODE_SIZE], LEAF_SIZE * sizeof(uint32_t), add);
	return leaf ? &leaf[(address >> CELL_BITS) % LEAF_SIZE] : NULL;
}

uint32_t lr_address_find(const void *object)
{
	const uint32_t *cell = cell_of(object, false);

	return cell ? __atomic_load_n(cell, __ATOMIC_ACQUIRE) : 0;
}

int lr_address_add(const void *object, uint32_t index)
{
	uint32_t *cell = cell_of(object, true);
	uint32_t old;

	if (!cell)
		return -ENOMEM;
	old = __atomic_load_n(cell, __ATOMIC_RELAXED);
	do {
		if (old != 0 && !(old & LR_ADDRESS_REMOVED))
			return -EEXIST;
		/* The release pairs with the acquire in lr_address_find(): the record is seen filled. */
	} while (!__atomic_compare_exchange_n(cell, &old, index, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return 0;
}

bool lr_address_remove(const void *object, uint32_t index)
{
	uint32_t *cell = cell_of(object, false);

	return cell && __atomic_compare_exchange_n(cell, &index, index | LR_ADDRESS_REMOVED, false,
						   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void lr_address_restart_in_child(void)
{
	lr_lock_restart(&radix_lock);
}
