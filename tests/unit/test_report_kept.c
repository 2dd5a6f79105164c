/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of many processes: what causes keep, and what is hidden with them: by suppressions, by baselines, and because it was
 * reported before.
 */
#include "tests/support/reports.h"

TestSuite(report_kept, .init = begin, .fini = end);

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
Test(report_kept, what_is_kept_is_added_up_over_processes)
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

Test(report_kept, types_that_one_process_alone_keeps_have_their_names)
{
	leak_keeper(0, "a", 6, "b", 5);
	leak_keeper(1, "c", 4, "d", 3);
	leak_keeper(2, "e", 2, "f", 1);
	object(3, "box", 1);
	for (int i = 0; i < PROCESSES; i++)
		add(i);
	for (int again = 0; again < 2; again++) {
		lr_report_total(&report);
		cr_assert_eq(report.entries[0].sums.objects, 6 + 5 + 4 + 3 + 2 + 1 + 4);
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

Test(report_kept, the_largest_type_that_is_kept_is_told_in_whatever_order_processes_come)
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

Test(report_kept, who_holds_the_most_is_told_as_the_owner)
{
	leak_held_by(0, "few", 3);
	leak_held_by(1, "many", 4);
	add(0);
	add(1);
	lr_report_total(&report);
	cr_assert_str_eq(owner_of_the_streams(), "many");
}

Test(report_kept, of_owners_that_hold_as_many_the_first_by_name_is_told)
{
	leak_held_by(0, "beta", 3);
	leak_held_by(1, "alpha", 3);
	leak_keeper(2, "stream", 1, "timer", 0);
	for (int i = 0; i < 3; i++)
		add(i);
	lr_report_total(&report);
	cr_assert_str_eq(owner_of_the_streams(), "alpha");
}

Test(report_kept, what_a_suppressed_cause_keeps_is_not_added_up)
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

Test(report_kept, what_only_suppressed_causes_keep_together_is_suppressed)
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

Test(report_kept, a_cycle_is_suppressed_by_the_type_of_any_of_its_objects)
{
	suppress("^stream$");
	leak_cycle();
	add(0);
	expect_sums(0, 2, 0);
	cr_assert_eq(suppression.causes, 1);
}

Test(report_kept, a_cycle_is_suppressed_by_the_birth_of_any_of_its_objects)
{
	suppress("^/bin/other$");
	leak_cycle();
	add(0);
	expect_sums(0, 2, 0);
}

/* A third leak is told, and keeps none of what the others keep together. */
Test(report_kept, what_only_suppressed_causes_keep_is_suppressed_beside_a_leak_that_is_told)
{
	uint32_t known[2];

	find_fingerprints(known);
	suppress("^crate$");
	know(&known[0], 1);
	object(0, "other", 1);
	add(0);
	expect_sums(1, 1, 1 + 2);
}

Test(report_kept, what_one_told_cause_keeps_too_is_told)
{
	suppress("^box$");
	leak_shared(0);
	add(0);
	expect_sums(1 + 2, 1, 0);
	cr_assert_eq(report.shared, 2);
}

Test(report_kept, what_only_known_causes_keep_is_known)
{
	uint32_t known[2];

	find_fingerprints(known);
	know(known, 2);
	add(0);
	expect_sums(0, 0, 2 + 2);
}

Test(report_kept, another_process_tells_nothing_of_what_suppressed_causes_keep)
{
	suppress("f.c");
	leak_shared(0);
	add(0);
	leak(1, "crate", 0x900, 1);
	add(1);
	expect_sums(1, 4, 0);
}

/* The sums of bytes count each object once. */
Test(report_kept, shared_objects_have_their_bytes_in_no_cause)
{
	leak_shared(0);
	add(0);
	expect_sums(4, 0, 0);
	cr_assert_eq(report.left_out_bytes, 0);
	cr_assert_eq(report.shared_bytes, 2 * 64);
}

Test(report_kept, misuse_is_bad_whatever_is_suppressed)
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

Test(report_kept, a_leak_has_the_fingerprint_that_it_has_beside_what_was_reported_before)
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

Test(report_kept, what_was_reported_before_is_in_no_figure)
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

Test(report_kept, a_process_of_which_all_was_reported_before_has_no_entries)
{
	report_by_itself(0, object_at(0, "box", 0x100, 1));
	report_by_itself(0, object_at(0, "box", 0x200, 1));
	add_new_ones(0);
	cr_assert_eq(report.count, 0);
	cr_assert_eq(report.processes_with, 0);
}

Test(report_kept, what_was_reported_and_keeps_a_new_object_has_its_fingerprint)
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
