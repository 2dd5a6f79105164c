/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Presenting a report.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/present.h"

#include "cli/cli.h"
#include "cli/render.h"
#include "cli/replace.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
	[LR_FORMAT_TEXT] = "text",   [LR_FORMAT_JSON] = "json",		[LR_FORMAT_JUNIT] = "junit",
	[LR_FORMAT_SARIF] = "sarif", [LR_FORMAT_BASELINE] = "baseline",
};

enum lr_format lr_present_parse_format(struct argp_state *state, const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return (enum lr_format)i;
	}
	lr_refuse_usage(state,
			"there is no format '%s'; the formats are text, json, junit, sarif and baseline",
			name);
}

error_t lr_present_parse(struct lr_present *present, int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case LR_PRESENT_OUTPUT:
		if (*argument == '\0')
			lr_refuse_usage(state, "-o takes the name of a file");
		present->output = argument;
		return 0;
	case LR_PRESENT_FORMAT:
		present->format = lr_present_parse_format(state, argument);
		return 0;
	case LR_PRESENT_SUPPRESSIONS:
		lr_take_suppressions(state, &present->suppressions, argument);
		return 0;
	case LR_PRESENT_ALL:
		present->all = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void lr_present_choose(const struct lr_present *present, struct lr_gather *gather)
{
	lr_report_total(&gather->report);
	lr_report_choose(&gather->report, present->all ? 0 : LR_CAUSES_SHOWN);
}

void lr_present_report(struct lr_sink *sink, const struct lr_text_options *options,
		       const struct lr_gather *gather)
{
	const struct lr_report *report = &gather->report;
	const struct lr_findings *only = report->processes == 1 ? &gather->first->findings : NULL;
	struct lr_text_options words = *options;

	if (report->processes > 0 && gather->snapshots == report->processes)
		words.about = LR_TEXT_LIVE;
	for (size_t i = 0; i < gather->story_count; i++)
		lr_sink_text(sink, gather->stories[i]);
	if (gather->stories_left_out > 0)
		lr_sink_printf(sink,
			       "lastref: %zu more files are of processes without the check at exit\n",
			       gather->stories_left_out);
	if (report->processes > 0)
		lr_text_report(sink, report, only, &words, &gather->symbolizer);
	if (report->snapshots_with > 0)
		lr_sink_text(sink,
			     "note: what lives in a process that goes on may be wanted; for the exit status it counts as "
			     "leaked\n");
	if (report->processes > 0 && gather->failures > 0)
		lr_sink_printf(sink,
			       "note: %zu %s could not be read; what leaked there is not above\n",
			       gather->failures, gather->failures == 1 ? "file" : "files");
}

struct job {
	const struct lr_present *present;
	const struct lr_document *document;
	lr_present_text text;
	void *context;
};

static int write_document(const struct job *job, struct lr_sink *sink)
{
	switch (job->present->format) {
	case LR_FORMAT_TEXT:
		break;
	case LR_FORMAT_JSON:
		return lr_document_json(sink, job->document);
	case LR_FORMAT_JUNIT:
		return lr_document_junit(sink, job->document);
	case LR_FORMAT_SARIF:
		return lr_document_sarif(sink, job->document);
	case LR_FORMAT_BASELINE:
		return lr_document_baseline(sink, job->document);
	}
	return -EINVAL;
}

static int write_to(void *job_, int fd)
{
	const struct job *job = job_;
	const struct lr_text_options options = {
		.addresses = job->present->addresses,
		.all = job->present->all,
		.types = job->present->format == LR_FORMAT_TEXT,
		.color = !job->present->output && lr_render_has_color(fd),
	};
	struct lr_sink sink;
	int written, error = 0;

	lr_sink_init(&sink, fd);
	if (job->present->format == LR_FORMAT_TEXT)
		job->text(&sink, &options, job->context);
	else
		error = write_document(job, &sink);
	written = lr_sink_flush(&sink);
	return error ? error : written;
}

int lr_present(const struct lr_present *present, const struct lr_document *document,
	       lr_present_text text, void *context)
{
	struct job job = {
		.present = present,
		.document = document,
		.text = text,
		.context = context,
	};
	int error;

	if (present->output)
		return lr_replace_file(present->output, present->option, write_to, &job);
	error = write_to(&job, present->fd);
	if (error != 0)
		lr_complain("cannot write the report: %s; make room, or send it elsewhere",
			    strerror(-error));
	return error;
}
