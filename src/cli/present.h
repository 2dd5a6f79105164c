/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gathered report in one of the formats, on standard output or in a file.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_PRESENT_H
#define LR_CLI_PRESENT_H

#include "cli/gather.h"
#include "export/text.h"

#include <argp.h>

enum lr_format {
	LR_FORMAT_TEXT,
	LR_FORMAT_JSON,
	LR_FORMAT_JUNIT,
	LR_FORMAT_SARIF,
	LR_FORMAT_BASELINE,
};

struct lr_present {
	enum lr_format format;
	const char *output;	  /* file to write; NULL: to @fd */
	const char *option;	  /* that names it */
	const char *suppressions; /* file to read, or NULL */
	int fd;
	bool all; /* text: every leak, not the largest only */
	bool addresses;
};

/* The keys of the options that `lastref report` and `lastref diff` have in common. */
enum lr_present_key {
	LR_PRESENT_OUTPUT = 'o',
	LR_PRESENT_ALL = 1000,
	LR_PRESENT_FORMAT,
	LR_PRESENT_SUPPRESSIONS,
};

/** lr_present_parse() - take an option with one of these keys. Return: 0, or ARGP_ERR_UNKNOWN if it has another. */
error_t lr_present_parse(struct lr_present *present, int key, char *argument,
			 struct argp_state *state);

/** lr_present_parse_format() - the format called @name; refuses the command line if there is none */
enum lr_format lr_present_parse_format(struct argp_state *state, const char *name);

/** lr_present_choose() - total the report and choose what is shown. The last step before the document is made. */
void lr_present_choose(const struct lr_present *present, struct lr_gather *gather);

/* Writes text; @context as given to lr_present(). */
typedef void (*lr_present_text)(struct lr_sink *sink, const struct lr_text_options *options,
				void *context);

/**
 * lr_present() - write a report
 * @text: writes it as text
 *
 * Return: 0, or a negative errno after a message.
 */
int lr_present(const struct lr_present *present, const struct lr_document *document,
	       lr_present_text text, void *context);

/** lr_present_report() - the text of a gathered report: how processes ended, causes, notes, what could not be read */
void lr_present_report(struct lr_sink *sink, const struct lr_text_options *options,
		       const struct lr_gather *gather);

#endif
