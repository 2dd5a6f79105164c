/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report as a baseline.
 *
 * Layer: export. Locks: none.
 *
 * What is not obvious: the file is kept in a version control system, so nothing may be in it that changes when code moves: no line of a
 * source. And its lines are sorted as bytes, so that two of them can be merged by sort(1).
 */
#include "export/document.h"

#include "analyze/frames.h"
#include "base/sort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS_SHOWN 4
#define NAME_LIMIT 120

struct place {
	struct lr_sink *sink;
	unsigned int frames;
};

static void write_name(struct lr_sink *sink, const char *name)
{
	lr_sink_foreign(sink, name, strlen(name), NAME_LIMIT);
}

static void write_frame(void *place_, const struct lr_address *address, const struct lr_frame *frame)
{
	struct place *place = place_;

	if (place->frames++ > 0)
		lr_sink_text(place->sink, " < ");
	else if (frame && frame->file) {
		write_name(place->sink, lr_frames_base_name(frame->file));
		lr_sink_text(place->sink, ": ");
	}
	if (frame && frame->function)
		write_name(place->sink, frame->function);
	else
		write_name(place->sink,
			   address->module[0] ? lr_frames_base_name(address->module) : "?");
}

static void write_words(struct lr_sink *sink, const struct lr_entry *entry,
			const struct lr_symbolizer *symbolizer, bool with_objects)
{
	const struct lr_image *image = entry->findings->image;
	const struct lr_type_entry *type = lr_image_type(image, entry->cause->type);
	const char *name = type ? lr_image_text(image, type->name, NULL) : "?";
	const struct lr_frames frames = {
		.image = image,
		.symbolizer = symbolizer,
		.type_name = name,
		.room = FUNCTIONS_SHOWN,
	};
	struct place place = { .sink = sink };

	lr_sink_text(sink, entry->cause->kind == LR_CAUSE_CYCLE ? "cycle " : "leak ");
	write_name(sink, name);
	if (with_objects)
		lr_sink_printf(sink, " %llu", (unsigned long long)entry->sums.objects);
	lr_sink_text(sink, " ");
	if (!lr_image_site(image, entry->cause->site))
		lr_sink_text(sink, "?");
	lr_frames_walk(&frames, entry->cause->site, write_frame, &place);
}

void lr_document_words(struct lr_sink *sink, const struct lr_entry *entry,
		       const struct lr_symbolizer *symbolizer)
{
	write_words(sink, entry, symbolizer, true);
}

void lr_document_name(struct lr_sink *sink, const struct lr_entry *entry,
		      const struct lr_symbolizer *symbolizer)
{
	write_words(sink, entry, symbolizer, false);
}

static int compare(const void *unused, const void *a_, const void *b_)
{
	const struct lr_entry *const *a = a_;
	const struct lr_entry *const *b = b_;

	(void)unused;
	return ((*a)->fingerprint > (*b)->fingerprint) - ((*a)->fingerprint < (*b)->fingerprint);
}

static void write_line(struct lr_sink *sink, const struct lr_document *document,
		       const struct lr_entry *entry)
{
	char fingerprint[LR_FINGERPRINT_TEXT];

	lr_report_fingerprint(entry->fingerprint, fingerprint);
	lr_sink_text(sink, fingerprint);
	lr_sink_text(sink, " ");
	lr_document_words(sink, entry, document->symbolizer);
	lr_sink_text(sink, "\n");
}

int lr_document_baseline(struct lr_sink *sink, const struct lr_document *document)
{
	const struct lr_report *report = document->report;
	const struct lr_entry **sorted = calloc(report->count + 1, sizeof(const struct lr_entry *));
	size_t count = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < report->count; i++) {
		if (!report->entries[i].suppression)
			sorted[count++] = &report->entries[i];
	}
	lr_sort(sorted, count, sizeof(const struct lr_entry *), compare, NULL);
	lr_sink_text(sink, "# Leaks that are known; `lastref diff` tells of others only.\n"
			   "# fingerprint, kind, type, objects, place\n");
	for (size_t i = 0; i < count; i++)
		write_line(sink, document, sorted[i]);
	free(sorted);
	return 0;
}
