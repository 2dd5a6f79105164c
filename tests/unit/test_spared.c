/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rests in caches: a cause of its own, or no leak where it is to be spared; and what was born between two checkpoints.
 */
#include "tests/support/boxes_and_streams.h"

#include <criterion/criterion.h>

TestSuite(spared, .init = begin, .fini = end);

static const struct lr_findings_options spare = { .spares_resting = true };

Test(spared, what_rests_is_a_cause_apart_from_what_somebody_holds)
{
	new_box(1, 1);
	new_box(2, LR_LOOK_AT_REST);
	new_box(3, LR_LOOK_AT_REST);
	make();
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_not(cause(0)->is_at_rest);
	cr_assert_eq(cause(0)->roots, 1);
	cr_assert_eq(cause(0)->references, 1);
	cr_assert(cause(1)->is_at_rest);
	cr_assert_eq(cause(1)->roots, 2);
	cr_assert_eq(cause(1)->references, 0);
	cr_assert_eq(cause(1)->uncounted, 0);
}

Test(spared, what_rests_and_what_only_that_holds_is_spared_where_it_is_to_be)
{
	uint32_t entry = new_box(1, LR_LOOK_AT_REST);
	uint32_t held = new_stream(1, 1);

	hold(entry, held, "stream");
	hold(held, new_stream(2, 1), "next");
	make_with(spare);
	cr_assert_eq(findings.objects, 0);
	cr_assert_eq(findings.cause_count, 0);
	cr_assert_eq(findings.resting, 3);
	cr_assert_eq(findings.ignored, 0);
	make();
	cr_assert_eq(findings.objects, 3);
	cr_assert_eq(findings.resting, 0);
}

Test(spared, a_reference_forgotten_on_what_is_spared_is_a_leak)
{
	hold(new_box(1, LR_LOOK_AT_REST), new_stream(1, 2), "stream");
	make_with(spare);
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(cause(0)->references, 1);
	cr_assert_eq(cause(0)->also_held, 0);
}

Test(spared, what_a_leak_holds_and_an_entry_at_rest_too_does_not_go_with_the_leak)
{
	uint32_t held = new_stream(1, 2);

	hold(new_box(1, LR_LOOK_AT_REST), held, "stream");
	hold(new_box(2, 1), held, "stream");
	make_with(spare);
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(cause(0)->objects, 1);
	cr_assert_str_eq(name_of(cause(0)->type), "box");
	cr_assert_eq(findings.resting, 2);
}

Test(spared, a_cycle_that_an_entry_at_rest_holds_is_spared_and_another_is_not)
{
	uint32_t first = new_stream(1, 2);
	uint32_t second = new_stream(2, 1);
	uint32_t third = new_stream(3, 1);

	hold(new_box(1, LR_LOOK_AT_REST), first, "stream");
	hold(first, second, "next");
	hold(second, first, "next");
	hold(third, third, "next");
	make_with(spare);
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->kind, LR_CAUSE_CYCLE);
}

/* The pointer of a child to its parent, most likely. */
Test(spared, what_points_back_to_an_entry_at_rest_is_spared_with_it)
{
	uint32_t entry = new_box(1, LR_LOOK_AT_REST);
	uint32_t held = new_stream(1, 1);

	hold(entry, held, "stream");
	hold(held, entry, NULL);
	make_with(spare);
	cr_assert_eq(findings.objects, 0);
}

/* The link of a list, most likely. To believe it would hide a forgotten reference without a word. */
Test(spared, what_is_only_found_in_an_entry_at_rest_is_not_held_by_it)
{
	hold(new_box(1, LR_LOOK_AT_REST), new_stream(1, 1), NULL);
	make_with(spare);
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(cause(0)->references, 1);
	cr_assert_eq(findings.resting, 1);
	cr_assert_eq(findings.unbelieved, 1);
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert(cause(0)->is_at_rest);
	cr_assert_eq(cause(0)->objects, 2);
	cr_assert_eq(findings.unbelieved, 0);
}

Test(spared, links_between_entries_at_rest_are_nothing_to_speak_of)
{
	hold(new_box(1, LR_LOOK_AT_REST), new_box(2, LR_LOOK_AT_REST), NULL);
	make_with(spare);
	cr_assert_eq(findings.resting, 2);
	cr_assert_eq(findings.unbelieved, 0);
}

Test(spared, an_entry_at_rest_that_is_older_than_the_checkpoint_still_holds)
{
	uint32_t entry = new_box(1, LR_LOOK_AT_REST);
	uint32_t held = new_stream(1, 1);
	uint32_t unheld = new_stream(2, 1);

	record(held)->state |= 2u << LR_ALIVE_AGE_SHIFT;
	record(unheld)->state |= 2u << LR_ALIVE_AGE_SHIFT;
	hold(entry, held, "stream");
	make_with((struct lr_findings_options){ .spares_resting = true, .since = 2 });
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(number_of(cause(0)->examples[0].birth), 2);
	cr_assert_eq(findings.resting, 1);
}

Test(spared, what_was_born_since_the_second_checkpoint_is_left_out)
{
	record(new_box(1, 1))->state |= 1u << LR_ALIVE_AGE_SHIFT;
	record(new_box(2, 1))->state |= 2u << LR_ALIVE_AGE_SHIFT;
	record(new_box(3, 1))->state |= 3u << LR_ALIVE_AGE_SHIFT;
	make_with((struct lr_findings_options){ .since = 2, .until = 3 });
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(number_of(cause(0)->examples[0].birth), 2);
}
