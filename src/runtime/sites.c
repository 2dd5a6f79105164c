/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trie of sites: a hash table of 4-byte words, each the id of a node and two bits of its hash; the nodes are in the arena.
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
 * Words of 8 bytes could keep more of the hash, but tables that double, with the old ones kept, are 2.7 to 5.3 words for each
 * node: they would need more memory than the nodes, and a larger part of the processor's cache.
 */
#include "runtime/sites.h"

#include "base/attributes.h"
#include "base/pages.h"
#include "runtime/arena.h"
#include "runtime/modules.h"

#include <stdbool.h>
#include <stddef.h>

#define FIRST_BITS 12
#define LAST_BITS 30
#define ID_BITS 30
#define ID_MASK ((1u << ID_BITS) - 1)
#define EMPTY 0u
#define FROZEN (1u << ID_BITS) /* no id is 0 */
#define SITES_IN_SEGMENT (LR_SEGMENT_SIZE / sizeof(struct lr_site))

_Static_assert(LR_SITE_ID_MAX <= ID_MASK, "an id fits into its part of the word");

struct table {
	struct table *next; /* twice as large; stored with release before any place here is frozen */
	bool copied;	    /* all that was here is there; stored with release */
	bool growing;	    /* some thread makes the next one */
	uint32_t bits;
	uint32_t used;
	uint32_t words[];
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

/* The low bits of the hash: the index takes the high ones. */
static inline uint32_t make_word(uint64_t hash, uint32_t id)
{
	return (uint32_t)hash << ID_BITS | id;
}

/* The id in @word was published with release after its node and the node's segment, so both can be read. */
static inline const struct lr_site *node_of(uint32_t word)
{
	uint32_t ordinal = (word & ID_MASK) - 1;
	const struct lr_site *segment =
		lr_arena_image.spaces[LR_SITES].segments[ordinal / SITES_IN_SEGMENT];

	return &segment[ordinal % SITES_IN_SEGMENT];
}

static inline bool is_path(const struct lr_site *node, uint64_t hash, uintptr_t pc)
{
	return node->hash == hash && ((node->pc ^ pc) & LR_SITE_PC_MASK) == 0;
}

/*
 * Go through the places of @hash in @table and the tables after it. Returns the word found there, or EMPTY and the empty place
 * where it belongs: NULL if there is no room.
 */
static inline uint32_t probe(struct table *table, uint64_t hash, uintptr_t pc,
			     struct table **ret_table, uint32_t **ret_place)
{
	for (;;) {
		uint64_t mask = (UINT64_C(1) << table->bits) - 1;
		uint64_t index = hash >> (64 - table->bits);
		uint32_t word = FROZEN;

		*ret_table = table;
		for (uint64_t tries = 0; tries <= mask; tries++) {
			*ret_place = &table->words[(index + tries) & mask];
			/* Pairs with the release in lr_sites_intern() and in copy(). */
			word = __atomic_load_n(*ret_place, __ATOMIC_ACQUIRE);
			if ((word & ID_MASK) == 0)
				break;
			if (word == make_word(hash, word & ID_MASK) &&
			    is_path(node_of(word), hash, pc))
				return word;
		}
		if (word == EMPTY)
			return EMPTY;
		/* Frozen, or full. Pairs with the release in grow(). */
		table = __atomic_load_n(&table->next, __ATOMIC_ACQUIRE);
		if (LR_UNLIKELY(!table)) {
			*ret_place = NULL;
			return EMPTY;
		}
	}
}

uint32_t lr_sites_find(uint64_t hash, uintptr_t pc)
{
	/* Pairs with the release in begin() and in grow(). */
	struct table *table = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
	uint32_t *place;

	if (LR_UNLIKELY(!table))
		return 0;
	return probe(table, hash, pc, &table, &place) & ID_MASK;
}

/* Copy a word, which is in no later table, into @table or, where that is frozen, a later one. */
static void copy(struct table *table, uint32_t word)
{
	uint64_t hash = node_of(word)->hash;

	for (;;) {
		uint64_t mask = (UINT64_C(1) << table->bits) - 1;
		uint64_t index = hash >> (64 - table->bits);

		for (uint64_t tries = 0; tries <= mask; tries++) {
			uint32_t *place = &table->words[(index + tries) & mask];
			uint32_t there = EMPTY;

			if (__atomic_compare_exchange_n(place, &there, word, false,
							__ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
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
			copy(next, word);
	}
	__atomic_store_n(&table->copied, true, __ATOMIC_RELEASE);
	move_current();
}

/* A new node with its module. Returns its id or 0. */
static uint32_t make_node(uint64_t hash, uintptr_t pc, uint32_t parent, uint32_t flags)
{
	struct lr_cfi_image image;
	uint32_t module = 0;
	uint32_t ordinal;
	struct lr_site *site;

	/* Looked for before the node is taken from the arena, which then holds no node without its content for long. */
	lr_modules_find(flags & LR_SITE_EXACT ? pc : pc - 1, &image, &module);
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
		uint32_t word = probe(table, hash, pc, &table, &place);

		if (word != EMPTY)
			return word & ID_MASK;
		if (!place)
			break;
		if (made == 0)
			made = make_node(hash, pc, parent, flags);
		if (made == 0)
			break;
		/* The node and all before it are there for whoever reads the word with acquire: in probe() and grow(). */
		if (!__atomic_compare_exchange_n(place, &word, make_word(hash, made), false,
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
