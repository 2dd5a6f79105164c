/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `lastref run`, and the LASTREF value that it makes for CMD.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_RUN_OPTIONS_H
#define LR_CLI_RUN_OPTIONS_H

#include "cli/present.h"

#include <stdbool.h>

struct lr_run_options {
	char *output;		  /* -o, or NULL */
	char *types;		  /* all --type globs, separated by commas; or NULL */
	const char *suppressions; /* --suppressions, or NULL */
	char *report;		  /* --report, or NULL */
	enum lr_format format;
	bool has_format; /* --format was given */
	int stack_depth; /* 0: not given */
	int leak_exit;
	bool addresses;
	bool quiet;
	char **command; /* ends with NULL */
};

/* Exits with a message if the command line is wrong or only asks for help. */
void lr_run_options_parse(struct lr_run_options *options, int argc, char **argv);

/**
 * lr_run_settings() - the LASTREF value for CMD
 * @inherited: the user's own, "" if none
 *
 * Return: from malloc(), or NULL after a message if @inherited is wrong or the whole becomes too long.
 */
char *lr_run_settings(const struct lr_run_options *options, const char *inherited);

#endif
