/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds whom: which leaked objects are roots, which hold each other, and what goes with what.
 */
#include "tests/support/boxes_and_streams.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(graph, .init = begin, .fini = end);

/*
 * Roots, and what they keep.
 */

Test(graph, one_forgotten_reference_is_the_cause_of_all_that_hang_on_it)
{
	uint32_t root = new_box(1, 1);

	for (uint64_t i = 1; i <= 10; i++)
		hold(root, new_stream(i, 1), "streams");
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->kind, LR_CAUSE_LEAK);
	cr_assert_str_eq(name_of(cause(0)->type), "box");
	cr_assert_eq(cause(0)->roots, 1);
	cr_assert_eq(cause(0)->references, 1);
	cr_assert_eq(cause(0)->objects, 11);
	cr_assert_eq(cause(0)->bytes, 11 * 64);
	cr_assert_eq(findings.objects, 11);
	cr_assert_eq(findings.unlooked, 0);
}

Test(graph, a_count_that_no_leaked_object_explains_makes_a_root_of_what_is_held)
{
	uint32_t root = new_box(1, 1);

	hold(root, new_stream(1, 3), "stream");
	make();
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(cause(1)->references, 2);
	cr_assert_eq(cause(1)->objects, 1);
	cr_assert_eq(cause(1)->also_held, 1);
	cr_assert_eq(cause(0)->objects, 1);
	cr_assert_eq(cause(0)->also_held, 0);
}

Test(graph, what_two_causes_hold_is_shared)
{
	uint32_t first = new_box(1, 1);
	uint32_t second = new_stream(1, 1);
	uint32_t third = new_box(2, 2);

	hold(first, third, "box");
	hold(second, third, "box");
	make();
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(findings.shared, 1);
	cr_assert_eq(findings.objects, 3);
	cr_assert_eq(findings.bytes, 3 * 64);
	cr_assert_eq(cause(0)->objects, 1);
	cr_assert_eq(cause(1)->objects, 1);
}

Test(graph, causes_that_keep_what_is_asked_for_together_are_asked_for)
{
	uint32_t shared = new_stream(1, 2);
	uint32_t between = new_box(3, 1);
	uint32_t site = image_builder_site(&builder, "/prog", 0x100, 0);

	hold(new_box(1, 1), between, "box");
	hold(between, shared, "stream");
	hold(image_builder_object(&builder, box, 2, site, 1), shared, "stream");
	hold(shared, new_box(4, 1), "box");
	new_box(5, 1);
	make_with((struct lr_findings_options){ .type_globs = "stream" });
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(findings.shared, 1);
	cr_assert_eq(findings.shared_bytes, 64);
	cr_assert_eq(findings.objects, 1 + 3 + 1);
}

Test(graph, what_shared_objects_hold_is_shared)
{
	uint32_t shared = new_box(2, 2);

	hold(new_box(1, 1), shared, "box");
	hold(new_stream(1, 1), shared, "box");
	hold(shared, new_stream(2, 1), "stream");
	make();
	cr_assert_eq(findings.shared, 2);
}

Test(graph, what_two_roots_of_one_cause_hold_goes_with_that_cause)
{
	uint32_t held = new_stream(1, 2);

	hold(new_box(1, 1), held, "stream");
	hold(new_box(2, 1), held, "stream");
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->roots, 2);
	cr_assert_eq(cause(0)->objects, 3);
	cr_assert_eq(findings.shared, 0);
}

Test(graph, causes_that_read_alike_are_one_before_it_is_asked_who_shares)
{
	uint32_t first = image_builder_site(&builder, "/prog", 0x100, 0);
	uint32_t second = image_builder_site(&builder, "/prog", 0x100, 0);
	uint32_t held = new_stream(1, 2);

	hold(image_builder_object(&builder, box, 1, first, 1), held, "stream");
	hold(image_builder_object(&builder, box, 2, second, 1), held, "stream");
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->objects, 3);
	cr_assert_eq(findings.shared, 0);
}

Test(graph, a_long_list_is_one_cause_and_no_recursion)
{
	uint32_t node = new_box(1, 1);

	for (uint64_t i = 2; i <= 300000; i++) {
		uint32_t next = new_box(i, 1);

		image_builder_edge(&builder, node, next, NULL, 16);
		node = next;
	}
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->roots, 1);
	cr_assert_eq(cause(0)->objects, 300000);
}

/*
 * Counts that are not known, and objects that nobody looked at.
 */

Test(graph, an_unknown_count_is_a_root_only_if_nobody_holds_it)
{
	uint32_t root = new_box(1, LR_LOOK_UNKNOWN);

	hold(root, new_stream(1, LR_LOOK_UNREAD), "stream");
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->objects, 2);
	cr_assert_eq(cause(0)->references, 0);
	cr_assert_eq(cause(0)->uncounted, 1);
}

Test(graph, an_immortal_count_is_not_known)
{
	hold(new_box(1, 1), new_stream(1, INT32_MAX), "stream");
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->objects, 2);
}

Test(graph, where_nobody_looked_each_object_is_a_root)
{
	image_builder_record(&builder, box, 1, 0, LR_STATE_ALIVE);
	image_builder_record(&builder, box, 2, 0, LR_STATE_ALIVE);
	image_builder_edge(&builder, 1, 2, "next", 0);
	make();
	cr_assert_eq(cause(0)->roots, 2);
	cr_assert_eq(cause(0)->references, 0);
	cr_assert_eq(findings.unlooked, 2);
}

Test(graph, a_look_at_the_object_that_had_the_record_before_is_none)
{
	uint32_t held = new_stream(1, 1);

	hold(new_box(1, 1), held, "stream");
	record(held)->birth++;
	make();
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(findings.unlooked, 1);
	cr_assert_eq(cause(0)->objects, 1);
}

Test(graph, a_look_at_an_object_of_another_type_with_the_same_number_is_none)
{
	uint32_t held = new_stream(1, 1);

	hold(new_box(1, 1), held, "stream");
	record(held)->birth = (uint64_t)box << LR_BIRTH_NUMBER_BITS | 1;
	make();
	cr_assert_eq(findings.unlooked, 1);
}

Test(graph, a_dying_object_is_a_root_and_holds_nothing)
{
	uint32_t dying = new_box(1, 1);
	uint32_t held = new_stream(1, 1);

	record(dying)->state = LR_STATE_DYING;
	hold(dying, held, "stream");
	hold(held, dying, "box");
	make();
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(cause(0)->dying, 1);
	cr_assert_eq(cause(0)->objects, 1);
	cr_assert_eq(cause(1)->references, 1);
	cr_assert_eq(findings.unlooked, 0);
}

Test(graph, what_an_ignored_object_holds_is_no_leak)
{
	uint32_t ignored = new_box(1, 1);
	uint32_t held = new_stream(1, 2);
	uint32_t below = new_stream(2, 1);

	record(ignored)->state |= LR_ALIVE_IGNORED;
	hold(ignored, held, "stream");
	hold(held, below, "next");
	hold(new_box(2, 1), held, "stream");
	make();
	cr_assert_eq(findings.ignored, 3);
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->objects, 1);
}

Test(graph, a_reference_forgotten_on_what_an_ignored_object_holds_is_a_leak)
{
	uint32_t ignored = new_box(1, 1);

	record(ignored)->state |= LR_ALIVE_IGNORED;
	hold(ignored, new_stream(1, 2), "stream");
	make();
	cr_assert_eq(findings.ignored, 1);
	cr_assert_eq(cause(0)->references, 1);
	/* That would say that another leak is to be mended first. */
	cr_assert_eq(cause(0)->also_held, 0);
}

Test(graph, a_way_back_to_an_ignored_object_hides_no_forgotten_reference)
{
	uint32_t ignored = new_box(1, 3);
	uint32_t held = new_stream(1, 2);
	uint32_t other = new_stream(2, 1);

	record(ignored)->state |= LR_ALIVE_IGNORED;
	hold(ignored, held, "streams");
	hold(held, ignored, "box");
	hold(ignored, other, "streams");
	hold(other, ignored, "box");
	make();
	cr_assert_eq(findings.ignored, 2);
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->kind, LR_CAUSE_LEAK);
	cr_assert_eq(cause(0)->references, 1);
	cr_assert_eq(cause(0)->objects, 1);
}

Test(graph, a_cycle_that_only_an_ignored_object_holds_is_no_leak)
{
	uint32_t ignored = new_box(1, 1);
	uint32_t between = new_stream(3, 1);
	uint32_t first = new_stream(1, 2);
	uint32_t second = new_stream(2, 1);

	record(ignored)->state |= LR_ALIVE_IGNORED;
	hold(ignored, between, "stream");
	hold(between, first, "next");
	hold(first, second, "next");
	hold(second, first, "next");
	make();
	cr_assert_eq(findings.objects, 0);
	cr_assert_eq(findings.ignored, 4);
}

Test(graph, a_reference_forgotten_on_a_cycle_that_an_ignored_object_holds_is_a_leak)
{
	uint32_t ignored = new_box(1, 1);
	uint32_t first = new_stream(1, 3);
	uint32_t second = new_stream(2, 1);

	record(ignored)->state |= LR_ALIVE_IGNORED;
	hold(ignored, first, "stream");
	hold(first, second, "next");
	hold(second, first, "next");
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->kind, LR_CAUSE_CYCLE);
	cr_assert_eq(cause(0)->references, 1);
	cr_assert_eq(cause(0)->objects, 2);
}

Test(graph, an_ignored_object_that_is_older_than_the_checkpoint_still_holds)
{
	uint32_t ignored = new_box(1, 1);
	uint32_t held = new_stream(1, 1);

	record(ignored)->state |= LR_ALIVE_IGNORED;
	record(held)->state |= 2u << LR_ALIVE_AGE_SHIFT;
	hold(ignored, held, "stream");
	make_with((struct lr_findings_options){ .since = 2 });
	cr_assert_eq(findings.objects, 0);
	cr_assert_eq(findings.ignored, 1);
}

Test(graph, an_object_freed_without_its_last_unref_holds_nothing)
{
	uint32_t old = new_box(1, 1);
	uint32_t held = new_stream(1, 1);

	record(new_box(2, 1))->object = record(old)->object;
	hold(old, held, "stream");
	make();
	cr_assert_eq(findings.overwritten, 1);
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(cause(1)->references, 1);
}

/*
 * Cycles.
 */

Test(graph, two_objects_that_hold_each_other_are_a_cycle_and_no_leak)
{
	uint32_t first = new_stream(9, 1);
	uint32_t second = new_box(7, 1);

	hold(first, second, "owner");
	hold(second, first, "stream");
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->kind, LR_CAUSE_CYCLE);
	cr_assert_eq(cause(0)->roots, 1);
	cr_assert_eq(cause(0)->members, 2);
	cr_assert_eq(cause(0)->references, 0);
	cr_assert_eq(cause(0)->objects, 2);
	cr_assert_str_eq(name_of(cause(0)->type), "box");
	cr_assert_eq(cause(0)->example_count, 2);
	cr_assert_eq(number_of(cause(0)->examples[0].birth), 7);
	cr_assert_eq(number_of(cause(0)->examples[1].birth), 9);
}

Test(graph, the_links_of_a_cycle_are_a_ring_from_the_first_type_on)
{
	uint32_t first = new_stream(9, 1);
	uint32_t second = new_box(7, 1);
	const struct lr_link *links;

	hold(first, second, "owner");
	image_builder_edge(&builder, second, first, NULL, 24);
	make();
	links = cause(0)->detail->links;
	cr_assert_eq(cause(0)->detail->link_count, 2);
	cr_assert_eq(cause(0)->detail->links_left_out, 0);
	cr_assert_eq(number_of(links[0].from), 7);
	cr_assert_eq(number_of(links[0].to), 9);
	cr_assert_eq(links[0].member.name, 0);
	cr_assert_eq(links[0].member.offset, 24);
	cr_assert(links[0].is_found);
	cr_assert_eq(number_of(links[1].from), 9);
	cr_assert_str_eq(text(links[1].member.name), "owner");
	cr_assert_not(links[1].is_found);
}

Test(graph, a_reference_to_itself_is_a_cycle_of_one)
{
	uint32_t self = new_box(3, 1);

	hold(self, self, "next");
	make();
	cr_assert_eq(cause(0)->kind, LR_CAUSE_CYCLE);
	cr_assert_eq(cause(0)->members, 1);
	cr_assert_eq(cause(0)->detail->link_count, 1);
	cr_assert_eq(cause(0)->detail->links[0].from, cause(0)->detail->links[0].to);
}

static void new_pair(uint64_t number, const char *member)
{
	uint32_t first = new_box(number, 1);
	uint32_t second = new_stream(number, 1);

	hold(first, second, "stream");
	hold(second, first, member);
}

Test(graph, cycles_of_one_shape_are_one_cause)
{
	for (uint64_t i = 312; i > 0; i--)
		new_pair(i, "owner");
	new_pair(1000, "parent");
	make();
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(cause(0)->roots + cause(1)->roots, 313);
	cr_assert_eq(cause(0)->objects + cause(1)->objects, 626);
	cr_assert_neq(cause(0)->shape, cause(1)->shape);
}

Test(graph, the_cycle_that_is_told_is_the_first_born)
{
	static const uint64_t numbers[] = { 9, 4, 7 };

	for (size_t i = 0; i < 3; i++)
		new_pair(numbers[i], "owner");
	make();
	cr_assert_eq(number_of(cause(0)->examples[0].birth), 4);
	cr_assert_eq(cause(0)->example_count, 2);
	cr_assert_eq(number_of(cause(0)->detail->links[0].from), 4);
	cr_assert_eq(number_of(cause(0)->detail->links[1].from), 4);
}

Test(graph, a_shape_does_not_depend_on_records_types_ids_or_order)
{
	struct image_builder other;
	struct lr_findings of_other;
	uint32_t first, second;

	new_pair(1, "owner");
	make();
	image_builder_init(&other);
	image_builder_type(&other, "padding", 1);
	image_builder_text(&other, "more padding");
	second = image_builder_object(&other, image_builder_type(&other, "stream", 9), 5, 0, 1);
	first = image_builder_object(&other, image_builder_type(&other, "box", 9), 8, 0, 1);
	image_builder_edge(&other, second, first, "owner", 32);
	image_builder_edge(&other, first, second, "stream", 40);
	lr_findings_make(&of_other, &other.image, &(struct lr_findings_options){ 0 });
	cr_assert_eq(of_other.causes[0].shape, cause(0)->shape);
	lr_findings_free(&of_other);
	image_builder_finish(&other);
}

/* Two boxes that hold each other by a member without a name; a box has @size bytes. */
static uint64_t shape_of_boxes(uint64_t size, uint32_t offset)
{
	struct image_builder pair;
	struct lr_findings of_pair;
	uint32_t type, first, second;
	uint64_t shape;

	image_builder_init(&pair);
	type = image_builder_type(&pair, "box", 9);
	((struct lr_type_entry *)(uintptr_t)lr_image_type(&pair.image, type))->size = size;
	first = image_builder_object(&pair, type, 1, 0, 1);
	second = image_builder_object(&pair, type, 2, 0, 1);
	image_builder_edge(&pair, first, second, NULL, offset);
	image_builder_edge(&pair, second, first, NULL, offset);
	lr_findings_make(&of_pair, &pair.image, &(struct lr_findings_options){ 0 });
	cr_assert_eq(of_pair.cause_count, 1);
	shape = of_pair.causes[0].shape;
	lr_findings_free(&of_pair);
	image_builder_finish(&pair);
	return shape;
}

Test(graph, sizes_and_offsets_are_in_the_lower_half_of_a_shape_alone)
{
	uint64_t shape = shape_of_boxes(32, 8);

	cr_assert_eq(shape_of_boxes(32, 8), shape);
	cr_assert_neq(shape_of_boxes(40, 8), shape);
	cr_assert_neq(shape_of_boxes(32, 16), shape);
	cr_assert_eq(shape_of_boxes(40, 8) >> 32, shape >> 32);
	cr_assert_eq(shape_of_boxes(32, 16) >> 32, shape >> 32);
}

Test(graph, names_of_members_are_in_both_halves_of_a_shape)
{
	new_pair(1, "owner");
	new_pair(2, "parent");
	make();
	cr_assert_neq(cause(0)->shape >> 32, cause(1)->shape >> 32);
	cr_assert_neq((uint32_t)cause(0)->shape, (uint32_t)cause(1)->shape);
}

Test(graph, a_cycle_keeps_what_hangs_on_it)
{
	uint32_t first = new_box(1, 1);
	uint32_t second = new_box(2, 1);

	hold(first, second, "next");
	hold(second, first, "next");
	for (uint64_t i = 1; i <= 14; i++)
		hold(second, new_stream(i, 1), "queue");
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->objects, 16);
	cr_assert_eq(cause(0)->members, 2);
	cr_assert_eq(cause(0)->detail->kept_count, 1);
	cr_assert_eq(cause(0)->detail->kept[0].objects, 14);
	cr_assert_eq(cause(0)->detail->links_left_out, 0);
}

Test(graph, references_from_outside_to_a_cycle_are_counted)
{
	uint32_t first = new_box(1, 3);
	uint32_t second = new_box(2, 1);

	hold(first, second, "next");
	hold(second, first, "next");
	make();
	cr_assert_eq(cause(0)->kind, LR_CAUSE_CYCLE);
	cr_assert_eq(cause(0)->references, 2);
}

Test(graph, a_cycle_that_a_leak_holds_stays_when_that_is_mended_and_is_a_cause)
{
	uint32_t root = new_box(1, 1);
	uint32_t first = new_stream(1, 2);
	uint32_t second = new_stream(2, 1);

	hold(root, first, "stream");
	hold(first, second, "next");
	hold(second, first, "previous");
	make();
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(cause(0)->kind, LR_CAUSE_LEAK);
	cr_assert_eq(cause(0)->objects, 1);
	cr_assert_eq(cause(1)->kind, LR_CAUSE_CYCLE);
	cr_assert_eq(cause(1)->objects, 2);
	cr_assert_eq(cause(1)->also_held, 1);
}

Test(graph, a_pointer_to_the_parent_that_is_no_reference_makes_no_cycle_of_what_is_held)
{
	uint32_t root = new_box(1, 1);
	uint32_t parent = new_stream(1, 1);
	uint32_t child = new_stream(2, 1);

	hold(root, parent, "stream");
	hold(parent, child, "child");
	image_builder_edge(&builder, child, parent, NULL, 16);
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->kind, LR_CAUSE_LEAK);
	cr_assert_eq(cause(0)->objects, 3);
}

Test(graph, of_a_cycle_with_shortcuts_the_shortest_way_around_is_told)
{
	uint32_t nodes[10];

	for (uint32_t i = 0; i < 10; i++)
		nodes[i] = new_box(i + 1, i == 0 ? 2 : 1);
	for (uint32_t i = 0; i < 10; i++)
		hold(nodes[i], nodes[(i + 1) % 10], "next");
	hold(nodes[2], nodes[0], "first");
	make();
	cr_assert_eq(cause(0)->detail->link_count, 3);
	cr_assert_eq(cause(0)->detail->links_left_out, 8);
	cr_assert_str_eq(text(cause(0)->detail->links[2].member.name), "first");
}

Test(graph, of_a_large_ring_the_first_links_are_told)
{
	uint32_t nodes[100];

	for (uint32_t i = 0; i < 100; i++)
		nodes[i] = new_box(i + 1, 1);
	for (uint32_t i = 0; i < 100; i++)
		hold(nodes[i], nodes[(i + 1) % 100], "next");
	make();
	cr_assert_eq(cause(0)->members, 100);
	cr_assert_eq(cause(0)->detail->link_count, LR_LINKS_MAX);
	cr_assert_eq(cause(0)->detail->links_left_out, 100 - LR_LINKS_MAX);
	for (uint32_t i = 0; i < LR_LINKS_MAX; i++) {
		cr_assert_eq(number_of(cause(0)->detail->links[i].from), i + 1);
		cr_assert_eq(number_of(cause(0)->detail->links[i].to), i + 2);
		cr_assert_str_eq(text(cause(0)->detail->links[i].member.name), "next");
	}
}

/*
 * Details of what is kept.
 */

Test(graph, what_is_kept_is_told_by_type_with_the_member_that_holds_the_most)
{
	uint32_t timer = image_builder_type(&builder, "timer", 9);
	uint32_t root = new_box(1, 1);
	uint32_t inner = new_stream(1, 1);
	const struct lr_kept *kept;

	hold(root, inner, "stream");
	for (uint64_t i = 1; i <= 3; i++) {
		uint32_t id = image_builder_object(&builder, timer, i, 0, 1);

		hold(i < 3 ? inner : root, id, i < 3 ? "timers" : "timer");
	}
	make();
	kept = cause(0)->detail->kept;
	cr_assert_eq(cause(0)->detail->kept_count, 2);
	cr_assert_str_eq(name_of(kept[0].type), "timer");
	cr_assert_eq(kept[0].objects, 3);
	cr_assert_eq(kept[0].bytes, 3 * 64);
	cr_assert_str_eq(name_of(kept[0].owner), "stream");
	cr_assert_str_eq(text(kept[0].member.name), "timers");
	cr_assert_str_eq(name_of(kept[1].type), "stream");
	cr_assert_str_eq(name_of(kept[1].owner), "box");
}

Test(graph, of_many_kept_types_the_largest_are_told_and_ties_are_in_order_of_names)
{
	uint32_t root = new_box(1, 1);
	const struct lr_detail *detail;

	for (char last = 'a' + LR_KEPT_MAX + 1, c = last; c >= 'a'; c--) {
		const char name[] = { c, '\0' };
		uint32_t type = image_builder_type(&builder, name, 9);

		hold(root, image_builder_object(&builder, type, 1, 0, 1), "any");
		if (c == 'd')
			hold(root, image_builder_object(&builder, type, 2, 0, 1), "any");
	}
	make();
	detail = cause(0)->detail;
	cr_assert_eq(detail->kept_count, LR_KEPT_MAX);
	cr_assert_str_eq(name_of(detail->kept[0].type), "d");
	cr_assert_str_eq(name_of(detail->kept[1].type), "a");
	cr_assert_str_eq(name_of(detail->kept[2].type), "b");
	cr_assert_str_eq(name_of(detail->kept[3].type), "c");
	cr_assert_eq(detail->kept_others, 2);
}

Test(graph, a_leak_that_keeps_nothing_has_no_details)
{
	new_box(1, 1);
	make();
	cr_assert_null(cause(0)->detail);
}

Test(graph, causes_that_are_not_shown_have_no_details)
{
	hold(new_box(1, 1), new_stream(1, 1), "stream");
	make();
	cr_assert_not_null(cause(0)->detail);
	new_stream(2, 1);
	make();
	lr_findings_choose(&findings, 1);
	cr_assert_not_null(cause(0)->detail);
	cr_assert_null(cause(1)->detail);
}

Test(graph, sizes_are_those_that_the_check_saw)
{
	uint32_t id = new_box(1, 1);
	struct lr_look *look;

	look = (void *)(uintptr_t)lr_image_at(&builder.image, LR_LOOKS, 0);
	look->size = 5000;
	cr_assert_eq(look->record, id);
	make();
	cr_assert_eq(cause(0)->bytes, 5000);
	cr_assert_eq(findings.bytes, 5000);
}

/*
 * Patterns of types.
 */

Test(graph, patterns_take_a_cause_for_what_it_keeps)
{
	uint32_t timer = image_builder_type(&builder, "timer", 9);

	hold(new_box(1, 1), new_stream(1, 1), "stream");
	image_builder_object(&builder, timer, 1, 0, 1);
	make_with((struct lr_findings_options){ .type_globs = "str*" });
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_str_eq(name_of(cause(0)->type), "box");
	cr_assert_eq(cause(0)->objects, 2);
	cr_assert_eq(findings.objects, 2);
	cr_assert_eq(cause(0)->detail->kept[0].objects, 1);
}

Test(graph, patterns_take_a_cycle_for_any_of_its_objects)
{
	new_pair(1, "owner");
	make_with((struct lr_findings_options){ .type_globs = "stream" });
	cr_assert_eq(findings.cause_count, 1);
	make_with((struct lr_findings_options){ .type_globs = "other" });
	cr_assert_eq(findings.cause_count, 0);
	cr_assert_eq(findings.objects, 0);
}

/*
 * Images that lie.
 */

Test(graph, edges_and_looks_of_what_is_not_there_do_no_harm)
{
	static const uint32_t ids[] = { 0, 3, 8192, 8193, UINT32_MAX };
	struct lr_look *look;

	new_box(1, 1);
	new_box(2, 1);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		hold(1, ids[i], "next");
		hold(ids[i], 1, "next");
		hold(ids[i], ids[i], "next");
		look = image_builder_add(&builder, LR_LOOKS, NULL);
		look->record = ids[i];
		look->count = 1;
	}
	make();
	cr_assert_eq(findings.objects, 2);
	cr_assert_eq(cause(0)->references, 2);
}

Test(graph, the_name_of_a_member_that_is_not_there_does_no_harm)
{
	struct lr_edge *edge;

	new_pair(1, "owner");
	for (uint64_t i = 0; i < 2; i++) {
		edge = (void *)(uintptr_t)lr_image_at(&builder.image, LR_EDGES, i);
		edge->how = UINT32_MAX;
	}
	make();
	cr_assert_eq(cause(0)->kind, LR_CAUSE_CYCLE);
	cr_assert_eq(cause(0)->detail->link_count, 2);
}

Test(graph, two_looks_at_one_object_are_one)
{
	struct lr_look *look;

	new_box(1, 1);
	look = image_builder_add(&builder, LR_LOOKS, NULL);
	*look = (struct lr_look){
		.record = 1,
		.birth = lr_look_birth(record(1)->birth),
		.count = 77,
	};
	make();
	cr_assert_eq(cause(0)->references, 1);
	cr_assert_eq(findings.objects, 1);
}

Test(graph, more_edges_than_references_are_no_forgotten_ones)
{
	uint32_t root = new_box(1, 1);
	uint32_t held = new_stream(1, 1);

	for (int i = 0; i < 1000; i++)
		hold(root, held, "stream");
	make();
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(cause(0)->objects, 2);
}
