/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an image to findings.
 *
 * Layer: analyze. Locks: none.
 *
 * Three passes over the records: how many are live; which of them share an address and a type (an
 * object born over another that never had its last unref); and into the graph of leaked objects,
 * from which the causes are made. Without memory for the graph each of them is a root.
 */
#include "analyze/findings.h"

#include "analyze/causes.h"
#include "analyze/details.h"
#include "analyze/graph.h"
#include "analyze/order.h"
#include "analyze/places.h"
#include "analyze/types.h"
#include "base/pages.h"

#include <errno.h>
#include <string.h>

/* What one run of lr_findings_make() needs besides its result. */
struct work {
	struct lr_findings *findings;
	const struct lr_findings_options *options;
	struct lr_types types;
	struct lr_places places;
	struct lr_causes causes;
	uint64_t live;
	uint64_t marked;   /* of these, reported by an earlier check */
	uint64_t *resting; /* a bit a record; NULL if not wanted */
	size_t resting_size;
	uint64_t *live_by_type; /* by type id; NULL if not wanted */
	size_t type_room;
};

/* The counter of released objects knows no types. */
static void count_live(struct work *work)
{
	const struct lr_image *image = work->findings->image;
	uint64_t reported = lr_image_counter(image->header, LR_REPORTED);
	const struct lr_record *records;
	struct lr_live live;
	uint64_t count;

	for (uint64_t at = 0; (records = lr_run_at(image, LR_RECORDS, at, &count)); at += count) {
		for (uint64_t i = 0; i < count; i++) {
			if (!lr_live_take(&records[i], at + i, &live))
				continue;
			work->live++;
			work->marked += lr_live_is_reported(&live);
		}
	}
	if (!work->options->type_globs && reported > work->marked)
		work->findings->released = reported - work->marked;
}

/* Where only some are looked at, what is to be spared has to be found among the looks. */
static void find_resting(struct work *work)
{
	const struct lr_image *image = work->findings->image;
	uint64_t records = lr_image_count(image, LR_RECORDS);
	const struct lr_look *looks;
	uint64_t count;

	if (!work->options->spares_resting)
		return;
	work->resting_size = (size_t)(records / 64 + 1) * sizeof(*work->resting);
	work->resting = lr_pages_map(work->resting_size);
	if (!work->resting) {
		work->findings->incomplete = true;
		return;
	}
	for (uint64_t at = 0; (looks = lr_run_at(image, LR_LOOKS, at, &count)); at += count) {
		for (uint64_t i = 0; i < count; i++) {
			uint64_t ordinal = (uint64_t)looks[i].record - 1;

			if (looks[i].count == LR_LOOK_AT_REST && ordinal < records)
				work->resting[ordinal / 64] |= UINT64_C(1) << ordinal % 64;
		}
	}
}

static bool is_resting(const struct work *work, const struct lr_live *live)
{
	/* A record may have been added since. */
	return work->resting && live->ordinal / 64 < work->resting_size / sizeof(*work->resting) &&
	       work->resting[live->ordinal / 64] >> live->ordinal % 64 & 1;
}

static void add_leak(struct work *work, const struct lr_live *live, bool is_wanted)
{
	/* What no pattern names may still hold, or be held by, what one does. */
	if (work->findings->graph)
		lr_graph_add(work->findings->graph, live, false);
	else if (is_wanted)
		lr_causes_add_alone(&work->causes, live);
}

/* What is not told may hold what is. */
static void add_holder(struct work *work, const struct lr_live *live, bool is_old)
{
	if (work->findings->graph)
		lr_graph_add(work->findings->graph, live, is_old);
}

/* An earlier check told of it. */
static void add_reported(struct work *work, const struct lr_live *live, bool is_wanted)
{
	work->findings->reported += is_wanted;
	if (!work->options->reported_hold_nothing)
		add_holder(work, live, true);
}

static void add_record(struct work *work, const struct lr_live *live)
{
	uint32_t id = lr_birth_type(live->copy.birth);
	struct lr_type_facts type = lr_types_get(&work->types, id);
	bool reported = lr_live_is_reported(live);
	bool young = lr_places_is_young(work->options, live);

	if (!type.is_there)
		return;
	if (lr_live_is_ignored(live)) {
		if (young && id < work->type_room && type.is_wanted)
			work->live_by_type[id]++;
		work->findings->ignored += young && type.is_wanted;
		/* Also one from before the checkpoint. */
		add_holder(work, live, false);
		return;
	}
	if (!young) {
		/* What was seen to rest is there. */
		if (is_resting(work, live) ||
		    (reported && !lr_places_is_overwritten(&work->places, live)))
			add_holder(work, live, true);
		return;
	}
	if (id < work->type_room && type.is_wanted)
		work->live_by_type[id]++;
	if (lr_places_is_overwritten(&work->places, live))
		work->findings->overwritten += type.is_wanted;
	else if (reported && work->options->skip_reported)
		add_reported(work, live, type.is_wanted);
	else
		add_leak(work, live, type.is_wanted);
}

static void add_records(struct work *work)
{
	const struct lr_image *image = work->findings->image;
	const struct lr_record *records;
	struct lr_live live;
	uint64_t count;

	if (!lr_places_init(&work->places, image, work->options, work->live))
		work->findings->incomplete = true;
	work->findings->graph = lr_graph_create(image, work->live);
	if (!work->findings->graph)
		work->findings->incomplete = true;
	for (uint64_t at = 0; (records = lr_run_at(image, LR_RECORDS, at, &count)); at += count) {
		for (uint64_t i = 0; i < count; i++) {
			if (lr_live_take(&records[i], at + i, &live))
				add_record(work, &live);
		}
	}
	lr_places_finish(&work->places);
}

static struct lr_example *find_example(struct lr_findings *findings, uint64_t birth)
{
	for (size_t i = 0; i < findings->cause_count; i++) {
		struct lr_cause *cause = &findings->causes[i];

		for (uint32_t e = 0; e < cause->example_count; e++) {
			if (cause->examples[e].birth == birth)
				return &cause->examples[e];
		}
	}
	return NULL;
}

/* Notes are few: the process leaves them for causes that a report shows. */
static void attach_notes(struct lr_findings *findings)
{
	uint64_t count = lr_image_count(findings->image, LR_NOTES);

	for (uint64_t i = 0; i < count; i++) {
		const struct lr_note *note = lr_image_at(findings->image, LR_NOTES, i);
		struct lr_example *example =
			note && note->birth ? find_example(findings, note->birth) : NULL;

		if (!example)
			continue;
		example->note = note;
		if (note->flags & (LR_NOTE_DESCRIBED | LR_NOTE_MESSAGE))
			example->text =
				lr_image_text(findings->image, note->text, &example->text_length);
	}
}

/* Birth numbers that threads hold and have not dealt yet. */
static uint64_t numbers_left(const struct lr_image *image, uint32_t type)
{
	uint64_t count = lr_image_count(image, LR_CURSORS);
	uint64_t left = 0;

	for (uint64_t i = 0; i < count; i++) {
		const struct lr_cursor_block *block = lr_image_at(image, LR_CURSORS, i);
		const struct lr_cursor *cursor;

		if (!block || !block->owned || type - 1 - block->first_type >= LR_CURSORS_IN_BLOCK)
			continue;
		cursor = &block->cursors[type - 1 - block->first_type];
		if (cursor->end > cursor->next)
			left += cursor->end - cursor->next;
	}
	return left;
}

static void add_type(struct work *work, uint32_t id)
{
	struct lr_findings *findings = work->findings;
	const struct lr_type_entry *entry = lr_image_type(findings->image, id);
	uint64_t given = entry ? entry->dealt : 0;
	uint64_t left = numbers_left(findings->image, id);

	if (!entry || entry->name == 0 || given == 0)
		return;
	if (!lr_types_get(&work->types, id).is_wanted)
		return;
	findings->types[findings->type_count++] = (struct lr_type_totals){
		.type = id,
		.born = given > left ? given - left : 0,
		.live = id < work->type_room ? work->live_by_type[id] : 0,
	};
}

static void make_totals(struct work *work)
{
	struct lr_findings *findings = work->findings;
	size_t room = work->type_room;

	findings->mapped_types = room * sizeof(*findings->types);
	findings->types = room > 0 ? lr_pages_map(findings->mapped_types) : NULL;
	if (!findings->types) {
		findings->incomplete |= work->options->want_types;
		return;
	}
	for (uint32_t id = 1; id < room; id++)
		add_type(work, id);
	lr_order_sort_types(findings);
}

static bool any_looked(const struct lr_graph *graph)
{
	for (uint32_t i = 0; i < graph->node_count; i++) {
		if (graph->nodes[i].is_looked)
			return true;
	}
	return false;
}

/*
 * Is there a look at a record that has an object, though none is taken for an object? A check that was
 * killed midway leaves looks at no record at all.
 */
static bool are_looks_lost(const struct lr_graph *graph)
{
	const struct lr_look *looks;
	struct lr_live live;
	uint64_t count;

	if (lr_image_count(graph->image, LR_LOOKS) == 0 || any_looked(graph))
		return false;
	for (uint64_t at = 0; (looks = lr_run_at(graph->image, LR_LOOKS, at, &count)); at += count) {
		for (uint64_t i = 0; i < count; i++) {
			uint32_t node = lr_graph_find(graph, looks[i].record);

			if (node != LR_NO_NODE && looks[i].count != LR_LOOK_DEAD &&
			    lr_graph_take(graph, node, &live) && lr_live_is_alive(&live))
				return true;
		}
	}
	return false;
}

static void analyze(struct work *work)
{
	count_live(work);
	find_resting(work);
	add_records(work);
	if (work->findings->graph) {
		work->findings->graph->spares_resting = work->options->spares_resting;
		lr_graph_connect(work->findings->graph);
		work->findings->unbelieved = work->findings->graph->unbelieved;
		work->findings->looks_lost = are_looks_lost(work->findings->graph);
		lr_causes_of_graph(&work->causes);
	} else {
		lr_causes_sort(&work->causes);
	}
	make_totals(work);
	attach_notes(work->findings);
}

int lr_findings_make(struct lr_findings *findings, const struct lr_image *image,
		     const struct lr_findings_options *options)
{
	struct work work = { .findings = findings, .options = options };
	size_t types = (size_t)lr_image_count(image, LR_TYPES) + 1;

	memset(findings, 0, sizeof(*findings));
	findings->image = image;
	findings->is_filtered = options->type_globs != NULL;
	lr_types_init(&work.types, image, options->type_globs);
	lr_causes_init(&work.causes, findings, &work.types);
	if (options->want_types) {
		work.live_by_type = lr_pages_map(types * sizeof(*work.live_by_type));
		work.type_room = work.live_by_type ? types : 0;
	}
	/* What lives when the program has switched checking off is no leak. */
	if (image->header->state != LR_PROCESS_OFF)
		analyze(&work);
	lr_causes_finish(&work.causes);
	lr_types_finish(&work.types);
	lr_pages_unmap(work.resting, work.resting_size);
	lr_pages_unmap(work.live_by_type, types * sizeof(*work.live_by_type));
	return findings->causes ? 0 : -ENOMEM;
}

static struct lr_cause *largest_not_shown(struct lr_findings *findings)
{
	struct lr_cause *largest = NULL;

	for (size_t i = 0; i < findings->cause_count; i++) {
		struct lr_cause *cause = &findings->causes[i];

		if (!cause->shown && (!largest || cause->objects > largest->objects))
			largest = cause;
	}
	return largest;
}

void lr_findings_mark(struct lr_findings *findings, size_t max)
{
	if (max == 0 || max >= findings->cause_count) {
		for (size_t i = 0; i < findings->cause_count; i++)
			findings->causes[i].shown = true;
		return;
	}
	for (size_t i = 0; i < findings->cause_count; i++)
		findings->causes[i].shown = false;
	for (size_t i = 0; i < max; i++)
		largest_not_shown(findings)->shown = true;
}

void lr_findings_choose(struct lr_findings *findings, size_t max)
{
	lr_findings_mark(findings, max);
	lr_details_make(findings);
}

void lr_findings_free(struct lr_findings *findings)
{
	lr_pages_unmap(findings->causes, findings->mapped_causes);
	lr_pages_unmap(findings->types, findings->mapped_types);
	lr_pages_unmap(findings->details, findings->mapped_details);
	lr_graph_destroy(findings->graph);
	findings->causes = NULL;
	findings->types = NULL;
	findings->details = NULL;
	findings->graph = NULL;
}
