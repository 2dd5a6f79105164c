/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of each count in a type of its own, and a function that leads each of them through its life. Valid C11 and C++17 and, with
 * LASTREF_FREESTANDING, without a libc.
 */
#ifndef LINK_EVERYTHING_H
#define LINK_EVERYTHING_H

#include <lastref/lastref.h>

/* Gives up at the first thing that is not so, with its line. */
#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return __LINE__;                                                           \
	} while (0)

struct box {
	char content;
	struct lastref_count refs;
	struct box *inside;
};

struct plaza {
	struct lastref_hot_count refs;
	char content;
};

struct entry {
	char content[9];
	struct lastref_cache_count refs;
};

static unsigned boxes_destroyed;
static unsigned plazas_destroyed;
static unsigned entries_destroyed;
static unsigned entries_rested;

static void box_destroy(struct box *box)
{
	(void)box;
	boxes_destroyed++;
}

static void plaza_destroy(struct plaza *plaza)
{
	(void)plaza;
	plazas_destroyed++;
}

static void entry_destroy(struct entry *entry)
{
	(void)entry;
	entries_destroyed++;
}

static void entry_at_rest(void *entry)
{
	(void)entry;
	entries_rested++;
}

/* In C++17 the options of a type are set one by one. */
static struct lastref_type entry_options;

LASTREF_DEFINE(box, struct box, refs, box_destroy);
LASTREF_DEFINE(plaza, struct plaza, refs, plaza_destroy);
LASTREF_DEFINE_TYPE(entry, struct entry, refs, entry_destroy, &entry_options);

static void count_up(struct box *box, void *context)
{
	(void)box;
	++*(int *)context;
}

static int live_with_box(struct box *box)
{
	int with = 0;

	box_ref_init(box);
	EXPECT(box_ref(box) == box && box_tryref(box) == box && box_ref_count(box) == 3);
	EXPECT(box_unref_unless_last(box) && box_unref_unless_last(box));
	EXPECT(!box_unref_unless_last(box) && !box_ref_evict(box) && !box_ref_is_evicted(box));
	EXPECT(box_unref(box) == LASTREF_NULL_ && boxes_destroyed == 1 && !box_tryref(box));
	box_ref_restore(box, 2);
	box_unref_any(box);
	box_unref_with(box, count_up, &with);
	EXPECT(with == 1 && boxes_destroyed == 1);
	return 0;
}

static int live_with_slots(struct box *box)
{
	struct box *slot = LASTREF_NULL_;
	struct box *other = LASTREF_NULL_;

	boxes_destroyed = 0;
	box_ref_init(box);
	box_ref_set(&slot, box);
	box_ref_move(&other, &slot);
	EXPECT(!slot && other == box);
	box_ref_adopt(&slot, box_ref_steal(&other));
	box_ref_clear(&slot);
	{
		LASTREF_AUTO(box) struct box *end = box;

		EXPECT(box_ref_count(end) == 1);
	}
	EXPECT(boxes_destroyed == 1);
	return 0;
}

static int live_through_the_type(struct box *box)
{
	const struct lastref_type *type = box_ref_type();

	boxes_destroyed = 0;
	box_ref_init(box);
	EXPECT(lastref_ref(type, box) == box && lastref_tryref(type, box) == box);
	EXPECT(lastref_ref_count(type, box) == 3);
	lastref_unref(type, box);
	lastref_unref(type, box);
	EXPECT(lastref_unref(type, box) == LASTREF_NULL_ && boxes_destroyed == 1);
	EXPECT(lastref_tryref(type, box) == LASTREF_NULL_);
	return 0;
}

static int live_with_plaza(struct plaza *plaza)
{
	plaza_ref_init(plaza);
	EXPECT(plaza_ref(plaza) == plaza && plaza_tryref(plaza) == plaza &&
	       plaza_ref_count(plaza) == 3);
	EXPECT(plaza_unref_unless_last(plaza));
	plaza_unref(plaza);
	EXPECT(plazas_destroyed == 0);
	plaza_unref(plaza);
	EXPECT(plazas_destroyed == 1 && !plaza_tryref(plaza));
	return 0;
}

static int live_with_entry(struct entry *entry)
{
	entry_options.at_rest = entry_at_rest;
	entry_ref_init(entry);
	EXPECT(!entry_ref_evict(entry));
	entry_unref(entry);
	EXPECT(entries_rested == 1 && entries_destroyed == 0);
	EXPECT(entry_tryref(entry) == entry && entry_ref_count(entry) == 1);
	entry_unref(entry);
	EXPECT(entry_ref_evict(entry) && entry_ref_is_evicted(entry) && entries_destroyed == 1);
	EXPECT(!entry_tryref(entry) && !entry_ref_evict(entry));
	return 0;
}

static int live_with_bare_counts(void)
{
	static struct lastref_count forever = LASTREF_COUNT_IMMORTAL;
	static struct lastref_hot_count hot = LASTREF_HOT_COUNT_INIT;
	static struct lastref_cache_count cache = LASTREF_CACHE_COUNT_INIT;
	struct lastref_count count;

	lastref_count_ref(&forever);
	EXPECT(!lastref_count_unref(&forever) && lastref_count_read(&forever) == INT64_MAX);
	lastref_count_init(&count);
	EXPECT(lastref_count_is_unique(&count) && lastref_count_tryref(&count));
	EXPECT(!lastref_count_unref(&count) && lastref_count_unref(&count));
	EXPECT(lastref_hot_count_tryref(&hot) && !lastref_hot_count_is_unique(&hot));
	EXPECT(!lastref_hot_count_unref(&hot) && lastref_hot_count_unref(&hot));
	EXPECT(lastref_cache_count_unref(&cache) && lastref_cache_count_evict(&cache));
	return 0;
}

/* Return: 0, or the line of what was not so. */
static inline int live_with_everything(void)
{
	static struct box box;
	static struct plaza plaza;
	static struct entry entry;
	int line = live_with_box(&box);

	line = line ? line : live_with_slots(&box);
	line = line ? line : live_through_the_type(&box);
	line = line ? line : live_with_plaza(&plaza);
	line = line ? line : live_with_entry(&entry);
	return line ? line : live_with_bare_counts();
}

#endif
