/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as text.
 *
 * Layer: export. Locks: none; no allocation, so that the process under test can print it from anywhere.
 *
 * First the total, then a table of types where one is asked for, then one block a cause, the largest where there are too many, and
 * last what is missing. Nothing in it depends on addresses or time, so two reports can be compared by diff.
 */
#include "export/text.h"

#include "export/text_parts.h"

#include <string.h>

#define TYPES_SHOWN 10

/* May there be leaks that the figures do not have? The notes say what was lost. */
static bool is_in_doubt(const struct lr_report *report)
{
	return report->incomplete || report->cut_short || report->counters[LR_LOST_OBJECTS] > 0 ||
	       report->counters[LR_LOST_TYPES] > 0 || report->counters[LR_OTHER_COPIES] > 0;
}

/* Of a process that goes on. */
static const char *nothing_lives(const struct lr_text *text)
{
	if (text->options->about == LR_TEXT_GROWN)
		return "nothing was born since and lives";
	if (text->report->known > 0)
		return "nothing new lives";
	return text->report->suppressed > 0 ? "nothing lives but what is suppressed" :
					      "nothing lives";
}

static const char *no_leaks(const struct lr_report *report)
{
	if (report->known > 0)
		return "no new leaks";
	return report->suppressed > 0 ? "no leaks but suppressed ones" : "no leaks";
}

/* The total, where there is no new leak. What it does not tell of, a note does. */
static void write_no_new_leaks(const struct lr_text *text)
{
	const struct lr_report *report = text->report;
	uint64_t misuses = report->counters[LR_MISUSES];
	const char *known = is_in_doubt(report) ? " known, but see the notes" : "";
	struct lr_sink *sink = text->sink;

	lr_sink_text(sink, "lastref: ");
	if (lr_text_is_of_running(text)) {
		lr_sink_printf(sink, "%s%s", nothing_lives(text), known);
	} else if (report->reported > 0) {
		lr_text_objects(sink, report->reported);
		lr_sink_printf(sink,
			       " leaked, reported when the program called a check; nothing new%s",
			       known);
	} else if (report->released > 0) {
		lr_text_objects(sink, report->released);
		lr_sink_printf(sink,
			       " %s reported by a check that the program called, and released since; nothing new%s",
			       report->released == 1 ? "was" : "were", known);
	} else if (misuses > 0) {
		lr_text_plural(sink, misuses, "misuse", "misuses");
		lr_sink_printf(sink, ", reported when it happened; %s%s", no_leaks(report), known);
	} else {
		lr_sink_printf(sink, "%s%s", no_leaks(report), known);
	}
}

static void write_sums(const struct lr_text *text)
{
	static const char *const what[] = {
		[LR_TEXT_LEAKED] = " leaked, ",
		[LR_TEXT_SINCE_CHECKPOINT] = " leaked, ",
		[LR_TEXT_LIVE] = " live, ",
		[LR_TEXT_GROWN] = " born since and live, ",
	};
	const struct lr_report *report = text->report;
	struct lr_sink *sink = text->sink;

	lr_sink_text(sink, "lastref: ");
	lr_text_objects(sink, report->objects);
	lr_sink_text(sink, what[text->options->about]);
	lr_sink_size(sink, report->bytes);
	if (report->causes > 0) {
		lr_sink_text(sink, ", ");
		lr_text_plural(sink, report->causes, "cause", "causes");
	}
}

/* Where the report is of: one process of a run, or so many of the files. */
static void write_where(const struct lr_text *text)
{
	const struct lr_report *report = text->report;
	struct lr_sink *sink = text->sink;

	if (text->options->about == LR_TEXT_SINCE_CHECKPOINT) {
		lr_sink_text(sink, " since the checkpoint");
	} else if (text->options->process) {
		lr_sink_text(sink, " in ");
		lr_sink_text(sink, text->options->process);
	} else if (report->processes > 1) {
		lr_sink_text(sink, " in ");
		if (report->objects > 0) {
			lr_sink_number(sink, report->processes_with);
			lr_sink_text(sink, " of ");
		}
		lr_sink_number(sink, report->processes);
		lr_sink_text(sink, " processes");
	}
	lr_sink_text(sink, "\n");
}

static void write_total(const struct lr_text *text)
{
	const struct lr_report *report = text->report;
	uint64_t bad = report->counters[LR_MISUSES];

	if (!lr_text_is_of_running(text))
		bad += report->objects + report->reported + report->released;
	lr_text_color(text, bad > 0 ? "1;31" : "1;32");
	if (report->objects == 0)
		write_no_new_leaks(text);
	else
		write_sums(text);
	lr_text_color(text, "0");
	write_where(text);
}

static void write_types(const struct lr_text *text)
{
	const struct lr_findings *findings = text->only;
	struct lr_sink *sink = text->sink;
	size_t shown = findings->type_count < TYPES_SHOWN || text->options->all ?
			       findings->type_count :
			       TYPES_SHOWN;

	if (shown == 0)
		return;
	lr_sink_printf(sink, "\n  %-24s %12s %12s %12s\n", "type", "born", "died", "live");
	for (size_t i = 0; i < shown; i++) {
		const struct lr_type_totals *type = &findings->types[i];
		const struct lr_type_entry *entry = lr_image_type(findings->image, type->type);
		struct lr_sink name;

		lr_sink_init(&name, -1);
		lr_sink_foreign(&name, lr_image_text(findings->image, entry->name, NULL),
				strlen(lr_image_text(findings->image, entry->name, NULL)), 24);
		lr_sink_printf(sink, "  %-24.*s %12llu %12llu %12llu\n", (int)name.length,
			       name.buffer, (unsigned long long)type->born,
			       (unsigned long long)(type->born > type->live ? type->born - type->live :
									      0),
			       (unsigned long long)type->live);
	}
	if (shown < findings->type_count) {
		lr_sink_text(sink, "  ... and ");
		lr_text_plural(sink, findings->type_count - shown, "more type\n", "more types\n");
	}
}

static bool has_number(const struct lr_entry *entry)
{
	return !entry->suppression && !entry->is_known;
}

static void write_causes(struct lr_text *text)
{
	const struct lr_report *report = text->report;
	size_t hidden_causes = report->causes_left_out;
	uint64_t hidden = report->left_out;
	size_t number = 0;

	for (size_t i = 0; i < report->count; i++) {
		const struct lr_entry *entry = &report->entries[i];

		number += has_number(entry);
		if (entry->shown) {
			lr_text_cause(text, entry, number);
		} else if (has_number(entry)) {
			hidden += entry->sums.objects;
			hidden_causes++;
		}
	}
	if (hidden_causes == 0)
		return;
	lr_sink_text(text->sink, "\nNot shown: ");
	lr_text_plural(text->sink, hidden_causes, "smaller leak", "smaller leaks");
	lr_sink_text(text->sink, " with ");
	lr_text_objects(text->sink, hidden);
	lr_sink_text(text->sink,
		     " (`lastref run -o FILE`, then `lastref report --all FILE`, shows all)\n");
}

void lr_text_report(struct lr_sink *sink, const struct lr_report *report,
		    const struct lr_findings *only, const struct lr_text_options *options,
		    const struct lr_symbolizer *symbolizer)
{
	struct lr_text text = {
		.sink = sink,
		.report = report,
		.only = only,
		.options = options,
		.symbolizer = symbolizer,
	};

	write_total(&text);
	/* What is cut off would be missing in the table's sums. */
	if (options->types && only && !only->image->cut_short)
		write_types(&text);
	write_causes(&text);
	lr_text_remarks(&text);
	lr_sink_flush(sink);
}
