/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref check: what lives in a process that never ends, and what grew since it was asked last.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * Birth numbers are never reused. So what an object of the newer snapshot has in common with one of the older one is its birth, and nothing else need be
 * compared: what is in both is marked as reported, and a report of the newer one then is about what was born since.
 */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/render.h"
#include "cli/snapshots.h"
#include "cli/story.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct check_options {
	int pid;
	bool addresses;
	bool all;
};

enum key {
	KEY_ADDRESSES = 256,
	KEY_ALL,
};

static const struct argp_option rows[] = {
	{ "addresses", KEY_ADDRESSES, NULL, 0, "Show the addresses of objects", 0 },
	{ "all", KEY_ALL, NULL, 0, "Show all that grew, not only the most", 0 },
	{ 0 },
};

/* "-1" is no option that somebody misspelled. */
static void refuse_negative(struct argp_state *state)
{
	for (int i = 1; i < state->argc; i++) {
		if (state->argv[i][0] == '-' && state->argv[i][1] >= '0' && state->argv[i][1] <= '9')
			lr_refuse_usage(state, "'%s' is no process id", state->argv[i]);
	}
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct check_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		refuse_negative(state);
		return 0;
	case KEY_ADDRESSES:
		options->addresses = true;
		return 0;
	case KEY_ALL:
		options->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->pid != 0)
			lr_refuse_usage(state, "check takes one process id; '%s' is a second one",
					argument);
		options->pid = lr_parse_number(argument, 1, INT_MAX);
		if (options->pid < 0)
			lr_refuse_usage(state, "'%s' is no process id", argument);
		return 0;
	case ARGP_KEY_NO_ARGS:
		lr_refuse_usage(state, "no process to check; give its id");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = rows,
	.parser = parse,
	.args_doc = "PID",
	.doc = "Show what lives in a running process, and what was born since the check before and lives.\v"
	       "The process goes on. It must have been started with LASTREF=leaks=warn:signal=USR2 or another signal; see "
	       "lastref-env(7). Its snapshots stay where they are, for `lastref report'. The exit status is 0, 2 for wrong usage, "
	       "3 if the process cannot be checked.\n\n"
	       "Examples:\n"
	       "  LASTREF=leaks=warn:signal=USR2 ./server &\n"
	       "  lastref check $!",
};

/* Both snapshots; the older one may be missing. */
struct pair {
	struct lr_loaded newer;
	struct lr_loaded older;
	bool has_older;
};

static int load_number(const struct lr_snapshots *snapshots, uint32_t number, struct lr_loaded *loaded)
{
	int fd = lr_snapshots_open(snapshots, number);
	int error = fd < 0 ? fd : lr_load(loaded, fd, false);

	if (fd >= 0)
		close(fd);
	return error;
}

static int load_newer(const struct lr_snapshots *snapshots, struct lr_loaded *loaded)
{
	char name[PATH_MAX + NAME_MAX];
	char problem[sizeof(name) + 512];
	int error = load_number(snapshots, snapshots->last, loaded);

	if (error == 0)
		return 0;
	lr_snapshots_name(snapshots, snapshots->last, name, sizeof(name));
	lr_load_explain(name, loaded, error, problem, sizeof(problem));
	lr_complain("%s", problem);
	return error;
}

/* The newest of those that were there before. Another process may have had this id, so the file has to be of the same one. */
static void load_older(const struct lr_snapshots *snapshots, struct pair *pair)
{
	const struct lr_snapshot_place *place = &snapshots->places[snapshots->place];
	const struct lr_image_header *newer = pair->newer.header;

	for (size_t i = place->before_count; i-- > 0 && !pair->has_older;) {
		struct lr_loaded *older = &pair->older;

		pair->has_older = load_number(snapshots, place->before[i], older) == 0 &&
				  older->header->pid == newer->pid &&
				  older->header->started == newer->started;
		if (!pair->has_older) {
			lr_unload(older);
			*older = (struct lr_loaded){ .size = 0 };
		}
	}
}

static int compare_births(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

/* The births in an image, sorted; from malloc(). */
static uint64_t *list_births(const struct lr_image *image, size_t *ret_count)
{
	size_t count = (size_t)lr_image_count(image, LR_RECORDS);
	uint64_t *births = malloc((count + 1) * sizeof(*births));

	for (size_t i = 0; births && i < count; i++)
		births[i] = ((const struct lr_record *)lr_image_at(image, LR_RECORDS, i))->birth;
	if (births)
		qsort(births, count, sizeof(*births), compare_births);
	*ret_count = count;
	return births;
}

/* Ids of types are dealt in the order of first use: a type of the older image has the same id in the newer one of the same process. */
static int mark_old(struct pair *pair)
{
	size_t old_count = 0;
	uint64_t *old = list_births(&pair->older.image, &old_count);
	uint64_t count = lr_image_count(&pair->newer.image, LR_RECORDS);

	if (!old)
		return -ENOMEM;
	for (uint64_t i = 0; i < count; i++) {
		/* The bytes are our own copy. */
		struct lr_record *record =
			(struct lr_record *)(uintptr_t)lr_image_at(&pair->newer.image, LR_RECORDS, i);

		if ((record->state & LR_STATE_MASK) == LR_STATE_ALIVE &&
		    bsearch(&record->birth, old, old_count, sizeof(*old), compare_births))
			record->state |= LR_ALIVE_REPORTED;
	}
	free(old);
	return 0;
}

static void tell_of_process(struct lr_sink *sink, const struct pair *pair)
{
	const struct lr_image_header *newer = pair->newer.header;
	uint64_t live = lr_image_count(&pair->newer.image, LR_RECORDS);

	lr_sink_text(sink, "lastref: ");
	lr_story_name(sink, &pair->newer.image);
	lr_sink_printf(sink, " (process %u): ", newer->pid);
	lr_sink_number(sink, live);
	lr_sink_text(sink, live == 1 ? " object is live" : " objects are live");
	if (pair->has_older && newer->taken >= pair->older.header->taken) {
		lr_sink_text(sink, ", ");
		lr_sink_number(sink, lr_image_count(&pair->older.image, LR_RECORDS));
		lr_sink_text(sink, " were ");
		lr_sink_number(sink, (newer->taken - pair->older.header->taken) / LR_NS_PER_SECOND);
		lr_sink_text(sink, " s before");
	} else {
		lr_sink_text(sink, "; check again later to see what grew");
	}
	lr_sink_text(sink, "\n");
}

/* Without an older snapshot all that lives is shown by type only. */
static int report(struct pair *pair, const struct check_options *options)
{
	const struct lr_findings_options wanted = { .skip_reported = true,
						    .reported_hold_nothing = true,
						    .want_types = true };
	struct lr_findings findings;
	struct lr_render render;
	int error = pair->has_older ? mark_old(pair) : 0;

	if (error == 0)
		error = lr_findings_make(&findings, &pair->newer.image, &wanted);
	if (error != 0)
		return error;
	lr_render_begin(&render, STDOUT_FILENO, NULL);
	render.options.addresses = options->addresses;
	render.options.all = options->all;
	render.options.types = true;
	render.options.about = pair->has_older ? LR_TEXT_GROWN : LR_TEXT_LIVE;
	tell_of_process(&render.sink, pair);
	lr_render_report(&render, &findings);
	lr_findings_free(&findings);
	return lr_render_end(&render);
}

static int check(struct lr_snapshots *snapshots, const struct check_options *options)
{
	struct pair pair = { .has_older = false };
	int error = lr_snapshots_take(snapshots);

	if (error == 0)
		error = load_newer(snapshots, &pair.newer);
	if (error != 0) {
		lr_unload(&pair.newer);
		return error;
	}
	load_older(snapshots, &pair);
	error = report(&pair, options);
	if (error != 0)
		lr_complain("cannot check process %d: %s", options->pid, strerror(-error));
	lr_unload(&pair.newer);
	lr_unload(&pair.older);
	return error;
}

int lr_cmd_check(int argc, char **argv)
{
	struct check_options options = { 0 };
	static struct lr_snapshots snapshots;
	int error = argp_parse(&argp, argc, argv, 0, NULL, &options);

	if (error != 0) {
		lr_complain("cannot read the command line: %s", strerror(error));
		return LR_STATUS_USAGE;
	}
	error = lr_snapshots_find(&snapshots, options.pid);
	if (error == 0)
		error = check(&snapshots, &options);
	lr_snapshots_finish(&snapshots);
	return error == 0 ? 0 : LR_STATUS_UNREADABLE;
}
