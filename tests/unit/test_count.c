/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The count alone: what each operation does to it, and that no operation leaves the zones of count.h in the wrong direction.
 */
#include <lastref/lastref.h>

#include "../support/count_table.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>

static struct lastref_count count_of(uint32_t value)
{
	return (struct lastref_count){ (int32_t)value, 0 };
}

Test(count, it_is_eight_bytes)
{
	cr_assert_eq(sizeof(struct lastref_count), 8);
}

Test(count, init_gives_one_reference_whatever_was_there)
{
	struct lastref_count count;

	memset(&count, 0xa5, sizeof(count));
	lastref_count_init(&count);
	cr_assert_eq(lastref_count_read(&count), 1);
	cr_assert(lastref_count_unref(&count));
}

Test(count, the_static_initializer_gives_one_reference)
{
	static struct lastref_count count = LASTREF_COUNT_INIT;

	cr_assert_eq(lastref_count_read(&count), 1);
	cr_assert(lastref_count_unref(&count));
}

Test(count, only_the_last_unref_says_so)
{
	struct lastref_count count = LASTREF_COUNT_INIT;

	lastref_count_ref(&count);
	lastref_count_ref(&count);
	cr_assert_eq(lastref_count_read(&count), 3);
	cr_assert_not(lastref_count_unref(&count));
	cr_assert_not(lastref_count_unref(&count));
	cr_assert(lastref_count_unref(&count));
}

Test(count, tryref_takes_a_reference_of_the_living)
{
	struct lastref_count count = LASTREF_COUNT_INIT;

	cr_assert(lastref_count_tryref(&count));
	cr_assert_eq(lastref_count_read(&count), 2);
}

Test(count, tryref_fails_on_the_dead_and_leaves_them_dead)
{
	struct lastref_count count = LASTREF_COUNT_INIT;

	lastref_set_misuse_handler(note_misuse, NULL);
	cr_assert(lastref_count_unref(&count));
	cr_assert_not(lastref_count_tryref(&count));
	cr_assert_eq(lastref_count_read(&count), 0);
	cr_assert_eq(misuses, 0);
}

Test(count, tryref_fails_on_zeroed_memory)
{
	struct lastref_count count = { 0, 0 };

	lastref_set_misuse_handler(note_misuse, NULL);
	cr_assert_not(lastref_count_tryref(&count));
	cr_assert_eq(lastref_count_read(&count), 0);
	cr_assert_eq(misuses, 0);
}

Test(count, unref_unless_last_never_gives_up_the_last)
{
	struct lastref_count count = LASTREF_COUNT_INIT;

	lastref_count_ref(&count);
	cr_assert(lastref_count_unref_unless_last(&count));
	cr_assert_not(lastref_count_unref_unless_last(&count));
	cr_assert_eq(lastref_count_read(&count), 1);
	cr_assert(lastref_count_unref(&count));
}

Test(count, a_count_is_unique_with_one_reference_only)
{
	struct lastref_count count = LASTREF_COUNT_INIT;

	cr_assert(lastref_count_is_unique(&count));
	lastref_count_ref(&count);
	cr_assert_not(lastref_count_is_unique(&count));
	lastref_count_unref(&count);
	cr_assert(lastref_count_is_unique(&count));
	lastref_count_unref(&count);
	cr_assert_not(lastref_count_is_unique(&count));
}

static struct lastref_count subject;

static void subject_store(int64_t word)
{
	subject = (struct lastref_count){ (int32_t)word, 4711 };
}

static int64_t subject_load(void)
{
	cr_assert_eq(subject.index, 4711, "the index is not the count's");
	return subject.count;
}

COUNT_TABLE_OPERATIONS(count);

Test(count, every_operation_does_at_each_edge_of_a_zone_what_the_zone_says)
{
	static const struct row rows[] = {
		COMMON_ROWS,
		{ 1,
		  1,
		  true,
		  { { false, 2, NONE },
		    { true, 2, NONE },
		    { true, DEAD_REST, NONE },
		    { false, 1, NONE } } },
		ALIVE(2, 2),
		ALIVE(3, 3),
		ALIVE(0x7ffffffe, INT32_MAX - 1),
		ALIVE(0x7fffffff, INT32_MAX),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_row(&counted, &rows[i]);
}

Test(count, the_dead_rest_in_the_middle_of_their_zone)
{
	struct lastref_count count = LASTREF_COUNT_INIT;

	cr_assert(lastref_count_unref(&count));
	cr_assert_eq(count.count, DEAD_REST);
}

Test(count, an_immortal_count_takes_everything_and_never_dies)
{
	struct lastref_count count = LASTREF_COUNT_IMMORTAL;

	lastref_set_misuse_handler(note_misuse, NULL);
	for (int i = 0; i < 1000; i++) {
		cr_assert_not(lastref_count_unref(&count));
		cr_assert(lastref_count_unref_unless_last(&count));
	}
	for (int i = 0; i < 1000; i++) {
		lastref_count_ref(&count);
		cr_assert(lastref_count_tryref(&count));
	}
	cr_assert_eq(lastref_count_read(&count), INT64_MAX);
	cr_assert_not(lastref_count_is_unique(&count));
	cr_assert_eq(misuses, 0);
}

Test(count, the_largest_count_is_an_honest_one)
{
	struct lastref_count count = count_of(INT32_MAX - 1);

	lastref_set_misuse_handler(note_misuse, NULL);
	lastref_count_ref(&count);
	cr_assert_eq(lastref_count_read(&count), INT32_MAX);
	cr_assert_not(lastref_count_unref(&count));
	cr_assert_eq(lastref_count_read(&count), INT32_MAX - 1);
	cr_assert_eq(misuses, 0);
}

/* Puts one reference too many on a count, and lets @next be the operation that comes after it. */
static void overflow_then(void (*next)(struct lastref_count *count))
{
	struct lastref_count count = count_of(INT32_MAX);

	lastref_set_misuse_handler(note_misuse, NULL);
	misuses = 0;
	lastref_count_ref(&count);
	next(&count);
	cr_assert_eq(misuses, 1);
	cr_assert_eq(last_misuse, (int)LASTREF_MISUSE_OVERFLOW);
	cr_assert_eq(lastref_count_read(&count), INT64_MAX);
	cr_assert_not(lastref_count_unref(&count));
	lastref_count_ref(&count);
	cr_assert_eq(misuses, 1);
}

static void next_ref(struct lastref_count *count)
{
	lastref_count_ref(count);
}

static void next_tryref(struct lastref_count *count)
{
	cr_assert(lastref_count_tryref(count));
}

static void next_unref(struct lastref_count *count)
{
	cr_assert_not(lastref_count_unref(count));
}

static void next_unref_unless_last(struct lastref_count *count)
{
	cr_assert(lastref_count_unref_unless_last(count));
}

Test(count, overflow_is_reported_once_by_whatever_comes_next_and_makes_immortal)
{
	overflow_then(next_ref);
	overflow_then(next_tryref);
	overflow_then(next_unref);
	overflow_then(next_unref_unless_last);
}

Test(count, overflow_through_tryref_is_found_too)
{
	struct lastref_count count = count_of(INT32_MAX);

	lastref_set_misuse_handler(note_misuse, NULL);
	cr_assert(lastref_count_tryref(&count));
	cr_assert_not(lastref_count_unref(&count));
	cr_assert_eq(misuses, 1);
	cr_assert_eq(last_misuse, (int)LASTREF_MISUSE_OVERFLOW);
	cr_assert_eq(lastref_count_read(&count), INT64_MAX);
}

Test(count, no_misuse_brings_the_dead_back)
{
	struct lastref_count count = LASTREF_COUNT_INIT;

	lastref_set_misuse_handler(note_misuse, NULL);
	cr_assert(lastref_count_unref(&count));
	for (int i = 0; i < 100; i++) {
		lastref_count_ref(&count);
		cr_assert_not(lastref_count_tryref(&count));
	}
	for (int i = 0; i < 300; i++) {
		cr_assert_not(lastref_count_unref(&count));
		cr_assert(lastref_count_unref_unless_last(&count));
		cr_assert_not(lastref_count_tryref(&count));
	}
	cr_assert_eq(lastref_count_read(&count), 0);
	cr_assert_eq(misuses, 700);
}

Test(count, the_operations_leave_the_registry_index_alone)
{
	struct lastref_count count = { 1, 4711 };

	lastref_count_ref(&count);
	cr_assert(lastref_count_tryref(&count));
	cr_assert(lastref_count_unref_unless_last(&count));
	cr_assert_not(lastref_count_unref(&count));
	cr_assert(lastref_count_unref(&count));
	cr_assert_eq(count.index, 4711);
}

Test(count, init_forgets_the_registry_index)
{
	struct lastref_count count = { 0, 4711 };

	lastref_count_init(&count);
	cr_assert_eq(count.index, 0);
}
