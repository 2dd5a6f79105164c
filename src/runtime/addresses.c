/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A radix table from address to index.
 *
 * Layer: runtime. Locks: radix_lock, to add a node and for the few addresses that have no cell; finding and storing in a cell is one
 * load or one compare-exchange.
 *
 * Three levels of 2,048 pointers and leaves of 4,096 cells cover 48 bits at eight bytes a cell. An address beyond that, or not a
 * multiple of eight, goes to a list: such objects are legal, but nobody has many.
 */
#include "runtime/addresses.h"

#include "base/attributes.h"
#include "base/pages.h"
#include "base/ranks.h"

#include <errno.h>
#include <stddef.h>

#define NODE_BITS 11
#define LEAF_BITS 12
#define CELL_BITS 3
#define NODE_SIZE (1u << NODE_BITS)
#define LEAF_SIZE (1u << LEAF_BITS)
#define COVERED_BITS (3 * NODE_BITS + LEAF_BITS + CELL_BITS)

struct odd {
	struct odd *next;
	uintptr_t address;
	uint32_t cell;
};

static struct lr_lock radix_lock = LR_LOCK_INIT(LR_RANK_RADIX);
static void *root[NODE_SIZE];
static struct odd *odds; /* grows at its head only; growing is guarded by radix_lock */

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

static uint32_t *find_odd(uintptr_t address)
{
	struct odd *odd = __atomic_load_n(&odds, __ATOMIC_ACQUIRE);

	while (odd && odd->address != address)
		odd = odd->next;
	return odd ? &odd->cell : NULL;
}

static LR_COLD uint32_t *odd_cell(uintptr_t address, bool add)
{
	uint32_t *cell = find_odd(address);
	struct odd *odd;

	if (cell || !add)
		return cell;
	lr_lock(&radix_lock);
	cell = find_odd(address);
	odd = cell ? NULL : lr_pages_map(sizeof(*odd));
	if (odd) {
		odd->next = odds;
		odd->address = address;
		cell = &odd->cell;
		/* Pairs with the acquire in find_odd(). */
		__atomic_store_n(&odds, odd, __ATOMIC_RELEASE);
	}
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
