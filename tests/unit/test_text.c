/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as text, from images made by hand: what it says, what it leaves out and says so, and that foreign bytes cannot break it.
 */
#include "export/text.h"

#include "tests/support/image_builder.h"

#include <criterion/criterion.h>
#include <string.h>

static struct image_builder builder;
static struct lr_text_options options;
static char text[64 * 1024];

static void begin(void)
{
	image_builder_init(&builder);
}

static void end(void)
{
	image_builder_finish(&builder);
}

TestSuite(text, .init = begin, .fini = end);

/* Knows 0x100 as inner(), inlined in outer(), 0x200 as main(), and 0x300 as a function that the template made. */
static void resolve(void *context, const struct lr_address *address, lr_frame_emit emit,
		    void *emit_context)
{
	static const struct lr_frame inner = { "inner", "/src/a.c", 5, 0 };
	static const struct lr_frame outer = { "outer", "/src/a.c", 9, 0 };
	static const struct lr_frame main_frame = { "main", "/src/main.c", 77, 0 };
	static const struct lr_frame generated = { "box_ref_init", "/src/box.h", 3, 0 };

	(void)context;
	if (address->offset == 0x100 - 1) {
		emit(&inner, emit_context);
		emit(&outer, emit_context);
	} else if (address->offset == 0x200 - 1) {
		emit(&main_frame, emit_context);
	} else if (address->offset == 0x300 - 1) {
		emit(&generated, emit_context);
	}
}

static const struct lr_symbolizer symbolizer = { .resolve = resolve };

static const char *write_report(void)
{
	struct lr_findings_options asked = { .want_types = options.types };
	struct lr_findings findings;
	struct lr_report report;
	struct lr_sink sink;

	cr_assert_eq(lr_findings_make(&findings, &builder.image, &asked), 0);
	lr_findings_choose(&findings, 0);
	lr_report_init(&report);
	lr_report_add(&report, &findings, &symbolizer);
	lr_report_total(&report);
	lr_report_choose(&report, options.all ? 0 : 10);
	memset(text, 0, sizeof(text));
	lr_sink_init_memory(&sink, text, sizeof(text) - 1);
	lr_text_report(&sink, &report, &findings, &options, &symbolizer);
	lr_report_finish(&report);
	lr_findings_free(&findings);
	return text;
}

static void assert_says(const char *words)
{
	cr_assert_not_null(strstr(text, words), "not '%s': %s", words, text);
}

static uint32_t leak(const char *name, uint64_t number, uint32_t site)
{
	uint32_t type = image_builder_type(&builder, name, number);

	image_builder_record(&builder, type, number, site, LR_STATE_ALIVE);
	return type;
}

Test(text, nothing_leaked_is_one_line)
{
	cr_assert_str_eq(write_report(), "lastref: no leaks\n");
}

Test(text, the_total_comes_first_and_the_object_is_named)
{
	leak("box", 17, 0);
	write_report();
	cr_assert_eq(strncmp(text, "lastref: 1 object leaked, 64 B, 1 cause\n", 40), 0, "%s", text);
	assert_says("LEAK 1 of 1  [lr-0b9a41ad]  1 box  64 B\n");
	assert_says("  SUCH AS  box#17\n");
	assert_says("  BORN AT  (stack not known)\n");
}

Test(text, a_stack_is_one_line_with_inlined_frames_and_ends_at_main)
{
	uint32_t start = image_builder_site(&builder, "/lib/libc.so.6", 0x900, 0);
	uint32_t main_site = image_builder_site(&builder, "/bin/prog", 0x200, start);

	leak("box", 1, image_builder_site(&builder, "/bin/prog", 0x100, main_site));
	write_report();
	assert_says("  BORN AT  a.c:5 inner < a.c:9 outer < main.c:77 main\n");
}

Test(text, what_the_template_made_is_left_out_of_a_stack)
{
	uint32_t main_site = image_builder_site(&builder, "/bin/prog", 0x200, 0);

	leak("box", 1, image_builder_site(&builder, "/bin/prog", 0x300, main_site));
	write_report();
	assert_says("  BORN AT  main.c:77 main\n");
}

Test(text, a_stack_of_nothing_but_what_the_template_made_is_shown)
{
	leak("box", 1, image_builder_site(&builder, "/bin/prog", 0x300, 0));
	write_report();
	assert_says("  BORN AT  box.h:3 box_ref_init\n");
}

Test(text, stacks_of_one_frame_have_their_reason)
{
	builder.header.counters[LR_NO_UNWINDER] = LR_NO_UNWIND_TABLE;
	write_report();
	assert_says("note: stacks are one frame deep: this program has no unwind table");
	builder.header.counters[LR_NO_UNWINDER] = LR_NO_UNWINDER_BUILT;
	write_report();
	assert_says("note: stacks are one frame deep: lastref walks them on x86_64 only\n");
}

Test(text, an_address_without_a_symbol_is_module_and_offset)
{
	leak("box", 1, image_builder_site(&builder, "/bin/prog", 0x1234, 0));
	write_report();
	assert_says("  BORN AT  prog+0x1233\n");
}

Test(text, a_stack_that_was_cut_says_so)
{
	uint32_t site = image_builder_site(&builder, "/bin/prog", 0x100, 0);

	((struct lr_site *)(uintptr_t)lr_image_site(&builder.image, site))->flags |= LR_SITE_CUT;
	leak("box", 1, site);
	write_report();
	assert_says("a.c:9 outer < ...\n");
}

Test(text, a_site_that_is_its_own_caller_does_not_hang)
{
	leak("box", 1, image_builder_site(&builder, "/bin/prog", 0x100, 1));
	write_report();
	assert_says("inner");
	cr_assert_lt(strlen(text), 4000);
}

Test(text, addresses_are_shown_only_if_asked_for)
{
	leak("box", 1, 0);
	write_report();
	cr_assert_null(strstr(text, "0x40"));
	options.addresses = true;
	write_report();
	assert_says("box#1 at 0x40");
}

Test(text, what_is_not_shown_is_counted)
{
	uint32_t type = image_builder_type(&builder, "box", 100);

	for (uint32_t i = 1; i <= 12; i++) {
		uint32_t site = image_builder_site(&builder, "/bin/prog", 0x1000 * i, 0);

		image_builder_record(&builder, type, i, site, LR_STATE_ALIVE);
	}
	write_report();
	assert_says("Not shown: 2 smaller leaks with 2 objects");
	options.all = true;
	write_report();
	cr_assert_null(strstr(text, "Not shown"));
	assert_says("LEAK 12 of 12");
}

Test(text, a_type_name_of_10_kb_is_cut_and_no_control_byte_comes_through)
{
	char name[10 * 1024 + 1];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(name, "a\033[31m\n", 7);
	leak(name, 1, 0);
	write_report();
	assert_says("a\\x1b[31m\\x0annnn");
	cr_assert_null(strchr(text, '\033'));
	cr_assert_lt(strlen(text), 2000);
}

Test(text, a_note_is_shown_with_its_object)
{
	uint32_t type = leak("box", 3, 0);
	struct lr_note *note = image_builder_add(&builder, LR_NOTES, NULL);

	note->birth = (uint64_t)type << LR_BIRTH_NUMBER_BITS | 3;
	note->count = 2;
	note->size = 2048;
	note->text = image_builder_text(&builder, "\"/etc/hosts\"");
	note->flags = LR_NOTE_COUNT | LR_NOTE_SIZE | LR_NOTE_DESCRIBED;
	write_report();
	assert_says("box#3 \"/etc/hosts\"  2 KB  (reference count of 2 instead of 0)\n");
}

/* A note of box#3, which leaked. */
static struct lr_note *note_of_a_leak(void)
{
	uint32_t type = leak("box", 3, 0);
	struct lr_note *note = image_builder_add(&builder, LR_NOTES, NULL);

	note->birth = (uint64_t)type << LR_BIRTH_NUMBER_BITS | 3;
	return note;
}

Test(text, a_count_of_0_is_not_told_as_0_instead_of_0)
{
	note_of_a_leak()->flags = LR_NOTE_COUNT;
	write_report();
	assert_says("box#3  (no references, but still registered)\n");
	cr_assert_null(strstr(text, "instead of 0"), "%s", text);
}

Test(text, an_entry_at_rest_is_said_to_rest_in_its_cache)
{
	note_of_a_leak()->flags = LR_NOTE_COUNT | LR_NOTE_AT_REST;
	write_report();
	assert_says("box#3  (at rest in its cache, never evicted)\n");
}

Test(text, a_description_that_faulted_says_so_after_what_is_known)
{
	struct lr_note *note = note_of_a_leak();

	note->count = 1;
	note->flags = LR_NOTE_COUNT | LR_NOTE_FAULTED;
	write_report();
	assert_says("box#3  (reference count of 1 instead of 0)  (describing it failed: ");
}

Test(text, what_was_reported_and_released_is_not_told_as_no_leaks)
{
	builder.header.counters[LR_REPORTED] = 1;
	cr_assert_str_eq(
		write_report(),
		"lastref: 1 object was reported by a check that the program called, and released since; nothing new\n");
	builder.header.counters[LR_REPORTED] = 2;
	builder.header.counters[LR_MISUSES] = 1;
	write_report();
	assert_says("lastref: 2 objects were reported by a check that the program called, and ");
	assert_says("note: 1 misuse was reported when it happened\n");
}

/* A snapshot is bad where the process misused counts, or released what it had reported: whatever lives. */
Test(text, a_snapshot_in_which_nothing_lives_says_what_was_reported_before)
{
	options.about = LR_TEXT_LIVE;
	cr_assert_str_eq(write_report(), "lastref: nothing lives\n");
	builder.header.counters[LR_MISUSES] = 2;
	builder.header.counters[LR_REPORTED] = 1;
	cr_assert_str_eq(write_report(),
			 "lastref: nothing lives\n"
			 "note: 1 object was reported by a check that the program called, and released since\n"
			 "note: 2 misuses were reported when they happened\n");
}

Test(text, a_misuse_without_a_leak_is_told_once)
{
	builder.header.counters[LR_MISUSES] = 1;
	cr_assert_str_eq(write_report(), "lastref: 1 misuse, reported when it happened; no leaks\n");
	leak("box", 1, 0);
	write_report();
	assert_says("note: 1 misuse was reported when it happened\n");
}

Test(text, looks_that_fit_no_object_are_not_passed_over_in_silence)
{
	uint32_t type = image_builder_type(&builder, "box", 2);
	uint32_t first = image_builder_object(&builder, type, 1, 0, 1);
	struct lr_look *look;

	image_builder_edge(&builder, first, image_builder_object(&builder, type, 2, 0, 1), "next", 8);
	write_report();
	cr_assert_null(strstr(text, "could not be looked at"), "%s", text);
	for (uint64_t i = 0; i < 2; i++) {
		look = (struct lr_look *)(uintptr_t)lr_image_at(&builder.image, LR_LOOKS, i);
		look->birth++;
	}
	write_report();
	assert_says("note: holders could not be looked at: what the file says of them does not fit ");
	/* A check that was killed before it gave its looks their records. */
	for (uint64_t i = 0; i < 2; i++) {
		look = (struct lr_look *)(uintptr_t)lr_image_at(&builder.image, LR_LOOKS, i);
		look->record = 0;
	}
	write_report();
	cr_assert_null(strstr(text, "could not be looked at"), "%s", text);
}

Test(text, a_note_that_points_nowhere_does_no_harm)
{
	uint32_t type = leak("box", 3, 0);
	struct lr_note *note = image_builder_add(&builder, LR_NOTES, NULL);

	note->birth = (uint64_t)type << LR_BIRTH_NUMBER_BITS | 3;
	note->text = 0xfffffff0;
	note->flags = LR_NOTE_DESCRIBED;
	write_report();
	assert_says("box#3\n");
}

Test(text, no_leaks_is_not_claimed_where_objects_were_lost)
{
	builder.header.counters[LR_LOST_OBJECTS] = 1234;
	write_report();
	assert_says("lastref: no leaks known, but see the notes\n");
	assert_says("note: 1,234 objects could not be registered for lack of memory");
}

Test(text, an_image_that_ends_early_says_so)
{
	builder.image.cut_short = true;
	write_report();
	assert_says("the file ends early");
}

Test(text, colors_come_only_if_asked_for)
{
	leak("box", 1, 0);
	write_report();
	cr_assert_null(strchr(text, '\033'));
	options.color = true;
	write_report();
	cr_assert_not_null(strchr(text, '\033'));
}

Test(text, the_table_of_types_is_sorted_by_name)
{
	leak("zebra", 5, 0);
	leak("ant", 7, 0);
	options.types = true;
	write_report();
	cr_assert_not_null(strstr(text, "ant "));
	cr_assert_lt(strstr(text, "ant "), strstr(text, "zebra "));
}

/*
 * Causes.
 */

Test(text, what_nobody_holds_and_keeps_others_is_no_forgotten_reference)
{
	uint32_t entry = image_builder_type(&builder, "entry", 100);
	uint32_t leaf = image_builder_type(&builder, "leaf", 100);
	uint32_t at_rest = image_builder_object(&builder, entry, 1, 0, 0);

	image_builder_edge(&builder, at_rest, image_builder_object(&builder, leaf, 1, 0, 1), "leaf",
			   8);
	write_report();
	assert_says("  1 object that nobody holds keeps 2 objects (128 B) alive\n");
	assert_says("  Destroy it and all 2 go. Independent leaks left after that: 0\n");
	cr_assert_null(strstr(text, "leaked reference"), "%s", text);
}

Test(text, a_forgotten_reference_is_told_with_what_it_keeps)
{
	uint32_t box = image_builder_type(&builder, "box", 100);
	uint32_t leaf = image_builder_type(&builder, "leaf", 100);
	uint32_t root = image_builder_object(&builder, box, 1, 0, 1);

	for (uint64_t i = 1; i <= 3; i++)
		image_builder_edge(&builder, root, image_builder_object(&builder, leaf, i, 0, 1),
				   "leaves", 8);
	leak("other", 1, 0);
	write_report();
	assert_says("lastref: 5 objects leaked, 320 B, 2 causes\n");
	assert_says("  1 leaked reference keeps 4 objects (256 B) alive\n");
	assert_says("  ROOT     box#1\n");
	assert_says("  KEEPS    3 leaf, through box.leaves\n");
	assert_says("  Fix this one reference and all 4 go. Independent leaks left after that: 1\n");
	assert_says(
		"note: 1 object was not looked at: who holds it, and whom it holds, is not known\n");
}

Test(text, a_root_that_another_leak_holds_too_does_not_go_alone)
{
	uint32_t box = image_builder_type(&builder, "box", 100);
	uint32_t leaf = image_builder_type(&builder, "leaf", 100);
	uint32_t first = image_builder_object(&builder, box, 1, 0, 1);

	image_builder_edge(&builder, first, image_builder_object(&builder, leaf, 1, 0, 2), "leaf", 8);
	write_report();
	assert_says("  1 root is held by other leaks as well, and goes when those are mended too\n");
}

Test(text, what_two_causes_keep_together_is_in_no_block)
{
	uint32_t box = image_builder_type(&builder, "box", 100);
	uint32_t leaf = image_builder_type(&builder, "leaf", 100);
	uint32_t one = image_builder_object(&builder, box, 1, 0, 1);
	uint32_t other = image_builder_object(&builder, box, 2,
					      image_builder_site(&builder, "/p", 0x200, 0), 1);
	uint32_t both = image_builder_object(&builder, leaf, 1, 0, 2);

	image_builder_edge(&builder, one, both, "leaf", 8);
	image_builder_edge(&builder, other, both, "leaf", 8);
	write_report();
	assert_says("LEAK 2 of 2");
	assert_says(
		"note: 1 object is kept by several of these leaks together, and goes with the last of them\n");
}

Test(text, a_cycle_found_in_memory_says_so_and_names_offsets)
{
	uint32_t box = image_builder_type(&builder, "box", 100);
	uint32_t one = image_builder_object(&builder, box, 1, 0, 1);
	uint32_t other = image_builder_object(&builder, box, 2, 0, 2);

	image_builder_edge(&builder, one, other, NULL, 0x18);
	image_builder_edge(&builder, other, one, NULL, 0x20);
	write_report();
	assert_says("CYCLE 1 of 1");
	assert_says("  2 objects hold each other, and 1 reference from outside was forgotten too\n");
	assert_says("  box#1 +0x18 --> box#2\n  box#2 +0x20 --> box#1   <- closes the cycle\n");
	assert_says("  These references were found in the memory of the objects;");
}

Test(text, an_object_may_hold_itself)
{
	uint32_t box = image_builder_type(&builder, "box", 100);
	uint32_t one = image_builder_object(&builder, box, 1, 0, 1);

	image_builder_edge(&builder, one, one, "self", 8);
	write_report();
	assert_says("  1 object holds itself and nobody else holds it\n");
}
