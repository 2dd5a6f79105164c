/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report as JUnit XML, the dialect that test jobs read: each cause is a test that failed.
 *
 * Layer: export. Locks: none.
 *
 * What is not obvious: a suite without any test looks to many readers as if nothing had been run. So there is always one, "all files are read",
 * which passes, and is an error where a file could not be read, or not to its end.
 */
#include "export/document.h"
#include "export/text_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ROOM ((size_t)64 << 10)

/* Text for an attribute or between tags. What no XML may have was escaped when it came from outside. */
static void write_escaped(struct lr_sink *sink, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		switch (text[i]) {
		case '&':
			lr_sink_text(sink, "&amp;");
			break;
		case '<':
			lr_sink_text(sink, "&lt;");
			break;
		case '>':
			lr_sink_text(sink, "&gt;");
			break;
		case '"':
			lr_sink_text(sink, "&quot;");
			break;
		default:
			lr_sink_bytes(sink, &text[i], 1);
		}
	}
}

static void write_attribute(struct lr_sink *sink, const char *name, const struct lr_sink *value)
{
	lr_sink_printf(sink, " %s=\"", name);
	write_escaped(sink, value->memory ? value->memory : value->buffer, value->length);
	lr_sink_text(sink, "\"");
}

static void write_foreign(struct lr_sink *sink, const char *text)
{
	struct lr_sink clean;

	lr_sink_init(&clean, -1);
	lr_sink_foreign(&clean, text, strlen(text), 1000);
	write_escaped(sink, clean.buffer, clean.length);
}

struct counts {
	size_t tests;
	size_t failures;
	size_t errors;
	size_t skipped;
};

static struct counts count(const struct lr_document *document)
{
	struct counts counts = { .tests = 1 + document->report->count,
				 .errors = document->problem_count > 0 ||
					   document->report->cut_short > 0 };

	for (size_t i = 0; i < document->report->count; i++) {
		const struct lr_entry *entry = &document->report->entries[i];

		if (entry->suppression || entry->is_known)
			counts.skipped++;
		else
			counts.failures++;
	}
	if (document->report->counters[LR_MISUSES] > 0) {
		counts.tests++;
		counts.failures++;
	}
	return counts;
}

static void write_counts(struct lr_sink *sink, const char *tag, const struct counts *counts)
{
	lr_sink_printf(sink,
		       "<%s name=\"lastref\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"0\">\n",
		       tag, counts->tests, counts->failures, counts->errors, counts->skipped);
}

static void write_case(struct lr_sink *sink, const struct lr_document *document,
		       const struct lr_entry *entry)
{
	const struct lr_image *image = entry->findings->image;
	char fingerprint[LR_FINGERPRINT_TEXT];
	struct lr_sink words, name, type;

	lr_report_fingerprint(entry->fingerprint, fingerprint);
	lr_sink_init(&words, -1);
	/* Readers follow a test from run to run by its name. */
	lr_document_name(&words, entry, document->symbolizer);
	lr_sink_init(&name, -1);
	lr_sink_printf(&name, "[%s] %.*s", fingerprint, (int)words.length, words.buffer);
	lr_sink_init(&type, -1);
	lr_text_type(&type, image, entry->cause->type);
	lr_sink_text(sink, "    <testcase");
	write_attribute(sink, "classname", &type);
	write_attribute(sink, "name", &name);
	lr_sink_text(sink, " time=\"0\">\n");
}

static void write_skipped(struct lr_sink *sink, const struct lr_document *document,
			  const struct lr_entry *entry)
{
	lr_sink_text(sink, "      <skipped message=\"");
	if (entry->suppression) {
		lr_sink_text(sink, "suppressed by ");
		write_foreign(sink, document->suppressions ? document->suppressions : "line");
		lr_sink_printf(sink, ":%u", entry->suppression->line);
	} else {
		lr_sink_text(sink, "known to the baseline");
	}
	lr_sink_text(sink, "\"/>\n");
}

static void write_failure(struct lr_sink *sink, const struct lr_document *document,
			  const struct lr_entry *entry, size_t number, char *room)
{
	const struct lr_text_options options = { .addresses = document->addresses };
	struct lr_sink block;
	struct lr_text text = {
		.sink = &block,
		.report = document->report,
		.options = &options,
		.symbolizer = document->symbolizer,
	};

	lr_sink_init_memory(&block, room, BLOCK_ROOM);
	lr_text_summary(&text, entry);
	lr_sink_printf(sink, "      <failure type=\"%s\"",
		       entry->cause->kind == LR_CAUSE_CYCLE ? "cycle" : "leak");
	write_attribute(sink, "message", &block);
	lr_sink_text(sink, ">");
	lr_sink_init_memory(&block, room, BLOCK_ROOM);
	lr_text_cause(&text, entry, number);
	write_escaped(sink, room, block.length);
	lr_sink_text(sink, "</failure>\n");
}

static void write_entries(struct lr_sink *sink, const struct lr_document *document, char *room)
{
	size_t number = 0;

	for (size_t i = 0; i < document->report->count; i++) {
		const struct lr_entry *entry = &document->report->entries[i];

		write_case(sink, document, entry);
		if (entry->suppression || entry->is_known)
			write_skipped(sink, document, entry);
		else
			write_failure(sink, document, entry, ++number, room);
		lr_sink_text(sink, "    </testcase>\n");
	}
}

/* What it was and where, in one line. */
static void compose_misuse(struct lr_sink *sink, const struct lr_document *document,
			   const struct lr_misuse_told *misuse)
{
	const struct lr_frames frames = lr_misuse_frames(misuse, document->symbolizer);

	lr_sink_foreign(sink, misuse->words, misuse->length, 200);
	lr_sink_text(sink, " at ");
	lr_stack_line(sink, &frames, misuse->site, NULL);
}

static void write_misuses(struct lr_sink *sink, const struct lr_document *document, char *room)
{
	const struct lr_misuses *told = &document->report->misuses;
	uint64_t misuses = document->report->counters[LR_MISUSES];
	struct lr_sink line;

	if (misuses == 0)
		return;
	lr_sink_text(sink, "    <testcase classname=\"lastref\" name=\"no misuse\" time=\"0\">\n"
			   "      <failure type=\"misuse\" message=\"");
	lr_text_plural(sink, misuses, "misuse", "misuses");
	lr_sink_text(sink, ", reported by the program in its own output");
	for (size_t i = 0; i < told->count; i++) {
		lr_sink_init_memory(&line, room, BLOCK_ROOM);
		compose_misuse(&line, document, &told->all[i]);
		if (i == 0) {
			lr_sink_text(sink, told->count > 1 ? "; the first: " : ": ");
			write_escaped(sink, room, line.length);
			lr_sink_text(sink, "\">");
		}
		write_escaped(sink, room, line.length);
		lr_sink_text(sink, "\n");
	}
	lr_sink_text(sink,
		     told->count > 0 ? "</failure>\n    </testcase>\n" : "\"/>\n    </testcase>\n");
}

/* The test that is always there. */
static void write_reading(struct lr_sink *sink, const struct lr_document *document)
{
	lr_sink_text(sink,
		     "    <testcase classname=\"lastref\" name=\"all files are read\" time=\"0\">\n");
	if (document->problem_count > 0) {
		lr_sink_text(sink, "      <error type=\"unreadable\" message=\"");
		write_foreign(sink, document->problems[0]);
		lr_sink_text(sink, "\">");
		for (size_t i = 0; i < document->problem_count; i++) {
			write_foreign(sink, document->problems[i]);
			lr_sink_text(sink, "\n");
		}
		lr_sink_text(sink, "</error>\n");
	} else if (document->report->cut_short > 0) {
		lr_sink_text(sink, "      <error type=\"cut short\" message=\"");
		lr_text_plural(sink, document->report->cut_short, "file ends", "files end");
		lr_sink_text(sink, " early; what is there was analyzed\"/>\n");
	}
	lr_sink_text(sink, "    </testcase>\n");
}

int lr_document_junit(struct lr_sink *sink, const struct lr_document *document)
{
	const struct counts counts = count(document);
	char *room = malloc(BLOCK_ROOM);

	if (!room)
		return -ENOMEM;
	lr_sink_text(sink, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	write_counts(sink, "testsuites", &counts);
	lr_sink_text(sink, "  ");
	write_counts(sink, "testsuite", &counts);
	write_reading(sink, document);
	write_entries(sink, document, room);
	write_misuses(sink, document, room);
	lr_sink_text(sink, "  </testsuite>\n</testsuites>\n");
	free(room);
	return 0;
}
