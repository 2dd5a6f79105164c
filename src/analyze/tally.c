/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tallies: a hash table with open addressing, at most half full.
 *
 * Layer: analyze. Locks: none.
 */
#include "analyze/tally.h"

#include "base/hash.h"
#include "base/pages.h"

#include <string.h>

static struct lr_tally_entry *place_of(const struct lr_tally *tally, uint64_t a, uint64_t b)
{
	size_t mask = tally->room - 1;
	size_t at = lr_hash_word(lr_hash_word(a) + b) & mask;

	while (tally->entries[at].objects != 0 &&
	       (tally->entries[at].key[0] != a || tally->entries[at].key[1] != b))
		at = (at + 1) & mask;
	return &tally->entries[at];
}

static bool grow(struct lr_tally *tally)
{
	struct lr_tally larger = { .room = tally->room ? 2 * tally->room : 128, .used = tally->used };

	larger.entries = lr_pages_map(larger.room * sizeof(*larger.entries));
	if (!larger.entries)
		return false;
	for (size_t i = 0; i < tally->room; i++) {
		const struct lr_tally_entry *entry = &tally->entries[i];

		if (entry->objects != 0)
			*place_of(&larger, entry->key[0], entry->key[1]) = *entry;
	}
	lr_tally_finish(tally);
	*tally = larger;
	return true;
}

bool lr_tally_add(struct lr_tally *tally, uint64_t a, uint64_t b, uint64_t bytes)
{
	struct lr_tally_entry *entry;

	if (2 * tally->used >= tally->room && !grow(tally))
		return false;
	entry = place_of(tally, a, b);
	if (entry->objects == 0) {
		entry->key[0] = a;
		entry->key[1] = b;
		tally->used++;
	}
	entry->objects++;
	entry->bytes += bytes;
	return true;
}

void lr_tally_finish(struct lr_tally *tally)
{
	lr_pages_unmap(tally->entries, tally->room * sizeof(*tally->entries));
	memset(tally, 0, sizeof(*tally));
}
