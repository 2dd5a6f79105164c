/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One side of `lastref diff`.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/known.h"

#include "cli/cli.h"
#include "cli/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int compare(const void *a_, const void *b_)
{
	const struct lr_known *a = a_;
	const struct lr_known *b = b_;

	if (a->fingerprint != b->fingerprint)
		return a->fingerprint < b->fingerprint ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

/* Two baselines that were merged may have a cause twice. */
static void sort_and_drop_equal(struct lr_known_side *side)
{
	size_t kept = 0;

	if (side->count == 0)
		return;
	qsort(side->all, side->count, sizeof(*side->all), compare);
	for (size_t i = 1; i < side->count; i++) {
		if (side->all[i].fingerprint != side->all[kept].fingerprint)
			side->all[++kept] = side->all[i];
	}
	side->count = kept + 1;
}

static int allocate(struct lr_known_side *side, size_t count)
{
	side->all = calloc(count + 1, sizeof(*side->all));
	if (side->all != NULL)
		return 0;
	lr_complain("out of memory");
	return -ENOMEM;
}

static int read_baseline(struct lr_known_side *side, int source, bool is_new)
{
	struct lr_text_file *file = &side->file;
	unsigned int line = 0;
	long count;

	if (lr_text_file_take(file, side->name, "baseline", source) != 0)
		return -EINVAL;
	/* A file of which nothing was written must not pass for a run without leaks. */
	if (is_new && file->size == 0) {
		lr_complain("cannot read %s: it is empty; give what `lastref run -o` or `lastref report --format baseline` wrote",
			    side->name);
		return -EINVAL;
	}
	count = lr_baseline_parse(file->text, file->size, NULL, &line);
	if (count < 0) {
		lr_text_file_refuse(file, line, LR_BASELINE_EXPECTED);
		return -EINVAL;
	}
	if (allocate(side, (size_t)count) != 0)
		return -ENOMEM;
	side->count = (size_t)lr_baseline_parse(file->text, file->size, side->all, &line);
	return 0;
}

static int note_entry(struct lr_known_side *side, const struct lr_entry *entry)
{
	struct lr_known *known = &side->all[side->count];
	struct lr_sink words;

	if (entry->suppression)
		return 0;
	lr_sink_init(&words, -1);
	lr_document_words(&words, entry, &side->gather.symbolizer);
	*known = (struct lr_known){
		.fingerprint = entry->fingerprint,
		.words = strndup(words.buffer, words.length),
		.length = words.length,
	};
	if (known->words == NULL) {
		lr_complain("out of memory");
		return -ENOMEM;
	}
	side->count++;
	return 0;
}

/* What has no name for lack of memory would be told as gone, or not at all. */
static int refuse_incomplete(const struct lr_known_side *side)
{
	if (!side->gather.report.incomplete)
		return 0;
	lr_complain("cannot compare %s: out of memory, so some of its leaks have no name",
		    side->name);
	return -ENOMEM;
}

static int note_entries(struct lr_known_side *side)
{
	struct lr_report *report = &side->gather.report;
	int error;

	lr_report_total(report);
	error = refuse_incomplete(side);
	if (error == 0)
		error = allocate(side, report->count);
	for (size_t i = 0; error == 0 && i < report->count; i++)
		error = note_entry(side, &report->entries[i]);
	return error;
}

/* @source: what lr_source_open() returned, or -1 for a folder */
static int read_images(struct lr_known_side *side, int source, const struct lr_known_side *base,
		       struct lr_symbols_apart *symbols, const struct lr_suppress *suppress)
{
	const struct lr_findings_options wanted = { .want_types = true };

	side->has_images = true;
	lr_gather_init(&side->gather, symbols, suppress);
	if (base != NULL) {
		side->gather.report.known_fingerprints = base->fingerprints;
		side->gather.report.known_fingerprint_count = base->count;
	}
	if (source >= 0)
		lr_gather_source(&side->gather, side->name, source);
	else
		lr_gather_named(&side->gather, side->name);
	lr_gather_inputs(&side->gather, &wanted);
	if (side->gather.failures > 0)
		return -EINVAL;
	return note_entries(side);
}

static bool is_folder(const char *name)
{
	struct stat status;

	return stat(name, &status) == 0 && S_ISDIR(status.st_mode);
}

static int list_fingerprints(struct lr_known_side *side)
{
	side->fingerprints = calloc(side->count + 1, sizeof(*side->fingerprints));
	if (side->fingerprints == NULL) {
		lr_complain("out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < side->count; i++)
		side->fingerprints[i] = side->all[i].fingerprint;
	return 0;
}

void lr_known_side_read(struct lr_known_side *side, const char *name,
			const struct lr_known_side *base, struct lr_symbols_apart *symbols,
			const struct lr_suppress *suppress)
{
	bool folder = is_folder(name);
	/* Opened once: a pipe gives what it has to the first who reads. */
	int source = folder ? -1 : lr_source_open(name);
	int error;

	*side = (struct lr_known_side){ .name = name };
	if (folder || (source >= 0 && lr_source_is_image(source)))
		error = read_images(side, source, base, symbols, suppress);
	else
		error = read_baseline(side, source, base != NULL);
	sort_and_drop_equal(side);
	if (error == 0)
		error = list_fingerprints(side);
	side->failed = error != 0;
}

void lr_known_side_finish(struct lr_known_side *side)
{
	for (size_t i = 0; side->has_images && i < side->count; i++)
		free((void *)(uintptr_t)side->all[i].words);
	free(side->all);
	free(side->fingerprints);
	if (side->has_images)
		lr_gather_finish(&side->gather);
	lr_text_file_finish(&side->file);
}

const struct lr_known *lr_known_side_find(const struct lr_known_side *side, uint32_t fingerprint)
{
	size_t low = 0;
	size_t high = side->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (side->all[middle].fingerprint < fingerprint)
			low = middle + 1;
		else
			high = middle;
	}
	return low < side->count && side->all[low].fingerprint == fingerprint ? &side->all[low] :
										NULL;
}
