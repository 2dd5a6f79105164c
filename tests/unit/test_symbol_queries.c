/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbolizer as a process apart: queries by line, and their answers.
 */
#include "symbolize/serve.h"

#include "tests/support/symbolize/files.h"

#include <errno.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(symbol_queries, .init = make_directory, .fini = remove_directory, .timeout = 60);

/* What lr_symbolize_serve() answers to @queries; the caller frees it. */
static char *serve(const char *queries, size_t size)
{
	FILE *in = fmemopen((void *)(uintptr_t)queries, size, "r"), *out;
	char *answers;
	size_t answers_size;

	out = open_memstream(&answers, &answers_size);
	cr_assert_not_null(in);
	cr_assert_not_null(out);
	cr_assert_eq(lr_symbolize_serve(in, out), 0);
	fclose(in);
	fclose(out);
	return answers;
}

/* The answer as the protocol has it, from what the symbolizer says. */
static void emit_line(const struct lr_symbol_frame *frame, void *context)
{
	char **end = context;

	*end += sprintf(*end, "%s\t%s\t%u\t%u\n", frame->function, frame->file, frame->line,
			frame->column);
}

Test(symbol_queries, queries_are_answered_in_their_order)
{
	static const char *functions[] = { "outer", "complain", "main" };
	struct lr_symbols *symbols = lr_symbols_create(false);
	uint8_t build_id[BUILD_ID_SIZE];
	char queries[8192], expected[8192], hex[64], *answers;
	char *query = queries, *end = expected;

	read_build_id(FIXTURE, build_id, hex);
	for (int i = 0; i < 3; i++) {
		uint64_t address = address_of(FIXTURE, functions[i]) + 4;

		query += sprintf(query, "%lx %s %s\n", address, i == 1 ? "-" : hex, FIXTURE);
		lr_symbols_resolve(symbols, &(struct lr_symbols_file){ .path = FIXTURE }, address,
				   emit_line, &end);
		end = stpcpy(end, "\n");
	}
	answers = serve(queries, strlen(queries));
	cr_assert_str_eq(answers, expected);
	cr_assert_not_null(strstr(answers, "complain\t"));
	free(answers);
	lr_symbols_destroy(symbols);
}

Test(symbol_queries, a_stale_module_has_an_empty_answer)
{
	char query[PATH_MAX], *answers;

	snprintf(query, sizeof(query), "%lx 00112233 %s\n", address_of(FIXTURE, "outer"), FIXTURE);
	answers = serve(query, strlen(query));
	cr_assert_str_eq(answers, "\n");
	free(answers);
}

Test(symbol_queries, a_query_can_have_a_size_and_a_time_in_place_of_a_build_id)
{
	struct lr_file_stamp stamp = stamp_of(FIXTURE);
	uint64_t address = address_of(FIXTURE, "complain");
	char query[2 * PATH_MAX], *answers;

	snprintf(query, sizeof(query), "%lx =%lx,%lx %s\n%lx =%lx,%lx %s\n", address, stamp.size + 1,
		 stamp.modified, FIXTURE, address, stamp.size, stamp.modified, FIXTURE);
	answers = serve(query, strlen(query));
	cr_assert_eq(strncmp(answers, "\ncomplain\t", 10), 0, "%s", answers);
	free(answers);
}

Test(symbol_queries, escapes_in_a_path_are_undone)
{
	char query[PATH_MAX], *answers;

	run("ln -s '%s' '%s'/'new\nline \\'", FIXTURE, directory);
	snprintf(query, sizeof(query), "%lx - %s/new\\nline \\\\\n",
		 address_of(FIXTURE, "complain"), directory);
	answers = serve(query, strlen(query));
	cr_assert_eq(strncmp(answers, "complain\t", 9), 0, "%s", answers);
	free(answers);
}

Test(symbol_queries, a_malformed_query_has_an_empty_answer_and_the_next_one_its_own)
{
	static const char *malformed[] = {
		"",
		" ",
		"1000",
		"1000 -",
		"1000 - ",
		"1000 /bin/true",
		"xyz - /bin/true",
		"-1000 - /bin/true",
		"0x1000 - /bin/true",
		"12345678901234567 - /bin/true",
		"1000 abc /bin/true",
		"1000 -- /bin/true",
		"1000 =1 /bin/true",
		"1000 =1,/bin/true",
		"1000 =,1 /bin/true",
		"1000  /bin/true",
		"1000 - /bin/tr\\ue",
		"1000 - /bin/true\\",
	};
	char good[PATH_MAX], queries[2 * PATH_MAX], *answers;

	snprintf(good, sizeof(good), "%lx - %s\n", address_of(FIXTURE, "complain"), FIXTURE);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
		snprintf(queries, sizeof(queries), "%s\n%s", malformed[i], good);
		answers = serve(queries, strlen(queries));
		cr_assert_eq(strncmp(answers, "\ncomplain\t", 10), 0, "%s: %s", malformed[i],
			     answers);
		free(answers);
	}
}

Test(symbol_queries, a_query_too_long_or_with_a_zero_byte_has_one_empty_answer)
{
	size_t size = 100000;
	char text[PATH_MAX], *queries = malloc(size), *answers;
	int query;

	cr_assert_not_null(queries);
	memset(queries, 'a', size);
	memcpy(queries, "10 - /", 6);
	queries[size - 1] = '\n';
	answers = serve(queries, size);
	cr_assert_str_eq(answers, "\n");
	free(answers);
	free(queries);

	query = sprintf(text, "%lx - %s", address_of(FIXTURE, "complain"), FIXTURE);
	memcpy(text + query, "\0more\n", 6);
	answers = serve(text, query + 6);
	cr_assert_str_eq(answers, "\n");
	free(answers);
}

/* Otherwise a program and its symbolizer wait for each other. */
Test(symbol_queries, each_answer_is_written_before_the_next_query_is_read)
{
	struct pollfd poll_answers = { .events = POLLIN };
	int queries[2], answers[2], status;
	pid_t child;

	cr_assert(pipe(queries) == 0 && pipe(answers) == 0);
	child = fork();
	if (child == 0) {
		close(queries[1]);
		_exit(lr_symbolize_serve(fdopen(queries[0], "r"), fdopen(answers[1], "w")) != 0);
	}
	poll_answers.fd = answers[0];
	cr_assert_eq(write(queries[1], "malformed\n", 10), 10);
	cr_assert_eq(poll(&poll_answers, 1, 10000), 1);
	close(queries[1]);
	waitpid(child, &status, 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(symbol_queries, answers_that_nobody_takes_end_the_service)
{
	FILE *in = fmemopen((void *)(uintptr_t) "malformed\n", 10, "r"),
	     *full = fopen("/dev/full", "w");

	cr_assert_eq(lr_symbolize_serve(in, full), -EIO);
	fclose(in);
	fclose(full);
}
