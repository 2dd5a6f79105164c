/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of many processes: what is one entry, what it sums up, and what suppressions and baselines take out.
 */
#include "analyze/report.h"

#include "tests/support/image_builder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 4

static struct image_builder processes[PROCESSES];
static struct lr_findings findings[PROCESSES];
static struct lr_report report;

static void begin(void)
{
	for (int i = 0; i < PROCESSES; i++)
		image_builder_init(&processes[i]);
	lr_report_init(&report);
}

static void end(void)
{
	lr_report_finish(&report);
	for (int i = 0; i < PROCESSES; i++) {
		lr_findings_free(&findings[i]);
		image_builder_finish(&processes[i]);
	}
}

TestSuite(report, .init = begin, .fini = end);

/* Every address is in f(), at line offset / 16; but 0x900 is without a name. */
static void resolve(void *context, const struct lr_address *address, lr_frame_emit emit,
		    void *emit_context)
{
	const struct lr_frame frame = { "f", "/src/f.c", (unsigned int)(address->offset + 1) / 16, 0 };

	(void)context;
	if (address->offset + 1 != 0x900)
		emit(&frame, emit_context);
}

static const struct lr_symbolizer symbolizer = { .resolve = resolve };

/* @count objects of a type in one process, born at @offset. */
static void leak(int process, const char *type_name, uint64_t offset, uint64_t count)
{
	static uint64_t number;
	struct image_builder *builder = &processes[process];
	uint32_t type = image_builder_type(builder, type_name, count);
	uint32_t site = image_builder_site(builder, "/bin/prog", offset, 0);

	for (uint64_t i = 0; i < count; i++)
		image_builder_record(builder, type, ++number, site, LR_STATE_ALIVE);
}

static bool add(int process)
{
	const struct lr_findings_options options = { .want_types = false };

	cr_assert_eq(lr_findings_make(&findings[process], &processes[process].image, &options), 0);
	lr_findings_choose(&findings[process], 0);
	return lr_report_add(&report, &findings[process], &symbolizer);
}

static struct lr_suppression suppression;

static void suppress(const char *pattern)
{
	suppression = (struct lr_suppression){ .pattern = pattern, .length = strlen(pattern) };
	report.suppressions = &suppression;
	report.suppression_count = 1;
}

Test(report, one_cause_in_two_processes_is_one_entry_with_their_sums)
{
	leak(0, "box", 0x100, 2);
	leak(1, "box", 0x100, 3);
	cr_assert(add(0));
	cr_assert_not(add(1));
	lr_report_total(&report);
	cr_assert_eq(report.count, 1);
	cr_assert_eq(report.entries[0].objects, 5);
	cr_assert_eq(report.entries[0].roots, 5);
	cr_assert_eq(report.entries[0].processes, 2);
	cr_assert_eq(report.causes, 1);
	cr_assert_eq(report.objects, 5);
	cr_assert_eq(report.processes, 2);
	cr_assert_eq(report.processes_with, 2);
}

Test(report, another_type_is_another_entry)
{
	leak(0, "box", 0x100, 1);
	leak(1, "crate", 0x100, 1);
	cr_assert(add(0));
	cr_assert(add(1));
	lr_report_total(&report);
	cr_assert_eq(report.count, 2);
}

Test(report, a_process_without_leaks_counts_and_is_not_referred_to)
{
	leak(0, "box", 0x100, 1);
	add(0);
	cr_assert_not(add(1));
	lr_report_total(&report);
	cr_assert_eq(report.processes, 2);
	cr_assert_eq(report.processes_with, 1);
}

Test(report, two_calls_in_one_function_are_two_entries)
{
	leak(0, "box", 0x100, 1);
	leak(0, "box", 0x200, 1);
	add(0);
	lr_report_total(&report);
	cr_assert_eq(report.count, 2);
	cr_assert_neq(report.entries[0].fingerprint, report.entries[1].fingerprint);
}

/* A compiler makes code twice: where it unrolls a loop, or puts a function into two others. */
Test(report, two_addresses_of_one_line_are_one_entry)
{
	leak(0, "box", 0x101, 1);
	leak(0, "box", 0x109, 2);
	add(0);
	lr_report_total(&report);
	cr_assert_eq(report.count, 1);
	cr_assert_eq(report.entries[0].objects, 3);
	cr_assert_eq(report.entries[0].processes, 1);
}

Test(report, calls_without_lines_are_told_apart_by_address)
{
	leak(0, "box", 0x900, 1);
	add(0);
	leak(1, "box", 0x900, 1);
	add(1);
	lr_report_total(&report);
	cr_assert_eq(report.count, 1);
}

Test(report, the_second_of_two_calls_finds_its_entry_by_its_line)
{
	uint32_t second;

	leak(0, "box", 0x100, 1);
	leak(0, "box", 0x200, 10);
	add(0);
	lr_report_total(&report);
	second = report.entries[1].fingerprint;
	leak(1, "box", 0x200, 100);
	add(1);
	lr_report_total(&report);
	cr_assert_eq(report.count, 2);
	cr_assert_eq(lr_report_find(&report, second)->objects, 110);
}

Test(report, moved_lines_do_not_make_another_entry)
{
	leak(0, "box", 0x100, 1);
	leak(1, "box", 0x300, 1);
	add(0);
	add(1);
	lr_report_total(&report);
	cr_assert_eq(report.count, 1);
	cr_assert_eq(report.entries[0].processes, 2);
}

/* Processes of one build: what is at two lines of it are two. */
static void build(int process, const char *id)
{
	struct lr_module *module =
		(struct lr_module *)(uintptr_t)lr_image_module(&processes[process].image, 1);

	cr_assert_not_null(module);
	module->build_id_size = (uint32_t)strlen(id);
	memcpy(module->build_id, id, strlen(id));
}

/* What the report says, whatever the order of the processes. */
static void expect_two_entries(uint64_t first, uint64_t second)
{
	uint32_t fingerprint;

	lr_report_total(&report);
	cr_assert_eq(report.count, 2);
	fingerprint = report.entries[0].fingerprint < report.entries[1].fingerprint ?
			      report.entries[0].fingerprint :
			      report.entries[1].fingerprint;
	cr_assert_eq(lr_report_find(&report, fingerprint)->objects, first);
	cr_assert_eq(lr_report_find(&report, fingerprint + 1)->objects, second);
}

/* Three processes have 1 and 10 objects of two calls, 100 of the second, and 1,000 of the first, and come in any order. */
static void in_all_orders(const char *build_id)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	leak(0, "box", 0x100, 1);
	leak(0, "box", 0x200, 10);
	leak(1, "box", 0x200, 100);
	leak(2, "box", 0x100, 1000);
	for (int i = 0; i < 3 && build_id; i++)
		build(i, build_id);
	for (int i = 0; i < 6; i++) {
		for (int j = 0; j < 3; j++)
			add(orders[i][j]);
		expect_two_entries(1001, 110);
		lr_report_finish(&report);
		for (int j = 0; j < 3; j++)
			lr_findings_free(&findings[j]);
		lr_report_init(&report);
	}
}

Test(report, the_order_of_processes_has_no_part_in_what_is_one_entry)
{
	in_all_orders(NULL);
}

Test(report, the_order_of_processes_of_one_build_has_none_either)
{
	in_all_orders("build");
}

Test(report, two_lines_of_one_build_are_two_entries_though_no_process_has_both)
{
	leak(0, "box", 0x100, 1);
	leak(1, "box", 0x300, 10);
	build(0, "build");
	build(1, "build");
	add(0);
	add(1);
	expect_two_entries(1, 10);
}

/* Without a build-id the size and the time of the file tell which build it is. */
/* The same line in two builds, and another line in one of them. */
static void expect_two_lines(const char *of_both, const char *of_one)
{
	const char *builds[] = { of_both, of_one, of_one };

	for (int i = 0; i < 3; i++) {
		leak(i, "box", i < 2 ? 0x100 : 0x200, 1);
		build(i, builds[i]);
		add(i);
	}
	expect_two_entries(2, 1);
}

Test(report, two_lines_of_one_build_are_two_entries_though_another_has_the_first)
{
	expect_two_lines("aaaa", "bbbb");
}

Test(report, two_lines_of_one_build_are_two_entries_whichever_build_compares_lower)
{
	expect_two_lines("bbbb", "aaaa");
}

/* What takes a step for each pair, or worse, does not end. */
Test(report, very_many_births_in_one_function_are_told_apart_in_time, .timeout = 30)
{
	for (int i = 0; i < 20000; i++)
		leak(0, "box", 0x1000 + 16 * (uint64_t)i, 1);
	add(0);
	lr_report_total(&report);
	cr_assert_eq(report.count, 20000);
}

static void build_without_id(int process, uint64_t modified)
{
	build(process, "");
	((struct lr_module *)(uintptr_t)lr_image_module(&processes[process].image, 1))->stamp =
		(struct lr_file_stamp){ .size = 4096, .modified = modified };
}

Test(report, two_lines_of_one_file_without_build_id_are_two_entries)
{
	leak(0, "box", 0x100, 1);
	leak(1, "box", 0x300, 10);
	leak(2, "box", 0x400, 100);
	build_without_id(0, 7);
	build_without_id(1, 7);
	build_without_id(2, 8);
	for (int i = 0; i < 3; i++)
		add(i);
	lr_report_total(&report);
	cr_assert_eq(report.count, 2);
}

Test(report, two_lines_of_two_builds_are_one_entry)
{
	leak(0, "box", 0x100, 1);
	leak(1, "box", 0x300, 10);
	build(0, "build");
	build(1, "other");
	cr_assert(add(0));
	cr_assert_not(add(1));
	lr_report_total(&report);
	cr_assert_eq(report.count, 1);
	cr_assert_eq(report.entries[0].processes, 2);
}

/* Two addresses of 0x900 and 0x910 may be one line: the number after the first is that of another cause then. */
static void resolve_without_lines(void *context, const struct lr_address *address,
				  lr_frame_emit emit, void *emit_context)
{
	const struct lr_frame frame = { .function = "f" };

	(void)context;
	(void)address;
	emit(&frame, emit_context);
}

Test(report, without_lines_the_second_of_two_calls_has_no_neighbors_number)
{
	static const struct lr_symbolizer no_lines = { .resolve = resolve_without_lines };
	uint32_t first;

	leak(0, "box", 0x100, 1);
	leak(0, "box", 0x200, 1);
	leak(0, "box", 0x300, 1);
	add(0);
	lr_report_total(&report);
	cr_assert_eq(report.count, 3);
	first = report.entries[0].fingerprint;
	cr_assert_not_null(lr_report_find(&report, first + 2));
	lr_report_finish(&report);
	lr_report_init(&report);
	lr_report_add(&report, &findings[0], &no_lines);
	lr_report_total(&report);
	cr_assert_eq(report.count, 3);
	cr_assert_eq(report.entries[0].fingerprint, first);
	cr_assert_null(lr_report_find(&report, first + 1));
	cr_assert_null(lr_report_find(&report, first + 2));
}

/* Both counted on the example of the first, and then a third has one of each of them. */
Test(report, every_entry_has_an_example_though_its_spots_counted_on_another)
{
	leak(0, "box", 0x300, 1);
	leak(1, "box", 0x400, 1);
	leak(2, "box", 0x100, 1);
	leak(2, "box", 0x300, 1);
	leak(3, "box", 0x400, 1);
	leak(3, "box", 0x500, 1);
	for (int i = 0; i < PROCESSES; i++)
		add(i);
	lr_report_total(&report);
	for (size_t i = 0; i < report.count; i++)
		cr_assert_not_null(report.entries[i].cause);
}

Test(report, many_entries_are_found_again)
{
	char name[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "type%d", i);
		leak(0, name, 0x100, 1);
		leak(1, name, 0x100, 1);
	}
	add(0);
	cr_assert_not(add(1));
	lr_report_total(&report);
	cr_assert_eq(report.count, 1000);
	for (size_t i = 0; i < report.count; i++) {
		cr_assert_eq(report.entries[i].processes, 2);
		cr_assert_eq(lr_report_find(&report, report.entries[i].fingerprint),
			     &report.entries[i]);
	}
	cr_assert_null(lr_report_find(&report, 1));
}

Test(report, a_suppressed_entry_is_counted_apart)
{
	suppress("^box$");
	leak(0, "box", 0x100, 2);
	leak(0, "crate", 0x100, 1);
	add(0);
	lr_report_total(&report);
	cr_assert_eq(report.suppressed, 2);
	cr_assert_eq(report.objects, 1);
	cr_assert_eq(report.causes, 1);
	cr_assert_eq(suppression.causes, 1);
	cr_assert(lr_report_is_bad(&report));
}

/* One cause in two programs, of which the suppression names one. */
static void leak_of_two_programs(void)
{
	uint32_t type = image_builder_type(&processes[1], "box", 10);
	uint32_t site = image_builder_site(&processes[1], "/bin/other", 0x100, 0);

	leak(0, "box", 0x100, 1);
	for (uint64_t i = 0; i < 10; i++)
		image_builder_record(&processes[1], type, 5000 + i, site, LR_STATE_ALIVE);
}

Test(report, what_is_suppressed_in_one_process_is_taken_out_of_the_sums_of_its_entry)
{
	for (int first = 0; first < 2; first++) {
		suppress("^/bin/other$");
		if (first == 0)
			leak_of_two_programs();
		add(first);
		add(!first);
		lr_report_total(&report);
		cr_assert_eq(report.count, 1);
		cr_assert_null(report.entries[0].suppression);
		cr_assert_eq(report.entries[0].objects, 1);
		cr_assert_eq(report.entries[0].processes, 1);
		cr_assert_eq(report.entries[0].findings, &findings[0]);
		cr_assert_eq(report.objects, 1);
		cr_assert_eq(report.suppressed, 10);
		cr_assert_eq(report.processes_with, 1);
		cr_assert_eq(suppression.causes, 1);
		lr_report_finish(&report);
		lr_findings_free(&findings[0]);
		lr_findings_free(&findings[1]);
		lr_report_init(&report);
	}
}

Test(report, an_entry_of_which_all_causes_are_suppressed_is_suppressed)
{
	suppress("/bin/");
	leak_of_two_programs();
	add(0);
	add(1);
	lr_report_total(&report);
	cr_assert_eq(report.entries[0].suppression, &suppression);
	cr_assert_eq(report.entries[0].processes, 2);
	cr_assert_eq(report.suppressed, 11);
	cr_assert_eq(report.objects, 0);
}

Test(report, a_suppressed_fingerprint_is_that_of_the_entry)
{
	char text[LR_FINGERPRINT_TEXT];

	leak(0, "box", 0x100, 1);
	leak(0, "box", 0x200, 10);
	add(0);
	lr_report_total(&report);
	lr_report_fingerprint(report.entries[1].fingerprint, text);
	suppress(text);
	lr_report_total(&report);
	cr_assert_eq(report.suppressed, 10);
	cr_assert_eq(report.objects, 1);
}

Test(report, nothing_but_suppressed_entries_is_not_bad)
{
	suppress("^box$");
	leak(0, "box", 0x100, 2);
	add(0);
	lr_report_total(&report);
	lr_report_choose(&report, 0);
	cr_assert_not(lr_report_is_bad(&report));
	cr_assert_not(report.entries[0].shown);
}

static uint32_t object_at(int process, const char *type_name, uint64_t offset, int32_t count)
{
	static uint64_t number = 1000;
	struct image_builder *builder = &processes[process];
	uint32_t type = image_builder_type(builder, type_name, 1);
	uint32_t site = image_builder_site(builder, "/bin/prog", offset, 0);

	return image_builder_object(builder, type, ++number, site, count);
}

/* An object of @type_name that a check looked at; its record, ordinal + 1. */
static uint32_t object(int process, const char *type_name, int32_t count)
{
	return object_at(process, type_name, 0x100, count);
}

static void hold(int process, uint32_t from, uint32_t to)
{
	image_builder_edge(&processes[process], from, to, "member", 0);
}

/* A box and a crate that hold two streams together, one of them by way of the other. */
static void leak_shared(int process)
{
	uint32_t shared = object(process, "stream", 2);

	hold(process, object(process, "box", 1), shared);
	hold(process, object(process, "crate", 1), shared);
	hold(process, shared, object(process, "stream", 1));
}

/* A box that keeps so many objects of each type. */
static void leak_keeper(int process, const char *type_a, int a, const char *type_b, int b)
{
	uint32_t box = object(process, "box", 1);

	for (int i = 0; i < a; i++)
		hold(process, box, object(process, type_a, 1));
	for (int i = 0; i < b; i++)
		hold(process, box, object(process, type_b, 1));
}

static const struct lr_keep_list *kept_by_the_first(void)
{
	const struct lr_keep_list *keeps = lr_report_keeps(&report, &report.entries[0]);

	cr_assert_not_null(keeps);
	return keeps;
}

static void expect_kept(uint32_t at, const char *type, uint64_t objects)
{
	const struct lr_keep *keep = &kept_by_the_first()->all[at];
	const struct lr_keep_name *name = &report.keeps.names[keep->name];

	cr_assert_str_eq(lr_image_text(name->image, lr_image_type(name->image, name->type)->name,
				       NULL),
			 type);
	cr_assert_eq(keep->objects, objects);
	cr_assert_eq(keep->bytes, 64 * objects);
}

/* The second process has other ids of types. */
Test(report, what_is_kept_is_added_up_over_processes)
{
	leak_keeper(0, "stream", 2, "timer", 1);
	leak_keeper(1, "timer", 4, "stream", 1);
	cr_assert(add(0));
	cr_assert_not(add(1));
	lr_report_total(&report);
	cr_assert_eq(report.count, 1);
	cr_assert_eq(kept_by_the_first()->count, 2);
	expect_kept(0, "timer", 5);
	expect_kept(1, "stream", 3);
}

Test(report, types_that_one_process_alone_keeps_have_their_names)
{
	leak_keeper(0, "a", 6, "b", 5);
	leak_keeper(1, "c", 4, "d", 3);
	leak_keeper(2, "e", 2, "f", 1);
	object(3, "box", 1);
	for (int i = 0; i < PROCESSES; i++)
		add(i);
	for (int again = 0; again < 2; again++) {
		lr_report_total(&report);
		cr_assert_eq(report.entries[0].objects, 6 + 5 + 4 + 3 + 2 + 1 + 4);
		cr_assert_eq(kept_by_the_first()->count, LR_KEEPS_SHOWN);
		expect_kept(0, "a", 6);
		expect_kept(3, "d", 3);
		cr_assert_eq(kept_by_the_first()->others, 2 + 1);
	}
}

/* A box that keeps @count objects of each of so many types. */
static void leak_keeper_of_kinds(int process, const char *prefix, int kinds, int count)
{
	uint32_t box = object(process, "box", 1);
	char name[32];

	for (int kind = 0; kind < kinds; kind++) {
		snprintf(name, sizeof(name), "%s%d", prefix, kind);
		for (int i = 0; i < count; i++)
			hold(process, box, object(process, name, 1));
	}
}

Test(report, the_largest_type_that_is_kept_is_told_in_whatever_order_processes_come)
{
	leak_keeper_of_kinds(0, "small", LR_KEPT_MAX, 1);
	leak_keeper(1, "large", 9, "middle", 3);
	add(0);
	add(1);
	for (int again = 0; again < 2; again++) {
		lr_report_total(&report);
		expect_kept(0, "large", 9);
		expect_kept(1, "middle", 3);
		expect_kept(2, "small0", 1);
		expect_kept(3, "small1", 1);
		cr_assert_eq(kept_by_the_first()->others, LR_KEPT_MAX - 2);
	}
}

/* A box that keeps a holder that holds @count streams. */
static void leak_held_by(int process, const char *holder_type, int count)
{
	uint32_t holder = object(process, holder_type, 1);

	hold(process, object(process, "box", 1), holder);
	for (int i = 0; i < count; i++)
		hold(process, holder, object(process, "stream", 1));
}

static const char *owner_of_the_streams(void)
{
	const struct lr_keep_name *name = &report.keeps.names[kept_by_the_first()->all[0].name];

	expect_kept(0, "stream", 7);
	return lr_image_text(name->image, lr_image_type(name->image, name->owner)->name, NULL);
}

Test(report, who_holds_the_most_is_told_as_the_owner)
{
	leak_held_by(0, "few", 3);
	leak_held_by(1, "many", 4);
	add(0);
	add(1);
	lr_report_total(&report);
	cr_assert_str_eq(owner_of_the_streams(), "many");
}

Test(report, of_owners_that_hold_as_many_the_first_by_name_is_told)
{
	leak_held_by(0, "beta", 3);
	leak_held_by(1, "alpha", 3);
	leak_keeper(2, "stream", 1, "timer", 0);
	for (int i = 0; i < 3; i++)
		add(i);
	lr_report_total(&report);
	cr_assert_str_eq(owner_of_the_streams(), "alpha");
}

Test(report, what_a_suppressed_cause_keeps_is_not_added_up)
{
	uint32_t type = image_builder_type(&processes[1], "box", 1);
	uint32_t site = image_builder_site(&processes[1], "/bin/other", 0x100, 0);
	uint32_t box = image_builder_object(&processes[1], type, 1, site, 1);

	suppress("^/bin/other$");
	hold(1, box, object(1, "stream", 1));
	leak_keeper(0, "stream", 2, "timer", 0);
	add(1);
	add(0);
	lr_report_total(&report);
	cr_assert_eq(report.count, 1);
	cr_assert_eq(report.suppressed, 2);
	expect_kept(0, "stream", 2);
}

static void know(uint32_t *fingerprints, size_t count)
{
	if (count == 2 && fingerprints[0] > fingerprints[1]) {
		uint32_t first = fingerprints[0];

		fingerprints[0] = fingerprints[1];
		fingerprints[1] = first;
	}
	report.known_fingerprints = fingerprints;
	report.known_fingerprint_count = count;
}

/* The fingerprints of the causes of leak_shared(): the box, the crate. */
static void find_fingerprints(uint32_t ret[2])
{
	leak_shared(0);
	add(0);
	lr_report_total(&report);
	cr_assert_eq(report.count, 2);
	ret[0] = report.entries[0].fingerprint;
	ret[1] = report.entries[1].fingerprint;
	lr_findings_free(&findings[0]);
	lr_report_finish(&report);
	lr_report_init(&report);
}

static void expect_sums(uint64_t objects, uint64_t suppressed, uint64_t known)
{
	lr_report_total(&report);
	cr_assert_eq(report.objects, objects);
	cr_assert_eq(report.bytes, 64 * objects);
	cr_assert_eq(report.suppressed, suppressed);
	cr_assert_eq(report.known, known);
	cr_assert_eq(lr_report_is_bad(&report), objects > 0);
	cr_assert_eq(report.processes_with, objects > 0);
}

Test(report, what_only_suppressed_causes_keep_together_is_suppressed)
{
	suppress("f.c");
	leak_shared(0);
	add(0);
	expect_sums(0, 4, 0);
}

/* A cycle of a box and a stream, its head and another, which was born in /bin/other. */
static void leak_cycle(void)
{
	struct image_builder *builder = &processes[0];
	uint32_t head = object(0, "box", 1);
	uint32_t other = image_builder_object(builder, image_builder_type(builder, "stream", 1), 1,
					      image_builder_site(builder, "/bin/other", 0x200, 0), 1);

	hold(0, head, other);
	hold(0, other, head);
}

Test(report, a_cycle_is_suppressed_by_the_type_of_any_of_its_objects)
{
	suppress("^stream$");
	leak_cycle();
	add(0);
	expect_sums(0, 2, 0);
	cr_assert_eq(suppression.causes, 1);
}

Test(report, a_cycle_is_suppressed_by_the_birth_of_any_of_its_objects)
{
	suppress("^/bin/other$");
	leak_cycle();
	add(0);
	expect_sums(0, 2, 0);
}

/* A third leak is told, and keeps none of what the others keep together. */
Test(report, what_only_suppressed_causes_keep_is_suppressed_beside_a_leak_that_is_told)
{
	uint32_t known[2];

	find_fingerprints(known);
	suppress("^crate$");
	know(&known[0], 1);
	object(0, "other", 1);
	add(0);
	expect_sums(1, 1, 1 + 2);
}

Test(report, what_one_told_cause_keeps_too_is_told)
{
	suppress("^box$");
	leak_shared(0);
	add(0);
	expect_sums(1 + 2, 1, 0);
	cr_assert_eq(report.shared, 2);
}

Test(report, what_only_known_causes_keep_is_known)
{
	uint32_t known[2];

	find_fingerprints(known);
	know(known, 2);
	add(0);
	expect_sums(0, 0, 2 + 2);
}

Test(report, another_process_tells_nothing_of_what_suppressed_causes_keep)
{
	suppress("f.c");
	leak_shared(0);
	add(0);
	leak(1, "crate", 0x900, 1);
	add(1);
	expect_sums(1, 4, 0);
}

/* The sums of bytes count each object once. */
Test(report, shared_objects_have_their_bytes_in_no_cause)
{
	leak_shared(0);
	add(0);
	expect_sums(4, 0, 0);
	cr_assert_eq(report.left_out_bytes, 0);
	cr_assert_eq(report.shared_bytes, 2 * 64);
}

Test(report, misuse_is_bad_whatever_is_suppressed)
{
	suppress("*");
	processes[0].header.counters[LR_MISUSES] = 1;
	leak(0, "box", 0x100, 1);
	add(0);
	lr_report_total(&report);
	cr_assert(lr_report_is_bad(&report));
}

/* It was told by an earlier check of its process. */
static void report_by_itself(int process, uint32_t record)
{
	struct lr_record *reported =
		(void *)(uintptr_t)lr_image_at(&processes[process].image, LR_RECORDS, record - 1);

	reported->state |= LR_ALIVE_REPORTED;
}

static void add_new_ones(int process)
{
	const struct lr_findings_options options = { .skip_reported = true };

	lr_findings_free(&findings[process]);
	cr_assert_eq(lr_findings_make(&findings[process], &processes[process].image, &options), 0);
	lr_findings_choose(&findings[process], 0);
	lr_report_add(&report, &findings[process], &symbolizer);
	lr_report_total(&report);
}

/* Return: that of the second of two calls, in a report of all. */
static uint32_t fingerprint_of_the_second(int process)
{
	uint32_t fingerprint;

	add(process);
	lr_report_total(&report);
	cr_assert_eq(report.count, 2);
	fingerprint = report.entries[1].fingerprint;
	lr_report_finish(&report);
	lr_report_init(&report);
	return fingerprint;
}

Test(report, a_leak_has_the_fingerprint_that_it_has_beside_what_was_reported_before)
{
	uint32_t fingerprint;
	uint32_t first = object_at(0, "box", 0x100, 1);

	object_at(0, "box", 0x200, 1);
	report_by_itself(0, first);
	fingerprint = fingerprint_of_the_second(0);
	add_new_ones(0);
	cr_assert_eq(report.count, 1);
	cr_assert_eq(report.entries[0].fingerprint, fingerprint);
}

Test(report, what_was_reported_before_is_in_no_figure)
{
	uint32_t first = object_at(0, "box", 0x100, 1);
	char text[LR_FINGERPRINT_TEXT];

	object_at(0, "box", 0x200, 1);
	report_by_itself(0, first);
	lr_report_fingerprint(fingerprint_of_the_second(0) - 1, text);
	suppress(text);
	add_new_ones(0);
	cr_assert_eq(report.causes, 1);
	cr_assert_eq(report.objects, 1);
	cr_assert_eq(report.suppressed, 0);
	cr_assert_eq(report.processes_with, 1);
	cr_assert_eq(report.entries[0].processes, 1);
	cr_assert_eq(suppression.causes, 0);
}

Test(report, a_process_of_which_all_was_reported_before_has_no_entries)
{
	report_by_itself(0, object_at(0, "box", 0x100, 1));
	report_by_itself(0, object_at(0, "box", 0x200, 1));
	add_new_ones(0);
	cr_assert_eq(report.count, 0);
	cr_assert_eq(report.processes_with, 0);
}

Test(report, what_was_reported_and_keeps_a_new_object_has_its_fingerprint)
{
	uint32_t first = object_at(0, "box", 0x100, 1);
	uint32_t second = object_at(0, "box", 0x200, 1);
	uint32_t fingerprint;

	report_by_itself(0, first);
	report_by_itself(0, second);
	hold(0, second, object(0, "stream", 1));
	fingerprint = fingerprint_of_the_second(0);
	add_new_ones(0);
	cr_assert_eq(report.count, 1);
	cr_assert_eq(report.entries[0].fingerprint, fingerprint);
}
