/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref types: how many objects of each type were born, died, and live.
 *
 * Layer: cli. Locks: none; one thread. One image at a time is in memory.
 *
 * What is not obvious: an image keeps what is alive and how many birth numbers were dealt, no history. So the most that lived at
 * once, and the refs and unrefs, are not known, and the table says so instead of showing zeros.
 */
#include "analyze/findings.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/load.h"
#include "cli/newest.h"
#include "cli/progress.h"
#include "cli/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_WIDTH 24
#define PROBLEM_MAX 8192

/* A type of one name and size, over all processes. */
struct row {
	char *name;
	uint64_t size;
	uint64_t born;
	uint64_t live;
	uint64_t processes;
	uint64_t last_process;
};

struct types {
	struct row *rows;
	size_t count;
	size_t room;
	const char *globs;
	uint64_t processes;
	uint64_t cut_short;
	uint64_t lost; /* objects that were not registered */
	bool failed;   /* after a message: a file could not be read */
};

struct types_options {
	struct lr_inputs inputs;
	char *globs;
	bool failed;
};

enum key {
	KEY_TYPE = 256,
};

static const struct argp_option option_rows[] = {
	{ "type", KEY_TYPE, "GLOB", 0, "Show only types whose name matches; may be repeated", 0 },
	{ 0 },
};

static void take_argument(struct types_options *options, const char *argument)
{
	char problem[PROBLEM_MAX];

	if (lr_inputs_add(&options->inputs, argument, problem, sizeof(problem)) == 0)
		return;
	lr_complain("%s", problem);
	options->failed = true;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct types_options *options = state->input;

	switch (key) {
	case KEY_TYPE:
		if (*argument == '\0')
			lr_refuse_usage(state, "--type takes a pattern, for example 'net.*'");
		options->globs = lr_add_glob(options->globs, argument);
		return options->globs != NULL ? 0 : ENOMEM;
	case ARGP_KEY_ARG:
		take_argument(options, argument);
		return 0;
	case ARGP_KEY_NO_ARGS:
		lr_refuse_usage(state, "no file to look at; give one that `lastref run -o` wrote");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_rows,
	.parser = parse,
	.args_doc = "FILE...|DIR",
	.doc = "Tell how many objects of each type were born, died, and live at the end.\v"
	       "The figures of several files are added up. The exit status is 0, 2 for wrong usage, 3 if a file cannot be read or the "
	       "table cannot be written, 4 if a file ends early and was analyzed up to there.\n\n"
	       "Examples:\n"
	       "  lastref types server.lastref\n"
	       "  lastref types --type 'net.*' reports",
};

static struct row *find(struct types *types, const char *name, uint64_t size)
{
	for (size_t i = 0; i < types->count; i++) {
		if (types->rows[i].size == size && strcmp(types->rows[i].name, name) == 0)
			return &types->rows[i];
	}
	return NULL;
}

/* Return: NULL without memory. */
static struct row *find_or_add(struct types *types, const char *name, uint64_t size)
{
	struct row *row = find(types, name, size);
	char *copy;

	if (row != NULL)
		return row;
	if (types->count == types->room) {
		size_t room = types->room ? 2 * types->room : 64;
		struct row *moved = realloc(types->rows, room * sizeof(*moved));

		if (moved == NULL)
			return NULL;
		types->rows = moved;
		types->room = room;
	}
	copy = strdup(name);
	if (copy == NULL)
		return NULL;
	row = &types->rows[types->count++];
	*row = (struct row){ .name = copy, .size = size };
	return row;
}

static int add_totals(struct types *types, const struct lr_image *image,
		      const struct lr_type_totals *totals)
{
	const struct lr_type_entry *type = lr_image_type(image, totals->type);
	struct row *row =
		type ? find_or_add(types, lr_image_text(image, type->name, NULL), type->size) : NULL;

	if (row == NULL)
		return -ENOMEM;
	row->born += totals->born;
	row->live += totals->live;
	row->processes += row->last_process != types->processes;
	row->last_process = types->processes;
	return 0;
}

static int add_image(struct types *types, const struct lr_image *image)
{
	const struct lr_findings_options wanted = { .type_globs = types->globs, .want_types = true };
	struct lr_findings findings;
	int error = lr_findings_make(&findings, image, &wanted);

	types->processes++;
	types->cut_short += image->cut_short;
	types->lost += lr_image_counter(image->header, LR_LOST_OBJECTS);
	for (size_t i = 0; error == 0 && i < findings.type_count; i++)
		error = add_totals(types, image, &findings.types[i]);
	lr_findings_free(&findings);
	return error;
}

static void add_file(struct types *types, struct lr_input *input)
{
	const char *name = input->name;
	struct lr_loaded loaded = { .size = 0 };
	char problem[PROBLEM_MAX];
	int fd = lr_input_open(input);
	int error = fd < 0 ? fd : lr_load(&loaded, fd, false);

	if (fd < 0) {
		lr_complain("cannot open %s: %s", name, lr_source_explain(fd));
	} else if (error != 0) {
		lr_load_explain(name, &loaded, error, problem, sizeof(problem));
		lr_complain("%s", problem);
	} else {
		error = add_image(types, &loaded.image);
		if (error != 0)
			lr_complain("cannot analyze %s: %s", name, strerror(-error));
	}
	types->failed |= error != 0;
	lr_unload(&loaded);
	if (fd >= 0)
		close(fd);
}

static int compare(const void *a_, const void *b_)
{
	const struct row *a = a_;
	const struct row *b = b_;
	int order = strcmp(a->name, b->name);

	return order ? order : (a->size > b->size) - (a->size < b->size);
}

static void write_row(struct lr_sink *sink, const struct types *types, const struct row *row)
{
	struct lr_sink name;

	lr_sink_init(&name, -1);
	lr_sink_foreign(&name, row->name, strlen(row->name), 120);
	lr_sink_printf(sink, "%-*.*s %10llu %12llu %12llu %12llu", NAME_WIDTH, (int)name.length,
		       name.buffer, (unsigned long long)row->size, (unsigned long long)row->born,
		       (unsigned long long)(row->born > row->live ? row->born - row->live : 0),
		       (unsigned long long)row->live);
	if (types->processes > 1)
		lr_sink_printf(sink, " %10llu", (unsigned long long)row->processes);
	lr_sink_text(sink, "\n");
}

static void write_notes(struct lr_sink *sink, const struct types *types)
{
	lr_sink_text(sink,
		     "not known: the most that lived at once, refs and unrefs; these files keep what lives, not each event "
		     "(LASTREF=log=GLOB writes those)\n");
	if (types->lost > 0)
		lr_sink_printf(sink,
			       "note: %llu objects could not be registered for lack of memory, and are not in the table\n",
			       (unsigned long long)types->lost);
	if (types->cut_short > 0)
		lr_sink_text(sink,
			     "note: a file ends early: more may live, and fewer were born or died, than it says\n");
}

static int write_table(struct types *types)
{
	struct lr_sink sink;

	lr_sink_init(&sink, STDOUT_FILENO);
	lr_sink_printf(&sink, "%-*s %10s %12s %12s %12s%s\n", NAME_WIDTH, "type", "bytes each",
		       "born", "died", "live", types->processes > 1 ? "  processes" : "");
	if (types->count > 0)
		qsort(types->rows, types->count, sizeof(*types->rows), compare);
	for (size_t i = 0; i < types->count; i++)
		write_row(&sink, types, &types->rows[i]);
	write_notes(&sink, types);
	return lr_sink_flush(&sink);
}

static int tell(struct types_options *options)
{
	struct types types = { .globs = options->globs, .failed = options->failed };
	int error = 0;

	lr_progress_begin();
	lr_newest_keep(&options->inputs);
	for (size_t i = 0; i < options->inputs.count; i++) {
		lr_progress("reading file %zu of %zu", i + 1, options->inputs.count);
		add_file(&types, &options->inputs.all[i]);
	}
	lr_progress_end();
	if (types.processes > 0)
		error = write_table(&types);
	if (error != 0)
		lr_complain("cannot write the table: %s; make room, or send it elsewhere",
			    strerror(-error));
	for (size_t i = 0; i < types.count; i++)
		free(types.rows[i].name);
	free(types.rows);
	if (types.failed || error != 0)
		return LR_STATUS_UNREADABLE;
	return types.cut_short > 0 ? LR_STATUS_CUT_SHORT : 0;
}

int lr_cmd_types(int argc, char **argv)
{
	struct types_options options = { .failed = false };
	int error = argp_parse(&argp, argc, argv, 0, NULL, &options);
	int status = LR_STATUS_USAGE;

	if (error == 0)
		status = tell(&options);
	else
		lr_complain("cannot read the command line: %s", strerror(error));
	lr_inputs_finish(&options.inputs);
	free(options.globs);
	return status;
}
