/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref report: one report of all files that `lastref run -o` wrote.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/cli.h"
#include "cli/gather.h"
#include "cli/present.h"
#include "cli/progress.h"
#include "cli/replace.h"
#include "cli/symbols_apart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct report_options {
	struct lr_present present;
	char *types;
	char **files;
	int file_count;
};

enum key {
	KEY_ADDRESSES = 256,
	KEY_TYPE,
};

static const struct argp_option rows[] = {
	{ "output", LR_PRESENT_OUTPUT, "OUT", 0, "Write the report to OUT, not to standard output",
	  0 },
	{ "format", LR_PRESENT_FORMAT, "FMT", 0,
	  "text (the default), json, junit, sarif, or baseline, for `lastref diff'", 0 },
	{ "suppressions", LR_PRESENT_SUPPRESSIONS, "FILE", 0,
	  "Leave out the leaks that a line leak:PATTERN of FILE names", 0 },
	{ "type", KEY_TYPE, "GLOB", 0, "Show only types whose name matches; may be repeated", 0 },
	{ "all", LR_PRESENT_ALL, NULL, 0, "Show every leak, not only the largest", 0 },
	{ "addresses", KEY_ADDRESSES, NULL, 0, "Show the addresses of objects", 0 },
	{ 0 },
};

static error_t parse_argument(char *argument, struct argp_state *state)
{
	struct report_options *options = state->input;

	/* argp moves options to the front, so that these stay together. */
	if (options->file_count++ == 0)
		options->files = &state->argv[state->next - 1];
	if (*argument == '\0')
		lr_refuse_usage(state,
				"an empty name is no file; give one that `lastref run -o` wrote");
	return 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct report_options *options = state->input;

	switch (key) {
	case KEY_ADDRESSES:
		options->present.addresses = true;
		return 0;
	case KEY_TYPE:
		if (*argument == '\0')
			lr_refuse_usage(state, "--type takes a pattern, for example 'net.*'");
		options->types = lr_add_glob(options->types, argument);
		return options->types != NULL ? 0 : ENOMEM;
	case ARGP_KEY_ARG:
		return parse_argument(argument, state);
	case ARGP_KEY_NO_ARGS:
		lr_refuse_usage(state, "no file to report; give one that `lastref run -o` wrote");
	default:
		return lr_present_parse(&options->present, key, argument, state);
	}
}

static const struct argp argp = {
	.options = rows,
	.parser = parse,
	.args_doc = "FILE...|DIR",
	.doc = "Print one report of all FILEs, and of all files in DIR, which `lastref run -o' wrote.\v"
	       "The exit status is 0 if nothing was found or all of it is suppressed, 1 if there are leaks or misuse, 2 for "
	       "wrong usage or a wrong line of FILE of --suppressions, 3 if a file cannot be read or the report cannot be "
	       "written, 4 if a file ends early and was analyzed up to there.\n\n"
	       "Examples:\n"
	       "  lastref run --quiet -o 'reports/%p' -- make test\n"
	       "  lastref report reports\n"
	       "  lastref report --format sarif -o leaks.sarif reports\n"
	       "  lastref report --format baseline -o leaks.baseline reports",
};

static void write_text(struct lr_sink *sink, const struct lr_text_options *options, void *gather)
{
	lr_present_report(sink, options, gather);
}

/* Return: the exit status. */
static int present(const struct report_options *options, struct lr_gather *gather)
{
	const struct lr_report *report = &gather->report;
	struct lr_document document;
	int error;

	lr_present_choose(&options->present, gather);
	document = lr_gather_document(gather);
	document.suppressions = options->present.suppressions;
	document.addresses = options->present.addresses;
	error = lr_present(&options->present, &document, write_text, gather);
	/* Whoever gets no report must not get the status of a good one. */
	if (gather->failures > 0 || error != 0)
		return LR_STATUS_UNREADABLE;
	if (report->cut_short > 0)
		return LR_STATUS_CUT_SHORT;
	return lr_report_is_bad(report) ? LR_STATUS_FOUND : 0;
}

static int report_inputs(const struct report_options *options, const struct lr_suppress *suppress)
{
	const struct lr_findings_options wanted = { .type_globs = options->types, .want_types = true };
	struct lr_symbols_apart *symbols = lr_symbols_apart_create();
	struct lr_gather gather;
	int status;

	lr_progress_begin();
	lr_progress("reading");
	lr_gather_init(&gather, symbols, suppress);
	for (int i = 0; i < options->file_count; i++)
		lr_gather_named(&gather, options->files[i]);
	lr_gather_inputs(&gather, &wanted);
	lr_progress_end();
	status = present(options, &gather);
	if (gather.failures == 0)
		lr_suppress_tell_unused(suppress);
	lr_gather_finish(&gather);
	lr_symbols_apart_destroy(symbols);
	return status;
}

int lr_cmd_report(int argc, char **argv)
{
	struct report_options options = { .present = { .fd = STDOUT_FILENO, .option = "-o" } };
	struct lr_suppress suppress;
	int status = LR_STATUS_USAGE;
	int error = argp_parse(&argp, argc, argv, 0, NULL, &options);

	if (error != 0) {
		lr_complain("cannot read the command line: %s", strerror(error));
		return LR_STATUS_USAGE;
	}
	if (lr_suppress_read(&suppress, options.present.suppressions) == 0 &&
	    (options.present.output == NULL ||
	     lr_replace_check_report(options.present.output, "-o", &options.present.suppressions,
				     1) == 0))
		status = report_inputs(&options, &suppress);
	lr_suppress_finish(&suppress);
	free(options.types);
	return status;
}
