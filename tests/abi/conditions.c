/* SPDX-License-Identifier: Apache-2.0 */
/* That the flags of the hot count's inline assembly tell what the builtins compare, at the edges of all zones. Exit status 0 if so. */
#include <lastref/count.h>

#include <stdio.h>

static int wrong(const char *what, int64_t old)
{
	printf("%s differs at %lld\n", what, (long long)old);
	return 1;
}

/* The tests are those of hot_count.h where there is no inline assembly. */
static int at(int64_t old)
{
	struct lastref_hot_count count = { old, 0, 0 };
	int64_t token;

	if (lastref_hot_count_ref_begin_(&count, &token) != (old >= -1))
		return wrong("ref", old);
	count.word = old;
	if (lastref_hot_count_unref_begin_(&count, &token) != (old >= 0 || old == INT64_MIN))
		return wrong("unref", old);
	return 0;
}

int main(void)
{
	int failed = 0;

	for (int bit = 0; bit < 64; bit++) {
		for (int64_t near = -3; near <= 3; near++) {
			failed |= at((int64_t)((UINT64_C(1) << bit) + (uint64_t)near));
			failed |= at((int64_t)(0 - (UINT64_C(1) << bit) + (uint64_t)near));
		}
	}
	return failed;
}
