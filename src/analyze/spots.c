/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spots.
 *
 * Layer: analyze. Locks: none.
 *
 * Which spots of one fingerprint are one entry? Two are told apart if one process has both, or if
 * they are in one build of one module: they are two for certain. All others may be one cause of
 * which the lines moved, or that several programs have. So the spots of a fingerprint are colored,
 * in the order of the code, each with the first color that none has from which it is told apart; a
 * color is an entry. It is done when all processes are known, so their order, which is that of
 * process ids, has no part in it.
 *
 * The first entry has the fingerprint itself, the next ones the numbers above. Where no line is
 * known a call of which the compiler made two counts as two spots, so the next ones get other
 * numbers, which are no neighbor's: what a process without symbols of its own says must not name another cause
 * than what the command says.
 */
#include "analyze/spots.h"

#include "base/hash.h"
#include "base/pages.h"
#include "base/sort.h"

#include <string.h>

#define TAKEN_ROOM_MIN 64 /* a power of two */

void lr_spots_finish(struct lr_spots *spots)
{
	lr_pages_unmap(spots->all, spots->room * sizeof(*spots->all));
	lr_pages_unmap(spots->table, spots->table_room * sizeof(*spots->table));
	lr_pages_unmap(spots->heads, spots->table_room * sizeof(*spots->heads));
	lr_pages_unmap(spots->builds, spots->build_room * sizeof(*spots->builds));
	lr_pages_unmap(spots->known, spots->known_room * sizeof(*spots->known));
	lr_pages_unmap(spots->uses, spots->use_room * sizeof(*spots->uses));
	lr_pages_unmap(spots->processes, spots->process_room * sizeof(*spots->processes));
	lr_pages_unmap(spots->entries, spots->entry_room * sizeof(*spots->entries));
	memset(spots, 0, sizeof(*spots));
}

static uint64_t key_of(uint32_t base, const struct lr_code_place *place)
{
	return lr_hash_word(place->hash ^ (uint64_t)base << 32);
}

/* Where the spot of a place is noted, or is to be. At least half of the table is free, so that walks end. */
static uint32_t *note_of(const struct lr_spots *spots, uint32_t base,
			 const struct lr_code_place *place)
{
	size_t mask = spots->table_room - 1;
	size_t at = key_of(base, place) & mask;

	for (; spots->table[at]; at = (at + 1) & mask) {
		const struct lr_spot *spot = &spots->all[spots->table[at] - 1];

		if (spot->base == base && spot->place.hash == place->hash)
			break;
	}
	return &spots->table[at];
}

static uint32_t *head_of(const struct lr_spots *spots, uint32_t base)
{
	size_t mask = spots->table_room - 1;
	size_t at = lr_hash_word(base) & mask;

	while (spots->heads[at] && spots->all[spots->heads[at] - 1].base != base)
		at = (at + 1) & mask;
	return &spots->heads[at];
}

static void note(struct lr_spots *spots, uint32_t ordinal)
{
	struct lr_spot *spot = &spots->all[ordinal];
	uint32_t *head = head_of(spots, spot->base);

	*note_of(spots, spot->base, &spot->place) = ordinal + 1;
	spot->next = *head ? *head - 1 : LR_SPOT_NONE;
	*head = ordinal + 1;
}

static bool has_room(struct lr_spots *spots)
{
	struct lr_spots larger = *spots;

	if (!lr_pages_grow(&spots->all, &spots->room, spots->count + 1, sizeof(*spots->all)))
		return false;
	if (spots->table_room >= 2 * spots->room)
		return true;
	larger.table_room = 2 * spots->room;
	larger.table = lr_pages_map(larger.table_room * sizeof(*larger.table));
	larger.heads = lr_pages_map(larger.table_room * sizeof(*larger.heads));
	if (!larger.table || !larger.heads) {
		lr_pages_unmap(larger.table, larger.table_room * sizeof(*larger.table));
		lr_pages_unmap(larger.heads, larger.table_room * sizeof(*larger.heads));
		return false;
	}
	lr_pages_unmap(spots->table, spots->table_room * sizeof(*spots->table));
	lr_pages_unmap(spots->heads, spots->table_room * sizeof(*spots->heads));
	spots->table = larger.table;
	spots->heads = larger.heads;
	spots->table_room = larger.table_room;
	for (uint32_t i = 0; i < spots->count; i++)
		note(spots, i);
	return true;
}

uint32_t lr_spots_first(const struct lr_spots *spots, uint32_t base)
{
	/* NONE is one less than 0. */
	return spots->table_room ? *head_of(spots, base) - 1 : LR_SPOT_NONE;
}

/*
 * Builds.
 */

static uint64_t build_key(uint32_t spot, uint32_t frame, uint64_t build)
{
	return lr_hash_word(lr_hash_word((uint64_t)spot << 32 | frame) ^ build) | 1;
}

/* Where a key is noted, or is to be. */
static uint64_t *known_at(const struct lr_spots *spots, uint64_t key)
{
	size_t mask = spots->known_room - 1;
	size_t at = key >> 1 & mask;

	while (spots->known[at] && spots->known[at] != key)
		at = (at + 1) & mask;
	return &spots->known[at];
}

static bool has_room_for_build(struct lr_spots *spots)
{
	uint64_t *former = spots->known;
	size_t former_room = spots->known_room;

	if (!lr_pages_grow(&spots->builds, &spots->build_room, spots->build_count + 1,
			   sizeof(*spots->builds)))
		return false;
	if (former_room >= 2 * spots->build_room)
		return true;
	spots->known = lr_pages_map(2 * spots->build_room * sizeof(*former));
	if (!spots->known) {
		spots->known = former;
		return false;
	}
	spots->known_room = 2 * spots->build_room;
	for (size_t i = 0; i < former_room; i++) {
		if (former[i])
			*known_at(spots, former[i]) = former[i];
	}
	lr_pages_unmap(former, former_room * sizeof(*former));
	return true;
}

/* Return: false without memory. */
static bool add_build(struct lr_spots *spots, uint32_t spot, uint32_t frame, uint64_t build)
{
	uint64_t key = build_key(spot, frame, build);

	if (!has_room_for_build(spots))
		return false;
	if (*known_at(spots, key))
		return true;
	*known_at(spots, key) = key;
	spots->builds[spots->build_count] = (struct lr_spot_build){
		.next = spots->all[spot].builds,
		.frame = frame,
		.build = build,
	};
	spots->all[spot].builds = (uint32_t)spots->build_count++;
	return true;
}

/* A path names no build, and has an even number. Without memory two may pass for one, as if of two builds. */
static void add_builds(struct lr_spots *spots, uint32_t spot, const struct lr_code_place *place)
{
	for (uint32_t i = 0; i < place->depth; i++) {
		if (place->frames[i].build & 1 && !add_build(spots, spot, i, place->frames[i].build))
			return;
	}
}

bool lr_spots_differ(const struct lr_spots *spots, uint32_t a, uint32_t b)
{
	uint32_t frame = lr_code_place_part(&spots->all[a].place, &spots->all[b].place);
	uint32_t at = frame == UINT32_MAX ? LR_SPOT_NONE : spots->all[b].builds;

	for (; at != LR_SPOT_NONE; at = spots->builds[at].next) {
		const struct lr_spot_build *build = &spots->builds[at];

		if (build->frame == frame && *known_at(spots, build_key(a, frame, build->build)))
			return true;
	}
	return false;
}

static uint32_t find_or_add(struct lr_spots *spots, uint32_t base, const struct lr_code_place *place)
{
	uint32_t ordinal = spots->table_room ? *note_of(spots, base, place) - 1 : LR_SPOT_NONE;

	if (ordinal != LR_SPOT_NONE) {
		struct lr_spot *spot = &spots->all[ordinal];

		if (lr_code_place_compare(place, &spot->place) < 0)
			spot->place = *place;
	} else {
		if (spots->count >= LR_SPOT_NONE - 1 || !has_room(spots))
			return LR_SPOT_NONE;
		ordinal = (uint32_t)spots->count++;
		spots->all[ordinal] =
			(struct lr_spot){ .base = base, .builds = LR_SPOT_NONE, .place = *place };
		note(spots, ordinal);
	}
	add_builds(spots, ordinal, place);
	return ordinal;
}

bool lr_spots_add_process(struct lr_spots *spots, size_t causes)
{
	if (!lr_pages_grow(&spots->uses, &spots->use_room, spots->use_count + causes,
			   sizeof(*spots->uses)) ||
	    !lr_pages_grow(&spots->processes, &spots->process_room, spots->process_count + 1,
			   sizeof(*spots->processes)))
		return false;
	spots->processes[spots->process_count++] = spots->use_count;
	return true;
}

uint32_t lr_spots_use(struct lr_spots *spots, uint32_t base, const struct lr_code_place *place)
{
	uint32_t ordinal = find_or_add(spots, base, place);

	if (ordinal != LR_SPOT_NONE)
		spots->all[ordinal].last_process = spots->process_count;
	spots->uses[spots->use_count++] = (struct lr_spot_use){ .spot = ordinal };
	spots->processes[spots->process_count - 1] = spots->use_count;
	return ordinal;
}

/* What numbering needs, per spot, process or use. */
struct work {
	struct lr_spots *spots;
	uint32_t *order;  /* ordinals, sorted by base, then in the order of the code */
	uint32_t *color;  /* by ordinal */
	uint32_t *marked; /* by color: the last spot, ordinal + 1, that cannot have it */
	size_t *ends;	  /* by ordinal: where its processes end */
	uint32_t *having; /* processes, spot after spot */
	uint32_t *seen;	  /* by process: the last spot, ordinal + 1, that was looked for in it */
	uint32_t *taken;  /* entries, ordinal + 1, by fingerprint */
	size_t taken_room;
};

static int compare(const void *spots_, const void *a_, const void *b_)
{
	const struct lr_spots *spots = spots_;
	const struct lr_spot *a = &spots->all[*(const uint32_t *)a_];
	const struct lr_spot *b = &spots->all[*(const uint32_t *)b_];

	if (a->base != b->base)
		return a->base < b->base ? -1 : 1;
	return lr_code_place_compare(&a->place, &b->place);
}

static void list_processes(struct work *work)
{
	const struct lr_spots *spots = work->spots;
	size_t use = 0;
	size_t sum = 0;

	for (size_t i = 0; i < spots->use_count; i++) {
		if (spots->uses[i].spot != LR_SPOT_NONE)
			work->ends[spots->uses[i].spot]++;
	}
	/* Where each begins; filling moves it to the end. */
	for (size_t i = 0; i < spots->count; i++) {
		size_t count = work->ends[i];

		work->ends[i] = sum;
		sum += count;
	}
	for (uint32_t process = 0; process < spots->process_count; process++) {
		for (; use < spots->processes[process]; use++) {
			uint32_t spot = spots->uses[use].spot;

			if (spot != LR_SPOT_NONE)
				work->having[work->ends[spot]++] = process;
		}
	}
}

static size_t begin_of(const struct work *work, uint32_t spot)
{
	return spot > 0 ? work->ends[spot - 1] : 0;
}

static bool is_seen(const struct work *work, uint32_t spot, uint32_t other)
{
	for (size_t i = begin_of(work, other); i < work->ends[other]; i++) {
		if (work->seen[work->having[i]] == spot + 1)
			return true;
	}
	return false;
}

/* Spots [@from, @at) of the order have the same base, and their colors. */
static uint32_t choose_color(const struct work *work, size_t from, size_t at)
{
	uint32_t spot = work->order[at];
	uint32_t color = 0;

	/* A process has each of its spots itself. */
	if (work->spots->process_count == 1)
		return (uint32_t)(at - from);
	for (size_t i = begin_of(work, spot); i < work->ends[spot]; i++)
		work->seen[work->having[i]] = spot + 1;
	for (size_t i = from; i < at; i++) {
		uint32_t other = work->order[i];

		if (work->marked[work->color[other]] != spot + 1 &&
		    (is_seen(work, spot, other) || lr_spots_differ(work->spots, spot, other)))
			work->marked[work->color[other]] = spot + 1;
	}
	while (work->marked[color] == spot + 1)
		color++;
	return color;
}

static void choose_colors(struct work *work)
{
	const struct lr_spots *spots = work->spots;
	size_t from = 0;

	for (size_t at = 0; at < spots->count; at++) {
		if (spots->all[work->order[from]].base != spots->all[work->order[at]].base)
			from = at;
		work->color[work->order[at]] = choose_color(work, from, at);
	}
}

/* A color that is new is one above the last: they are given from 0 on. */
static void make_entries(struct work *work)
{
	struct lr_spots *spots = work->spots;
	size_t from = 0;

	spots->entry_count = 0;
	for (size_t at = 0; at < spots->count; at++) {
		struct lr_spot *spot = &spots->all[work->order[at]];
		uint32_t color = work->color[work->order[at]];

		if (at == 0 || spots->entries[from].base != spot->base)
			from = spots->entry_count;
		spot->entry = (uint32_t)from + color;
		if (spot->entry == spots->entry_count)
			spots->entries[spots->entry_count++] = (struct lr_spot_entry){
				.base = spot->base,
				.color = color,
			};
		spots->entries[spot->entry].has_lines |= spot->place.has_lines;
	}
}

static int compare_lines(const void *spots_, const void *a_, const void *b_)
{
	const struct lr_spots *spots = spots_;
	const struct lr_spot *a = &spots->all[*(const uint32_t *)a_];
	const struct lr_spot *b = &spots->all[*(const uint32_t *)b_];

	if (a->base != b->base)
		return a->base < b->base ? -1 : 1;
	return (a->place.lines > b->place.lines) - (a->place.lines < b->place.lines);
}

/* The last step that needs the order, and brings equal lines together. */
static void find_shared_lines(const struct work *work)
{
	const struct lr_spots *spots = work->spots;
	size_t from = 0;

	lr_sort(work->order, spots->count, sizeof(*work->order), compare_lines, spots);
	for (size_t at = 1; at < spots->count; at++) {
		const struct lr_spot *first = &spots->all[work->order[from]];
		const struct lr_spot *spot = &spots->all[work->order[at]];

		if (compare_lines(spots, &work->order[from], &work->order[at]) != 0) {
			from = at;
		} else if (spot->place.has_lines && spot->entry != first->entry) {
			spots->entries[first->entry].shares_lines = true;
			spots->entries[spot->entry].shares_lines = true;
		}
	}
}

/* Return: false if another entry has it. */
static bool take_fingerprint(struct work *work, size_t entry, uint32_t fingerprint)
{
	struct lr_spot_entry *entries = work->spots->entries;
	size_t at = lr_hash_word(fingerprint) & (work->taken_room - 1);

	for (; work->taken[at]; at = (at + 1) & (work->taken_room - 1)) {
		if (entries[work->taken[at] - 1].fingerprint == fingerprint)
			return false;
	}
	work->taken[at] = (uint32_t)entry + 1;
	entries[entry].fingerprint = fingerprint;
	return true;
}

/* What needs no number comes first, so that it always has its own fingerprint. */
static void take_fingerprints(struct work *work)
{
	const struct lr_spots *spots = work->spots;

	for (size_t i = 0; i < spots->entry_count; i++) {
		if (spots->entries[i].color == 0)
			take_fingerprint(work, i, spots->entries[i].base);
	}
	for (size_t i = 0; i < spots->entry_count; i++) {
		const struct lr_spot_entry *entry = &spots->entries[i];
		uint32_t wanted = entry->base + entry->color;

		if (entry->color == 0)
			continue;
		if (!entry->has_lines)
			wanted = (uint32_t)lr_hash_word((uint64_t)entry->base << 32 | entry->color);
		while (!take_fingerprint(work, i, wanted))
			wanted++;
	}
}

static bool map(struct work *work)
{
	const struct lr_spots *spots = work->spots;
	size_t size = (spots->count + 1) * sizeof(uint32_t);

	work->order = lr_pages_map(size);
	work->color = lr_pages_map(size);
	work->marked = lr_pages_map(size);
	work->ends = lr_pages_map((spots->count + 1) * sizeof(*work->ends));
	work->having = lr_pages_map((spots->use_count + 1) * sizeof(uint32_t));
	work->seen = lr_pages_map((spots->process_count + 1) * sizeof(uint32_t));
	work->taken = lr_pages_map(work->taken_room * sizeof(uint32_t));
	return work->order && work->color && work->marked && work->ends && work->having &&
	       work->seen && work->taken;
}

static void unmap(const struct work *work)
{
	const struct lr_spots *spots = work->spots;
	size_t size = (spots->count + 1) * sizeof(uint32_t);

	lr_pages_unmap(work->taken, work->taken_room * sizeof(uint32_t));
	lr_pages_unmap(work->order, size);
	lr_pages_unmap(work->color, size);
	lr_pages_unmap(work->marked, size);
	lr_pages_unmap(work->ends, (spots->count + 1) * sizeof(*work->ends));
	lr_pages_unmap(work->having, (spots->use_count + 1) * sizeof(uint32_t));
	lr_pages_unmap(work->seen, (spots->process_count + 1) * sizeof(uint32_t));
}

bool lr_spots_number(struct lr_spots *spots)
{
	struct work work = { .spots = spots, .taken_room = TAKEN_ROOM_MIN };
	bool has_memory;

	while (work.taken_room < 2 * spots->count)
		work.taken_room *= 2;
	has_memory = map(&work) && lr_pages_grow(&spots->entries, &spots->entry_room, spots->count,
						 sizeof(*spots->entries));
	spots->entry_count = 0;
	if (has_memory) {
		for (uint32_t i = 0; i < spots->count; i++)
			work.order[i] = i;
		lr_sort(work.order, spots->count, sizeof(*work.order), compare, spots);
		list_processes(&work);
		choose_colors(&work);
		make_entries(&work);
		find_shared_lines(&work);
		take_fingerprints(&work);
	}
	unmap(&work);
	return has_memory;
}
