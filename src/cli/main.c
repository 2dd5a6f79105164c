/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref(1): picks the subcommand.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: where standard input, output or error is closed, /dev/null is opened in its place first.
 * Otherwise the next file that anything opens, elfutils included, would get the number 2, and messages would go
 * into it. The substitutes are close-on-exec: CMD finds closed what was closed.
 */
#include "cli/cli.h"

#include <lastref/version.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *argp_program_version = "lastref " LASTREF_VERSION_STRING;

static const struct command {
	const char *name;
	char *name_in_messages;
	int (*run)(int argc, char **argv);
	const char *purpose; /* NULL: for other programs, not for people */
} commands[] = {
	{ "run", (char[]){ "lastref run" }, lr_cmd_run, "run a program and report what it leaked" },
	{ "report", (char[]){ "lastref report" }, lr_cmd_report,
	  "print one report of the files that `run -o` wrote" },
	{ "diff", (char[]){ "lastref diff" }, lr_cmd_diff,
	  "tell which leaks are new, compared with a baseline or another report" },
	{ "types", (char[]){ "lastref types" }, lr_cmd_types,
	  "tell how many objects of each type were born, died, and live" },
	{ "check", (char[]){ "lastref check" }, lr_cmd_check,
	  "show what lives in a running process, and what grew" },
	{ "symbolize", (char[]){ "lastref symbolize" }, lr_cmd_symbolize, NULL },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void open_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* open() takes the lowest free number, which is @fd, because those below it are open. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) < 0)
			return;
	}
}

/*
 * Help and versions are printed with stdio, by argp among others, which looks at no error. What fails by itself has said so and
 * keeps its status.
 */
static void check_output(int status, void *unused)
{
	(void)unused;
	errno = 0;
	if (status != 0 || (fflush(stdout) == 0 && !ferror(stdout)))
		return;
	lr_complain("cannot write to standard output: %s; make room, or send it elsewhere",
		    errno != 0 ? strerror(errno) : "a part of it is lost");
	_exit(LR_STATUS_NOT_WRITTEN);
}

static int help(void)
{
	printf("Usage: lastref COMMAND [OPTION...] ...\n"
	       "Reference counting that tells who forgot to let go.\n\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		if (commands[i].purpose != NULL)
			printf("  %-10s %s\n", commands[i].name, commands[i].purpose);
	}
	printf("\n`lastref COMMAND --help' tells a command's options, lastref(1) the rest.\n"
	       "`lastref --version' prints the version.\n");
	return 0;
}

static int dispatch(int argc, char **argv)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		argv[0] = commands[i].name_in_messages;
		return commands[i].run(argc, argv);
	}
	lr_complain("there is no command '%s'; lastref --help lists them", argv[0]);
	return LR_STATUS_USAGE;
}

static int help_of(char *command)
{
	char *words[] = { command, (char[]){ "--help" }, NULL };

	return dispatch(2, words);
}

int main(int argc, char **argv)
{
	const char *first = argc > 1 ? argv[1] : "";

	open_standard_files();
	on_exit(check_output, NULL);
	argp_err_exit_status = LR_STATUS_USAGE;
	if (argc < 2) {
		lr_complain("no command; try: lastref run -- ./program (see lastref --help)");
		return LR_STATUS_USAGE;
	}
	if (argc > 2 && (strcmp(first, "help") == 0 || strcmp(first, "--help") == 0))
		return help_of(argv[2]);
	if (strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 ||
	    strcmp(first, "--usage") == 0 || strcmp(first, "-?") == 0)
		return help();
	if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
		printf("%s\n", argp_program_version);
		return 0;
	}
	return dispatch(argc - 1, argv + 1);
}
