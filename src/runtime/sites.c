/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trie of sites: a hash table of 4-byte words, each the id of a node and a tag from its hash; the nodes are in the arena.
 *
 * Layer: runtime. Locks: none. A word is put into an empty place by compare-and-swap and never changes after that; tables
 * are never given back, because a reader may be in one.
 *
 * How the table grows while others read and insert
 *      The thread that fills a table over 3/4 makes one of twice the size, says so in `next`, then goes through the old one:
 *      a word is copied, an empty place is frozen. Whoever looks for a path and meets a frozen place knows that the path is not in the
 *      old table, and, as nothing can be put there any more, never will be: it goes on in the next one. Whoever meets an empty
 *      place may insert there, by a compare-and-swap that fails if the place was frozen meanwhile. So at any time a path has
 *      exactly one place where it can be, and two threads cannot give it two ids.
 *
 * A table of 2^n words has ids below 2^(n+1), so what is left of the word is the tag: wide where tables are small, two bits in one
 * of half a billion. Words of 8 bytes would need more memory than the nodes, since tables double and old ones stay.
 *
 * A path's places are its bucket of four words, then those after it. The bucket is looked at as a whole and with no branch:
 * in which of its words a path is cannot be predicted, and a wrong guess of the processor costs as much as a cache miss.
 */
#include "runtime/sites.h"

#include "base/attributes.h"
#include "base/pages.h"
#include "runtime/arena.h"
#include "runtime/modules.h"

#include <stdbool.h>
#include <stddef.h>

#define FIRST_BITS 12
#define LAST_BITS 29
#define BUCKET 4u
#define EMPTY 0u
#define FROZEN 0x80000000u /* no id is 0 */
#define SITES_IN_SEGMENT (LR_SEGMENT_SIZE / sizeof(struct lr_site))

_Static_assert(LR_SITE_ID_MAX < 1u << (LAST_BITS + 1), "an id fits into its part of the word");

struct table {
	struct table *next; /* twice as large; stored with release before any place here is frozen */
	bool copied;	    /* all that was here is there; stored with release */
	bool growing;	    /* some thread makes the next one */
	uint32_t bits;
	uint32_t used;
	_Alignas(64) uint32_t words[]; /* no bucket lies in two cache lines */
};

static struct table *first;   /* the oldest; from it all others are reached */
static struct table *current; /* the newest that is complete, or one before it */

static size_t table_size(uint32_t bits)
{
	return sizeof(struct table) + (sizeof(uint32_t) << bits);
}

static struct table *make_table(uint32_t bits)
{
	struct table *table = bits <= LAST_BITS ? lr_pages_map(table_size(bits)) : NULL;

	if (table)
		table->bits = bits;
	return table;
}

static struct table *begin(void)
{
	struct table *table = make_table(FIRST_BITS);
	struct table *other = NULL;

	if (!table)
		return NULL;
	if (!__atomic_compare_exchange_n(&first, &other, table, false, __ATOMIC_RELEASE,
					 __ATOMIC_ACQUIRE)) {
		lr_pages_unmap(table, table_size(FIRST_BITS));
		table = other;
	}
	other = NULL;
	__atomic_compare_exchange_n(&current, &other, table, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
	return table;
}

/* The first place of a path: the high bits of its hash. */
static inline uint64_t bucket_of(const struct table *table, uint64_t hash)
{
	return hash >> (64 - table->bits) & ~(uint64_t)(BUCKET - 1);
}

static inline uint32_t id_of(const struct table *table, uint32_t word)
{
	return word & ((2u << table->bits) - 1);
}

/* The tag is from the low bits of the hash. */
static inline uint32_t make_word(const struct table *table, uint64_t hash, uint32_t id)
{
	return (uint32_t)hash << (table->bits + 1) | id;
}

/* An id was published with release after its node and the node's segment, so both can be read. */
static inline const struct lr_site *node_of(uint32_t id)
{
	const struct lr_site *segment =
		lr_arena_image.spaces[LR_SITES].segments[(id - 1) / SITES_IN_SEGMENT];

	return &segment[(id - 1) % SITES_IN_SEGMENT];
}

static inline bool is_path(const struct lr_site *node, uint64_t hash, uintptr_t pc)
{
	return node->hash == hash && ((node->pc ^ pc) & LR_SITE_PC_MASK) == 0;
}

/* The first word of the bucket with the right tag, if any: most likely the one that is looked for. */
static inline uint32_t find_in_bucket(const struct table *table, uint64_t hash)
{
	const uint32_t *bucket = &table->words[bucket_of(table, hash)];
	uint32_t wanted = make_word(table, hash, 0);
	uint32_t found = EMPTY;

	for (unsigned int i = BUCKET; i-- > 0;) {
		/* Pairs with the release in lr_sites_intern() and in copy(). */
		uint32_t word = __atomic_load_n(&bucket[i], __ATOMIC_ACQUIRE);
		uint32_t is_it = -(uint32_t)((word ^ wanted) >> (table->bits + 1) == 0);

		found ^= (found ^ word) & is_it;
	}
	return id_of(table, found);
}

/*
 * Go through the places of @hash in @table and the tables after it. Returns the id found there, or 0 and the empty place
 * where it belongs: NULL if there is no room.
 */
static LR_NOINLINE uint32_t probe(struct table *table, uint64_t hash, uintptr_t pc,
				  struct table **ret_table, uint32_t **ret_place)
{
	for (;;) {
		uint64_t mask = (UINT64_C(1) << table->bits) - 1;
		uint64_t bucket = bucket_of(table, hash);
		uint32_t word = FROZEN;

		*ret_table = table;
		for (uint64_t tries = 0; tries <= mask; tries++) {
			uint32_t id;

			*ret_place = &table->words[(bucket + tries) & mask];
			/* Pairs with the release in lr_sites_intern() and in copy(). */
			word = __atomic_load_n(*ret_place, __ATOMIC_ACQUIRE);
			id = id_of(table, word);
			if (id == 0)
				break;
			if (word == make_word(table, hash, id) && is_path(node_of(id), hash, pc))
				return id;
		}
		if (word == EMPTY)
			return 0;
		/* Frozen, or full. Pairs with the release in grow(). */
		table = __atomic_load_n(&table->next, __ATOMIC_ACQUIRE);
		if (!table) {
			*ret_place = NULL;
			return 0;
		}
	}
}

uint32_t lr_sites_find(uint64_t hash, uintptr_t pc)
{
	/* Pairs with the release in begin() and in grow(). */
	struct table *table = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
	uint32_t *place;
	uint32_t id;

	if (LR_UNLIKELY(!table))
		return 0;
	id = find_in_bucket(table, hash);
	if (LR_LIKELY(id != 0 && is_path(node_of(id), hash, pc)))
		return id;
	return probe(table, hash, pc, &table, &place);
}

/* Put a node that is in no later table into @table or, where that is frozen, a later one. */
static void copy(struct table *table, uint32_t id)
{
	uint64_t hash = node_of(id)->hash;

	for (;;) {
		uint64_t mask = (UINT64_C(1) << table->bits) - 1;
		uint64_t bucket = bucket_of(table, hash);

		for (uint64_t tries = 0; tries <= mask; tries++) {
			uint32_t *place = &table->words[(bucket + tries) & mask];
			uint32_t there = EMPTY;

			if (__atomic_compare_exchange_n(place, &there, make_word(table, hash, id),
							false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
				__atomic_fetch_add(&table->used, 1, __ATOMIC_RELAXED);
				return;
			}
			if (there == FROZEN)
				break;
		}
		/* A table is frozen only after its next is there. Pairs with the release in grow(). */
		table = __atomic_load_n(&table->next, __ATOMIC_ACQUIRE);
		if (!table)
			return;
	}
}

/* Let look-ups begin at the newest table that has all that was in those before it. */
static void move_current(void)
{
	struct table *table = __atomic_load_n(&current, __ATOMIC_ACQUIRE);

	/* Pairs with the release in grow(). */
	while (__atomic_load_n(&table->copied, __ATOMIC_ACQUIRE)) {
		struct table *next = __atomic_load_n(&table->next, __ATOMIC_ACQUIRE);

		if (__atomic_compare_exchange_n(&current, &table, next, false, __ATOMIC_RELEASE,
						__ATOMIC_ACQUIRE))
			table = next;
	}
}

static LR_COLD void grow(struct table *table)
{
	struct table *next;

	if (__atomic_exchange_n(&table->growing, true, __ATOMIC_RELAXED))
		return;
	next = make_table(table->bits + 1);
	if (!next) {
		__atomic_store_n(&table->growing, false, __ATOMIC_RELAXED);
		return;
	}
	/* Pairs with the acquire of all that leave this table. */
	__atomic_store_n(&table->next, next, __ATOMIC_RELEASE);
	for (uint64_t i = 0; i >> table->bits == 0; i++) {
		uint32_t word = EMPTY;

		/* Pairs with the release in lr_sites_intern(): what is copied is published again. */
		if (!__atomic_compare_exchange_n(&table->words[i], &word, FROZEN, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			copy(next, id_of(table, word));
	}
	__atomic_store_n(&table->copied, true, __ATOMIC_RELEASE);
	move_current();
}

/* A new node with its module. Returns its id; or 0 without memory, also where only the module lacks: its frames would mean nothing. */
static uint32_t make_node(uint64_t hash, uintptr_t pc, uint32_t parent, uint32_t flags)
{
	struct lr_cfi_image image;
	uint32_t module = 0;
	uint32_t ordinal;
	struct lr_site *site;

	/* Looked for before the node is taken from the arena, which then holds no node without its content for long. */
	if (lr_modules_find(flags & LR_SITE_EXACT ? pc : pc - 1, &image, &module) && module == 0)
		return 0;
	site = lr_arena_add(LR_SITES, &ordinal);
	if (!site || ordinal >= LR_SITE_ID_MAX)
		return 0;
	site->pc = (pc & LR_SITE_PC_MASK) | (uint64_t)module << 48;
	site->hash = hash;
	site->parent = parent;
	site->flags = flags;
	return ordinal + 1;
}

uint32_t lr_sites_intern(uint64_t hash, uintptr_t pc, uint32_t parent, uint32_t flags)
{
	/* Pairs with the release in begin() and in grow(). */
	struct table *table = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
	uint32_t made = 0;

	if (!table)
		table = begin();
	while (table) {
		uint32_t *place;
		uint32_t empty = EMPTY;
		uint32_t id = probe(table, hash, pc, &table, &place);

		if (id != 0)
			return id;
		if (!place)
			break;
		if (made == 0)
			made = make_node(hash, pc, parent, flags);
		/* Nodes that lost the race for their path may, in theory, use up the ids of a table before its places. */
		if (made == 0 || made >> (table->bits + 1) != 0)
			break;
		/* The node and all before it are there for whoever reads the word with acquire: in probe() and grow(). */
		if (!__atomic_compare_exchange_n(place, &empty, make_word(table, hash, made), false,
						 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			continue; /* by another thread, maybe with this very path; what was made stays unused then */
		if (__atomic_add_fetch(&table->used, 1, __ATOMIC_RELAXED) >
		    (UINT64_C(3) << table->bits) / 4)
			grow(table);
		return made;
	}
	return 0;
}

void lr_sites_restart_in_child(void)
{
	struct table *table = first;

	first = NULL;
	current = NULL;
	while (table) {
		struct table *next = table->next;

		lr_pages_unmap(table, table_size(table->bits));
		table = next;
	}
}
