/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suppressions: the lines of a file, the patterns, and what of a cause they are compared with.
 */
#include "analyze/suppressions.h"

#include "tests/support/image_builder.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct lr_suppression all[8];
static unsigned int line;

static long parse(const char *text)
{
	long count = lr_suppressions_parse(text, strlen(text), NULL, &line);

	if (count >= 0)
		cr_assert_eq(lr_suppressions_parse(text, strlen(text), all, &line), count);
	return count;
}

static bool matches(const char *pattern, const char *name)
{
	const struct lr_suppression one = { .pattern = pattern, .length = strlen(pattern) };

	return lr_suppression_matches(&one, name);
}

Test(suppressions, blank_lines_and_comments_are_none)
{
	cr_assert_eq(parse(""), 0);
	cr_assert_eq(parse("\n# leak:no\n \t\r\n"), 0);
}

Test(suppressions, a_line_is_leak_and_a_pattern)
{
	cr_assert_eq(parse("# of the vendor\r\n  leak:conn_open  \r\nleak: a b"), 2);
	cr_assert_eq(all[0].length, 9);
	cr_assert_eq(strncmp(all[0].pattern, "conn_open", 9), 0);
	cr_assert_eq(all[0].line, 2);
	cr_assert_eq(strncmp(all[1].pattern, "a b", 3), 0);
	cr_assert_eq(all[1].line, 3);
}

Test(suppressions, another_kind_and_an_empty_pattern_are_refused_with_their_line)
{
	cr_assert_eq(parse("leak:a\nrace:b\n"), -EINVAL);
	cr_assert_eq(line, 2);
	cr_assert_eq(parse("\n\nleak:\n"), -EINVAL);
	cr_assert_eq(line, 3);
	cr_assert_eq(parse("leak:   "), -EINVAL);
	cr_assert_eq(parse("leak"), -EINVAL);
	cr_assert_eq(lr_suppressions_parse("leak:a\0b", 8, NULL, &line), -EINVAL);
}

Test(suppressions, a_pattern_that_matches_every_name_is_refused_with_its_line)
{
	cr_assert_eq(parse("leak:a\nleak:^\n"), -EINVAL);
	cr_assert_eq(line, 2);
	cr_assert_eq(parse("leak:$"), -EINVAL);
	cr_assert_eq(parse("leak:*"), -EINVAL);
	cr_assert_eq(parse("leak: ^**$ \r\n"), -EINVAL);
	cr_assert_eq(parse("leak:^a*$\nleak:.\n"), 2);
}

Test(suppressions, a_pattern_is_looked_for_anywhere)
{
	cr_assert(matches("open", "conn_open_all"));
	cr_assert(matches("conn", "conn"));
	cr_assert_not(matches("open", "conn_ope"));
	cr_assert_not(matches("Open", "conn_open"));
}

Test(suppressions, marks_stand_for_the_ends)
{
	cr_assert(matches("^conn", "conn_open"));
	cr_assert_not(matches("^open", "conn_open"));
	cr_assert(matches("open$", "conn_open"));
	cr_assert_not(matches("conn$", "conn_open"));
	cr_assert(matches("^conn$", "conn"));
	cr_assert_not(matches("^conn$", "connn"));
	cr_assert(matches("conn$", "connconn"));
}

Test(suppressions, a_star_is_any_text)
{
	cr_assert(matches("c*n_o*n", "my_conn_open"));
	cr_assert(matches("^c*n$", "conn_open"));
	cr_assert_not(matches("^c*x$", "conn_open"));
	cr_assert(matches("*", ""));
	cr_assert(matches("^*$", "anything"));
	cr_assert(matches("a*b*c$", "aXbXcXbXc"));
	cr_assert_not(matches("a**b", "acc"));
}

Test(suppressions, many_stars_end)
{
	char name[4001];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cr_assert_not(matches("^a*a*a*a*a*a*a*a*a*a*a*ab$", name));
}

static void resolve(void *context, const struct lr_address *address, lr_frame_emit emit,
		    void *emit_context)
{
	static const struct lr_frame inner = { "conn_open", "/home/user/net/src/net.c", 5, 0 };
	static const struct lr_frame generated = { "conn_ref_init", "/usr/include/conn.h", 3, 0 };
	static const struct lr_frame main_frame = { "main", "/home/user/net/tests/main.c", 7, 0 };
	static const struct lr_frame start = { "__libc_start_main", NULL, 0, 0 };

	(void)context;
	switch (address->offset + 1) {
	case 0x100:
		emit(&inner, emit_context);
		break;
	case 0x200:
		emit(&generated, emit_context);
		break;
	case 0x300:
		emit(&main_frame, emit_context);
		break;
	case 0x400:
		emit(&start, emit_context);
		break;
	}
}

static const struct lr_symbolizer symbolizer = { .resolve = resolve };

/* Does the pattern find the cause conn, born in conn_open() in libnet.so, called by main() of prog? */
static bool finds(const char *pattern)
{
	struct lr_suppression one[] = { { .pattern = pattern, .length = strlen(pattern) } };
	struct image_builder builder;
	struct lr_birthplace place;
	uint32_t site;
	bool found;

	image_builder_init(&builder);
	site = image_builder_site(&builder, "/lib/libc.so.6", 0x400, 0);
	site = image_builder_site(&builder, "/bin/prog", 0x300, site);
	site = image_builder_site(&builder, "/lib/unknown.so", 0x900, site);
	site = image_builder_site(&builder, "/lib/libnet.so", 0x100, site);
	place.site = image_builder_site(&builder, "/lib/libnet.so", 0x200, site);
	place.type = image_builder_type(&builder, "conn", 1);
	found = lr_suppressions_find(one, 1, &builder.image, "lr-1c0ffee5", &place, 1, &symbolizer);
	image_builder_finish(&builder);
	return found;
}

Test(suppressions, a_cause_is_found_by_type_or_fingerprint)
{
	cr_assert(finds("^conn$"));
	cr_assert(finds("lr-1c0ffee5"));
	cr_assert_not(finds("lr-1c0ffee6"));
}

Test(suppressions, a_cause_is_found_by_function_file_or_module_of_a_frame)
{
	cr_assert(finds("conn_open"));
	cr_assert(finds("^main$"));
	cr_assert(finds("^net.c$"));
	cr_assert(finds("/net/src/"));
	cr_assert(finds("libnet.so"));
	cr_assert(finds("^/bin/prog$"));
	cr_assert(finds("unknown.so"));
}

Test(suppressions, generated_functions_and_what_called_main_do_not_count)
{
	cr_assert_not(finds("conn_ref_init"));
	cr_assert_not(finds("libc.so"));
	cr_assert_not(finds("__libc_start_main"));
}
