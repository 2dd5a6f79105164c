/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache count alone: it rests at zero, is revived by tryref, and dies when it is evicted.
 */
#include <lastref/lastref.h>

#include "../support/count_table.h"

#include <criterion/criterion.h>
#include <string.h>

static struct lastref_cache_count subject;

static void subject_store(int64_t word)
{
	subject = (struct lastref_cache_count){ (int32_t)word, 4711 };
}

static int64_t subject_load(void)
{
	cr_assert_eq(subject.index, 4711, "the index is not the count's");
	return subject.count;
}

COUNT_TABLE_OPERATIONS(cache_count);

static struct lastref_cache_count at_rest(void)
{
	struct lastref_cache_count count = LASTREF_CACHE_COUNT_INIT;

	cr_assert(lastref_cache_count_unref(&count));
	return count;
}

static struct lastref_cache_count evicted(void)
{
	struct lastref_cache_count count = at_rest();

	cr_assert(lastref_cache_count_evict(&count));
	return count;
}

Test(cache_count, it_is_eight_bytes)
{
	cr_assert_eq(sizeof(struct lastref_cache_count), 8);
}

Test(cache_count, init_gives_one_reference_whatever_was_there)
{
	struct lastref_cache_count count;

	memset(&count, 0xa5, sizeof(count));
	lastref_cache_count_init(&count);
	cr_assert_eq(lastref_cache_count_read(&count), 1);
	cr_assert_eq(count.index, 0);
	cr_assert(lastref_cache_count_unref(&count));
}

Test(cache_count, the_static_initializer_is_what_init_makes)
{
	static struct lastref_cache_count count = LASTREF_CACHE_COUNT_INIT;
	struct lastref_cache_count initialized;

	lastref_cache_count_init(&initialized);
	cr_assert_eq(memcmp(&count, &initialized, sizeof(count)), 0);
}

Test(cache_count, every_operation_does_at_each_edge_of_a_zone_what_the_zone_says)
{
	static const struct row rows[] = {
		COMMON_ROWS,
		/* At rest. */
		{ 1,
		  0,
		  false,
		  { { false, DEAD_REST, LASTREF_MISUSE_REF_AT_REST },
		    { true, 2, NONE },
		    { false, DEAD_REST, LASTREF_MISUSE_UNREF_AT_REST },
		    { true, DEAD_REST, LASTREF_MISUSE_UNREF_AT_REST } } },
		/* One reference, which brings to rest. */
		{ 2,
		  1,
		  true,
		  { { false, 3, NONE }, { true, 3, NONE }, { true, 1, NONE }, { false, 2, NONE } } },
		ALIVE(3, 2),
		ALIVE(4, 3),
		ALIVE(0x7ffffffe, INT32_MAX - 2),
		ALIVE(0x7fffffff, INT32_MAX - 1),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_row(&counted, &rows[i]);
}

Test(cache_count, evict_succeeds_at_rest_only_and_changes_nothing_elsewhere)
{
	static const uint32_t words[] = {
		0,	    2,		3,	    0x7fffffff, 0x80000000,
		0xa0000000, 0xbfffffff, 0xc0000000, 0xe0000000, 0xffffffff,
	};

	lastref_set_misuse_handler(note_misuse, NULL);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		subject_store(WORD(words[i]));
		cr_assert_not(lastref_cache_count_evict(&subject), "0x%x", words[i]);
		cr_assert_eq(subject_load(), WORD(words[i]), "0x%x", words[i]);
	}
	subject_store(1);
	cr_assert(lastref_cache_count_evict(&subject));
	cr_assert_eq(subject_load(), DEAD_REST);
	cr_assert_eq(misuses, 0);
}

Test(cache_count, only_the_dead_are_evicted)
{
	static const struct {
		uint32_t word;
		bool is_evicted;
	} words[] = {
		{ 0, false },	       { 1, false },	      { 2, false },
		{ 0x7fffffff, false }, { 0x80000000, false }, { 0xbfffffff, false },
		{ 0xc0000000, true },  { 0xe0000000, true },  { 0xffffffff, true },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		subject_store(WORD(words[i].word));
		cr_assert_eq(lastref_cache_count_is_evicted(&subject), words[i].is_evicted, "0x%x",
			     words[i].word);
	}
}

Test(cache_count, the_last_unref_brings_to_rest_and_tryref_revives)
{
	struct lastref_cache_count count = LASTREF_CACHE_COUNT_INIT;

	for (int i = 0; i < 3; i++) {
		cr_assert(lastref_cache_count_unref(&count));
		cr_assert_eq(lastref_cache_count_read(&count), 0);
		cr_assert_not(lastref_cache_count_is_evicted(&count));
		cr_assert(lastref_cache_count_tryref(&count));
		cr_assert_eq(lastref_cache_count_read(&count), 1);
		cr_assert(lastref_cache_count_is_unique(&count));
	}
}

Test(cache_count, only_the_unref_that_brings_to_rest_says_so)
{
	struct lastref_cache_count count = LASTREF_CACHE_COUNT_INIT;

	lastref_cache_count_ref(&count);
	cr_assert(lastref_cache_count_tryref(&count));
	cr_assert_not(lastref_cache_count_unref(&count));
	cr_assert(lastref_cache_count_unref_unless_last(&count));
	cr_assert_not(lastref_cache_count_unref_unless_last(&count));
	cr_assert(lastref_cache_count_unref(&count));
}

Test(cache_count, tryref_fails_once_it_is_evicted)
{
	struct lastref_cache_count count = evicted();

	lastref_set_misuse_handler(note_misuse, NULL);
	cr_assert_not(lastref_cache_count_tryref(&count));
	cr_assert_not(lastref_cache_count_evict(&count));
	cr_assert_eq(lastref_cache_count_read(&count), 0);
	cr_assert_eq(misuses, 0);
}

Test(cache_count, no_misuse_brings_the_evicted_back)
{
	struct lastref_cache_count count = evicted();

	lastref_set_misuse_handler(note_misuse, NULL);
	for (int i = 0; i < 300; i++) {
		lastref_cache_count_ref(&count);
		cr_assert_not(lastref_cache_count_unref(&count));
		cr_assert(lastref_cache_count_unref_unless_last(&count));
		cr_assert_not(lastref_cache_count_tryref(&count));
		cr_assert_not(lastref_cache_count_evict(&count));
	}
	cr_assert_eq(misuses, 900);
}

Test(cache_count, after_a_misuse_at_rest_it_is_dead_and_nobody_evicts_it)
{
	struct lastref_cache_count count = at_rest();

	lastref_set_misuse_handler(note_misuse, NULL);
	lastref_cache_count_ref(&count);
	cr_assert_eq(last_misuse, (int)LASTREF_MISUSE_REF_AT_REST);
	cr_assert_not(lastref_cache_count_evict(&count));
	cr_assert_not(lastref_cache_count_tryref(&count));
	count = at_rest();
	cr_assert_not(lastref_cache_count_unref(&count));
	cr_assert_eq(last_misuse, (int)LASTREF_MISUSE_UNREF_AT_REST);
	cr_assert_not(lastref_cache_count_evict(&count));
	cr_assert_not(lastref_cache_count_tryref(&count));
}

Test(cache_count, an_immortal_count_never_rests)
{
	static struct lastref_cache_count count = LASTREF_CACHE_COUNT_IMMORTAL;

	lastref_set_misuse_handler(note_misuse, NULL);
	for (int i = 0; i < 1000; i++) {
		cr_assert_not(lastref_cache_count_unref(&count));
		cr_assert(lastref_cache_count_unref_unless_last(&count));
		cr_assert_not(lastref_cache_count_evict(&count));
	}
	cr_assert_eq(lastref_cache_count_read(&count), INT64_MAX);
	cr_assert_eq(misuses, 0);
}

Test(cache_count, two_to_the_31_less_2_references_are_honest_and_the_next_is_an_overflow)
{
	subject_store(INT32_MAX - 1);
	lastref_set_misuse_handler(note_misuse, NULL);
	lastref_cache_count_ref(&subject);
	cr_assert_eq(lastref_cache_count_read(&subject), INT32_MAX - 1);
	cr_assert_not(lastref_cache_count_unref(&subject));
	lastref_cache_count_ref(&subject);
	cr_assert(lastref_cache_count_tryref(&subject));
	cr_assert_eq(misuses, 0);
	cr_assert_not(lastref_cache_count_unref(&subject));
	cr_assert_eq(misuses, 1);
	cr_assert_eq(last_misuse, (int)LASTREF_MISUSE_OVERFLOW);
	cr_assert_eq(lastref_cache_count_read(&subject), INT64_MAX);
}
