/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From records to causes.
 *
 * Layer: analyze. Locks: none.
 *
 * Three passes over the records: how many are live; which of them share an address and a type (an object born over another that never
 * had its last unref); and into causes by type and site, through a hash table. Then the causes are sorted by what they mean (names, modules,
 * offsets), so that two runs give one order, and causes whose stacks read alike are joined: a stack has two ids if two
 * threads met it first at once, or if its library was loaded twice.
 */
#include "analyze/findings.h"

#include "analyze/order.h"
#include "base/globs.h"
#include "base/hash.h"
#include "base/pages.h"

#include <errno.h>
#include <string.h>

/* What one run of lr_findings_make() needs besides its result. */
struct work {
	struct lr_findings *findings;
	const struct lr_findings_options *options;
	uint64_t live;
	uint64_t marked;	/* of these, reported by an earlier check */
	uint64_t *live_by_type; /* by type id; NULL if not wanted */
	size_t type_room;

	uint32_t *addresses; /* record ordinal + 1, hashed by address and type */
	uint64_t address_mask;

	uint32_t *table; /* cause number + 1, hashed by type and site */
	uint64_t table_mask;
	size_t cause_room;
};

struct live_record {
	struct lr_record copy;
	uint64_t ordinal;
};

/* Takes a record that may change hands meanwhile; see struct lr_record. Return: false if it is not live. */
static bool take_record(const struct lr_image *image, uint64_t ordinal, struct live_record *ret)
{
	const struct lr_record *record = lr_image_at(image, LR_RECORDS, ordinal);
	uint32_t state;

	if (!record)
		return false;
	ret->ordinal = ordinal;
	ret->copy.birth = __atomic_load_n(&record->birth, __ATOMIC_ACQUIRE);
	state = __atomic_load_n(&record->state, __ATOMIC_ACQUIRE);
	ret->copy.state = state;
	ret->copy.object = __atomic_load_n(&record->object, __ATOMIC_ACQUIRE);
	ret->copy.site = __atomic_load_n(&record->site, __ATOMIC_ACQUIRE);
	/* Pairs with the release stores in lr_registry_add(), which begin with the state and the birth number. */
	if (__atomic_load_n(&record->birth, __ATOMIC_RELAXED) != ret->copy.birth)
		return false;
	state &= LR_STATE_MASK;
	return state == LR_STATE_ALIVE || state == LR_STATE_DYING;
}

static uint32_t type_of(const struct lr_record *record)
{
	return (uint32_t)(record->birth >> LR_BIRTH_NUMBER_BITS);
}

static bool is_alive(const struct lr_record *record)
{
	return (record->state & LR_STATE_MASK) == LR_STATE_ALIVE;
}

static bool is_reported(const struct lr_record *record)
{
	return is_alive(record) && (record->state & LR_ALIVE_REPORTED);
}

static uint64_t power_of_two_above(uint64_t n)
{
	uint64_t power = 64;

	while (power < n)
		power *= 2;
	return power;
}

static void count_live(struct work *work)
{
	const struct lr_image *image = work->findings->image;
	uint64_t count = lr_image_count(image, LR_RECORDS);
	struct live_record live;

	for (uint64_t i = 0; i < count; i++) {
		if (!take_record(image, i, &live))
			continue;
		work->live++;
		work->marked += is_reported(&live.copy);
	}
}

/* The counter knows no types. */
static void count_released(struct work *work)
{
	uint64_t reported = work->findings->image->header->counters[LR_REPORTED];

	if (!work->options->type_globs && reported > work->marked)
		work->findings->released = reported - work->marked;
}

/* Of two records with one address: is the object that is there now that of @b? */
static bool second_is_current(const struct work *work, const struct live_record *a,
			      const struct live_record *b)
{
	if (work->options->is_current) {
		if (work->options->is_current(a->ordinal, &a->copy))
			return false;
		if (work->options->is_current(b->ordinal, &b->copy))
			return true;
	}
	return (b->copy.birth & LR_BIRTH_NUMBER_MASK) > (a->copy.birth & LR_BIRTH_NUMBER_MASK);
}

/* Of one type: an object of another type may well begin at the same address, as the first member of this one. */
static bool is_same_place(const struct lr_record *a, const struct lr_record *b)
{
	return a->object == b->object && type_of(a) == type_of(b);
}

static uint64_t place_hash(const struct work *work, const struct lr_record *record)
{
	return lr_hash_word(record->object + type_of(record)) & work->address_mask;
}

static void hash_address(struct work *work, const struct live_record *live)
{
	uint64_t at = place_hash(work, &live->copy);
	struct live_record other;

	for (; work->addresses[at] != 0; at = (at + 1) & work->address_mask) {
		if (!take_record(work->findings->image, work->addresses[at] - 1, &other) ||
		    !is_same_place(&other.copy, &live->copy))
			continue;
		if (second_is_current(work, &other, live))
			work->addresses[at] = (uint32_t)live->ordinal + 1;
		return;
	}
	work->addresses[at] = (uint32_t)live->ordinal + 1;
}

/* Without memory for it every record passes for current. */
static void hash_addresses(struct work *work)
{
	const struct lr_image *image = work->findings->image;
	uint64_t count = lr_image_count(image, LR_RECORDS);
	uint64_t size = power_of_two_above(work->live + work->live / 2);
	uint64_t hashed = 0;
	struct live_record live;

	work->addresses = lr_pages_map(size * sizeof(*work->addresses));
	work->address_mask = size - 1;
	if (!work->addresses) {
		work->findings->incomplete = true;
		return;
	}
	/* Objects that are born during the passes are left out, so that the table cannot fill up. */
	for (uint64_t i = 0; i < count && hashed < work->live; i++) {
		/* The memory of an object inside its destructor may be free already, and another's: that is no misuse. */
		if (!take_record(image, i, &live) || !is_alive(&live.copy))
			continue;
		hash_address(work, &live);
		hashed++;
	}
}

static bool is_overwritten(const struct work *work, const struct live_record *live)
{
	uint64_t at = place_hash(work, &live->copy);
	struct live_record other;

	if (!work->addresses || !is_alive(&live->copy))
		return false;
	for (; work->addresses[at] != 0; at = (at + 1) & work->address_mask) {
		if (work->addresses[at] - 1 == live->ordinal)
			return false;
		if (take_record(work->findings->image, work->addresses[at] - 1, &other) &&
		    is_same_place(&other.copy, &live->copy))
			return true;
	}
	return false;
}

static uint64_t cause_hash(const struct work *work, uint32_t type, uint32_t site)
{
	return lr_hash_word((uint64_t)type << 32 | site) & work->table_mask;
}

/* Twice the room, and the table anew. */
static bool grow_causes(struct work *work)
{
	struct lr_findings *findings = work->findings;
	size_t room = work->cause_room ? 2 * work->cause_room : 256;
	struct lr_cause *causes = lr_pages_map(room * sizeof(*causes));
	uint32_t *table = lr_pages_map(4 * room * sizeof(*table));

	if (!causes || !table) {
		lr_pages_unmap(causes, room * sizeof(*causes));
		lr_pages_unmap(table, 4 * room * sizeof(*table));
		return false;
	}
	if (findings->causes)
		memcpy(causes, findings->causes, findings->cause_count * sizeof(*causes));
	lr_pages_unmap(findings->causes, findings->mapped_causes);
	lr_pages_unmap(work->table, (work->table_mask + 1) * sizeof(*table));
	findings->causes = causes;
	findings->mapped_causes = room * sizeof(*causes);
	work->cause_room = room;
	work->table = table;
	work->table_mask = 4 * room - 1;
	for (size_t i = 0; i < findings->cause_count; i++) {
		uint64_t at = cause_hash(work, causes[i].type, causes[i].site);

		while (table[at] != 0)
			at = (at + 1) & work->table_mask;
		table[at] = (uint32_t)i + 1;
	}
	return true;
}

static struct lr_cause *find_cause(struct work *work, uint32_t type, uint32_t site)
{
	struct lr_findings *findings = work->findings;
	struct lr_cause *cause;
	uint64_t at;

	if (findings->cause_count == work->cause_room && !grow_causes(work))
		return NULL;
	at = cause_hash(work, type, site);
	for (; work->table[at] != 0; at = (at + 1) & work->table_mask) {
		cause = &findings->causes[work->table[at] - 1];
		if (cause->type == type && cause->site == site)
			return cause;
	}
	cause = &findings->causes[findings->cause_count++];
	cause->type = type;
	cause->site = site;
	work->table[at] = (uint32_t)findings->cause_count;
	return cause;
}

/* Keeps the first born, sorted by number. */
static void add_example(struct lr_cause *cause, const struct lr_example *example)
{
	uint32_t at = cause->example_count;

	if (at == LR_EXAMPLES_MAX) {
		if (cause->examples[at - 1].birth <= example->birth)
			return;
		at--;
	} else {
		cause->example_count++;
	}
	for (; at > 0 && cause->examples[at - 1].birth > example->birth; at--)
		cause->examples[at] = cause->examples[at - 1];
	cause->examples[at] = *example;
}

static void add_to_cause(struct work *work, const struct live_record *live)
{
	const struct lr_type_entry *type = lr_image_type(work->findings->image, type_of(&live->copy));
	struct lr_cause *cause = find_cause(work, type_of(&live->copy), live->copy.site);
	struct lr_example example = {
		.birth = live->copy.birth,
		.object = ~live->copy.object,
		.record = live->ordinal,
		.dying = !is_alive(&live->copy),
	};

	/* The sums are right also where there is no memory for causes. */
	work->findings->objects++;
	work->findings->bytes += type ? type->size : 0;
	if (!cause) {
		work->findings->incomplete = true;
		return;
	}
	cause->roots++;
	cause->objects++;
	cause->bytes += type ? type->size : 0;
	if (example.dying) {
		cause->dying++;
		cause->dying_site = live->copy.state & ~LR_STATE_MASK;
	}
	add_example(cause, &example);
}

static bool is_wanted(const struct work *work, const struct lr_record *record)
{
	const struct lr_image *image = work->findings->image;
	const struct lr_type_entry *type = lr_image_type(image, type_of(record));

	if (!type)
		return false;
	return !work->options->type_globs ||
	       lr_globs_match(work->options->type_globs, lr_image_text(image, type->name, NULL));
}

/* Born since the checkpoint that is asked for? */
static bool is_young(const struct work *work, const struct lr_record *record)
{
	return work->options->since == 0 ||
	       (is_alive(record) &&
		(record->state & ~LR_STATE_MASK) >> LR_ALIVE_AGE_SHIFT >= work->options->since);
}

static void add_record(struct work *work, const struct live_record *live)
{
	bool reported = is_reported(&live->copy);

	if (!is_wanted(work, &live->copy) || !is_young(work, &live->copy))
		return;
	if (is_alive(&live->copy) && (live->copy.state & LR_ALIVE_IGNORED)) {
		work->findings->ignored++;
		return;
	}
	/* What is inside its destructor has no room for the mark. */
	if (work->options->only_reported && !reported && is_alive(&live->copy))
		return;
	if (type_of(&live->copy) < work->type_room)
		work->live_by_type[type_of(&live->copy)]++;
	if (is_overwritten(work, live))
		work->findings->overwritten++;
	else if (reported && work->options->skip_reported)
		work->findings->reported++;
	else
		add_to_cause(work, live);
}

static void add_records(struct work *work)
{
	const struct lr_image *image = work->findings->image;
	uint64_t count = lr_image_count(image, LR_RECORDS);
	struct live_record live;

	for (uint64_t i = 0; i < count; i++) {
		if (take_record(image, i, &live))
			add_record(work, &live);
	}
}

/* The causes are sorted: those that read alike are neighbors. */
static void join_equal_causes(struct lr_findings *findings)
{
	size_t kept = 0;

	for (size_t i = 1; i < findings->cause_count; i++) {
		struct lr_cause *into = &findings->causes[kept];
		const struct lr_cause *cause = &findings->causes[i];

		if (lr_order_causes(findings->image, into, cause) != 0) {
			findings->causes[++kept] = *cause;
			continue;
		}
		into->roots += cause->roots;
		into->objects += cause->objects;
		into->bytes += cause->bytes;
		into->dying += cause->dying;
		if (cause->dying)
			into->dying_site = cause->dying_site;
		for (uint32_t e = 0; e < cause->example_count; e++)
			add_example(into, &cause->examples[e]);
	}
	if (findings->cause_count > 0)
		findings->cause_count = kept + 1;
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
	if (work->options->type_globs &&
	    !lr_globs_match(work->options->type_globs,
			    lr_image_text(findings->image, entry->name, NULL)))
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

int lr_findings_make(struct lr_findings *findings, const struct lr_image *image,
		     const struct lr_findings_options *options)
{
	struct work work = { .findings = findings, .options = options };
	size_t types = (size_t)lr_image_count(image, LR_TYPES) + 1;

	memset(findings, 0, sizeof(*findings));
	findings->image = image;
	findings->is_filtered = options->type_globs != NULL;
	findings->incomplete = !grow_causes(&work);
	if (options->want_types) {
		work.live_by_type = lr_pages_map(types * sizeof(*work.live_by_type));
		work.type_room = work.live_by_type ? types : 0;
	}
	/* What lives when the program has switched checking off is no leak. */
	if (image->header->state != LR_PROCESS_OFF) {
		count_live(&work);
		count_released(&work);
		hash_addresses(&work);
		add_records(&work);
		make_totals(&work);
	}
	lr_order_sort_causes(findings);
	join_equal_causes(findings);
	attach_notes(findings);
	lr_pages_unmap(work.addresses, (work.address_mask + 1) * sizeof(*work.addresses));
	lr_pages_unmap(work.table, (work.table_mask + 1) * sizeof(*work.table));
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

void lr_findings_choose(struct lr_findings *findings, size_t max)
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

void lr_findings_free(struct lr_findings *findings)
{
	lr_pages_unmap(findings->causes, findings->mapped_causes);
	lr_pages_unmap(findings->types, findings->mapped_types);
	findings->causes = NULL;
	findings->types = NULL;
}
