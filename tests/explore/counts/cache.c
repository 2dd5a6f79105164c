/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache count, by its real header. Layer: tests. Locks: none.
 */
#include "../atomics.h"

#ifndef HEADER
#define HEADER <lastref/count.h>
#define COUNT explore_cache
#define COUNT_NAME "cache"
#endif

#define LASTREF_PORTABLE
#include HEADER

#include "count.h"

EXPLORE_FUNCTIONS(struct lastref_cache_count, lastref_cache_count)
EXPLORE_MORE_FUNCTIONS(struct lastref_cache_count, lastref_cache_count, LASTREF_CACHE_COUNT_IMMORTAL)

static bool count_evict(void *memory)
{
	return lastref_cache_count_evict((struct lastref_cache_count *)memory);
}

static bool count_is_evicted(void *memory)
{
	return lastref_cache_count_is_evicted((struct lastref_cache_count *)memory);
}

static int count_show(char *text, size_t size, int64_t word)
{
	if (word == LASTREF_CACHE_COUNT_REST_)
		return snprintf(text, size, "at rest");
	if (word > LASTREF_CACHE_COUNT_REST_)
		return snprintf(text, size, "%" PRId64, word - LASTREF_CACHE_COUNT_REST_);
	return explore_show_zone(text, size, word);
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
	.evict = count_evict,
	.is_evicted = count_is_evicted,
	.show = count_show,
	.rests = true,
};
