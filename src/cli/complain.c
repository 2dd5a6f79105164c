/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every subcommand says alike.
 *
 * Layer: cli. Locks: none; one thread. A message is one write(), so that it stays whole among the output of
 * CMD's processes.
 */
#include "cli/cli.h"

#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_MAX 8192

void lr_complain(const char *format, ...)
{
	static const char name[] = "lastref: ";
	char line[MESSAGE_MAX + sizeof(name)] = "lastref: ";
	size_t length = sizeof(name) - 1;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(line + length, MESSAGE_MAX, format, arguments);
	va_end(arguments);
	if (n < 0)
		return;
	length += n < MESSAGE_MAX ? (size_t)n : MESSAGE_MAX - 1;
	line[length++] = '\n';
	lr_progress_hide();
	/* If standard error is gone there is nobody left to tell. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

void lr_refuse_usage(struct argp_state *state, const char *format, ...)
{
	char message[MESSAGE_MAX];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(message, sizeof(message), format, arguments) >= 0)
		lr_complain("%s", message);
	va_end(arguments);
	argp_state_help(state, stderr, ARGP_HELP_STD_ERR);
	exit(LR_STATUS_USAGE);
}

void lr_take_suppressions(struct argp_state *state, const char **name, const char *argument)
{
	if (*name != NULL)
		lr_refuse_usage(state, "--suppressions is given twice; put all lines into one file");
	*name = argument;
}

char *lr_add_glob(char *list, const char *glob)
{
	char *longer;

	if (list == NULL)
		return strdup(glob);
	longer = realloc(list, strlen(list) + strlen(glob) + 2);
	return longer != NULL ? strcat(strcat(longer, ","), glob) : NULL;
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
