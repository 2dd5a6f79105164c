/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard count, by its real header. Layer: tests. Locks: none.
 */
#include "../atomics.h"

#ifndef HEADER
#define HEADER <lastref/count.h>
#define COUNT explore_standard
#define COUNT_NAME "standard"
#endif

#define LASTREF_PORTABLE
#include HEADER

#include "count.h"

EXPLORE_FUNCTIONS(struct lastref_count, lastref_count)
EXPLORE_MORE_FUNCTIONS(struct lastref_count, lastref_count, LASTREF_COUNT_IMMORTAL)

static int count_show(char *text, size_t size, int64_t word)
{
	if (word >= 0)
		return snprintf(text, size, "%" PRId64, word);
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
	.show = count_show,
};
