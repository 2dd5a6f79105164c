/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `lastref run`.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: CMD gets the user's own LASTREF first and what the options say behind it, because the
 * last of a repeated key counts. So an option wins over the variable, and all else that the user set stays in
 * force.
 */
#include "cli/run_options.h"

#include "cli/cli.h"
#include "format/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum key {
	KEY_OUTPUT = 'o',
	KEY_TYPE = 256,
	KEY_STACK_DEPTH,
	KEY_LEAK_EXIT,
	KEY_ADDRESSES,
	KEY_FORMAT,
	KEY_QUIET,
	KEY_REPORT,
	KEY_SUPPRESSIONS,
};

static const struct argp_option rows[] = {
	{ "output", KEY_OUTPUT, "FILE", 0,
	  "Write what `lastref report' reads to FILE; %p in its name is the process id", 0 },
	{ "type", KEY_TYPE, "GLOB", 0, "Check only types whose name matches; may be repeated", 0 },
	{ "stack-depth", KEY_STACK_DEPTH, "N", 0,
	  "Keep N frames of each stack, 1 to 128 (default: 32)", 0 },
	{ "leak-exit", KEY_LEAK_EXIT, "N", 0,
	  "Exit with N if CMD ended with 0 but leaked (default: 23); 0: leave its status alone", 0 },
	{ "suppressions", KEY_SUPPRESSIONS, "FILE", 0,
	  "Leave out the leaks that a line leak:PATTERN of FILE names", 0 },
	{ "format", KEY_FORMAT, "FMT", 0,
	  "One report of all processes: text, json, junit, sarif or baseline; on standard error, or where --report says",
	  0 },
	{ "report", KEY_REPORT, "OUT", 0, "Write one report of all processes to OUT too", 0 },
	{ "addresses", KEY_ADDRESSES, NULL, 0, "Show the addresses of objects", 0 },
	{ "quiet", KEY_QUIET, NULL, 0, "Print no report; -o, --report and the exit status stay", 0 },
	{ 0 },
};

/* Append @glob to the list, escaped as a value of LASTREF. */
static char *add_glob(char *list, const char *glob)
{
	size_t length = list != NULL ? strlen(list) : 0;
	char *longer = realloc(list, length + 2 * strlen(glob) + 2);

	if (longer == NULL)
		return NULL;
	if (length > 0)
		longer[length++] = ',';
	for (; *glob != '\0'; glob++) {
		if (*glob == ':' || *glob == '\\')
			longer[length++] = '\\';
		longer[length++] = *glob;
	}
	longer[length] = '\0';
	return longer;
}

static int take_number(struct argp_state *state, const char *option, const char *text, int low,
		       int high)
{
	int number = lr_parse_number(text, low, high);

	if (number < 0)
		lr_refuse_usage(state, "%s takes a number from %d to %d, not '%s'", option, low,
				high, text);
	return number;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct lr_run_options *options = state->input;

	switch (key) {
	case KEY_OUTPUT:
		if (*argument == '\0')
			lr_refuse_usage(state, "-o takes the name of a file");
		options->output = argument;
		return 0;
	case KEY_TYPE:
		if (*argument == '\0')
			lr_refuse_usage(state, "--type takes a pattern, for example 'net.*'");
		options->types = add_glob(options->types, argument);
		return options->types != NULL ? 0 : ENOMEM;
	case KEY_STACK_DEPTH:
		options->stack_depth =
			take_number(state, "--stack-depth", argument, 1, LR_STACK_DEPTH_MAX);
		return 0;
	case KEY_LEAK_EXIT:
		options->leak_exit = take_number(state, "--leak-exit", argument, 0, 255);
		return 0;
	case KEY_SUPPRESSIONS:
		lr_take_suppressions(state, &options->suppressions, argument);
		return 0;
	case KEY_FORMAT:
		options->format = lr_present_parse_format(state, argument);
		options->has_format = true;
		return 0;
	case KEY_REPORT:
		if (*argument == '\0')
			lr_refuse_usage(state, "--report takes the name of a file");
		options->report = argument;
		return 0;
	case KEY_ADDRESSES:
		options->addresses = true;
		return 0;
	case KEY_QUIET:
		options->quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		/* From here on everything is CMD's. */
		options->command = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		lr_refuse_usage(state,
				"no command to run; say, for example: lastref run -- ./program");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = rows,
	.parser = parse,
	.args_doc = "-- CMD [ARG...]",
	.doc = "Run CMD with leak checking, and report on standard error what it and its child processes leaked.\v"
	       "The exit status is that of CMD, or 128 + S if signal S killed it. If it is 0 and something leaked or "
	       "was misused: 23. 2: wrong usage; nothing was started. 3: CMD ended with 0 but FILE or OUT could not be "
	       "written. 126: CMD is not executable. 127: there is no CMD.\n\n"
	       "Examples:\n"
	       "  lastref run -- ./server --config test.conf\n"
	       "  lastref run --quiet -o 'reports/%p' -- make test\n"
	       "  lastref run --format junit --report leaks.xml -- make test",
};

void lr_run_options_parse(struct lr_run_options *options, int argc, char **argv)
{
	error_t error;

	*options = (struct lr_run_options){ .leak_exit = LR_STATUS_LEAKS };
	error = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, options);
	if (error == 0)
		return;
	lr_complain("cannot read the command line: %s", strerror(error));
	exit(LR_STATUS_USAGE);
}

static char *compose(const struct lr_run_options *options, const char *inherited, bool panic)
{
	char stack[32] = "";
	char *value;

	if (options->stack_depth > 0)
		snprintf(stack, sizeof(stack), ":stack=%d", options->stack_depth);
	if (asprintf(&value, "%s%sleaks=%s%s%s%s", inherited, *inherited != '\0' ? ":" : "",
		     panic ? "panic" : "warn", stack, options->types != NULL ? ":types=" : "",
		     options->types != NULL ? options->types : "") < 0)
		return NULL;
	return value;
}

char *lr_run_settings(const struct lr_run_options *options, const char *inherited)
{
	struct lr_settings settings;
	char message[512];
	char *value;

	lr_settings_defaults(&settings);
	if (lr_settings_parse(&settings, inherited, message, sizeof(message)) != 0) {
		lr_complain("the environment has a wrong %s", message);
		return NULL;
	}
	value = compose(options, inherited, settings.leaks == LR_LEAKS_PANIC);
	if (value == NULL) {
		lr_complain("out of memory");
		return NULL;
	}
	lr_settings_defaults(&settings);
	if (lr_settings_parse(&settings, value, message, sizeof(message)) == 0)
		return value;
	lr_complain("the --type patterns are too long together: %s", message);
	free(value);
	return NULL;
}
