/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The notes at the end of the text report: what was lost, left out or not looked at.
 *
 * Layer: export. Locks: none; no allocation.
 */
#include "export/text_parts.h"

#include <string.h>

#define TYPES_SHOWN 10
#define REASONS_SHOWN 5

static void remark(const struct lr_text *text, uint64_t number, const char *one, const char *many)
{
	if (number == 0)
		return;
	lr_sink_text(text->sink, "note: ");
	lr_sink_number(text->sink, number);
	lr_sink_printf(text->sink, " %s\n", number == 1 ? one : many);
}

/* Nothing was left by the pattern of `--type` or `types=`: a typing error there must not pass for "no leaks". */
static void write_types_left_out(const struct lr_text *text)
{
	uint64_t count = lr_image_count(text->only->image, LR_TYPES);
	uint32_t shown = 0;

	for (uint32_t id = 1; id <= count; id++) {
		const struct lr_type_entry *type = lr_image_type(text->only->image, id);

		if (!type || type->name == 0 || !(type->left_out || text->only->is_filtered))
			continue;
		if (shown == TYPES_SHOWN) {
			lr_sink_text(text->sink, ", ...");
			break;
		}
		lr_sink_text(text->sink,
			     shown++ == 0 ?
				     "note: no object has a type that was asked for; there are: " :
				     ", ");
		lr_text_type(text->sink, text->only->image, id);
	}
	if (shown > 0)
		lr_sink_text(text->sink, "\n");
}

/* The last note of `settle=` is in force. */
static void write_unsettled(const struct lr_text *text)
{
	const struct lr_note *last = NULL;
	const char *changing;
	size_t length;

	for (uint64_t i = lr_image_count(text->only->image, LR_NOTES); i > 0 && !last; i--) {
		const struct lr_note *note = lr_image_at(text->only->image, LR_NOTES, i - 1);

		if (note && (note->flags & LR_NOTE_UNSETTLED))
			last = note;
	}
	changing = last ? lr_image_text(text->only->image, last->text, &length) : "";
	if (changing[0] == '\0')
		return;
	lr_sink_text(text->sink, "note: still changing when the check had waited ");
	lr_sink_number(text->sink, last->count > 0 ? (uint64_t)last->count : 0);
	lr_sink_text(text->sink, " ms (settle=): ");
	lr_sink_foreign(text->sink, changing, length, 1024);
	lr_sink_text(text->sink, "\n");
}

/* What the process lost, or did not see. */
static void write_losses(const struct lr_text *text)
{
	const uint64_t *counters = text->report->counters;

	remark(text, counters[LR_UNKNOWN_UNREGISTERED],
	       "unregistered object was not known: born before checking was on, in the parent process, or without memory to register it",
	       "unregistered objects were not known: born before checking was on, in the parent process, or without memory to register them");
	remark(text, counters[LR_LOST_OBJECTS],
	       "object could not be registered for lack of memory; it may have leaked",
	       "objects could not be registered for lack of memory; they may have leaked");
	remark(text, counters[LR_LOST_TYPES],
	       "object had a type beyond the 65,535th and was not registered",
	       "objects had types beyond the 65,535th and were not registered");
	remark(text, counters[LR_UNKNOWN_IGNORED],
	       "object that the program wants to be ignored was not registered",
	       "objects that the program wants to be ignored were not registered");
	remark(text, counters[LR_LOST_SITES], "stack could not be kept", "stacks could not be kept");
	remark(text, counters[LR_UNWRITTEN_EVENTS], "event could not be written to the log",
	       "events could not be written to the log");
	remark(text, counters[LR_LOST_EVENTS],
	       "event was not logged: in a signal handler that interrupted the library, or for lack of memory",
	       "events were not logged: in a signal handler that interrupted the library, or for lack of memory");
	remark(text, counters[LR_OTHER_COPIES],
	       "more copy of the library was in this process; what was born through it was not checked",
	       "more copies of the library were in this process; what was born through them was not checked");
	if (counters[LR_NO_UNWINDER] == LR_NO_UNWIND_TABLE)
		lr_sink_text(text->sink,
			     "note: stacks are one frame deep: this program has no unwind table "
			     "(link a static one with -Wl,--eh-frame-hdr)\n");
	else if (counters[LR_NO_UNWINDER])
		lr_sink_text(text->sink,
			     "note: stacks are one frame deep: lastref walks them on x86_64 only\n");
}

/* What the first line does not tell of: it begins with the worst. */
static void write_not_in_total(const struct lr_text *text)
{
	const struct lr_report *report = text->report;
	bool is_running = lr_text_is_of_running(text);
	uint64_t leaked = report->objects + report->reported;

	/* Of what grew, the reported ones are those that lived at the check before. */
	remark(text,
	       text->options->about != LR_TEXT_GROWN && (is_running || leaked > 0) ? report->released :
										     0,
	       "object was reported by a check that the program called, and released since",
	       "objects were reported by a check that the program called, and released since");
	remark(text, is_running || leaked + report->released > 0 ? report->counters[LR_MISUSES] : 0,
	       "misuse was reported when it happened", "misuses were reported when they happened");
}

/* Of the blocks: whose memory is gone, and nobody knows what was in it. */
static uint64_t freed(const struct lr_report *report)
{
	uint64_t count = 0;

	for (size_t i = 0; i < report->count; i++)
		count += report->entries[i].shown ? report->entries[i].sums.gone : 0;
	return count;
}

/* Leaks that are in no block, and why. */
static void write_not_above(const struct lr_text *text)
{
	const struct lr_report *report = text->report;

	remark(text, report->causes > 0 ? report->shared : 0,
	       "object is kept by several of these leaks together, and goes with the last of them",
	       "objects are kept by several of these leaks together, and go with the last of them");
	remark(text, report->unlooked < report->objects ? report->unlooked : 0,
	       "object was not looked at: who holds it, and whom it holds, is not known",
	       "objects were not looked at: who holds them, and whom they hold, is not known");
	remark(text, report->suppressed, "leaked object is suppressed",
	       "leaked objects are suppressed");
	remark(text, report->known, "leaked object is known to the baseline",
	       "leaked objects are known to the baseline");
	remark(text,
	       report->objects > 0 && text->options->about != LR_TEXT_GROWN ? report->reported : 0,
	       "more live object was reported by an earlier check",
	       "more live objects were reported by an earlier check");
	write_not_in_total(text);
	remark(text, freed(report),
	       "object was freed without its last unref: what it held is told as leaks of its own",
	       "objects were freed without their last unref: what they held is told as leaks of their own");
	remark(text, report->overwritten,
	       "object was freed without its last unref: another was born at its address",
	       "objects were freed without their last unref: others were born at their addresses");
}

struct reasons {
	const char *reasons[REASONS_SHOWN];
	uint64_t objects[REASONS_SHOWN];
	uint32_t count;
	bool more;
};

static void add_reason(struct reasons *reasons, const char *reason)
{
	uint32_t i = 0;

	while (i < reasons->count && strcmp(reasons->reasons[i], reason) != 0)
		i++;
	if (i == REASONS_SHOWN) {
		reasons->more = true;
		return;
	}
	if (i == reasons->count)
		reasons->reasons[reasons->count++] = reason;
	reasons->objects[i]++;
}

static void collect_reasons(struct reasons *reasons, const struct lr_image *image)
{
	uint64_t count = lr_image_count(image, LR_NOTES);

	for (uint64_t i = 0; i < count; i++) {
		const struct lr_note *note = lr_image_at(image, LR_NOTES, i);

		if (note && (note->flags & LR_NOTE_IGNORED) && note->text != 0)
			add_reason(reasons, lr_image_text(image, note->text, NULL));
	}
}

/* In the order in which the program gave them. */
static void write_reasons(const struct lr_text *text)
{
	struct reasons reasons = { .count = 0 };

	collect_reasons(&reasons, text->only->image);
	for (uint32_t i = 0; i < reasons.count; i++) {
		lr_sink_text(text->sink, i == 0 ? ": " : "; ");
		lr_sink_foreign(text->sink, reasons.reasons[i], strlen(reasons.reasons[i]), 200);
		if (reasons.objects[i] > 1) {
			lr_sink_text(text->sink, " (");
			lr_sink_number(text->sink, reasons.objects[i]);
			lr_sink_text(text->sink, ")");
		}
	}
	if (reasons.more)
		lr_sink_text(text->sink, "; ...");
}

static void write_ignored(const struct lr_text *text)
{
	uint64_t ignored = text->report->ignored;

	if (ignored == 0)
		return;
	lr_sink_text(text->sink, "note: ");
	lr_text_plural(text->sink, ignored, "live object is ignored", "live objects are ignored");
	if (text->only)
		write_reasons(text);
	lr_sink_text(text->sink, "\n");
}

/* Where one process is reported. */
static void write_process_remarks(const struct lr_text *text)
{
	const struct lr_findings *only = text->only;

	write_unsettled(text);
	if (text->options->types && only->type_count == 0 && !only->image->cut_short &&
	    only->image->header->state != LR_PROCESS_OFF)
		write_types_left_out(text);
}

static void write_looks_lost(const struct lr_text *text)
{
	const struct lr_report *report = text->report;

	if (report->looks_lost > 0 && report->processes == 1)
		lr_sink_text(
			text->sink,
			"note: holders could not be looked at: what the file says of them does not fit its objects (was "
			"it written by another version of lastref?); each object stands for itself\n");
	else
		remark(text, report->looks_lost,
		       "file says of holders what does not fit its objects (was it written by another version of "
		       "lastref?); each object of it stands for itself",
		       "files say of holders what does not fit their objects (were they written by another version of "
		       "lastref?); each object of them stands for itself");
}

void lr_text_remarks(const struct lr_text *text)
{
	const struct lr_report *report = text->report;

	write_not_above(text);
	write_looks_lost(text);
	write_ignored(text);
	remark(text, report->resting,
	       "live object is at rest in its cache, or held by such only: that is no leak here",
	       "live objects are at rest in their caches, or held by such only: these are no leaks here");
	remark(text, report->unbelieved,
	       "pointer in an object at rest was not taken for a reference: only .owns or .visit say what such an object holds",
	       "pointers in objects at rest were not taken for references: only .owns or .visit say what such objects hold");
	write_losses(text);
	if (text->only)
		write_process_remarks(text);
	if (report->switched_off)
		lr_sink_text(text->sink, "note: the program switched checking off before it ended\n");
	if (report->incomplete)
		lr_sink_text(text->sink,
			     "note: there was no memory for the whole analysis: leaks or what they are may be missing above, and objects "
			     "that were freed without their last unref may be among the leaks\n");
	if (report->processes == 1 && report->cut_short)
		lr_sink_text(text->sink, "note: the file ends early; what it holds was analyzed\n");
	else
		remark(text, report->cut_short, "file ends early; what it holds was analyzed",
		       "files end early; what they hold was analyzed");
}
