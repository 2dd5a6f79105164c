/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of many processes: what is one entry, what it sums up, and what suppressions and baselines take out.
 */
#include "tests/support/reports.h"

TestSuite(report, .init = begin, .fini = end);

Test(report, one_cause_in_two_processes_is_one_entry_with_their_sums)
{
	leak(0, "box", 0x100, 2);
	leak(1, "box", 0x100, 3);
	cr_assert(add(0));
	cr_assert_not(add(1));
	lr_report_total(&report);
	cr_assert_eq(report.count, 1);
	cr_assert_eq(report.entries[0].sums.objects, 5);
	cr_assert_eq(report.entries[0].sums.roots, 5);
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
	cr_assert_eq(report.entries[0].sums.objects, 3);
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
	cr_assert_eq(lr_report_find(&report, second)->sums.objects, 110);
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
	cr_assert_eq(lr_report_find(&report, fingerprint)->sums.objects, first);
	cr_assert_eq(lr_report_find(&report, fingerprint + 1)->sums.objects, second);
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

/* Without a build-id the size and the time of the file tell which build it is. */
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
		cr_assert_eq(report.entries[0].sums.objects, 1);
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
