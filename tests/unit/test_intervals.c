/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intervals that lie in each other, found by address.
 */
#include "symbolize/intervals.h"

#include <criterion/criterion.h>

static uint32_t value_at(const struct lr_intervals *intervals, uint64_t address)
{
	uint32_t value = 0;

	return lr_intervals_find(intervals, address, &value) ? value : 0;
}

Test(intervals, the_innermost_one_is_found)
{
	struct lr_intervals intervals = { 0 };

	cr_assert_eq(lr_intervals_add(&intervals, 10, 100, 1), 0);
	cr_assert_eq(lr_intervals_add(&intervals, 20, 50, 2), 0);
	cr_assert_eq(lr_intervals_add(&intervals, 30, 50, 3), 0);
	cr_assert_eq(lr_intervals_add(&intervals, 60, 100, 4), 0);
	cr_assert_eq(lr_intervals_add(&intervals, 70, 70, 5), 0);
	cr_assert_eq(lr_intervals_flatten(&intervals), 0);
	cr_assert_eq(value_at(&intervals, 9), 0);
	cr_assert_eq(value_at(&intervals, 10), 1);
	cr_assert_eq(value_at(&intervals, 20), 2);
	cr_assert_eq(value_at(&intervals, 49), 3);
	cr_assert_eq(value_at(&intervals, 50), 1);
	cr_assert_eq(value_at(&intervals, 70), 4);
	cr_assert_eq(value_at(&intervals, 100), 0);
	lr_intervals_finish(&intervals);
}

Test(intervals, of_equal_ones_the_highest_value_is_found)
{
	struct lr_intervals intervals = { 0 };

	for (uint32_t value = 3; value; value--)
		cr_assert_eq(lr_intervals_add(&intervals, 10, 20, value), 0);
	cr_assert_eq(lr_intervals_flatten(&intervals), 0);
	cr_assert_eq(value_at(&intervals, 15), 3);
	lr_intervals_finish(&intervals);
}

Test(intervals, none_covers_more_than_its_addresses_where_they_overlap)
{
	struct lr_intervals intervals = { 0 };

	cr_assert_eq(lr_intervals_add(&intervals, 10, 30, 1), 0);
	cr_assert_eq(lr_intervals_add(&intervals, 20, 40, 2), 0);
	cr_assert_eq(lr_intervals_add(&intervals, 25, 27, 3), 0);
	cr_assert_eq(lr_intervals_add(&intervals, 0, UINT64_MAX, 4), 0);
	cr_assert_eq(lr_intervals_flatten(&intervals), 0);
	cr_assert_eq(value_at(&intervals, 5), 4);
	cr_assert_eq(value_at(&intervals, 15), 1);
	cr_assert_eq(value_at(&intervals, 26), 3);
	cr_assert_eq(value_at(&intervals, 35), 2);
	cr_assert_eq(value_at(&intervals, 45), 4);
	lr_intervals_finish(&intervals);
}
