/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheme of two halves, which must fail. Layer: tests. Locks: none.
 */
#include "../atomics.h"

#include "original.h"

#include "count.h"

#include <lastref/count.h>

EXPLORE_FUNCTIONS(struct original_count, original)

void original_misuse(const char *what)
{
	if (what[0] == 'r')
		lastref_misuse_ref_dead(NULL, NULL, 0);
	else
		lastref_misuse_unref_dead(NULL, NULL, 0);
}

static int count_show(char *text, size_t size, int64_t word)
{
	int64_t real = (int32_t)word;

	return snprintf(text, size, "(%" PRId64 ",%" PRId64 ")", (word - real) >> 32, real);
}

extern const struct explore_count explore_original;
const struct explore_count explore_original = {
	.name = "original",
	.init = count_init,
	.ref = count_ref,
	.tryref = count_tryref,
	.unref = count_unref,
	.read = count_read,
	.aborts = true,
	.show = count_show,
};
