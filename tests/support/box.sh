# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The program that most tests of `lastref run` run. Sourced after tap.sh.

# box_program: a program `box` that leaks as many objects as its first argument says, and ends as the second one says.
box_program()
{
	compile box - <<'C'
#include <lastref/lastref.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct box {
	struct lastref_count refs;
};

static void box_destroy(struct box *box)
{
	free(box);
}

static int box_describe(const void *box, char *buffer, size_t size)
{
	(void)box;
	return snprintf(buffer, size, "a box");
}

LASTREF_DEFINE(box, struct box, refs, box_destroy, .describe = box_describe);

static struct box *box_new(void)
{
	struct box *box = calloc(1, sizeof(*box));

	box_ref_init(box);
	return box;
}

static void ignore(const struct lastref_misuse *misuse, void *context)
{
	(void)misuse;
	(void)context;
}

/* A child that goes on with an object of its own. */
static int leave_daemon(void)
{
	int ends[2];
	char byte;

	if (pipe(ends) != 0)
		return 1;
	if (fork() == 0) {
		box_new();
		if (write(ends[1], "x", 1) != 1)
			return 1;
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		pause();
	}
	return read(ends[0], &byte, 1) != 1;
}

int main(int argc, char **argv)
{
	static struct lastref_count none;
	const char *how = argc > 2 ? argv[2] : "";

	box_unref(box_new());
	for (int i = 0; i < atoi(argv[1]); i++)
		box_new();
	if (strcmp(how, "check") == 0)
		lastref_leak_check();
	if (strcmp(how, "exit") == 0)
		_exit(atoi(argv[3]));
	if (strcmp(how, "return") == 0)
		return atoi(argv[3]);
	if (strcmp(how, "kill") == 0)
		kill(getpid(), atoi(argv[3]));
	if (strcmp(how, "exec") == 0)
		execl(argv[0], argv[0], argv[3], (char *)NULL);
	if (strcmp(how, "daemon") == 0)
		return leave_daemon();
	if (strcmp(how, "misuse") == 0) {
		lastref_set_misuse_handler(ignore, NULL);
		lastref_count_ref(&none);
	}
	if (strcmp(how, "fork") == 0) {
		if (fork() == 0) {
			box_new();
			return 0;
		}
		wait(NULL);
	}
	return 0;
}
C
}
