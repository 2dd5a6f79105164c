/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot count, by its real header. Layer: tests. Locks: none.
 */
#include "../atomics.h"

#ifndef HEADER
#define HEADER <lastref/count.h>
#define COUNT explore_hot
#define COUNT_NAME "hot"
#endif

#define LASTREF_PORTABLE
#include HEADER

#include "count.h"

EXPLORE_FUNCTIONS(struct lastref_hot_count, lastref_hot_count)
EXPLORE_MORE_FUNCTIONS(struct lastref_hot_count, lastref_hot_count, LASTREF_HOT_COUNT_IMMORTAL)

static int show_alive(char *text, size_t size, int64_t w)
{
	int64_t mark = lastref_hot_mark_of_(w);
	int64_t references = lastref_hot_rest_of_(w) + 1;

	if (mark == 0)
		return snprintf(text, size, "%" PRId64, references);
	return snprintf(text, size, "%" PRId64 " mark %" PRId64, references, mark);
}

static int show_near(char *text, size_t size, const char *name, int64_t distance)
{
	return snprintf(text, size, distance ? "%s%+" PRId64 : "%s", name, distance);
}

static int count_show(char *text, size_t size, int64_t word)
{
	if (word == LASTREF_HOT_GAP_)
		return snprintf(text, size, "gap");
	if (lastref_hot_is_immortal_(word))
		return show_near(text, size, "immortal", word - LASTREF_HOT_IMMORTAL_);
	if (lastref_hot_is_uninitialized_(word))
		return show_near(text, size, "uninitialized", word);
	if (lastref_hot_is_alive_(word))
		return show_alive(text, size, lastref_hot_flip_(word));
	return show_near(text, size, "dead", word - LASTREF_HOT_DEAD_);
}

extern const struct explore_count COUNT;
const struct explore_count COUNT = {
	.name = COUNT_NAME,
	.init = count_init,
	.restore = count_restore,
	.immortal = count_immortal,
	.ref = count_ref,
	.tryref = count_tryref,
	.unref = count_unref,
	.unref_unless_last = count_unref_unless_last,
	.is_unique = count_is_unique,
	.read = count_read,
	.show = count_show,
	.read_is_vague = true,
	.is_careful = true,
};
