/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports.
 *
 * Layer: analyze. Locks: none.
 *
 * What is not obvious: which causes are one entry, and so the fingerprint of each, is known only
 * when all processes are (see spots.c). So lr_report_add() sums up by spots, and lr_report_total()
 * makes the entries from these. Examples and stacks of a spot are those of its first process, which
 * must then stay in memory; unless it seems that the spot is going to be in an entry that has them
 * already: of a hundred programs of a test suite each has its own main(), and so a spot of its own.
 */
#include "analyze/report.h"

#include "analyze/asked.h"
#include "analyze/birthplaces.h"
#include "analyze/fingerprint.h"
#include "analyze/graph.h"
#include "analyze/shared.h"
#include "base/pages.h"
#include "base/sort.h"

#include <stdio.h>
#include <string.h>

void lr_report_init(struct lr_report *report)
{
	memset(report, 0, sizeof(*report));
}

void lr_report_finish(struct lr_report *report)
{
	lr_pages_unmap(report->entries, report->room * sizeof(*report->entries));
	lr_pages_unmap(report->parts, report->part_room * sizeof(*report->parts));
	lr_pages_unmap(report->figures, report->figure_room * sizeof(*report->figures));
	lr_spots_finish(&report->spots);
	lr_keeps_finish(&report->keeps);
	report->entries = NULL;
	report->parts = NULL;
	report->figures = NULL;
}

void lr_report_fingerprint(uint32_t fingerprint, char text[LR_FINGERPRINT_TEXT])
{
	snprintf(text, LR_FINGERPRINT_TEXT, "lr-%08x", fingerprint);
}

struct lr_entry *lr_report_find(const struct lr_report *report, uint32_t fingerprint)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->entries[i].fingerprint == fingerprint)
			return &report->entries[i];
	}
	return NULL;
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

/* As an example of an entry, which is old only if all its causes are. */
static bool is_better(const struct lr_cause *cause, const struct lr_cause *than)
{
	return !than || (than->is_old && !cause->is_old);
}

static struct lr_part *part_of(const struct lr_report *report, const struct lr_spot_use *use)
{
	struct lr_parts *parts = &report->parts[use->spot];

	return use->is_suppressed ? &parts->suppressed : &parts->visible;
}

#define LENDERS_MAX 64

/*
 * Another spot that is going to be in one entry with this one, as far as the processes up to now
 * say. If it is not after all, this one is told with the other's example: the same names of
 * functions, and other lines.
 */
static uint32_t find_lender(const struct lr_report *report, const struct lr_spot_use *use,
			    const struct lr_cause *cause)
{
	const struct lr_spots *spots = &report->spots;
	const struct lr_spot *spot = &spots->all[use->spot];
	uint32_t other = lr_spots_first(spots, spot->base);

	/* It only saves the memory of an example. */
	for (int tries = 0; other != LR_SPOT_NONE && tries < LENDERS_MAX;
	     other = spots->all[other].next, tries++) {
		const struct lr_spot_use like = { other, use->is_suppressed };
		const struct lr_cause *lent = part_of(report, &like)->cause;

		if (spots->all[other].last_process != spots->process_count && lent &&
		    !is_better(cause, lent) && !lr_spots_differ(spots, use->spot, other))
			return other;
	}
	return LR_SPOT_NONE;
}

/* The process described the examples of its largest causes, before it knew which are one spot. */
static bool is_described(const struct lr_findings *findings, const struct lr_cause *cause,
			 const struct lr_part *part)
{
	return part->findings == findings && part->cause->is_old == cause->is_old &&
	       cause->examples[0].note && !part->cause->examples[0].note;
}

/* Return: true if @part refers to @findings now. */
static bool take_example(const struct lr_report *report, const struct lr_spot_use *use,
			 const struct lr_findings *findings, struct lr_cause *cause)
{
	struct lr_part *part = part_of(report, use);

	if (!is_better(cause, part->cause) && !is_described(findings, cause, part))
		return false;
	part->lender = part->cause ? LR_SPOT_NONE : find_lender(report, use, cause);
	if (part->lender != LR_SPOT_NONE)
		return false;
	part->findings = findings;
	part->cause = cause;
	return true;
}

static void add_sums(struct lr_sums *to, const struct lr_sums *from)
{
	to->causes += from->causes;
	to->roots += from->roots;
	to->references += from->references;
	to->uncounted += from->uncounted;
	to->objects += from->objects;
	to->bytes += from->bytes;
	to->gone += from->gone;
	to->dying += from->dying;
	to->also_held += from->also_held;
	to->old_roots += from->old_roots;
	to->old_objects += from->old_objects;
	to->old_bytes += from->old_bytes;
}

static void add_cause_sums(struct lr_sums *sums, const struct lr_cause *cause)
{
	const struct lr_sums one = {
		.causes = 1,
		.roots = cause->roots,
		.references = cause->references,
		.uncounted = cause->uncounted,
		.objects = cause->objects,
		.bytes = cause->bytes,
		.gone = cause->gone,
		.dying = cause->dying,
		.also_held = cause->also_held,
		.old_roots = cause->old_roots,
		.old_objects = cause->is_old ? cause->objects : 0,
		.old_bytes = cause->is_old ? cause->bytes : 0,
	};

	add_sums(sums, &one);
}

/* By what is known of it in its own process; the fingerprint that it gets is not known yet. */
static void suppress(const struct lr_report *report, struct lr_spot_use *use,
		     const struct lr_findings *findings, const struct lr_cause *cause,
		     const struct lr_symbolizer *symbolizer)
{
	struct lr_birthplaces places;
	struct lr_suppression *found;
	struct lr_part *part;

	if (report->suppression_count == 0)
		return;
	lr_birthplaces_find(&places, findings, cause);
	found = lr_suppressions_find(report->suppressions, report->suppression_count,
				     findings->image, NULL, places.all, places.count, symbolizer);
	lr_birthplaces_finish(&places);
	if (!found)
		return;
	found->causes++;
	use->is_suppressed = true;
	part = part_of(report, use);
	if (!part->suppression || found < part->suppression)
		part->suppression = found;
}

/* Return: true if the report refers to @findings by it. */
static bool add_cause(struct lr_report *report, struct lr_spot_use *use,
		      const struct lr_findings *findings, struct lr_cause *cause,
		      const struct lr_symbolizer *symbolizer)
{
	struct lr_part *part;
	bool refers = false;

	if (use->spot == LR_SPOT_NONE) {
		leave_out(report, cause);
		report->incomplete = true;
		return false;
	}
	suppress(report, use, findings, cause, symbolizer);
	part = part_of(report, use);
	add_cause_sums(&part->sums, cause);
	if (!lr_keeps_add(&report->keeps, &part->keeps, findings->image, cause->detail, &refers))
		report->incomplete = true;
	report->part_keeps = report->keeps.end;
	return take_example(report, use, findings, cause) || refers;
}

static void prepare(const struct lr_report *report, const struct lr_findings *findings,
		    const struct lr_symbolizer *symbolizer)
{
	const struct lr_asked_options options = {
		.wants_misuses = report->wants_misuses,
		.wants_birthplaces = report->suppression_count > 0,
	};

	lr_asked_prepare(findings, &options, symbolizer);
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
	report->looks_lost += findings->looks_lost;
	report->unlooked += findings->unlooked;
	report->ignored += findings->ignored;
	report->resting += findings->resting;
	report->unbelieved += findings->unbelieved;
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

/* Without memory for causes the sums of the findings are right. Return: are there such? */
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

static size_t count_shown(const struct lr_findings *findings)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->cause_count; i++)
		count += findings->causes[i].shown;
	return count;
}

/* Who holds the shared objects matters if some causes may be hidden. */
static bool needs_graph(const struct lr_report *report, const struct lr_findings *findings)
{
	return findings->shared > 0 && findings->graph &&
	       (report->suppression_count > 0 || report->known_fingerprint_count > 0);
}

/* Return: false without memory. */
static bool begin_process(struct lr_report *report, const struct lr_findings *findings, bool any_told)
{
	struct lr_spots *spots = &report->spots;
	size_t shown = count_shown(findings);
	size_t causes = shown + findings->silent_count;

	if (!lr_pages_grow(&report->figures, &report->figure_room, spots->process_count + 1,
			   sizeof(*report->figures)) ||
	    !lr_pages_grow(&report->parts, &report->part_room, spots->count + causes,
			   sizeof(*report->parts)) ||
	    !lr_spots_add_process(spots, causes))
		return false;
	report->figures[spots->process_count - 1] = (struct lr_process_figures){
		.findings = needs_graph(report, findings) ? findings : NULL,
		.uses = shown,
		.any_told = any_told || findings->cause_count > shown,
		.is_snapshot = findings->image->header->state == LR_PROCESS_SNAPSHOT,
		.shared = findings->shared,
		.shared_bytes = findings->shared_bytes,
	};
	return true;
}

static void add_use(struct lr_report *report, const struct lr_findings *findings,
		    const struct lr_cause *cause, const struct lr_symbolizer *symbolizer)
{
	struct lr_code_place place;

	lr_fingerprint_place(findings->image, cause, symbolizer, &place);
	lr_spots_use(&report->spots, lr_fingerprint(findings->image, cause, symbolizer), &place);
}

/*
 * All spots of the process must be known before the first example is chosen. Silent ones come last:
 * they have no figures. Return: where its uses begin.
 */
static size_t add_uses(struct lr_report *report, const struct lr_findings *findings,
		       const struct lr_symbolizer *symbolizer)
{
	size_t begin = report->spots.use_count;

	for (size_t i = 0; i < findings->cause_count; i++) {
		if (findings->causes[i].shown)
			add_use(report, findings, &findings->causes[i], symbolizer);
	}
	for (size_t i = 0; i < findings->silent_count; i++)
		add_use(report, findings, &findings->causes[findings->cause_count + i], symbolizer);
	return begin;
}

bool lr_report_add(struct lr_report *report, struct lr_findings *findings,
		   const struct lr_symbolizer *symbolizer)
{
	bool any_first = false;
	bool has_memory;
	size_t use;

	report->keeps.end = report->part_keeps;
	add_process(report, findings);
	has_memory = begin_process(report, findings, add_nameless(report, findings));
	prepare(report, findings, symbolizer);
	use = has_memory ? add_uses(report, findings, symbolizer) : 0;
	report->incomplete |= !has_memory;
	for (size_t i = 0; i < findings->cause_count; i++) {
		struct lr_cause *cause = &findings->causes[i];

		if (cause->shown && has_memory)
			any_first |= add_cause(report, &report->spots.uses[use++], findings, cause,
					       symbolizer);
		else
			leave_out(report, cause);
	}
	if (report->wants_misuses)
		any_first |= lr_misuses_add(&report->misuses, findings->image, symbolizer);
	return any_first || (has_memory && needs_graph(report, findings));
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

/* Of the fingerprint itself. */
static struct lr_suppression *find_suppression(const struct lr_report *report, uint32_t fingerprint)
{
	char text[LR_FINGERPRINT_TEXT];

	lr_report_fingerprint(fingerprint, text);
	for (size_t i = 0; i < report->suppression_count; i++) {
		struct lr_suppression *suppression = &report->suppressions[i];

		if (!lr_suppression_matches(suppression, text))
			continue;
		suppression->causes++;
		return suppression;
	}
	return NULL;
}

static void add_part(struct lr_report *report, struct lr_entry *entry, const struct lr_part *part)
{
	report->incomplete |= !lr_keeps_join(&report->keeps, &entry->keeps, part->keeps);
	add_sums(&entry->sums, &part->sums);
	if (part->cause && is_better(part->cause, entry->cause)) {
		entry->findings = part->findings;
		entry->cause = part->cause;
	}
	if (part->suppression && (!entry->suppression || part->suppression < entry->suppression))
		entry->suppression = part->suppression;
}

static void begin_entries(struct lr_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		report->entries[i] = (struct lr_entry){
			.fingerprint = report->spots.entries[i].fingerprint,
			.shares_lines = report->spots.entries[i].shares_lines,
			.is_silent = true,
		};
	for (size_t i = 0; i < report->spots.count; i++) {
		const struct lr_parts *parts = &report->parts[i];

		if (parts->visible.sums.causes > 0 || parts->suppressed.sums.causes > 0)
			report->entries[report->spots.all[i].entry].is_silent = false;
	}
}

static void look_up_entries(struct lr_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		struct lr_entry *entry = &report->entries[i];

		if (entry->is_silent)
			continue;
		entry->is_known = is_known(report, entry->fingerprint);
		entry->suppression = find_suppression(report, entry->fingerprint);
	}
}

/* When the spots' entries are not needed any more: they are ordinals. */
static void drop_silent_entries(struct lr_report *report)
{
	size_t kept = 0;

	for (size_t i = 0; i < report->count; i++) {
		if (!report->entries[i].is_silent)
			report->entries[kept++] = report->entries[i];
	}
	report->count = kept;
}

static void add_visible(struct lr_report *report)
{
	for (size_t i = report->spots.count; i > 0; i--) {
		struct lr_entry *entry = &report->entries[report->spots.all[i - 1].entry];

		entry->order = i - 1;
	}
	for (size_t i = 0; i < report->spots.count; i++)
		add_part(report, &report->entries[report->spots.all[i].entry],
			 &report->parts[i].visible);
}

/*
 * An entry is suppressed if its fingerprint is, or all its causes are. Of another one the
 * suppressed causes are taken out.
 */
static void add_suppressed(struct lr_report *report)
{
	for (size_t i = 0; i < report->spots.count; i++) {
		struct lr_entry *entry = &report->entries[report->spots.all[i].entry];
		const struct lr_part *part = &report->parts[i].suppressed;

		if (part->sums.causes > 0 && (entry->sums.causes == 0 || entry->suppression))
			add_part(report, entry, part);
		else
			report->suppressed += part->sums.objects;
	}
}

static void lend_example(const struct lr_report *report, struct lr_entry *entry,
			 const struct lr_spot_use *use)
{
	const struct lr_part *part = part_of(report, use);
	const struct lr_spot_use lender = { part->lender, use->is_suppressed };

	if (part->sums.causes == 0 || entry->cause)
		return;
	part = part->cause ? part : part_of(report, &lender);
	entry->findings = part->findings;
	entry->cause = part->cause;
}

static void sort_keeps(struct lr_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->entries[i].keeps != 0)
			report->incomplete |=
				!lr_keeps_sort(&report->keeps, report->entries[i].keeps);
	}
}

/* Entries of which all spots counted on others, see find_lender(). */
static void lend_examples(struct lr_report *report)
{
	for (uint32_t i = 0; i < report->spots.count; i++) {
		const struct lr_spot_use visible = { i, false };
		const struct lr_spot_use suppressed = { i, true };
		struct lr_entry *entry = &report->entries[report->spots.all[i].entry];

		lend_example(report, entry, &visible);
		lend_example(report, entry, &suppressed);
	}
}

/* What becomes of the causes of one process. */
struct fates {
	uint8_t *by_label; /* enum lr_fate; NULL if nobody asks for it */
	size_t room;
	bool any_told;
	bool any_hidden;
};

static void begin_fates(struct lr_report *report, const struct lr_process_figures *figures,
			struct fates *fates)
{
	fates->any_told = figures->any_told;
	if (!figures->findings)
		return;
	fates->room = figures->findings->graph->label_limit;
	fates->by_label = lr_pages_map(fates->room);
	report->incomplete |= !fates->by_label;
}

static enum lr_fate fate_of(const struct lr_entry *entry, const struct lr_spot_use *use)
{
	if (entry->suppression || use->is_suppressed)
		return LR_FATE_SUPPRESSED;
	return entry->is_known ? LR_FATE_KNOWN : LR_FATE_TOLD;
}

static enum lr_fate look_at_use(struct lr_report *report, const struct lr_spot_use *use,
				size_t process)
{
	struct lr_entry *entry;

	if (use->spot == LR_SPOT_NONE)
		return LR_FATE_TOLD;
	entry = &report->entries[report->spots.all[use->spot].entry];
	if (entry->last_process != process + 1 && (!use->is_suppressed || entry->suppression)) {
		entry->processes++;
		entry->last_process = process + 1;
	}
	return fate_of(entry, use);
}

static void note_fate(struct fates *fates, const struct lr_cause *cause, enum lr_fate fate)
{
	fates->any_told |= fate == LR_FATE_TOLD;
	fates->any_hidden |= fate != LR_FATE_TOLD;
	if (fates->by_label && cause->label < fates->room)
		fates->by_label[cause->label] = (uint8_t)fate;
}

/* Objects that several causes keep together go with the last of them. */
static void add_shared(struct lr_report *report, const struct lr_process_figures *figures,
		       struct fates *fates)
{
	struct lr_shared_sums sums = { .objects = { [LR_FATE_TOLD] = figures->shared },
				       .bytes = { [LR_FATE_TOLD] = figures->shared_bytes } };

	if (fates->any_hidden && fates->by_label)
		lr_shared_sum_up(figures->findings, fates->by_label, &sums);
	report->shared += sums.objects[LR_FATE_TOLD];
	report->shared_bytes += sums.bytes[LR_FATE_TOLD];
	report->known += sums.objects[LR_FATE_KNOWN];
	report->suppressed += sums.objects[LR_FATE_SUPPRESSED];
	fates->any_told |= sums.objects[LR_FATE_TOLD] > 0;
	lr_pages_unmap(fates->by_label, fates->room);
}

/* @use: where its uses begin */
static void look_at_process(struct lr_report *report, size_t process, size_t use)
{
	const struct lr_process_figures *figures = &report->figures[process];
	const struct lr_findings *findings = figures->findings;
	static const struct lr_cause unknown = { .label = UINT32_MAX };
	struct fates fates = { .by_label = NULL };
	const struct lr_cause *cause = findings ? findings->causes : &unknown;
	size_t end = use + figures->uses;

	begin_fates(report, figures, &fates);
	for (; use < end; use++) {
		while (findings && !cause->shown)
			cause++;
		note_fate(&fates, cause, look_at_use(report, &report->spots.uses[use], process));
		cause += findings != NULL;
	}
	add_shared(report, figures, &fates);
	report->processes_with += fates.any_told;
	report->snapshots_with += fates.any_told && figures->is_snapshot;
}

static void look_at_processes(struct lr_report *report)
{
	const struct lr_spots *spots = &report->spots;

	for (size_t process = 0; process < spots->process_count; process++)
		look_at_process(report, process, process > 0 ? spots->processes[process - 1] : 0);
}

static void leave_out_part(struct lr_report *report, const struct lr_part *part)
{
	report->causes_left_out += part->sums.causes;
	report->left_out += part->sums.objects;
	report->left_out_bytes += part->sums.bytes;
}

/* Without memory for entries. */
static void leave_all_out(struct lr_report *report)
{
	report->incomplete = true;
	for (size_t i = 0; i < report->spots.count; i++)
		leave_out_part(report, &report->parts[i].visible);
	for (size_t i = 0; i < report->spots.process_count; i++) {
		report->left_out += report->figures[i].shared;
		report->left_out_bytes += report->figures[i].shared_bytes;
	}
	lr_spots_finish(&report->spots);
}

static void make_entries(struct lr_report *report)
{
	report->count = 0;
	report->keeps.end = report->part_keeps;
	if (!lr_spots_number(&report->spots) ||
	    !lr_pages_grow(&report->entries, &report->room, report->spots.entry_count,
			   sizeof(*report->entries))) {
		leave_all_out(report);
		return;
	}
	report->count = report->spots.entry_count;
	begin_entries(report);
	look_up_entries(report);
	add_visible(report);
	add_suppressed(report);
	sort_keeps(report);
	lend_examples(report);
	look_at_processes(report);
	drop_silent_entries(report);
	lr_sort(report->entries, report->count, sizeof(*report->entries), compare, NULL);
}

void lr_report_total(struct lr_report *report)
{
	report->processes_with = 0;
	report->snapshots_with = 0;
	report->shared = 0;
	report->shared_bytes = 0;
	report->suppressed = 0;
	report->known = 0;
	make_entries(report);
	report->causes = report->causes_left_out;
	report->objects = report->left_out + report->shared;
	report->bytes = report->left_out_bytes + report->shared_bytes;
	for (size_t i = 0; i < report->count; i++) {
		const struct lr_entry *entry = &report->entries[i];

		if (entry->suppression) {
			report->suppressed += entry->sums.objects;
		} else if (entry->is_known) {
			report->known += entry->sums.objects;
		} else {
			report->causes++;
			report->objects += entry->sums.objects;
			report->bytes += entry->sums.bytes;
		}
	}
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
		    (!largest || entry->sums.objects > largest->sums.objects))
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
