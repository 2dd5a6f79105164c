/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an image to findings: what is grouped, what is left out, and in which order.
 */
#include "analyze/findings.h"

#include "tests/support/image_builder.h"

#include <criterion/criterion.h>
#include <string.h>

static struct image_builder builder;
static struct lr_findings findings;

static void begin(void)
{
	image_builder_init(&builder);
}

static void end(void)
{
	lr_findings_free(&findings);
	image_builder_finish(&builder);
}

TestSuite(findings, .init = begin, .fini = end);

static void make(struct lr_findings_options options)
{
	cr_assert_eq(lr_findings_make(&findings, &builder.image, &options), 0);
}

static const char *group_type(size_t group)
{
	const struct lr_type_entry *type = lr_image_type(&builder.image, findings.causes[group].type);

	return lr_image_text(&builder.image, type->name, NULL);
}

Test(findings, an_empty_image_has_none)
{
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.objects, 0);
	cr_assert_eq(findings.cause_count, 0);
	cr_assert_not(findings.incomplete);
}

Test(findings, objects_of_one_type_and_site_are_one_group)
{
	uint32_t type = image_builder_type(&builder, "box", 10);
	uint32_t site = image_builder_site(&builder, "/prog", 0x100, 0);

	for (uint64_t i = 1; i <= 5; i++)
		image_builder_record(&builder, type, i, site, LR_STATE_ALIVE);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.cause_count, 1);
	cr_assert_eq(findings.causes[0].objects, 5);
	cr_assert_eq(findings.causes[0].bytes, 5 * 64);
	cr_assert_eq(findings.objects, 5);
	cr_assert_eq(findings.bytes, 5 * 64);
}

Test(findings, the_dead_and_the_free_are_left_out)
{
	uint32_t type = image_builder_type(&builder, "box", 10);

	image_builder_record(&builder, type, 1, 0, LR_STATE_DEAD);
	image_builder_record(&builder, type, 2, 0, LR_STATE_FREE);
	image_builder_record(&builder, type, 3, 0, LR_STATE_ALIVE);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(findings.causes[0].examples[0].birth & LR_BIRTH_NUMBER_MASK, 3);
}

Test(findings, the_examples_are_the_first_born)
{
	uint32_t type = image_builder_type(&builder, "box", 10);
	static const uint64_t numbers[] = { 9, 4, 7, 2, 8 };

	for (size_t i = 0; i < 5; i++)
		image_builder_record(&builder, type, numbers[i], 0, LR_STATE_ALIVE);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.causes[0].example_count, 3);
	cr_assert_eq(findings.causes[0].examples[0].birth & LR_BIRTH_NUMBER_MASK, 2);
	cr_assert_eq(findings.causes[0].examples[1].birth & LR_BIRTH_NUMBER_MASK, 4);
	cr_assert_eq(findings.causes[0].examples[2].birth & LR_BIRTH_NUMBER_MASK, 7);
}

Test(findings, groups_are_sorted_by_type_name_and_not_by_who_came_first)
{
	uint32_t stream = image_builder_type(&builder, "stream", 1);
	uint32_t box = image_builder_type(&builder, "box", 1);

	image_builder_record(&builder, stream, 1, 0, LR_STATE_ALIVE);
	image_builder_record(&builder, box, 2, 0, LR_STATE_ALIVE);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_str_eq(group_type(0), "box");
	cr_assert_str_eq(group_type(1), "stream");
}

static void set_size(uint32_t type, uint64_t size, uint64_t name_hash)
{
	struct lr_type_entry *entry =
		(struct lr_type_entry *)(uintptr_t)lr_image_type(&builder.image, type);

	entry->size = size;
	entry->name_hash = name_hash;
}

Test(findings, of_two_types_with_one_name_the_smaller_comes_first)
{
	uint32_t large = image_builder_type(&builder, "box", 1);
	uint32_t small = image_builder_type(&builder, "box", 1);

	set_size(large, 32, 1);
	set_size(small, 16, 2);
	image_builder_record(&builder, large, 1, 0, LR_STATE_ALIVE);
	image_builder_record(&builder, small, 2, 0, LR_STATE_ALIVE);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(findings.causes[0].type, small);
	cr_assert_eq(findings.causes[1].type, large);
}

Test(findings, sites_that_read_alike_are_one_group)
{
	uint32_t type = image_builder_type(&builder, "box", 2);
	uint32_t first = image_builder_site(&builder, "/prog", 0x100, 0);
	uint32_t second = image_builder_site(&builder, "/prog", 0x100, 0);
	uint32_t other = image_builder_site(&builder, "/prog", 0x200, 0);

	image_builder_record(&builder, type, 1, first, LR_STATE_ALIVE);
	image_builder_record(&builder, type, 2, second, LR_STATE_ALIVE);
	image_builder_record(&builder, type, 3, other, LR_STATE_ALIVE);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.cause_count, 2);
	cr_assert_eq(findings.causes[0].objects, 2);
	cr_assert_eq(findings.causes[1].objects, 1);
}

Test(findings, an_object_inside_its_destructor_is_told_with_the_site_of_its_last_unref)
{
	uint32_t type = image_builder_type(&builder, "box", 1);
	uint32_t site = image_builder_site(&builder, "/prog", 0x100, 0);

	image_builder_record(&builder, type, 1, 0, LR_STATE_DYING | site);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(findings.causes[0].dying, 1);
	cr_assert_eq(findings.causes[0].dying_site, site);
	cr_assert(findings.causes[0].examples[0].dying);
}

Test(findings, of_two_objects_at_one_address_the_older_was_freed_without_its_last_unref)
{
	uint32_t type = image_builder_type(&builder, "box", 2);

	image_builder_record(&builder, type, 1, 0, LR_STATE_ALIVE)->object = ~UINT64_C(0x1000);
	image_builder_record(&builder, type, 2, 0, LR_STATE_ALIVE)->object = ~UINT64_C(0x1000);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.overwritten, 1);
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(findings.causes[0].examples[0].birth & LR_BIRTH_NUMBER_MASK, 2);
}

Test(findings, memory_of_a_dying_object_may_be_anothers_already)
{
	uint32_t type = image_builder_type(&builder, "box", 2);

	image_builder_record(&builder, type, 1, 0, LR_STATE_DYING)->object = ~UINT64_C(0x1000);
	image_builder_record(&builder, type, 2, 0, LR_STATE_ALIVE)->object = ~UINT64_C(0x1000);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.overwritten, 0);
	cr_assert_eq(findings.objects, 2);
	cr_assert_eq(findings.causes[0].dying, 1);
}

Test(findings, an_object_inside_its_destructor_stands_in_nobodys_place)
{
	uint32_t type = image_builder_type(&builder, "box", 2);

	image_builder_record(&builder, type, 2, 0, LR_STATE_DYING)->object = ~UINT64_C(0x1000);
	image_builder_record(&builder, type, 1, 0, LR_STATE_ALIVE)->object = ~UINT64_C(0x1000);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.overwritten, 0);
	cr_assert_eq(findings.objects, 2);
}

Test(findings, objects_of_two_types_at_one_address_are_two)
{
	uint32_t outer = image_builder_type(&builder, "outer", 1);
	uint32_t inner = image_builder_type(&builder, "inner", 1);

	image_builder_record(&builder, outer, 1, 0, LR_STATE_ALIVE)->object = ~UINT64_C(0x1000);
	image_builder_record(&builder, inner, 1, 0, LR_STATE_ALIVE)->object = ~UINT64_C(0x1000);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.overwritten, 0);
	cr_assert_eq(findings.objects, 2);
}

Test(findings, what_was_reported_is_counted_or_left_out_as_asked)
{
	uint32_t type = image_builder_type(&builder, "box", 2);

	image_builder_record(&builder, type, 1, 0, LR_STATE_ALIVE | LR_ALIVE_REPORTED);
	image_builder_record(&builder, type, 2, 0, LR_STATE_ALIVE);
	make((struct lr_findings_options){ .skip_reported = true });
	cr_assert_eq(findings.objects, 1);
	cr_assert_eq(findings.reported, 1);
	lr_findings_free(&findings);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.objects, 2);
}

Test(findings, what_was_reported_and_is_gone_was_released)
{
	uint32_t type = image_builder_type(&builder, "box", 3);

	builder.header.counters[LR_REPORTED] = 3;
	image_builder_record(&builder, type, 1, 0, LR_STATE_ALIVE | LR_ALIVE_REPORTED);
	image_builder_record(&builder, type, 2, 0, LR_STATE_ALIVE);
	make((struct lr_findings_options){ .skip_reported = true });
	cr_assert_eq(findings.reported, 1);
	cr_assert_eq(findings.released, 2);
	lr_findings_free(&findings);
	make((struct lr_findings_options){ .type_globs = "box" });
	cr_assert_eq(findings.released, 0);
}

Test(findings, globs_choose_types)
{
	image_builder_record(&builder, image_builder_type(&builder, "net.route", 1), 1, 0,
			     LR_STATE_ALIVE);
	image_builder_record(&builder, image_builder_type(&builder, "box", 1), 2, 0, LR_STATE_ALIVE);
	make((struct lr_findings_options){ .type_globs = "x,net.*" });
	cr_assert_eq(findings.objects, 1);
	cr_assert_str_eq(group_type(0), "net.route");
}

Test(findings, a_record_of_no_known_type_is_left_out)
{
	image_builder_record(&builder, 4711, 1, 0, LR_STATE_ALIVE);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.objects, 0);
}

Test(findings, a_site_that_is_not_there_does_no_harm)
{
	uint32_t type = image_builder_type(&builder, "box", 2);

	image_builder_record(&builder, type, 1, 4711, LR_STATE_ALIVE);
	image_builder_record(&builder, type, 2, LR_SITE_ID_MAX, LR_STATE_ALIVE);
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.objects, 2);
}

Test(findings, a_site_that_is_its_own_caller_does_not_hang)
{
	uint32_t type = image_builder_type(&builder, "box", 2);

	for (uint32_t site = 1; site <= 2; site++) {
		cr_assert_eq(image_builder_site(&builder, "/prog", 0x100, site), site);
		image_builder_record(&builder, type, site, site, LR_STATE_ALIVE);
	}
	make((struct lr_findings_options){ 0 });
	cr_assert_eq(findings.objects, 2);
}

Test(findings, the_largest_groups_are_chosen)
{
	uint32_t type = image_builder_type(&builder, "box", 20);
	uint64_t number = 0;

	for (uint32_t i = 0; i < 5; i++) {
		uint32_t site = image_builder_site(&builder, "/prog", 0x100 * (i + 1), 0);

		for (uint32_t objects = 0; objects <= (i * 3) % 5; objects++)
			image_builder_record(&builder, type, ++number, site, LR_STATE_ALIVE);
	}
	make((struct lr_findings_options){ 0 });
	lr_findings_choose(&findings, 2);
	for (size_t i = 0; i < findings.cause_count; i++)
		cr_assert_eq(findings.causes[i].shown, findings.causes[i].objects >= 4);
	lr_findings_choose(&findings, 0);
	for (size_t i = 0; i < findings.cause_count; i++)
		cr_assert(findings.causes[i].shown);
}

Test(findings, the_totals_tell_born_and_live)
{
	uint32_t type = image_builder_type(&builder, "box", 12);

	image_builder_record(&builder, type, 1, 0, LR_STATE_ALIVE);
	make((struct lr_findings_options){ .want_types = true });
	cr_assert_eq(findings.type_count, 1);
	cr_assert_eq(findings.types[0].born, 12);
	cr_assert_eq(findings.types[0].live, 1);
}
