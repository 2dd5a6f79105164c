/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref diff: which leaks are new, which are gone, which stay.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: causes are compared by fingerprint alone. How many objects leaked may differ from run to run, and a build
 * that fails because a known leak leaked once more would teach people to ignore it.
 */
#include "cli/cli.h"
#include "cli/known.h"
#include "cli/present.h"
#include "cli/progress.h"
#include "cli/rebuilt.h"
#include "cli/replace.h"
#include "cli/symbols_apart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_SHOWN 10
#define WORDS_LIMIT 400

struct diff_options {
	struct lr_present present;
	const char *base;
	const char *new;
	bool fail_on_any;
};

enum key {
	KEY_FAIL_ON = 256,
};

static const struct argp_option rows[] = {
	{ "fail-on", KEY_FAIL_ON, "WHICH", 0,
	  "new (the default): exit with 1 if a leak is new; any: also if one stays", 0 },
	{ "output", LR_PRESENT_OUTPUT, "OUT", 0, "Write the result to OUT, not to standard output",
	  0 },
	{ "format", LR_PRESENT_FORMAT, "FMT", 0, "As of `lastref report'", 0 },
	{ "suppressions", LR_PRESENT_SUPPRESSIONS, "FILE", 0,
	  "Leave out the leaks that a line leak:PATTERN of FILE names", 0 },
	{ "all", LR_PRESENT_ALL, NULL, 0, "Show every leak, not only the largest", 0 },
	{ 0 },
};

static void take_argument(struct argp_state *state, struct diff_options *options, const char *argument)
{
	if (options->base == NULL)
		options->base = argument;
	else if (options->new == NULL)
		options->new = argument;
	else
		lr_refuse_usage(state,
				"diff takes BASE and NEW; '%s' is one too many (give a folder)",
				argument);
}

static bool parse_fail_on(struct argp_state *state, const char *which)
{
	if (strcmp(which, "any") != 0 && strcmp(which, "new") != 0)
		lr_refuse_usage(state, "--fail-on takes new or any, not '%s'", which);
	return strcmp(which, "any") == 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct diff_options *options = state->input;

	switch (key) {
	case KEY_FAIL_ON:
		options->fail_on_any = parse_fail_on(state, argument);
		return 0;
	case ARGP_KEY_ARG:
		take_argument(state, options, argument);
		return 0;
	case ARGP_KEY_END:
		if (options->new == NULL)
			lr_refuse_usage(
				state,
				"diff takes BASE and NEW: a baseline, a file or folder of `lastref run -o`");
		return 0;
	default:
		return lr_present_parse(&options->present, key, argument, state);
	}
}

static const struct argp argp = {
	.options = rows,
	.parser = parse,
	.args_doc = "BASE NEW",
	.doc = "Tell which leaks are in NEW and not in BASE, which are gone, and which stay.\v"
	       "BASE and NEW are a baseline, a file that `lastref run -o' wrote, or a folder of such files. The exit status is 0 if no "
	       "leak is new, 1 if one is, or if there was misuse, 2 for wrong usage, 3 if a file cannot be read or compared or the result "
	       "cannot be written, 4 if a file ends early and was analyzed up to there.\n\n"
	       "Examples:\n"
	       "  lastref run --quiet -o 'reports/%p' -- make test\n"
	       "  lastref report --format baseline -o leaks.baseline reports\n"
	       "  lastref diff leaks.baseline reports",
};

/* What is in one and not in the other. */
struct diff {
	const struct diff_options *options;
	struct lr_known_side base;
	struct lr_known_side new;
	struct lr_gone *gone;
	size_t gone_count;
	struct lr_known *added; /* where the new side is a baseline */
	size_t added_count;
	struct lr_known *stay;
	size_t stay_count;
};

/* A suppressed cause is neither gone nor does it stay. */
static bool is_suppressed(const struct diff *diff, uint32_t fingerprint)
{
	const struct lr_entry *entry =
		diff->new.has_images ? lr_report_find(&diff->new.gather.report, fingerprint) : NULL;

	return entry && entry->suppression;
}

static int compare_sides(struct diff *diff)
{
	diff->gone = calloc(diff->base.count + 1, sizeof(*diff->gone));
	diff->added = calloc(diff->new.count + 1, sizeof(*diff->added));
	diff->stay = calloc(diff->new.count + 1, sizeof(*diff->stay));
	if (!diff->gone || !diff->added || !diff->stay) {
		lr_complain("out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < diff->base.count; i++) {
		const struct lr_known *known = &diff->base.all[i];

		if (!lr_known_side_find(&diff->new, known->fingerprint) &&
		    !is_suppressed(diff, known->fingerprint))
			diff->gone[diff->gone_count++] = (struct lr_gone){
				.fingerprint = known->fingerprint,
				.words = known->words,
				.length = known->length,
			};
	}
	for (size_t i = 0; i < diff->new.count; i++) {
		const struct lr_known *known = &diff->new.all[i];

		if (!lr_known_side_find(&diff->base, known->fingerprint))
			diff->added[diff->added_count++] = *known;
		else
			diff->stay[diff->stay_count++] = *known;
	}
	return 0;
}

static void write_line(struct lr_sink *sink, uint32_t fingerprint, const char *words, size_t length)
{
	char text[LR_FINGERPRINT_TEXT];

	lr_report_fingerprint(fingerprint, text);
	lr_sink_printf(sink, "  %s ", text);
	lr_sink_foreign(sink, words, length, WORDS_LIMIT);
	lr_sink_text(sink, "\n");
}

static size_t shown_of(const struct diff *diff, size_t count)
{
	return diff->options->present.all || count < LINES_SHOWN ? count : LINES_SHOWN;
}

static void write_rest(const struct diff *diff, struct lr_sink *sink, size_t count)
{
	if (count > shown_of(diff, count))
		lr_sink_printf(sink, "  and %zu more (--all shows them)\n",
			       count - shown_of(diff, count));
}

static void write_known(const struct diff *diff, struct lr_sink *sink, const char *title,
			const struct lr_known *known, size_t count)
{
	if (count > 0)
		lr_sink_printf(sink, "\n%s\n", title);
	for (size_t i = 0; i < shown_of(diff, count); i++)
		write_line(sink, known[i].fingerprint, known[i].words, known[i].length);
	write_rest(diff, sink, count);
}

static void write_gone(const struct diff *diff, struct lr_sink *sink)
{
	if (diff->gone_count > 0)
		lr_sink_text(sink, diff->base.has_images ?
					   "\nGone:\n" :
					   "\nGone, so that the baseline can do without them:\n");
	for (size_t i = 0; i < shown_of(diff, diff->gone_count); i++)
		write_line(sink, diff->gone[i].fingerprint, diff->gone[i].words,
			   diff->gone[i].length);
	write_rest(diff, sink, diff->gone_count);
}

static void write_text(struct lr_sink *sink, const struct lr_text_options *options, void *diff_)
{
	const struct diff *diff = diff_;

	lr_sink_printf(sink, "lastref: %zu new, %zu gone, %zu %s\n", diff->added_count,
		       diff->gone_count, diff->stay_count, diff->stay_count == 1 ? "stays" : "stay");
	if (diff->new.has_images) {
		struct lr_text_options words = *options;

		words.types = false;
		lr_present_report(sink, &words, &diff->new.gather);
	} else {
		write_known(diff, sink, "New:", diff->added, diff->added_count);
	}
	write_gone(diff, sink);
	write_known(diff, sink, "Stay:", diff->stay, diff->stay_count);
}

static struct lr_document make_document(struct diff *diff)
{
	struct lr_document document = { .is_compared = true };

	if (diff->new.has_images) {
		lr_present_choose(&diff->options->present, &diff->new.gather);
		document = lr_gather_document(&diff->new.gather);
		document.is_compared = true;
	}
	document.gone = diff->gone;
	document.gone_count = diff->gone_count;
	document.suppressions = diff->options->present.suppressions;
	return document;
}

static bool is_cut_short(const struct lr_known_side *side)
{
	return side->has_images && side->gather.report.cut_short > 0;
}

/* Return: the exit status. */
static int present(struct diff *diff)
{
	const struct lr_document document = make_document(diff);
	uint64_t misuses = diff->new.has_images ? diff->new.gather.report.counters[LR_MISUSES] : 0;

	if (lr_present(&diff->options->present, &document, write_text, diff) != 0)
		return LR_STATUS_UNREADABLE;
	if (is_cut_short(&diff->base) || is_cut_short(&diff->new))
		return LR_STATUS_CUT_SHORT;
	if (diff->added_count > 0 || misuses > 0)
		return LR_STATUS_FOUND;
	return diff->options->fail_on_any && diff->stay_count > 0 ? LR_STATUS_FOUND : 0;
}

static int diff_sides(struct diff *diff, const struct lr_symbols_apart *symbols)
{
	/* What is not known of one side would be told as new or gone. */
	if (diff->base.failed || diff->new.failed)
		return LR_STATUS_UNREADABLE;
	if (!diff->new.has_images && diff->options->present.format != LR_FORMAT_TEXT) {
		lr_complain("a baseline as NEW has no stacks: only --format text can be made of it; give a file or folder of "
			    "`lastref run -o`");
		return LR_STATUS_USAGE;
	}
	if (lr_rebuilt_refuse(&diff->base, &diff->new, symbols))
		return LR_STATUS_UNREADABLE;
	return compare_sides(diff) == 0 ? present(diff) : LR_STATUS_UNREADABLE;
}

static int read_and_diff(const struct diff_options *options, const struct lr_suppress *suppress)
{
	struct lr_symbols_apart *symbols = lr_symbols_apart_create();
	struct diff diff = { .options = options };
	int status;

	lr_progress_begin();
	lr_progress("reading");
	lr_known_side_read(&diff.base, options->base, NULL, symbols, suppress);
	lr_known_side_read(&diff.new, options->new, &diff.base, symbols, suppress);
	lr_progress_end();
	status = diff_sides(&diff, symbols);
	if (!diff.base.failed && !diff.new.failed)
		lr_suppress_tell_unused(suppress);
	lr_known_side_finish(&diff.base);
	lr_known_side_finish(&diff.new);
	free(diff.gone);
	free(diff.added);
	free(diff.stay);
	lr_symbols_apart_destroy(symbols);
	return status;
}

static int check_output(const struct diff_options *options)
{
	const char *const inputs[] = { options->base, options->new, options->present.suppressions };

	if (options->present.output == NULL)
		return 0;
	return lr_replace_check_report(options->present.output, "-o", inputs,
				       sizeof(inputs) / sizeof(inputs[0]));
}

int lr_cmd_diff(int argc, char **argv)
{
	struct diff_options options = { .present = { .fd = STDOUT_FILENO, .option = "-o" } };
	struct lr_suppress suppress;
	int status = LR_STATUS_USAGE;
	int error = argp_parse(&argp, argc, argv, 0, NULL, &options);

	if (error != 0) {
		lr_complain("cannot read the command line: %s", strerror(error));
		return LR_STATUS_USAGE;
	}
	if (lr_suppress_read(&suppress, options.present.suppressions) == 0 &&
	    check_output(&options) == 0)
		status = read_and_diff(&options, &suppress);
	lr_suppress_finish(&suppress);
	return status;
}
