/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of unknown origin: what of it is written as it is. And pipes that do not block: who reads
 * them is waited for, but not for ever.
 */
#include "base/sink.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static void assert_foreign(const char *input, const char *expected)
{
	struct lr_sink sink;

	lr_sink_init(&sink, -1);
	lr_sink_foreign(&sink, input, strlen(input), 1000);
	cr_assert_eq(sink.length, strlen(expected), "%.*s", (int)sink.length, sink.buffer);
	cr_assert_eq(memcmp(sink.buffer, expected, sink.length), 0);
}

Test(sink, printable_text_in_any_language_stays)
{
	assert_foreign("a b\"<&>'~", "a b\"<&>'~");
	assert_foreign("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		       "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
}

Test(sink, what_is_no_utf_8_is_escaped)
{
	assert_foreign("\xff\xc0\xaf\x80", "\\xff\\xc0\\xaf\\x80");
	assert_foreign("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
	assert_foreign("\xe2\x82", "\\xe2\\x82");	   /* cut */
}

Test(sink, control_characters_and_marks_of_direction_are_escaped)
{
	assert_foreign("\033[1m\t\n\x7f", "\\x1b[1m\\x09\\x0a\\x7f");
	assert_foreign("\xc2\x9b", "\\xc2\\x9b");
	/* U+202E and U+2066. */
	assert_foreign("\xe2\x80\xae", "\\xe2\\x80\\xae"); /* NOLINT(misc-misleading-bidirectional) */
	assert_foreign("\xe2\x81\xa6", "\\xe2\\x81\\xa6"); /* NOLINT(misc-misleading-bidirectional) */
}

Test(sink, what_no_xml_may_have_is_escaped)
{
	assert_foreign("\xef\xbf\xbe\xef\xbf\xbf",
		       "\\xef\\xbf\\xbe\\xef\\xbf\\xbf");  /* U+FFFE, U+FFFF */
	assert_foreign("\xef\xb7\x90", "\\xef\\xb7\\x90"); /* U+FDD0 */
	assert_foreign("\xef\xbf\xbd", "\xef\xbf\xbd");	   /* U+FFFD */
}

#define WRITTEN (1024 * 1024)

static void open_pipe(int *ends)
{
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	cr_assert_gt(fcntl(ends[1], F_SETPIPE_SZ, 4096), 0);
}

static int write_lines(int fd)
{
	struct lr_sink sink;

	lr_sink_init(&sink, fd);
	for (int i = 0; i < WRITTEN / 16; i++)
		lr_sink_text(&sink, "fifteen letters\n");
	return lr_sink_flush(&sink);
}

/* Return: how many bytes there were. */
static void *read_all(void *fd)
{
	char bytes[1000];
	size_t all = 0;
	ssize_t n;

	while ((n = read(*(int *)fd, bytes, sizeof(bytes))) > 0)
		all += (size_t)n;
	return (void *)(uintptr_t)all;
}

Test(sink, all_that_is_written_to_a_full_pipe_comes_out_where_it_is_read)
{
	pthread_t reader;
	void *all;
	int ends[2];

	open_pipe(ends);
	cr_assert_eq(pthread_create(&reader, NULL, read_all, &ends[0]), 0);
	cr_assert_eq(write_lines(ends[1]), 0);
	close(ends[1]);
	pthread_join(reader, &all);
	cr_assert_eq((uintptr_t)all, WRITTEN);
}

Test(sink, a_full_pipe_that_nobody_reads_is_an_error, .timeout = 30)
{
	int ends[2];

	open_pipe(ends);
	cr_assert_eq(write_lines(ends[1]), -EAGAIN);
}
