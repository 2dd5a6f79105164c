/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The naive sticky counter, which must fail. Layer: tests. Locks: none.
 */
#include "../atomics.h"

#include "sticky.h"

#include "count.h"

EXPLORE_FUNCTIONS(struct sticky_count, sticky)

static int count_show(char *text, size_t size, int64_t word)
{
	if (word < 0)
		return snprintf(text, size, word == INT64_MIN ? "dead" : "dead%+" PRId64,
				word - INT64_MIN);
	return snprintf(text, size, "%" PRId64, word);
}

extern const struct explore_count explore_sticky;
const struct explore_count explore_sticky = {
	.name = "sticky",
	.init = count_init,
	.ref = count_ref,
	.tryref = count_tryref,
	.unref = count_unref,
	.read = count_read,
	.read_is_vague = true,
	.show = count_show,
};
