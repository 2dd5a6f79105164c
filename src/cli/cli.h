/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref(1): its subcommands and exit statuses. The man page documents each of them.
 *
 * Layer: cli, the only place with argv and exit statuses.
 */
#ifndef LR_CLI_H
#define LR_CLI_H

#include <argp.h>

#define LR_STATUS_USAGE 2

/* lastref run, if CMD's own status is 0 */
#define LR_STATUS_LEAKS 23 /* or what --leak-exit says */
#define LR_STATUS_NOT_WRITTEN 3

/* lastref run, if CMD could not be run, as shells have it */
#define LR_STATUS_NOT_EXECUTABLE 126
#define LR_STATUS_NOT_FOUND 127
#define LR_STATUS_SIGNAL 128 /* plus the signal's number */

/* lastref report and its like */
#define LR_STATUS_FOUND 1
#define LR_STATUS_UNREADABLE 3 /* or the report could not be written */
#define LR_STATUS_CUT_SHORT 4

/* Each is main() of a subcommand; argv[0] is its name in messages. Return: the exit status. */
int lr_cmd_run(int argc, char **argv);
int lr_cmd_report(int argc, char **argv);
int lr_cmd_check(int argc, char **argv);
int lr_cmd_diff(int argc, char **argv);
int lr_cmd_types(int argc, char **argv);
int lr_cmd_symbolize(int argc, char **argv);

/* Print a line on standard error: "lastref: ", the message, a newline. */
void lr_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Complain of the command line that argp is parsing, say how to get help, and exit. */
void lr_refuse_usage(struct argp_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* The argument of --suppressions. A second file would take the place of the first unseen, so it is refused as usage. */
void lr_take_suppressions(struct argp_state *state, const char **name, const char *argument);

/* The list of patterns with one more, from malloc(); @list may be NULL and is used up. NULL without memory. */
char *lr_add_glob(char *list, const char *glob);

/* A decimal number from @low to @high, else -1. */
int lr_parse_number(const char *text, int low, int high);

#endif
