/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref report: the report of a file that `lastref run -o` wrote.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/render.h"
#include "cli/story.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct report_options {
	const char *file;
	char *types;
	bool addresses;
	bool all;
};

enum key {
	KEY_ADDRESSES = 256,
	KEY_ALL,
	KEY_TYPE,
};

static const struct argp_option rows[] = {
	{ "addresses", KEY_ADDRESSES, NULL, 0, "Show the addresses of objects", 0 },
	{ "all", KEY_ALL, NULL, 0, "Show every leak, not only the largest", 0 },
	{ "type", KEY_TYPE, "GLOB", 0, "Show only types whose name matches; may be repeated", 0 },
	{ 0 },
};

static char *add_glob(char *list, const char *glob)
{
	char *longer;

	if (list == NULL)
		return strdup(glob);
	longer = realloc(list, strlen(list) + strlen(glob) + 2);
	return longer != NULL ? strcat(strcat(longer, ","), glob) : NULL;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct report_options *options = state->input;

	switch (key) {
	case KEY_ADDRESSES:
		options->addresses = true;
		return 0;
	case KEY_ALL:
		options->all = true;
		return 0;
	case KEY_TYPE:
		if (*argument == '\0')
			lr_refuse_usage(state, "--type takes a pattern, for example 'net.*'");
		options->types = add_glob(options->types, argument);
		return options->types != NULL ? 0 : ENOMEM;
	case ARGP_KEY_ARG:
		if (options->file != NULL)
			lr_refuse_usage(state, "report takes one file; '%s' is a second one",
					argument);
		options->file = argument;
		return 0;
	case ARGP_KEY_NO_ARGS:
		lr_refuse_usage(state, "no file to report; give one that `lastref run -o` wrote");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = rows,
	.parser = parse,
	.args_doc = "FILE",
	.doc = "Print the report of FILE, which `lastref run -o' wrote.\v"
	       "The exit status is 0 if nothing was found, 1 if there are leaks or misuse, 2 for wrong usage, 3 if FILE "
	       "cannot be read or, with nothing found, the report cannot be written, 4 if FILE ends early and was analyzed up to there.",
};

static int print(const struct lr_loaded *loaded, const struct report_options *options)
{
	const struct lr_findings_options wanted = { .type_globs = options->types, .want_types = true };
	struct lr_findings findings;
	struct lr_render render;
	bool bad;
	int error = lr_findings_make(&findings, &loaded->image, &wanted);

	if (error != 0) {
		lr_complain("cannot analyze %s: %s", options->file, strerror(-error));
		lr_findings_free(&findings);
		return LR_STATUS_UNREADABLE;
	}
	lr_render_begin(&render, STDOUT_FILENO);
	render.options.addresses = options->addresses;
	render.options.all = options->all;
	render.options.types = true;
	if (loaded->header->state == LR_PROCESS_SNAPSHOT)
		render.options.about = LR_TEXT_LIVE;
	if (findings.objects > 0)
		lr_story_of_end(&render.sink, &loaded->image);
	lr_render_report(&render, &findings);
	bad = lr_render_is_bad(&findings);
	lr_findings_free(&findings);
	error = lr_render_end(&render);
	if (error != 0)
		lr_complain("cannot write the report: %s; make room, or send it elsewhere",
			    strerror(-error));
	if (loaded->image.cut_short)
		return LR_STATUS_CUT_SHORT;
	if (bad)
		return LR_STATUS_FOUND;
	/* Whoever gets no report must not get the status of a good one. */
	return error != 0 ? LR_STATUS_NOT_WRITTEN : 0;
}

int lr_cmd_report(int argc, char **argv)
{
	struct report_options options = { 0 };
	struct lr_loaded loaded;
	int status = LR_STATUS_UNREADABLE;
	int error, fd;

	error = argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (error != 0) {
		lr_complain("cannot read the command line: %s", strerror(error));
		return LR_STATUS_USAGE;
	}
	fd = open(options.file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		lr_complain("cannot open %s: %s", options.file, strerror(errno));
		return status;
	}
	error = lr_load(&loaded, fd, false);
	close(fd);
	if (error == 0)
		status = print(&loaded, &options);
	else
		lr_load_explain(options.file, &loaded, error);
	lr_unload(&loaded);
	free(options.types);
	return status;
}
