/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live objects at one address.
 *
 * Layer: analyze. Locks: none.
 *
 * Two objects at one place are rare, and a table of all places does not fit into a cache. So first
 * comes a sieve: each place is hashed to a slot, eight times as many as there are objects, and a slot
 * knows whether no object, one, or several were hashed to it. Only those of the last kind, about one
 * in nine, are suspects, and go into a table.
 */
#include "analyze/places.h"

#include "base/hash.h"
#include "base/pages.h"

#define SLOTS_AN_OBJECT 8
#define SLOT_ONE 1u
#define SLOT_SEVERAL 2u

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

static uint64_t place_hash(const struct lr_live *live)
{
	return lr_hash_word(live->copy.object + lr_birth_type(live->copy.birth));
}

/* From 0 to @count, by the upper bits of the hash. */
static uint64_t scale(uint64_t hash, uint64_t count)
{
	return (uint64_t)(((unsigned __int128)hash * count) >> 64);
}

static uint32_t slot_state(const struct lr_places *places, uint64_t hash)
{
	uint64_t slot = scale(hash, places->slots);

	return places->sieve[slot / 4] >> slot % 4 * 2 & 3u;
}

/*
 * The memory of an object inside its destructor may be free already, and another's: no misuse. And what
 * is there in place of a young object is younger still.
 */
static bool takes_place(const struct lr_places *places, const struct lr_live *live)
{
	return lr_live_is_alive(live) &&
	       (lr_live_is_reported(live) || lr_places_is_young(places->options, live));
}

/* Goes through the objects; those that are born meanwhile are left out, so that no table overflows. */
static void for_each(struct lr_places *places, uint64_t max,
		     void (*add)(struct lr_places *places, const struct lr_live *live))
{
	const struct lr_record *records;
	uint64_t count;

	for (uint64_t at = 0; (records = lr_run_at(places->image, LR_RECORDS, at, &count));
	     at += count) {
		for (uint64_t i = 0; i < count && max > 0; i++) {
			struct lr_live live;

			if (!lr_live_take(&records[i], at + i, &live) || !takes_place(places, &live))
				continue;
			add(places, &live);
			max--;
		}
	}
}

static void sift(struct lr_places *places, const struct lr_live *live)
{
	uint64_t slot = scale(place_hash(live), places->slots);
	unsigned char *four = &places->sieve[slot / 4];
	unsigned int shift = slot % 4 * 2;
	unsigned int state = *four >> shift & 3u;

	if (state == 0) {
		*four |= (unsigned char)(SLOT_ONE << shift);
		return;
	}
	/* The first in this slot is a suspect too. */
	places->suspects += state == SLOT_ONE ? 2 : 1;
	*four |= (unsigned char)(SLOT_SEVERAL << shift);
}

static void add_suspect(struct lr_places *places, const struct lr_live *live)
{
	uint64_t hash = place_hash(live);
	struct lr_live other;
	uint64_t at;

	/* Suspects that came meanwhile have no room. */
	if (!(slot_state(places, hash) & SLOT_SEVERAL) || places->suspects == 0)
		return;
	for (at = hash & places->table_mask; places->table[at] != 0;
	     at = (at + 1) & places->table_mask) {
		if (!lr_live_find(places->image, places->table[at] - 1, &other) ||
		    !is_same_place(&other.copy, &live->copy))
			continue;
		places->some_overwritten = true;
		if (second_is_current(places, &other, live))
			places->table[at] = (uint32_t)live->ordinal + 1;
		return;
	}
	places->table[at] = (uint32_t)live->ordinal + 1;
	places->suspects--;
}

bool lr_places_init(struct lr_places *places, const struct lr_image *image,
		    const struct lr_findings_options *options, uint64_t live)
{
	places->image = image;
	places->options = options;
	places->slots = SLOTS_AN_OBJECT * live + 1;
	places->sieve = lr_pages_map(places->slots / 4 + 1);
	if (!places->sieve)
		return false;
	for_each(places, live, sift);
	if (places->suspects == 0)
		return true;
	places->table_mask = 63;
	while (places->table_mask < places->suspects + places->suspects / 2)
		places->table_mask = 2 * places->table_mask + 1;
	places->table = lr_pages_map((places->table_mask + 1) * sizeof(*places->table));
	if (!places->table)
		return false;
	for_each(places, live, add_suspect);
	return true;
}

void lr_places_finish(struct lr_places *places)
{
	lr_pages_unmap(places->sieve, places->slots / 4 + 1);
	lr_pages_unmap(places->table, (places->table_mask + 1) * sizeof(*places->table));
	places->sieve = NULL;
	places->table = NULL;
}

bool lr_places_is_overwritten(const struct lr_places *places, const struct lr_live *live)
{
	uint64_t hash, at;
	struct lr_live other;

	if (!places->some_overwritten || !takes_place(places, live))
		return false;
	hash = place_hash(live);
	if (!(slot_state(places, hash) & SLOT_SEVERAL))
		return false;
	for (at = hash & places->table_mask; places->table[at] != 0;
	     at = (at + 1) & places->table_mask) {
		if (places->table[at] - 1 == live->ordinal)
			return false;
		if (lr_live_find(places->image, places->table[at] - 1, &other) &&
		    is_same_place(&other.copy, &live->copy))
			return true;
	}
	return false;
}
