/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LASTREF variable: what is obeyed, what is refused, and that a refusal names what is wrong and what would be right.
 */
#include "format/settings.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>

static struct lr_settings settings;
static char message[512];

static int parse(const char *text)
{
	lr_settings_defaults(&settings);
	message[0] = '\0';
	return lr_settings_parse(&settings, text, message, sizeof(message));
}

static void assert_refused(const char *text, const char *what, const char *remedy)
{
	cr_assert_eq(parse(text), -EINVAL, "'%s' was taken", text);
	cr_assert_not_null(strstr(message, what), "'%s' does not say '%s'", message, what);
	cr_assert_not_null(strstr(message, remedy), "'%s' does not say '%s'", message, remedy);
	cr_assert_null(strchr(message, '\n'));
}

Test(settings, nothing_said_means_the_defaults)
{
	cr_assert_eq(parse(""), 0);
	cr_assert_eq(settings.leaks, LR_LEAKS_UNSET);
	cr_assert_eq(settings.stack_depth, LR_STACK_DEPTH_DEFAULT);
	cr_assert_eq(settings.exitcode, 0);
	cr_assert_eq(settings.settle, 0);
	cr_assert_str_empty(settings.output);
	cr_assert_str_empty(settings.types);
	cr_assert_str_empty(settings.log);
}

Test(settings, every_key_is_obeyed)
{
	cr_assert_eq(parse("leaks=panic:stack=7:output=/tmp/r:types=net.*,dentry:log=d*:exitcode=23:"
			   "settle=250"),
		     0);
	cr_assert_eq(settings.leaks, LR_LEAKS_PANIC);
	cr_assert_eq(settings.stack_depth, 7);
	cr_assert_eq(settings.exitcode, 23);
	cr_assert_eq(settings.settle, 250);
	cr_assert_str_eq(settings.output, "/tmp/r");
	cr_assert_str_eq(settings.types, "net.*,dentry");
	cr_assert_str_eq(settings.log, "d*");
}

Test(settings, leaks_is_off_warn_or_panic)
{
	cr_assert_eq(parse("leaks=off"), 0);
	cr_assert_eq(settings.leaks, LR_LEAKS_OFF);
	cr_assert_eq(parse("leaks=warn"), 0);
	cr_assert_eq(settings.leaks, LR_LEAKS_WARN);
	assert_refused("leaks=on", "leaks=on", "off, warn or panic");
	assert_refused("leaks=", "leaks=", "off, warn or panic");
	assert_refused("leaks=Warn", "leaks=Warn", "off, warn or panic");
}

Test(settings, the_last_of_a_repeated_key_counts)
{
	cr_assert_eq(parse("leaks=off:leaks=warn"), 0);
	cr_assert_eq(settings.leaks, LR_LEAKS_WARN);
}

Test(settings, empty_pairs_are_skipped)
{
	cr_assert_eq(parse("::leaks=warn::stack=5:"), 0);
	cr_assert_eq(settings.leaks, LR_LEAKS_WARN);
	cr_assert_eq(settings.stack_depth, 5);
}

Test(settings, an_escaped_colon_belongs_to_the_value)
{
	cr_assert_eq(parse("output=C\\:\\\\reports:leaks=warn"), 0);
	cr_assert_str_eq(settings.output, "C:\\reports");
	cr_assert_eq(settings.leaks, LR_LEAKS_WARN);
}

Test(settings, a_backslash_before_anything_else_stays)
{
	cr_assert_eq(parse("types=a\\*b"), 0);
	cr_assert_str_eq(settings.types, "a\\*b");
}

Test(settings, a_backslash_at_the_end_is_refused)
{
	assert_refused("leaks=warn:output=a\\", "output=a", "\\\\");
}

Test(settings, output_to_stderr_is_the_default)
{
	cr_assert_eq(parse("output=a:output=stderr"), 0);
	cr_assert_str_empty(settings.output);
}

Test(settings, numbers_have_bounds)
{
	cr_assert_eq(parse("stack=1:exitcode=0"), 0);
	cr_assert_eq(parse("stack=128:exitcode=255"), 0);
	cr_assert_eq(settings.stack_depth, LR_STACK_DEPTH_MAX);
	assert_refused("stack=0", "stack=0", "from 1 to 128");
	assert_refused("stack=129", "stack=129", "from 1 to 128");
	assert_refused("exitcode=256", "exitcode=256", "from 0 to 255");
	cr_assert_eq(parse("settle=60000"), 0);
	assert_refused("settle=60001", "settle=60001", "from 0 to 60000");
	cr_assert_eq(parse("signal=RTMIN+0"), 0);
	cr_assert_eq(settings.signal, SIGRTMIN);
	assert_refused("signal=RTMIN+31", "signal=RTMIN+31", "RTMIN+N");
	assert_refused("stack=", "stack=", "from 1 to 128");
	assert_refused("stack=-1", "stack=-1", "from 1 to 128");
	assert_refused("stack= 5", "stack= 5", "from 1 to 128");
	assert_refused("stack=5x", "stack=5x", "from 1 to 128");
	assert_refused("stack=99999999999999999999", "stack=9999", "from 1 to 128");
}

Test(settings, a_signal_is_named_as_kill_names_it)
{
	cr_assert_eq(parse("signal=USR2"), 0);
	cr_assert_eq(settings.signal, SIGUSR2);
	cr_assert_eq(parse("signal=SIGHUP"), 0);
	cr_assert_eq(settings.signal, SIGHUP);
	assert_refused("signal=KILL", "signal=KILL", "USR2");
	assert_refused("signal=", "signal=", "USR2");
	assert_refused("signal=12", "signal=12", "USR2");
}

Test(settings, an_unknown_key_is_named_with_the_valid_ones)
{
	static const char *const keys[] = { "leaks=", "stack=",	   "output=", "types=",
					    "log=",   "exitcode=", "settle=", "signal=" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_refused("leaks=warn:leek=1", "'leek'", keys[i]);
	assert_refused("leak=warn", "'leak'", "leaks=off|warn|panic");
	assert_refused("leaksx=warn", "'leaksx'", "leaks=off|warn|panic");
	assert_refused("=warn", "''", "leaks=off|warn|panic");
	assert_refused("warn", "'warn'", "key=value");
}

Test(settings, a_refusal_changes_nothing)
{
	cr_assert_eq(parse("leaks=panic:stack=9"), 0);
	cr_assert_eq(lr_settings_parse(&settings, "leaks=off:stack=3:oops=1", message,
				       sizeof(message)),
		     -EINVAL);
	cr_assert_eq(settings.leaks, LR_LEAKS_PANIC);
	cr_assert_eq(settings.stack_depth, 9);
}

Test(settings, a_value_up_to_4095_bytes_fits)
{
	char text[LR_SETTING_TEXT_MAX + 1];

	memset(text, 'x', sizeof(text));
	memcpy(text, "output=", 7);
	text[LR_SETTING_TEXT_MAX - 1] = '\0';
	cr_assert_eq(parse(text), 0);
	cr_assert_eq(strlen(settings.output), LR_SETTING_TEXT_MAX - 1 - 7);
	text[LR_SETTING_TEXT_MAX - 1] = 'x';
	text[LR_SETTING_TEXT_MAX] = '\0';
	assert_refused(text, "output=x", "too long");
}

Test(settings, a_message_is_printable_and_short_whatever_was_said)
{
	char text[3000];

	memset(text, '\x1b', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	cr_assert_eq(parse(text), -EINVAL);
	cr_assert_lt(strlen(message), 400);
	for (const char *at = message; *at; at++)
		cr_assert(*at >= ' ' && *at <= '~');
}

Test(settings, a_small_message_buffer_is_respected)
{
	char *small = malloc(5);

	lr_settings_defaults(&settings);
	cr_assert_eq(lr_settings_parse(&settings, "oops=1", small, 5), -EINVAL);
	cr_assert_str_eq(small, "LAST");
	free(small);
}
