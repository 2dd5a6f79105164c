/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier check reported: it is not told again, and holds what it holds.
 */
#include "tests/support/boxes_and_streams.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(reported, .init = begin, .fini = end);

static const struct lr_findings_options skip = { .skip_reported = true };

static void report_before(uint32_t id)
{
	record(id)->state |= LR_ALIVE_REPORTED;
}

Test(reported, what_a_reported_object_holds_is_told_with_its_cause)
{
	uint32_t root = new_box(1, 1);
	uint32_t held = new_stream(1, 1);

	hold(root, held, "stream");
	hold(held, new_stream(2, 1), "next");
	report_before(root);
	make_with(skip);
	cr_assert_eq(findings.cause_count, 1);
	cr_assert(cause(0)->is_old);
	cr_assert_str_eq(name_of(cause(0)->type), "box");
	cr_assert_eq(cause(0)->roots, 0);
	cr_assert_eq(cause(0)->old_roots, 1);
	cr_assert_eq(cause(0)->references, 0);
	cr_assert_eq(cause(0)->objects, 2);
	cr_assert_eq(cause(0)->bytes, 2 * 64);
	cr_assert_eq(cause(0)->detail->kept_count, 1);
	cr_assert_eq(cause(0)->detail->kept[0].objects, 2);
	cr_assert_eq(findings.objects, 2);
	cr_assert_eq(findings.reported, 1);
}

Test(reported, a_reported_object_that_holds_nothing_new_is_told_by_nobody)
{
	uint32_t root = new_box(1, 1);
	uint32_t held = new_stream(1, 1);

	hold(root, held, "stream");
	report_before(root);
	report_before(held);
	new_stream(2, 1);
	make_with(skip);
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_not(cause(0)->is_old);
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(findings.reported, 2);
}

Test(reported, what_a_reported_object_keeps_is_told_without_what_was_reported)
{
	uint32_t root = new_box(1, 1);
	uint32_t between = new_stream(1, 1);

	hold(root, between, "stream");
	hold(between, new_stream(2, 1), "next");
	report_before(root);
	report_before(between);
	make_with(skip);
	cr_assert_eq(cause(0)->objects, 1);
	cr_assert_eq(cause(0)->detail->kept[0].objects, 1);
}

Test(reported, a_reference_forgotten_on_what_a_reported_object_holds_is_a_leak_of_its_own)
{
	uint32_t root = new_box(1, 1);

	hold(root, new_stream(1, 2), "stream");
	report_before(root);
	make_with(skip);
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_not(cause(0)->is_old);
	cr_assert_eq(cause(0)->references, 1);
	cr_assert_eq(cause(0)->also_held, 1);
}

Test(reported, new_roots_and_reported_ones_of_one_site_are_two_causes)
{
	uint32_t root = new_box(1, 1);

	hold(root, new_stream(1, 1), "stream");
	report_before(root);
	new_box(2, 1);
	make_with(skip);
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_not(cause(0)->is_old);
	cr_assert_eq(cause(0)->objects, 1);
	cr_assert(cause(1)->is_old);
	cr_assert_eq(cause(1)->objects, 1);
}

Test(reported, a_cycle_that_a_new_object_closes_is_told)
{
	uint32_t first = new_box(1, 1);
	uint32_t second = new_stream(1, 1);

	hold(first, second, "stream");
	hold(second, first, "box");
	report_before(first);
	make_with(skip);
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->kind, LR_CAUSE_CYCLE);
	cr_assert_not(cause(0)->is_old);
	cr_assert_eq(cause(0)->objects, 1);
	cr_assert_eq(findings.objects, 1);
}

Test(reported, a_reported_cycle_is_told_for_what_it_keeps_now)
{
	uint32_t first = new_box(1, 1);
	uint32_t second = new_stream(1, 1);

	hold(first, second, "stream");
	hold(second, first, "box");
	report_before(first);
	report_before(second);
	hold(second, new_stream(2, 1), "next");
	make_with(skip);
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->kind, LR_CAUSE_CYCLE);
	cr_assert(cause(0)->is_old);
	cr_assert_eq(cause(0)->objects, 1);
}

Test(reported, reported_causes_that_keep_new_objects_together_are_told)
{
	uint32_t shared = new_stream(1, 2);
	uint32_t first = new_box(1, 1);
	uint32_t second = new_stream(2, 1);

	hold(first, shared, "stream");
	hold(second, shared, "next");
	report_before(first);
	report_before(second);
	make_with(skip);
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(findings.shared, 1);
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(cause(0)->objects, 0);
}

Test(reported, what_was_reported_holds_what_was_born_since_a_checkpoint)
{
	uint32_t root = new_box(1, 1);
	uint32_t unreported = new_box(2, 1);
	uint32_t held = new_stream(1, 1);
	uint32_t other = new_stream(2, 1);

	hold(root, held, "stream");
	hold(unreported, other, "stream");
	report_before(root);
	record(held)->state |= 2u << LR_ALIVE_AGE_SHIFT;
	record(other)->state |= 2u << LR_ALIVE_AGE_SHIFT;
	make_with((struct lr_findings_options){ .since = 2 });
	cr_assert_eq(findings.objects, 2);
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_str_eq(name_of(cause(0)->type), "box");
	cr_assert(cause(0)->is_old);
	cr_assert_not(cause(1)->is_old);
}

/* What grew is told where it was born. */
Test(reported, what_was_reported_holds_nothing_where_it_is_left_out_altogether)
{
	uint32_t root = new_box(1, 1);

	hold(root, new_stream(1, 1), "stream");
	report_before(root);
	make_with((struct lr_findings_options){ .skip_reported = true,
						.reported_hold_nothing = true });
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_str_eq(name_of(cause(0)->type), "stream");
	cr_assert_eq(cause(0)->references, 1);
}
