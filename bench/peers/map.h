/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash map from address to what a registry keeps of an object, as good as a simple one can be: open addressing with linear
 * probing, 16 bytes an entry, at most three quarters full, no tombstones (a removal moves back what follows), multiplicative
 * hashing. It doubles by rehashing, all at once.
 */
#ifndef BENCH_PEERS_MAP_H
#define BENCH_PEERS_MAP_H

#include <stdint.h>
#include <stdlib.h>

struct map_entry {
	uintptr_t key; /* 0: empty */
	uint32_t site;
	uint32_t number;
};

struct map {
	struct map_entry *entries;
	uint64_t mask;
	uint32_t shift; /* 64 less the bits of the mask */
	uint64_t count;
	uint32_t numbers;
};

static inline uint64_t map_hash(uintptr_t key)
{
	return key * UINT64_C(0x9e3779b97f4a7c15);
}

static inline void map_start(struct map *map, uint32_t bits)
{
	map->entries = calloc(UINT64_C(1) << bits, sizeof(*map->entries));
	if (!map->entries)
		abort();
	map->mask = (UINT64_C(1) << bits) - 1;
	map->shift = 64 - bits;
	map->count = 0;
}

static inline struct map_entry *map_place(const struct map *map, uintptr_t key)
{
	uint64_t at = map_hash(key) >> map->shift;

	while (map->entries[at].key != 0 && map->entries[at].key != key)
		at = (at + 1) & map->mask;
	return &map->entries[at];
}

static __attribute__((noinline, unused)) void map_double(struct map *map)
{
	struct map old = *map;

	map_start(map, 64 - old.shift + 1);
	for (uint64_t i = 0; i <= old.mask; i++) {
		if (old.entries[i].key != 0)
			*map_place(map, old.entries[i].key) = old.entries[i];
	}
	map->count = old.count;
	free(old.entries);
}

static inline void map_add(struct map *map, const void *key, uint32_t site)
{
	struct map_entry *entry;

	if ((map->count + 1) * 4 > (map->mask + 1) * 3)
		map_double(map);
	entry = map_place(map, (uintptr_t)key);
	if (entry->key != 0)
		abort();
	*entry = (struct map_entry){ .key = (uintptr_t)key, .site = site, .number = ++map->numbers };
	map->count++;
}

/* Each entry behind the gap that may stand in it moves there, and leaves a gap. */
static inline void map_remove(struct map *map, const void *key)
{
	uint64_t gap = (uint64_t)(map_place(map, (uintptr_t)key) - map->entries);

	if (map->entries[gap].key == 0)
		abort();
	for (uint64_t at = (gap + 1) & map->mask; map->entries[at].key != 0;
	     at = (at + 1) & map->mask) {
		uint64_t home = map_hash(map->entries[at].key) >> map->shift;

		if (((at - home) & map->mask) < ((at - gap) & map->mask))
			continue;
		map->entries[gap] = map->entries[at];
		gap = at;
	}
	map->entries[gap].key = 0;
	map->count--;
}

#endif
