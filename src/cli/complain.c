/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every subcommand says alike.
 *
 * Layer: cli. Locks: none; one thread. A message is one write(), so that it stays whole among the output of CMD's processes.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static __attribute__((format(printf, 1, 0))) void complain(const char *format, va_list arguments)
{
	static const char name[] = "lastref: ";
	char line[8192] = "lastref: ";
	size_t length = sizeof(name) - 1;
	int n = vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);

	if (n < 0)
		return;
	length += (size_t)n;
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	/* If standard error is gone there is nobody left to tell. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

void lr_complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
}

void lr_refuse_usage(struct argp_state *state, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
	argp_state_help(state, stderr, ARGP_HELP_STD_ERR);
	exit(LR_STATUS_USAGE);
}

int lr_parse_number(const char *text, int low, int high)
{
	long number = 0;

	if (*text == '\0')
		return -1;
	for (; *text >= '0' && *text <= '9' && number <= high; text++)
		number = number * 10 + (*text - '0');
	return *text != '\0' || number < low || number > high ? -1 : (int)number;
}
