/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot count alone: what each operation does to its word, in every zone and with both marks; and that the inline assembly and the
 * builtins are one count.
 */
#include <lastref/lastref.h>

#include "../support/count_table.h"
#include "../support/hot_paths.h"

#include <criterion/criterion.h>
#include <string.h>

#define MARK (INT64_C(1) << 60)
#define ONE INT64_MIN
#define GAP INT64_MAX
#define HOT_DEAD (INT64_C(1) << 61)
#define HOT_IMMORTAL (-(INT64_C(1) << 61))

static struct lastref_hot_count subject;

static void subject_store(int64_t word)
{
	subject = (struct lastref_hot_count){ word, 4711, 0 };
}

static int64_t subject_load(void)
{
	cr_assert_eq(subject.index, 4711, "the index is not the count's");
	cr_assert_eq(subject.reserved, 0);
	return subject.word;
}

COUNT_TABLE_OPERATIONS(hot_count);

static struct lastref_hot_count dead(void)
{
	struct lastref_hot_count count = LASTREF_HOT_COUNT_INIT;

	cr_assert(lastref_hot_count_unref(&count));
	return count;
}

Test(hot_count, it_is_16_bytes)
{
	cr_assert_eq(sizeof(struct lastref_hot_count), 16);
}

Test(hot_count, init_gives_one_reference_whatever_was_there)
{
	struct lastref_hot_count count;

	memset(&count, 0xa5, sizeof(count));
	lastref_hot_count_init(&count);
	cr_assert_eq(lastref_hot_count_read(&count), 1);
	cr_assert_eq(count.index, 0);
	cr_assert(lastref_hot_count_unref(&count));
}

Test(hot_count, the_static_initializer_is_what_init_makes)
{
	static struct lastref_hot_count count = LASTREF_HOT_COUNT_INIT;
	struct lastref_hot_count initialized;

	lastref_hot_count_init(&initialized);
	cr_assert_eq(memcmp(&count, &initialized, sizeof(count)), 0);
}

/*
 * Every zone.
 */

#define HOT_ALIVE(word, references)                                                                \
	{                                                                                          \
		word, references, false,                                                           \
		{                                                                                  \
			{ false, (word) + 1, NONE }, { true, (word) + 1, NONE },                   \
				{ false, (word)-1, NONE }, { true, (word)-1, NONE },               \
		}                                                                                  \
	}

/* A failed tryref moves the word, which has room enough. */
#define HOT_NOT_ALIVE(word, kind)                                                                  \
	{                                                                                          \
		word, 0, false,                                                                    \
		{                                                                                  \
			{ false, HOT_DEAD, LASTREF_MISUSE_REF_##kind },                            \
				{ false, (word) + 1, NONE },                                       \
				{ false, HOT_DEAD, LASTREF_MISUSE_UNREF_##kind },                  \
				{ true, HOT_DEAD, LASTREF_MISUSE_UNREF_##kind },                   \
		}                                                                                  \
	}

Test(hot_count, every_operation_does_at_each_edge_of_a_zone_what_the_zone_says)
{
	static const struct row rows[] = {
		{ ONE,
		  1,
		  true,
		  { { false, ONE + 1, NONE },
		    { true, ONE + 1, NONE },
		    { true, HOT_DEAD, NONE },
		    { false, ONE, NONE } } },
		HOT_ALIVE(ONE + 1, 2),
		HOT_ALIVE(ONE + 2, 3),
		HOT_ALIVE(ONE + INT32_MAX, INT64_C(0x80000000)),
		HOT_ALIVE(ONE + MARK / 2 - 1, MARK / 2),
		HOT_NOT_ALIVE(INT64_C(0), UNINITIALIZED),
		HOT_NOT_ALIVE(INT64_C(1), UNINITIALIZED),
		HOT_NOT_ALIVE(MARK - 1, UNINITIALIZED),
		HOT_NOT_ALIVE(MARK, DEAD),
		HOT_NOT_ALIVE(HOT_DEAD - 1, DEAD),
		HOT_NOT_ALIVE(HOT_DEAD, DEAD),
		HOT_NOT_ALIVE(HOT_DEAD + 1, DEAD),
		HOT_NOT_ALIVE(2 * HOT_DEAD, DEAD),
		HOT_NOT_ALIVE(GAP - 1, DEAD),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_row(&counted, &rows[i]);
}

Test(hot_count, an_immortal_count_takes_everything_and_never_dies)
{
	static const int64_t words[] = { -(INT64_C(1) << 62) + 1, HOT_IMMORTAL - 1, HOT_IMMORTAL,
					 HOT_IMMORTAL + 1, -MARK - 2 };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct row row = { words[i],
					 INT64_MAX,
					 false,
					 { { false, words[i] + 1, NONE },
					   { true, words[i] + 1, NONE },
					   { false, words[i] - 1, NONE },
					   { true, words[i], NONE } } };

		assert_row(&counted, &row);
	}
}

Test(hot_count, the_static_immortal_stays_so)
{
	static struct lastref_hot_count count = LASTREF_HOT_COUNT_IMMORTAL;

	lastref_set_misuse_handler(note_misuse, NULL);
	for (int i = 0; i < 1000; i++) {
		cr_assert_not(lastref_hot_count_unref(&count));
		cr_assert(lastref_hot_count_unref_unless_last(&count));
	}
	for (int i = 0; i < 1000; i++)
		cr_assert(lastref_hot_count_tryref(&count));
	cr_assert_eq(lastref_hot_count_read(&count), INT64_MAX);
	cr_assert_eq(misuses, 0);
}

/*
 * The gap, step by step: words that two threads leave to each other.
 */

Test(hot_count, in_the_gap_a_tryref_revives_and_leaves_mark_1)
{
	const struct row row = { GAP,
				 0,
				 false,
				 { { false, HOT_DEAD, LASTREF_MISUSE_REF_DEAD },
				   { true, ONE + MARK, NONE },
				   { false, HOT_DEAD, LASTREF_MISUSE_UNREF_DEAD },
				   { true, HOT_DEAD, LASTREF_MISUSE_UNREF_DEAD } } };

	assert_row(&counted, &row);
}

Test(hot_count, under_either_mark_the_count_is_what_it_is_but_never_unique)
{
	for (int64_t mark = 1; mark <= 2; mark++) {
		const int64_t one = ONE + mark * MARK;
		const struct row of_one = { one,
					    1,
					    false,
					    { { false, one + 1, NONE },
					      { true, one + 1, NONE },
					      { false, one - 1, NONE },
					      { false, one, NONE } } };
		const struct row of_two = HOT_ALIVE(one + 1, 2);

		assert_row(&counted, &of_one);
		assert_row(&counted, &of_two);
	}
}

Test(hot_count, revived_and_dropped_under_mark_1_it_reads_0_and_can_be_revived)
{
	subject_store(ONE + MARK - 1);
	cr_assert_eq(lastref_hot_count_read(&subject), 0);
	cr_assert_not(lastref_hot_count_is_unique(&subject));
	cr_assert(lastref_hot_count_tryref(&subject));
	cr_assert_eq(subject_load(), ONE + MARK);
}

/* The end of an unref that came into the gap, and finds @found there. */
static bool end_of_unref_at(int64_t found)
{
	subject_store(found);
	misuses = 0;
	lastref_set_misuse_handler(note_misuse, NULL);
	return lastref_hot_count_unref_end_(&subject, ONE, NULL, &subject);
}

Test(hot_count, an_unref_in_the_gap_that_finds_nobody_takes_the_last_reference)
{
	cr_assert(end_of_unref_at(GAP));
	cr_assert_eq(subject_load(), HOT_DEAD);
	cr_assert_eq(misuses, 0);
}

Test(hot_count, an_unref_in_the_gap_that_finds_a_reviver_leaves_mark_2)
{
	cr_assert_not(end_of_unref_at(ONE));
	cr_assert_eq(subject_load(), ONE + 2 * MARK);
	cr_assert_not(end_of_unref_at(ONE + 7));
	cr_assert_eq(subject_load(), ONE + 7 + 2 * MARK);
	cr_assert_eq(misuses, 0);
}

Test(hot_count, an_unref_in_the_gap_that_finds_mark_1_takes_it)
{
	cr_assert_not(end_of_unref_at(ONE + MARK));
	cr_assert_eq(subject_load(), ONE);
	cr_assert_eq(misuses, 0);
}

Test(hot_count, an_unref_in_the_gap_that_finds_mark_1_and_nobody_takes_the_last_reference)
{
	cr_assert(end_of_unref_at(ONE + MARK - 1));
	cr_assert_eq(subject_load(), HOT_DEAD);
	cr_assert_eq(misuses, 0);
}

Test(hot_count, an_unref_in_the_gap_that_finds_it_dead_reports_one_unref_too_many)
{
	cr_assert_not(end_of_unref_at(HOT_DEAD));
	cr_assert_eq(last_misuse, (int)LASTREF_MISUSE_UNREF_DEAD);
	cr_assert_not(end_of_unref_at(ONE + 2 * MARK));
	cr_assert_eq(last_misuse, (int)LASTREF_MISUSE_UNREF_DEAD);
	cr_assert_eq(subject_load(), HOT_DEAD);
}

/* The end of a tryref that revived from the gap, and finds @found there. */
static bool end_of_tryref_at(int64_t found)
{
	subject_store(found);
	misuses = 0;
	lastref_set_misuse_handler(note_misuse, NULL);
	return lastref_hot_count_tryref_slow_(&subject, GAP, NULL, &subject);
}

Test(hot_count, a_reviver_that_finds_mark_2_takes_it)
{
	cr_assert(end_of_tryref_at(ONE + 2 * MARK));
	cr_assert_eq(subject_load(), ONE);
	cr_assert(end_of_tryref_at(ONE + 3 + 2 * MARK));
	cr_assert_eq(subject_load(), ONE + 3);
	cr_assert_eq(misuses, 0);
}

Test(hot_count, a_reviver_whose_reference_was_stolen_fails_and_reports_it)
{
	static const int64_t stolen[] = { HOT_DEAD, ONE + MARK, ONE + 2 * MARK - 1, GAP };

	for (size_t i = 0; i < sizeof(stolen) / sizeof(stolen[0]); i++) {
		cr_assert_not(end_of_tryref_at(stolen[i]));
		cr_assert_eq(misuses, 1);
		cr_assert_eq(last_misuse, (int)LASTREF_MISUSE_UNREF_DEAD);
		cr_assert_eq(subject_load(), HOT_DEAD);
	}
}

/*
 * Lives.
 */

Test(hot_count, only_the_last_unref_says_so)
{
	struct lastref_hot_count count = LASTREF_HOT_COUNT_INIT;

	lastref_hot_count_ref(&count);
	cr_assert(lastref_hot_count_tryref(&count));
	cr_assert_eq(lastref_hot_count_read(&count), 3);
	cr_assert_not(lastref_hot_count_unref(&count));
	cr_assert(lastref_hot_count_unref_unless_last(&count));
	cr_assert_not(lastref_hot_count_unref_unless_last(&count));
	cr_assert(lastref_hot_count_is_unique(&count));
	cr_assert(lastref_hot_count_unref(&count));
}

Test(hot_count, failed_tryrefs_leave_the_dead_dead_and_zeroed_memory_never_initialized)
{
	struct lastref_hot_count count = dead();
	struct lastref_hot_count zeroed = { 0, 0, 0 };

	lastref_set_misuse_handler(note_misuse, NULL);
	for (int i = 0; i < 1000; i++) {
		cr_assert_not(lastref_hot_count_tryref(&count));
		cr_assert_not(lastref_hot_count_tryref(&zeroed));
	}
	cr_assert_eq(misuses, 0);
	lastref_hot_count_ref(&count);
	cr_assert_eq(last_misuse, (int)LASTREF_MISUSE_REF_DEAD);
	lastref_hot_count_ref(&zeroed);
	cr_assert_eq(last_misuse, (int)LASTREF_MISUSE_REF_UNINITIALIZED);
}

Test(hot_count, no_misuse_brings_the_dead_back)
{
	struct lastref_hot_count count = dead();

	lastref_set_misuse_handler(note_misuse, NULL);
	for (int i = 0; i < 300; i++) {
		lastref_hot_count_ref(&count);
		cr_assert_not(lastref_hot_count_tryref(&count));
		cr_assert_not(lastref_hot_count_unref(&count));
		cr_assert(lastref_hot_count_unref_unless_last(&count));
	}
	cr_assert_eq(lastref_hot_count_read(&count), 0);
	cr_assert_eq(misuses, 900);
}

/*
 * Inline assembly and builtins.
 */

static void assert_same(int64_t word)
{
	struct hot_step assembly, builtins;

	hot_paths_assembly.ref(word, &assembly);
	hot_paths_builtins.ref(word, &builtins);
	cr_assert_eq(assembly.word, builtins.word, "ref at 0x%" PRIx64, word);
	cr_assert_eq(assembly.is_slow, builtins.is_slow, "ref at 0x%" PRIx64, word);
	if (builtins.is_slow)
		cr_assert_eq(assembly.token, builtins.token, "ref at 0x%" PRIx64, word);
	hot_paths_assembly.unref(word, &assembly);
	hot_paths_builtins.unref(word, &builtins);
	cr_assert_eq(assembly.word, builtins.word, "unref at 0x%" PRIx64, word);
	cr_assert_eq(assembly.is_slow, builtins.is_slow, "unref at 0x%" PRIx64, word);
	hot_paths_assembly.tryref(word, &assembly);
	hot_paths_builtins.tryref(word, &builtins);
	cr_assert_eq(assembly.word, builtins.word, "tryref at 0x%" PRIx64, word);
	cr_assert_eq(assembly.is_slow, builtins.is_slow, "tryref at 0x%" PRIx64, word);
}

Test(hot_count, assembly_and_builtins_decide_alike_and_store_the_same_word)
{
	cr_assert_not(hot_paths_builtins.is_assembly);
	/* Around every power of two, from below and from above zero. */
	for (int bit = 0; bit < 64; bit++) {
		for (uint64_t near = 0; near < 5; near++) {
			assert_same((int64_t)((UINT64_C(1) << bit) + near - 2));
			assert_same((int64_t)(near - 2 - (UINT64_C(1) << bit)));
			assert_same((int64_t)((uint64_t)ONE + (UINT64_C(1) << bit) + near - 2));
		}
	}
	assert_same(0);
	assert_same(GAP);
	assert_same(ONE + 3 * (MARK - 1));
}
