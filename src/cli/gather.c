/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathering.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: of a hundred processes of a test suite most have the leaks of the first ones. So an image is dropped as soon as
 * its figures are added, unless it has the first cause at some place, whose examples and stacks the report may show, or a type that only it has, or
 * objects that causes keep together of which some may be hidden.
 */
#include "cli/gather.h"

#include "cli/cli.h"
#include "cli/newest.h"
#include "cli/progress.h"
#include "cli/source.h"
#include "cli/story.h"
#include "cli/symbols_apart.h"

#include <lastref/version.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORIES_TOLD 3
#define PROBLEM_MAX 8192

void lr_gather_init(struct lr_gather *gather, struct lr_symbols_apart *symbols,
		    const struct lr_suppress *suppress)
{
	*gather = (struct lr_gather){ .process_count = 0 };
	gather->folder = get_current_dir_name();
	lr_report_init(&gather->report);
	gather->report.suppressions = suppress->all;
	gather->report.suppression_count = suppress->count;
	gather->report.wants_misuses = true;
	lr_symbols_apart_init(symbols, &gather->symbolizer);
}

/* Without memory a message or a name is missing in the formats for programs; people have seen it already. */
static void append_text(char ***texts, size_t *count, const char *text, size_t length)
{
	char **longer = realloc(*texts, (*count + 1) * sizeof(*longer));
	char *copy = strndup(text, length);

	if (longer != NULL)
		*texts = longer;
	if (longer == NULL || copy == NULL)
		free(copy);
	else
		longer[(*count)++] = copy;
}

void lr_gather_note(struct lr_gather *gather, const char *problem)
{
	gather->failures++;
	append_text(&gather->problems, &gather->problem_count, problem, strlen(problem));
}

void lr_gather_problem(struct lr_gather *gather, const char *format, ...)
{
	char message[PROBLEM_MAX];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(message, sizeof(message), format, arguments) < 0)
		message[0] = '\0';
	va_end(arguments);
	lr_complain("%s", message);
	lr_gather_note(gather, message);
}

static void note_story(struct lr_gather *gather, const struct lr_gathered *gathered)
{
	struct lr_sink story;

	if (gathered->findings.objects == 0)
		return;
	lr_sink_init(&story, -1);
	lr_story_of_end(&story, &gathered->loaded.image);
	if (story.length == 0)
		return;
	if (gather->story_count == STORIES_TOLD)
		gather->stories_left_out++;
	else
		append_text(&gather->stories, &gather->story_count, story.buffer, story.length);
}

static void note_process(struct lr_gather *gather, const char *file,
			 const struct lr_gathered *gathered)
{
	const struct lr_image_header *header = gathered->loaded.header;
	struct lr_document_process *longer;
	struct lr_sink command;

	longer = realloc(gather->processes, (gather->process_count + 1) * sizeof(*longer));
	if (longer == NULL)
		return;
	gather->processes = longer;
	lr_sink_init(&command, -1);
	lr_story_name(&command, &gathered->loaded.image);
	longer[gather->process_count++] = (struct lr_document_process){
		.file = file != NULL ? strdup(file) : NULL,
		.command = strndup(command.buffer, command.length),
		.pid = header->pid,
		.state = header->state,
		.exit_status = header->exit_status,
		.objects = gathered->findings.objects,
		.bytes = gathered->findings.bytes,
		.cut_short = gathered->loaded.image.cut_short,
	};
}

void lr_gathered_free(struct lr_gathered *gathered)
{
	lr_findings_free(&gathered->findings);
	lr_unload(&gathered->loaded);
	free(gathered);
}

void lr_gather_take(struct lr_gather *gather, const char *file, struct lr_gathered *gathered)
{
	bool is_needed;

	note_story(gather, gathered);
	note_process(gather, file, gathered);
	gather->snapshots += gathered->loaded.header->state == LR_PROCESS_SNAPSHOT;
	lr_findings_choose(&gathered->findings, 0);
	is_needed = lr_report_add(&gather->report, &gathered->findings, &gather->symbolizer);
	if (!is_needed && gather->first != NULL) {
		lr_gathered_free(gathered);
		return;
	}
	if (gather->first == NULL)
		gather->first = gathered;
	gathered->next = gather->held;
	gather->held = gathered;
}

static int analyze(struct lr_gathered *gathered, int fd, const struct lr_findings_options *options,
		   char *problem, size_t size, const char *name)
{
	int error = lr_load(&gathered->loaded, fd, false);

	if (error != 0) {
		lr_load_explain(name, &gathered->loaded, error, problem, size);
		return error;
	}
	error = lr_findings_make(&gathered->findings, &gathered->loaded.image, options);
	if (error != 0)
		snprintf(problem, size, "cannot analyze %s: %s", name, strerror(-error));
	return error;
}

static void gather_file(struct lr_gather *gather, struct lr_input *input,
			const struct lr_findings_options *options)
{
	const char *name = input->name;
	int fd = lr_input_open(input);
	struct lr_gathered *gathered;
	char problem[PROBLEM_MAX];

	if (fd < 0) {
		lr_gather_problem(gather, "cannot open %s: %s", name, lr_source_explain(fd));
		return;
	}
	gathered = calloc(1, sizeof(*gathered));
	if (gathered == NULL) {
		lr_gather_problem(gather, "cannot read %s: out of memory", name);
	} else if (analyze(gathered, fd, options, problem, sizeof(problem), name) != 0) {
		lr_gather_problem(gather, "%s", problem);
		lr_gathered_free(gathered);
	} else {
		lr_gather_take(gather, name, gathered);
	}
	close(fd);
}

void lr_gather_named(struct lr_gather *gather, const char *name)
{
	char problem[PROBLEM_MAX];

	if (lr_inputs_add(&gather->inputs, name, problem, sizeof(problem)) != 0)
		lr_gather_problem(gather, "%s", problem);
}

void lr_gather_source(struct lr_gather *gather, const char *name, int source)
{
	if (lr_inputs_add_source(&gather->inputs, name, source) != 0)
		lr_gather_problem(gather, "cannot read %s: out of memory", name);
}

void lr_gather_inputs(struct lr_gather *gather, const struct lr_findings_options *options)
{
	struct lr_inputs *inputs = &gather->inputs;

	lr_newest_keep(inputs);
	for (size_t i = 0; i < inputs->count; i++) {
		uint64_t cut_short = gather->report.cut_short;

		lr_progress("reading file %zu of %zu", i + 1, inputs->count);
		gather_file(gather, &inputs->all[i], options);
		if (gather->report.cut_short > cut_short && inputs->count > 1)
			lr_complain("%s ends early; what it holds was analyzed", inputs->all[i].name);
	}
}

struct lr_document lr_gather_document(const struct lr_gather *gather)
{
	return (struct lr_document){
		.report = &gather->report,
		.symbolizer = &gather->symbolizer,
		.version = LASTREF_VERSION_STRING,
		.folder = gather->folder,
		.processes = gather->processes,
		.process_count = gather->process_count,
		.problems = gather->problems,
		.problem_count = gather->problem_count,
	};
}

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

void lr_gather_finish(struct lr_gather *gather)
{
	while (gather->held != NULL) {
		struct lr_gathered *gathered = gather->held;

		gather->held = gathered->next;
		lr_gathered_free(gathered);
	}
	for (size_t i = 0; i < gather->process_count; i++) {
		free(gather->processes[i].file);
		free(gather->processes[i].command);
	}
	free(gather->processes);
	free(gather->folder);
	free_texts(gather->problems, gather->problem_count);
	free_texts(gather->stories, gather->story_count);
	lr_inputs_finish(&gather->inputs);
	lr_report_finish(&gather->report);
}
