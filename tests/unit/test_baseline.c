/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Baselines: which lines are causes, which are nothing, and which are wrong.
 */
#include "analyze/baseline.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct lr_known known[8];
static unsigned int line;

static long parse(const char *text)
{
	long count = lr_baseline_parse(text, strlen(text), NULL, &line);

	if (count >= 0)
		cr_assert_eq(lr_baseline_parse(text, strlen(text), known, &line), count);
	return count;
}

static void assert_refused(const char *text, unsigned int expected)
{
	cr_assert_eq(parse(text), -EINVAL, "%s", text);
	cr_assert_eq(line, expected, "%u", line);
}

Test(baseline, nothing_and_comments_are_no_causes)
{
	cr_assert_eq(parse(""), 0);
	cr_assert_eq(parse("\n\n"), 0);
	cr_assert_eq(parse("# lr-00000001\n  \t\r\n   # more"), 0);
}

Test(baseline, a_cause_is_a_fingerprint_and_words)
{
	cr_assert_eq(parse("# known\nlr-1c0ffee5 leak conn 3 net.c: conn_open\r\n  lr-00000001\n"),
		     2);
	cr_assert_eq(known[0].fingerprint, 0x1c0ffee5);
	cr_assert_eq(known[0].line, 2);
	cr_assert_eq(known[0].length, strlen("leak conn 3 net.c: conn_open"));
	cr_assert_eq(strncmp(known[0].words, "leak conn 3 net.c: conn_open", known[0].length), 0);
	cr_assert_eq(known[1].fingerprint, 1);
	cr_assert_eq(known[1].line, 3);
	cr_assert_eq(known[1].length, 0);
}

Test(baseline, the_last_line_needs_no_end)
{
	cr_assert_eq(parse("lr-00000001 leak"), 1);
	cr_assert_eq(parse("lr-00000001"), 1);
}

Test(baseline, what_is_no_fingerprint_is_refused_with_its_line)
{
	assert_refused("lr-1c0ffee", 1);
	assert_refused("\nlr-1c0ffee5x", 2);
	assert_refused("lr-1C0FFEE5", 1);
	assert_refused("lr-00000001\n<<<<<<< HEAD\n", 2);
	assert_refused("leak conn", 1);
	assert_refused("LR-00000001", 1);
}
