/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes of one `lastref run` left.
 *
 * Layer: cli. Locks: none; one thread. One process at a time is in memory.
 *
 * What is not obvious: a process counts as checked if it made objects or came to its check at exit. A child
 * between fork() and exec() has an arena too, but nothing to say; without this rule every program that a
 * shell-like CMD starts would be in the count. With several processes only those that leaked get a report, and
 * one line at the end tells of the others.
 */
#include "cli/run_verdict.h"

#include "cli/cli.h"
#include "cli/gather.h"
#include "cli/load.h"
#include "cli/present.h"
#include "cli/render.h"
#include "cli/run_output.h"
#include "cli/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct judge {
	struct lr_run_verdict *verdict;
	const struct lr_run_options *options;
	const struct lr_run_processes *processes;
	const struct lr_run_alone *alone;
	const struct lr_suppress *suppress;
	struct lr_render render; /* a report of each process */
	struct lr_gather gather; /* one report of all; empty if it is not wanted */
	size_t ended;		 /* processes that get a verdict */
	size_t number;		 /* of the one at hand */
	size_t clean;		 /* of them, with nothing to report */
	bool suppressed;	 /* there are leaks that --suppressions hides */
	size_t main_index;	 /* whose file has the plain name of -o */
	pid_t command_pid;
	int command_status;
};

/* Then a report that says "no leaks" would say too much. */
static bool is_one_of_many(const struct judge *judge)
{
	return judge->ended + judge->alone->processes > 1;
}

/* Is there one report of all processes? */
static bool is_gathered(const struct judge *judge)
{
	return judge->options->has_format || judge->options->report != NULL;
}

/* Is there one of each? */
static bool is_told(const struct judge *judge)
{
	return !judge->options->quiet &&
	       (!judge->options->has_format || judge->options->report != NULL);
}

static struct lr_sink *report_sink(struct judge *judge)
{
	return &judge->render.sink;
}

/* Did the process do anything that checking sees? */
static bool has_history(const struct lr_loaded *loaded)
{
	return loaded->header->state != LR_PROCESS_RUNNING ||
	       lr_image_type(&loaded->image, 1) != NULL || loaded->header->counters[LR_MISUSES] > 0 ||
	       loaded->header->counters[LR_LOST_OBJECTS] > 0;
}

static bool is_worth_a_verdict(const struct lr_run_process *process)
{
	struct lr_loaded loaded;
	bool worth;

	if (process->fate != LR_RUN_ENDED || process->state != LR_PROCESS_RUNNING)
		return process->fate == LR_RUN_ENDED;
	/* What cannot be read must be heard of. */
	worth = lr_load(&loaded, process->fd, true) != 0 || has_history(&loaded);
	lr_unload(&loaded);
	return worth;
}

static void name_process(struct judge *judge, const struct lr_image *image, char *name, size_t size)
{
	struct lr_sink text;

	lr_sink_init(&text, -1);
	lr_story_name(&text, image);
	snprintf(name, size, "process %zu of %zu: %.*s", judge->number, judge->ended,
		 (int)text.length, text.buffer);
}

static void print_report(struct judge *judge, const struct lr_gathered *process,
			 const struct lr_report *report)
{
	const struct lr_image *image = &process->loaded.image;
	char name[1024];
	bool many = is_one_of_many(judge);

	judge->suppressed |= report->suppressed > 0;
	if (many && report->objects == 0) {
		judge->clean += !lr_report_is_bad(report);
		return;
	}
	name_process(judge, image, name, sizeof(name));
	judge->render.options.process = many ? name : NULL;
	judge->render.options.types = !many;
	if (many && judge->number > 1)
		lr_sink_text(report_sink(judge), "\n");
	if (report->objects > 0)
		lr_story_of_end(report_sink(judge), image);
	lr_render_print(&judge->render, report, &process->findings);
}

/* Return: false if nothing was found, or all of it is suppressed. */
static bool report_process(struct judge *judge, struct lr_gathered *process)
{
	struct lr_report report;
	bool bad;

	lr_render_make(&judge->render, &report, &process->findings, is_told(judge));
	bad = lr_report_is_bad(&report);
	if (is_told(judge))
		print_report(judge, process, &report);
	lr_report_finish(&report);
	return bad;
}

/* The file says how the process ended; for CMD itself that is known exactly. */
static void note_end(const struct judge *judge, const struct lr_run_process *process,
		     struct lr_loaded *loaded)
{
	if (process->pid == judge->command_pid)
		loaded->header->exit_status = (uint32_t)judge->command_status;
	if (loaded->header->state == LR_PROCESS_RUNNING)
		loaded->header->state = LR_PROCESS_LEFT;
}

/*
 * Objects that a check called by the program reported are left out, unless there are suppressions: that check knew nothing of them.
 *
 * Return: false if the process belongs to the report of all of them now.
 */
static bool judge_ended(struct judge *judge, size_t index, struct lr_gathered *process)
{
	const struct lr_findings_options wanted = { .skip_reported = judge->suppress->count == 0,
						    .want_types = !is_one_of_many(judge) };
	pid_t pid = judge->processes->all[index].pid;
	int error;

	note_end(judge, &judge->processes->all[index], &process->loaded);
	error = lr_findings_make(&process->findings, &process->loaded.image, &wanted);
	if (error != 0)
		lr_gather_problem(&judge->gather, "cannot analyze process %d: %s", (int)pid,
				  strerror(-error));
	judge->verdict->bad |= error != 0 || report_process(judge, process);
	if (judge->options->output != NULL &&
	    lr_run_output_write(judge->options->output, pid, index == judge->main_index,
				&process->loaded.image) != 0)
		judge->verdict->not_written = true;
	if (error != 0 || !is_gathered(judge))
		return true;
	lr_gather_take(&judge->gather, NULL, process);
	return false;
}

/* A program that replaces itself leaves its objects behind on purpose; no leak, but worth a word. */
static void judge_replaced(struct judge *judge, const struct lr_loaded *loaded)
{
	const struct lr_findings_options wanted = { .skip_reported = true };
	struct lr_findings findings;
	struct lr_sink *sink = report_sink(judge);
	uint64_t objects;

	if (lr_findings_make(&findings, &loaded->image, &wanted) != 0)
		return;
	objects = findings.objects;
	judge->verdict->bad |= loaded->header->counters[LR_REPORTED] > 0 ||
			       loaded->header->counters[LR_MISUSES] > 0;
	lr_findings_free(&findings);
	if (objects == 0 || judge->options->quiet)
		return;
	lr_sink_text(sink, "lastref: ");
	lr_sink_number(sink, objects);
	lr_sink_text(sink, objects == 1 ? " object was live when " : " objects were live when ");
	lr_story_name(sink, &loaded->image);
	lr_sink_text(sink, " replaced itself by exec; they are not counted as leaks\n");
}

static void judge_running(struct judge *judge, const struct lr_loaded *loaded)
{
	struct lr_sink *sink = report_sink(judge);

	if (judge->options->quiet || !has_history(loaded))
		return;
	lr_sink_text(sink, "lastref: ");
	lr_story_name(sink, &loaded->image);
	lr_sink_printf(sink, " (process %u) still runs: it was not checked\n", loaded->header->pid);
}

static void refuse_process(struct judge *judge, const struct lr_run_process *process,
			   const struct lr_loaded *loaded, int error)
{
	char name[64];
	char problem[1024];

	snprintf(name, sizeof(name), "what process %d left", (int)process->pid);
	lr_load_explain(name, loaded, error, problem, sizeof(problem));
	lr_gather_problem(&judge->gather, "%s", problem);
	/* It may have leaked: a status of 0 would say that it did not. */
	judge->verdict->bad |= process->fate == LR_RUN_ENDED;
	judge->number += process->fate == LR_RUN_ENDED;
}

/* Return: is @gathered still the caller's? */
static bool judge_loaded(struct judge *judge, size_t index, struct lr_gathered *gathered)
{
	const struct lr_run_process *process = &judge->processes->all[index];
	int error = lr_load(&gathered->loaded, process->fd, true);

	if (error != 0) {
		refuse_process(judge, process, &gathered->loaded, error);
	} else if (process->fate == LR_RUN_REPLACED) {
		judge_replaced(judge, &gathered->loaded);
	} else if (process->fate == LR_RUN_RUNNING) {
		judge_running(judge, &gathered->loaded);
	} else if (has_history(&gathered->loaded)) {
		judge->number++;
		return judge_ended(judge, index, gathered);
	}
	return true;
}

static void judge_process(struct judge *judge, size_t index)
{
	struct lr_gathered *gathered = calloc(1, sizeof(*gathered));

	if (gathered == NULL) {
		judge->verdict->bad = true;
		lr_gather_problem(&judge->gather, "cannot read what process %d left: out of memory",
				  (int)judge->processes->all[index].pid);
	} else if (judge_loaded(judge, index, gathered)) {
		lr_gathered_free(gathered);
	}
	/* Messages of others go to standard error directly, and must come in their place. */
	lr_sink_flush(report_sink(judge));
}

/* CMD's own process, or else the first that ended, gets the plain name of -o. */
static void survey(struct judge *judge)
{
	const struct lr_run_processes *processes = judge->processes;

	judge->main_index = processes->count;
	for (size_t i = processes->count; i-- > 0;) {
		if (!is_worth_a_verdict(&processes->all[i]))
			continue;
		judge->ended++;
		if (judge->main_index == processes->count ||
		    processes->all[judge->main_index].pid != judge->command_pid)
			judge->main_index = i;
	}
}

static void tell_of_alone(struct judge *judge)
{
	size_t count = judge->alone->processes;

	if (count > 0)
		lr_gather_problem(&judge->gather,
				  "%zu process%s reported by %s: "
				  "no file could be made in the folder of this run, because of a change of the user or the "
				  "root folder, or because its file system is full",
				  count, count == 1 ? "" : "es",
				  count == 1 ? "itself" : "themselves");
}

static void summarize(struct judge *judge)
{
	struct lr_sink *sink = report_sink(judge);

	tell_of_alone(judge);
	if (judge->ended == 0) {
		if (judge->alone->processes == 0)
			lr_sink_text(
				sink,
				"lastref: nothing was checked: no process of CMD used lastref. Link the program with "
				"-llastref; set-uid programs and an emptied environment switch checking off\n");
		if (judge->options->output != NULL)
			lr_sink_text(sink, "lastref: no file was written\n");
		return;
	}
	if (!is_told(judge) || !is_one_of_many(judge))
		return;
	if (judge->clean == judge->ended)
		lr_sink_printf(sink, "lastref: no leaks%s in %zu %sprocess%s\n",
			       judge->suppressed ? " but suppressed ones" : "", judge->ended,
			       judge->alone->processes > 0 ? "other " : "",
			       judge->ended == 1 ? "" : "es");
	else if (judge->clean > 0)
		lr_sink_printf(sink, "\nlastref: no leaks%s in %zu of %zu processes\n",
			       judge->suppressed ? " but suppressed ones" : "", judge->clean,
			       judge->ended);
}

static void write_text(struct lr_sink *sink, const struct lr_text_options *options, void *gather)
{
	lr_present_report(sink, options, gather);
}

/* The one report of all processes. */
static void present(struct judge *judge)
{
	const struct lr_present present = {
		.format = judge->options->format,
		.output = judge->options->report,
		.option = "--report",
		.fd = STDERR_FILENO,
		.addresses = judge->options->addresses,
	};
	struct lr_document document;

	if (!is_gathered(judge) || (judge->options->quiet && !judge->options->report))
		return;
	lr_present_choose(&present, &judge->gather);
	document = lr_gather_document(&judge->gather);
	document.suppressions = judge->options->suppressions;
	document.addresses = judge->options->addresses;
	if (lr_present(&present, &document, write_text, &judge->gather) != 0)
		judge->verdict->not_written = true;
}

void lr_run_judge(struct lr_run_verdict *verdict, const struct lr_run_options *options,
		  const struct lr_suppress *suppress, const struct lr_run_processes *processes,
		  const struct lr_run_alone *alone, pid_t command_pid, int command_status)
{
	struct judge judge = {
		.verdict = verdict,
		.options = options,
		.processes = processes,
		.alone = alone,
		.suppress = suppress,
		.command_pid = command_pid,
		.command_status = command_status,
	};

	*verdict = (struct lr_run_verdict){ .bad = alone->bad || processes->left_out > 0 };
	lr_render_begin(&judge.render, STDERR_FILENO, suppress);
	lr_gather_init(&judge.gather, judge.render.symbols, suppress);
	judge.render.options.addresses = options->addresses;
	survey(&judge);
	for (size_t i = 0; i < processes->count; i++)
		judge_process(&judge, i);
	if (processes->left_out > 0)
		lr_complain("%zu processes are left out: %s; raise `ulimit -n'",
			    processes->left_out, strerror(processes->left_out_error));
	summarize(&judge);
	lr_sink_flush(report_sink(&judge));
	present(&judge);
	if (!options->quiet)
		lr_suppress_tell_unused(suppress);
	lr_gather_finish(&judge.gather);
	lr_render_end(&judge.render);
}
