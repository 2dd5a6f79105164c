/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live objects at one address.
 *
 * Layer: analyze. Locks: none.
 */
#include "analyze/places.h"

#include "base/hash.h"
#include "base/pages.h"

/* Of two records with one address: is the object that is there now that of @b? */
static bool second_is_current(const struct lr_places *places, const struct lr_live *a,
			      const struct lr_live *b)
{
	if (places->options->is_current) {
		if (places->options->is_current(a->ordinal, &a->copy))
			return false;
		if (places->options->is_current(b->ordinal, &b->copy))
			return true;
	}
	return lr_birth_number(b->copy.birth) > lr_birth_number(a->copy.birth);
}

/*
 * Of one type: an object of another type may well begin at the same address, as the first member of
 * this one.
 */
static bool is_same_place(const struct lr_record *a, const struct lr_record *b)
{
	return a->object == b->object && lr_birth_type(a->birth) == lr_birth_type(b->birth);
}

static uint64_t place_hash(const struct lr_places *places, const struct lr_record *record)
{
	return lr_hash_word(record->object + lr_birth_type(record->birth)) & places->mask;
}

static void add(struct lr_places *places, const struct lr_live *live)
{
	uint64_t at = place_hash(places, &live->copy);
	struct lr_live other;

	for (; places->table[at] != 0; at = (at + 1) & places->mask) {
		if (!lr_live_find(places->image, places->table[at] - 1, &other) ||
		    !is_same_place(&other.copy, &live->copy))
			continue;
		if (second_is_current(places, &other, live))
			places->table[at] = (uint32_t)live->ordinal + 1;
		return;
	}
	places->table[at] = (uint32_t)live->ordinal + 1;
}

static void add_all(struct lr_places *places, uint64_t max)
{
	const struct lr_record *records;
	uint64_t hashed = 0;
	uint64_t count;

	for (uint64_t at = 0; (records = lr_run_at(places->image, LR_RECORDS, at, &count));
	     at += count) {
		for (uint64_t i = 0; i < count; i++) {
			struct lr_live live;

			/*
			 * The memory of an object inside its destructor may be free already, and
			 * another's: that is no misuse.
			 */
			if (!lr_live_take(&records[i], at + i, &live) || !lr_live_is_alive(&live))
				continue;
			/*
			 * Objects that are born meanwhile are left out, so that the table cannot
			 * fill up.
			 */
			if (hashed++ == max)
				return;
			add(places, &live);
		}
	}
}

bool lr_places_init(struct lr_places *places, const struct lr_image *image,
		    const struct lr_findings_options *options, uint64_t live)
{
	uint64_t size = 64;

	while (size < live + live / 2)
		size *= 2;
	places->image = image;
	places->options = options;
	places->mask = size - 1;
	places->table = lr_pages_map(size * sizeof(*places->table));
	if (!places->table)
		return false;
	add_all(places, live);
	return true;
}

void lr_places_finish(struct lr_places *places)
{
	lr_pages_unmap(places->table, (places->mask + 1) * sizeof(*places->table));
	places->table = NULL;
}

bool lr_places_is_overwritten(const struct lr_places *places, const struct lr_live *live)
{
	uint64_t at = place_hash(places, &live->copy);
	struct lr_live other;

	if (!places->table || !lr_live_is_alive(live))
		return false;
	for (; places->table[at] != 0; at = (at + 1) & places->mask) {
		if (places->table[at] - 1 == live->ordinal)
			return false;
		if (lr_live_find(places->image, places->table[at] - 1, &other) &&
		    is_same_place(&other.copy, &live->copy))
			return true;
	}
	return false;
}
