/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports.
 *
 * Layer: analyze. Locks: none.
 *
 * Two causes of one process may have one fingerprint: two calls in one function. The second gets the next free one above, so that each entry has
 * its own. Which is the second is decided by the order of the causes, which is that of their places in the code: it stays while
 * both are there, and when one of them is mended, one of the two fingerprints goes. In further processes a cause is first looked
 * for at the same lines, then by fingerprint alone: another program may have called the same function.
 */
#include "analyze/report.h"

#include "analyze/birthplaces.h"
#include "analyze/fingerprint.h"
#include "analyze/frames.h"
#include "analyze/graph.h"
#include "analyze/shared.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/sort.h"
#include "format/settings.h"

#include <stdio.h>
#include <string.h>

void lr_report_init(struct lr_report *report)
{
	memset(report, 0, sizeof(*report));
}

void lr_report_finish(struct lr_report *report)
{
	lr_pages_unmap(report->entries, report->room * sizeof(*report->entries));
	lr_pages_unmap(report->places, 2 * report->room * sizeof(*report->places));
	report->entries = NULL;
	report->places = NULL;
}

void lr_report_fingerprint(uint32_t fingerprint, char text[LR_FINGERPRINT_TEXT])
{
	snprintf(text, LR_FINGERPRINT_TEXT, "lr-%08x", fingerprint);
}

/* Where the entry with @fingerprint is noted, or is to be. At least half of the places are free. */
static uint32_t *place_of(const struct lr_report *report, uint32_t fingerprint)
{
	size_t mask = 2 * report->room - 1;
	size_t at = lr_hash_word(fingerprint) & mask;

	while (report->places[at] &&
	       report->entries[report->places[at] - 1].fingerprint != fingerprint)
		at = (at + 1) & mask;
	return &report->places[at];
}

static void note_place(struct lr_report *report, size_t ordinal)
{
	*place_of(report, report->entries[ordinal].fingerprint) = (uint32_t)ordinal + 1;
}

static bool has_room(struct lr_report *report)
{
	struct lr_report larger = *report;

	if (report->count < report->room)
		return true;
	larger.room = report->room ? 2 * report->room : 64;
	larger.entries = lr_pages_map(larger.room * sizeof(*larger.entries));
	larger.places = lr_pages_map(2 * larger.room * sizeof(*larger.places));
	if (!larger.entries || !larger.places) {
		lr_report_finish(&larger);
		return false;
	}
	if (report->entries)
		memcpy(larger.entries, report->entries, report->count * sizeof(*larger.entries));
	lr_report_finish(report);
	*report = larger;
	for (size_t i = 0; i < report->count; i++)
		note_place(report, i);
	return true;
}

struct lr_entry *lr_report_find(const struct lr_report *report, uint32_t fingerprint)
{
	uint32_t ordinal = report->room ? *place_of(report, fingerprint) : 0;

	return ordinal ? &report->entries[ordinal - 1] : NULL;
}

/* Of other lines it gets no second cause of this process. */
static bool has_this_process(const struct lr_report *report, const struct lr_entry *entry)
{
	return entry->last_process == report->processes;
}

/* The entry of a cause, or NULL; *@fingerprint becomes the first free one then. */
static struct lr_entry *find_entry(const struct lr_report *report, uint32_t *fingerprint,
				   uint64_t place)
{
	struct lr_entry *entry = lr_report_find(report, *fingerprint);
	struct lr_entry *possible = NULL;

	for (; entry; entry = lr_report_find(report, ++*fingerprint)) {
		if (entry->place == place)
			return entry;
		if (!possible && !has_this_process(report, entry))
			possible = entry;
	}
	return possible;
}

static struct lr_entry *find_or_add(struct lr_report *report, uint32_t fingerprint, uint64_t place)
{
	struct lr_entry *entry = find_entry(report, &fingerprint, place);

	if (entry)
		return entry;
	if (!has_room(report)) {
		report->incomplete = true;
		return NULL;
	}
	entry = &report->entries[report->count];
	*entry = (struct lr_entry){
		.fingerprint = fingerprint,
		.place = place,
		.order = report->count,
	};
	note_place(report, report->count++);
	return entry;
}

static void suppress(struct lr_report *report, struct lr_entry *entry,
		     const struct lr_symbolizer *symbolizer)
{
	char text[LR_FINGERPRINT_TEXT];
	struct lr_suppression *found;
	struct lr_birthplaces places;

	if (report->suppression_count == 0)
		return;
	lr_report_fingerprint(entry->fingerprint, text);
	lr_birthplaces_find(&places, entry->findings, entry->cause);
	found = lr_suppressions_find(report->suppressions, report->suppression_count,
				     entry->findings->image, text, places.all, places.count,
				     symbolizer);
	lr_birthplaces_finish(&places);
	entry->suppression = found;
	if (found)
		found->causes++;
}

static bool is_known(const struct lr_report *report, uint32_t fingerprint)
{
	size_t low = 0;
	size_t high = report->known_fingerprint_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (report->known_fingerprints[middle] < fingerprint)
			low = middle + 1;
		else
			high = middle;
	}
	return low < report->known_fingerprint_count &&
	       report->known_fingerprints[low] == fingerprint;
}

static void leave_out(struct lr_report *report, const struct lr_cause *cause)
{
	report->causes_left_out++;
	report->left_out += cause->objects;
	report->left_out_bytes += cause->bytes;
}

static enum lr_fate fate_of(const struct lr_entry *entry)
{
	if (entry->suppression)
		return LR_FATE_SUPPRESSED;
	return entry->is_known ? LR_FATE_KNOWN : LR_FATE_TOLD;
}

/* Return: true if the entry of its fingerprint refers to it. */
static bool add_cause(struct lr_report *report, const struct lr_findings *findings,
		      struct lr_cause *cause, const struct lr_symbolizer *symbolizer,
		      enum lr_fate *ret_fate)
{
	struct lr_entry *entry =
		find_or_add(report, lr_fingerprint(findings->image, cause, symbolizer),
			    lr_fingerprint_place(findings->image, cause, symbolizer));
	bool is_first = entry && !entry->cause;
	bool is_newer = entry && entry->cause && entry->cause->is_old && !cause->is_old;

	if (!entry) {
		leave_out(report, cause);
		return false;
	}
	entry->processes += !has_this_process(report, entry);
	entry->last_process = report->processes;
	entry->roots += cause->roots;
	entry->references += cause->references;
	entry->objects += cause->objects;
	entry->bytes += cause->bytes;
	entry->uncounted += cause->uncounted;
	entry->gone += cause->gone;
	entry->dying += cause->dying;
	entry->old_roots += cause->old_roots;
	entry->old_objects += cause->is_old ? cause->objects : 0;
	entry->old_bytes += cause->is_old ? cause->bytes : 0;
	if (is_first || is_newer) {
		entry->findings = findings;
		entry->cause = cause;
	}
	if (is_first) {
		entry->is_known = is_known(report, entry->fingerprint);
		suppress(report, entry, symbolizer);
	}
	*ret_fate = fate_of(entry);
	return is_first || is_newer;
}

/* What a symbolizer is going to be asked for. */
struct asked {
	const struct lr_image *image;
	struct lr_address *addresses; /* NULL while they are counted */
	size_t count;
	size_t room;
};

static void ask(struct asked *asked, uint32_t site, size_t frames)
{
	if (!asked->addresses)
		asked->count += frames;
	else if (frames <= asked->room - asked->count)
		asked->count += lr_frames_addresses(asked->image, site,
						    asked->addresses + asked->count, frames);
}

/* Stacks are short, or their generated frames are few; but suppressions look at whole stacks. */
static void ask_for_causes(struct asked *asked, const struct lr_report *report,
			   const struct lr_findings *findings)
{
	for (size_t i = 0; i < findings->cause_count; i++) {
		const struct lr_cause *cause = &findings->causes[i];
		struct lr_birthplaces places;

		if (!cause->shown)
			continue;
		ask(asked, cause->site, LR_FRAMES_ASKED);
		ask(asked, cause->dying_site, LR_FRAMES_ASKED);
		if (report->suppression_count == 0)
			continue;
		lr_birthplaces_find(&places, findings, cause);
		for (size_t p = 0; p < places.count; p++)
			ask(asked, places.all[p].site, LR_STACK_DEPTH_MAX);
		lr_birthplaces_finish(&places);
	}
}

/* Tell the symbolizer of all addresses that are going to be asked for. */
static void prepare(const struct lr_report *report, const struct lr_findings *findings,
		    const struct lr_symbolizer *symbolizer)
{
	struct asked asked = { .image = findings->image };
	size_t size;

	if (!symbolizer->prepare)
		return;
	ask_for_causes(&asked, report, findings);
	asked.room = asked.count;
	asked.count = 0;
	size = asked.room * sizeof(*asked.addresses);
	asked.addresses = size > 0 ? lr_pages_map(size) : NULL;
	if (!asked.addresses)
		return;
	/* There may be memory for more places of a cycle now than there was before. */
	ask_for_causes(&asked, report, findings);
	symbolizer->prepare(symbolizer->context, asked.addresses, asked.count);
	lr_pages_unmap(asked.addresses, size);
}

/* Sums, but for the one that says why. */
static void add_counter(struct lr_report *report, enum lr_counter counter, uint64_t value)
{
	if (counter == LR_NO_UNWINDER)
		report->counters[counter] = value ? value : report->counters[counter];
	else
		report->counters[counter] += value;
}

static void add_process(struct lr_report *report, const struct lr_findings *findings)
{
	const struct lr_image *image = findings->image;

	report->processes++;
	report->unlooked += findings->unlooked;
	report->ignored += findings->ignored;
	report->reported += findings->reported;
	report->released += findings->released;
	report->overwritten += findings->overwritten;
	report->incomplete |= findings->incomplete;
	report->cut_short += image->cut_short;
	report->switched_off += image->header->state == LR_PROCESS_OFF;
	for (int i = 0; i < LR_COUNTERS; i++)
		add_counter(report, (enum lr_counter)i,
			    lr_image_counter(image->header, (enum lr_counter)i));
}

/* What becomes of the causes of one process. */
struct fates {
	uint8_t *by_label; /* enum lr_fate; NULL if no objects are shared */
	size_t room;
	bool any_told;
	bool any_hidden;
};

static void begin_fates(struct lr_report *report, const struct lr_findings *findings,
			struct fates *fates)
{
	if (findings->shared == 0 || !findings->graph)
		return;
	fates->room = findings->graph->label_limit;
	fates->by_label = lr_pages_map(fates->room);
	report->incomplete |= !fates->by_label;
}

static void note_fate(struct fates *fates, const struct lr_cause *cause, enum lr_fate fate)
{
	fates->any_told |= fate == LR_FATE_TOLD;
	fates->any_hidden |= fate != LR_FATE_TOLD;
	if (fates->by_label && cause->label < fates->room)
		fates->by_label[cause->label] = (uint8_t)fate;
}

/* Objects that several causes keep together go with the last of them. */
static void add_shared(struct lr_report *report, const struct lr_findings *findings,
		       struct fates *fates)
{
	struct lr_shared_sums sums = { .objects = { [LR_FATE_TOLD] = findings->shared },
				       .bytes = { [LR_FATE_TOLD] = findings->shared_bytes } };

	if (fates->any_hidden && fates->by_label)
		lr_shared_sum_up(findings, fates->by_label, &sums);
	report->shared += sums.objects[LR_FATE_TOLD];
	report->shared_bytes += sums.bytes[LR_FATE_TOLD];
	report->shared_known += sums.objects[LR_FATE_KNOWN];
	report->shared_suppressed += sums.objects[LR_FATE_SUPPRESSED];
	fates->any_told |= sums.objects[LR_FATE_TOLD] > 0;
	lr_pages_unmap(fates->by_label, fates->room);
}

/* Without memory for causes the sums of the findings are right all the same. Return: are there such? */
static bool add_nameless(struct lr_report *report, const struct lr_findings *findings)
{
	uint64_t objects = findings->shared;
	uint64_t bytes = findings->shared_bytes;

	for (size_t i = 0; i < findings->cause_count; i++) {
		objects += findings->causes[i].objects;
		bytes += findings->causes[i].bytes;
	}
	report->left_out += findings->objects > objects ? findings->objects - objects : 0;
	report->left_out_bytes += findings->bytes > bytes ? findings->bytes - bytes : 0;
	return findings->objects > objects;
}

bool lr_report_add(struct lr_report *report, struct lr_findings *findings,
		   const struct lr_symbolizer *symbolizer)
{
	struct fates fates = { .by_label = NULL };
	bool any_first = false;

	add_process(report, findings);
	fates.any_told = add_nameless(report, findings);
	begin_fates(report, findings, &fates);
	prepare(report, findings, symbolizer);
	for (size_t i = 0; i < findings->cause_count; i++) {
		struct lr_cause *cause = &findings->causes[i];
		enum lr_fate fate = LR_FATE_TOLD;

		if (cause->shown)
			any_first |= add_cause(report, findings, cause, symbolizer, &fate);
		else
			leave_out(report, cause);
		note_fate(&fates, cause, fate);
	}
	add_shared(report, findings, &fates);
	report->processes_with += fates.any_told;
	return any_first;
}

static const char *type_name(const struct lr_entry *entry)
{
	const struct lr_type_entry *type = lr_image_type(entry->findings->image, entry->cause->type);

	return type ? lr_image_text(entry->findings->image, type->name, NULL) : "";
}

static int compare(const void *unused, const void *a_, const void *b_)
{
	const struct lr_entry *a = a_;
	const struct lr_entry *b = b_;
	int order = (a->cause->kind > b->cause->kind) - (a->cause->kind < b->cause->kind);

	(void)unused;
	if (order == 0)
		order = strcmp(type_name(a), type_name(b));
	return order ? order : (a->order > b->order) - (a->order < b->order);
}

void lr_report_total(struct lr_report *report)
{
	lr_sort(report->entries, report->count, sizeof(*report->entries), compare, NULL);
	report->causes = report->causes_left_out;
	report->objects = report->left_out;
	report->bytes = report->left_out_bytes + report->shared_bytes;
	report->suppressed = report->shared_suppressed;
	report->known = report->shared_known;
	for (size_t i = 0; i < report->count; i++) {
		const struct lr_entry *entry = &report->entries[i];

		if (entry->suppression) {
			report->suppressed += entry->objects;
		} else if (entry->is_known) {
			report->known += entry->objects;
		} else {
			report->causes++;
			report->objects += entry->objects;
			report->bytes += entry->bytes;
		}
	}
	report->objects += report->shared;
}

bool lr_report_is_bad(const struct lr_report *report)
{
	return report->objects > 0 || report->reported > 0 || report->released > 0 ||
	       report->counters[LR_MISUSES] > 0;
}

static bool is_wanted(const struct lr_entry *entry)
{
	return !entry->suppression && !entry->is_known;
}

static struct lr_entry *largest_not_shown(struct lr_report *report)
{
	struct lr_entry *largest = NULL;

	for (size_t i = 0; i < report->count; i++) {
		struct lr_entry *entry = &report->entries[i];

		if (!entry->shown && is_wanted(entry) &&
		    (!largest || entry->objects > largest->objects))
			largest = entry;
	}
	return largest;
}

void lr_report_choose(struct lr_report *report, size_t max)
{
	bool all = max == 0 || max >= report->count;

	for (size_t i = 0; i < report->count; i++) {
		struct lr_entry *entry = &report->entries[i];

		entry->shown = all && is_wanted(entry);
	}
	for (size_t i = 0; i < max && !all; i++) {
		struct lr_entry *entry = largest_not_shown(report);

		if (!entry)
			return;
		entry->shown = true;
	}
}
