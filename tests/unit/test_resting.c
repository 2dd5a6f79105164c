/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of a cache that nobody holds: no leaks of a request, and holders of what they hold.
 */
#include <lastref/lastref.h>

#include "../support/says.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct leaf {
	struct lastref_count refs;
};

static void leaf_destroy(struct leaf *leaf)
{
	free(leaf);
}

LASTREF_DEFINE(leaf, struct leaf, refs, leaf_destroy);

struct entry {
	struct lastref_cache_count refs;
	struct leaf *leaf;
	struct entry *next; /* of the cache; no reference */
};

static void entry_destroy(struct entry *entry)
{
	leaf_ref_clear(&entry->leaf);
	free(entry);
}

LASTREF_DEFINE(entry, struct entry, refs, entry_destroy, .owns = LASTREF_OWNS(struct entry, leaf));

static struct leaf *leaf_new(void)
{
	struct leaf *leaf = calloc(1, sizeof(*leaf));

	if (!leaf)
		abort();
	leaf_ref_init(leaf);
	return leaf;
}

static struct entry *cache;

static struct entry *entry_new(void)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		abort();
	entry_ref_init(entry);
	entry->next = cache;
	cache = entry;
	return entry;
}

static void fill(struct entry *entry)
{
	struct leaf *leaf = leaf_new();

	leaf_ref_adopt(&entry->leaf, leaf);
}

static struct entry *entry_at_rest(void)
{
	struct entry *entry = entry_new();

	fill(entry);
	entry_unref(entry);
	return entry;
}

static void evict_all(void)
{
	while (cache) {
		struct entry *entry = cache;

		cache = entry->next;
		entry_ref_evict(entry);
	}
}

static lastref_checkpoint begin(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	return lastref_checkpoint_now();
}

/* What is left in the cache would be told at exit. */
static int end(lastref_checkpoint since)
{
	size_t leaks = lastref_leaks_since(since);

	evict_all();
	return (int)leaks;
}

static int fill_the_cache(void *unused)
{
	lastref_checkpoint since = begin();

	(void)unused;
	for (int i = 0; i < 10; i++)
		entry_at_rest();
	return end(since);
}

Test(resting, a_request_that_fills_a_cache_leaks_nothing)
{
	assert_silent(fill_the_cache, 0);
}

static int fill_since_the_start(void *unused)
{
	(void)unused;
	begin();
	entry_at_rest();
	return end(0);
}

Test(resting, nor_is_an_entry_at_rest_a_leak_since_the_start_of_the_program)
{
	assert_silent(fill_since_the_start, 0);
}

static int fill_an_old_entry(void *unused)
{
	struct entry *entry;
	lastref_checkpoint since;

	(void)unused;
	begin();
	entry = entry_new();
	entry_unref(entry);
	since = lastref_checkpoint_now();
	entry_tryref(entry);
	fill(entry);
	entry_unref(entry);
	return end(since);
}

Test(resting, what_an_older_entry_at_rest_holds_is_no_leak)
{
	assert_silent(fill_an_old_entry, 0);
}

static int fill_an_old_entry_and_hold_it(void *unused)
{
	struct entry *entry;
	lastref_checkpoint since;

	(void)unused;
	begin();
	entry = entry_new();
	since = lastref_checkpoint_now();
	fill(entry);
	return (int)lastref_leaks_since(since);
}

Test(resting, what_an_older_entry_holds_that_is_held_was_born_since_and_is_told)
{
	ASSERT_SAYS(fill_an_old_entry_and_hold_it, 1,
		    "lastref: 1 object leaked, 8 B, 1 cause since the checkpoint\n",
		    "SUCH AS  leaf#1  ");
}

static int forget_an_entry(void *unused)
{
	lastref_checkpoint since = begin();

	(void)unused;
	entry_at_rest();
	fill(entry_new());
	return end(since);
}

Test(resting, an_entry_that_somebody_holds_is_a_leak_and_what_it_keeps_goes_with_it)
{
	ASSERT_SAYS(forget_an_entry, 2,
		    "lastref: 2 objects leaked, 32 B, 1 cause since the checkpoint\n",
		    "ROOT     entry#2  (reference count of 1 instead of 0)\n",
		    "note: 2 live objects are at rest in their caches, or held by such only");
}

static int forget_a_leaf(void *unused)
{
	lastref_checkpoint since = begin();
	struct entry *entry = entry_at_rest();

	(void)unused;
	leaf_ref(entry->leaf);
	return end(since);
}

Test(resting, a_reference_forgotten_on_what_an_entry_at_rest_holds_is_a_leak)
{
	ASSERT_SAYS(forget_a_leaf, 1, "1 object leaked, 8 B, 1 cause since the checkpoint\n",
		    "SUCH AS  leaf#1  (reference count of 2 instead of 0)\n");
}

/* As many caches have it: a list of all entries, and no .owns. */
struct page {
	struct lastref_cache_count refs;
	struct page *next;
	struct page *previous;
};

LASTREF_DEFINE(page, struct page, refs, NULL);

static struct page pages[3];

static int forget_a_page_of_a_list(void *unused)
{
	lastref_checkpoint since = begin();
	size_t leaks;

	(void)unused;
	for (int i = 0; i < 3; i++) {
		page_ref_init(&pages[i]);
		pages[i].next = &pages[(i + 1) % 3];
		pages[i].previous = &pages[(i + 2) % 3];
	}
	page_unref(&pages[0]);
	page_unref(&pages[2]);
	leaks = lastref_leaks_since(since);
	page_unref(&pages[1]);
	for (int i = 0; i < 3; i++)
		page_ref_evict(&pages[i]);
	return (int)leaks;
}

Test(resting, a_list_of_all_entries_hides_none_that_somebody_holds)
{
	ASSERT_SAYS(forget_a_page_of_a_list, 1,
		    "lastref: 1 object leaked, 24 B, 1 cause since the checkpoint\n",
		    "SUCH AS  page#2  (reference count of 1 instead of 0)\n",
		    "note: 2 pointers in objects at rest were not taken for references: only .owns or .visit say");
}

static int check_since_then_all(void *unused)
{
	lastref_checkpoint since = begin();

	(void)unused;
	entry_at_rest();
	return (int)(10 * lastref_leaks_since(since) + lastref_leak_check());
}

Test(resting, a_check_of_all_tells_of_what_was_not_evicted)
{
	ASSERT_SAYS(check_since_then_all, 2, "lastref: 2 objects leaked, 32 B, 1 cause\n",
		    "ROOT     entry#1  (at rest in its cache, never evicted)\n");
}

static int check_all_then_since(void *unused)
{
	lastref_checkpoint since = begin();

	(void)unused;
	entry_at_rest();
	return (int)(10 * lastref_leak_check() + lastref_leaks_since(since));
}

Test(resting, what_a_check_of_all_reported_stays_reported)
{
	ASSERT_SAYS(check_all_then_since, 20, "lastref: 2 objects leaked, 32 B, 1 cause\n");
}

/* What was evicted leaves nothing behind that could pass for a leak which was reported. */
static int evict_afterwards(void *unused)
{
	lastref_checkpoint since = begin();

	(void)unused;
	entry_at_rest();
	lastref_leaks_since(since);
	evict_all();
	entry_unref(entry_new());
	lastref_leak_check();
	return 0;
}

Test(resting, what_was_spared_and_evicted_was_never_reported)
{
	ASSERT_SAYS(evict_afterwards, 0, "lastref: 1 object leaked, 24 B, 1 cause\n");
}

static int leak_twice(void *unused)
{
	lastref_checkpoint since = begin();
	size_t first;

	(void)unused;
	leaf_new();
	first = lastref_leaks_since(since);
	leaf_new();
	return (int)(10 * first + lastref_leaks_since(since));
}

Test(resting, one_checkpoint_may_be_asked_for_again)
{
	ASSERT_SAYS(leak_twice, 12, "1 object leaked", "2 objects leaked");
}
