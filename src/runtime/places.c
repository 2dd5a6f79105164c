/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places.
 *
 * Layer: runtime. Locks: none.
 *
 * Objects lie in a few regions (a heap, some mappings, the program's data) with nothing between, so one table over all addresses would be
 * empty but for a few entries. Each region has a table of its own, of which an entry is about as large as four objects; what is
 * left of the way is a search among these. Where objects are spread unevenly over a region that is a binary search among more, so the worst case
 * is that of a plain one.
 *
 * Objects may lie in one another: a struct that embeds another counted one, or a place that was used again without the last unref of what
 * was there. The object before a pointer, by address, need then not be the one that the pointer is in: the way leads from it to the nearest
 * before that ends later, and so on. No place between can contain what the last one does not reach.
 */
#include "runtime/places.h"

#include "base/pages.h"

#include <errno.h>
#include <string.h>

#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)
#define PLACES_IN_GRANULE 4
#define REGION_GAP (UINT64_C(16) << 20)

/* One more than there is room for: no memory at all could not be mapped. */
static size_t room_bytes(const struct lr_places *places)
{
	return ((size_t)places->room + 1) * sizeof(*places->all);
}

int lr_places_init(struct lr_places *places, uint32_t room)
{
	*places =
		(struct lr_places){ .all = lr_pages_map(room * sizeof(*places->all)), .room = room };
	return places->all ? 0 : -ENOMEM;
}

/* Which bits of the addresses differ between any two of them. */
static uint64_t varying_bits(const struct lr_places *places, bool *ret_sorted)
{
	uint64_t before = places->count > 0 ? places->all[0].key >> LR_PLACE_TYPE_BITS : 0;
	uint64_t first = before;
	uint64_t varying = 0;

	*ret_sorted = true;
	for (uint32_t i = 1; i < places->count; i++) {
		uint64_t address = lr_place_address(&places->all[i]);

		varying |= address ^ first;
		if (address < before)
			*ret_sorted = false;
		before = address;
	}
	return varying << LR_PLACE_TYPE_BITS;
}

/* One pass of a radix sort, by the digit that begins at @shift. Stable. */
static void distribute(const struct lr_places *places, struct lr_place *to, uint32_t *starts,
		       unsigned shift)
{
	uint32_t next = 0;

	memset(starts, 0, DIGITS * sizeof(*starts));
	for (uint32_t i = 0; i < places->count; i++)
		starts[places->all[i].key >> shift & (DIGITS - 1)]++;
	for (uint32_t digit = 0; digit < DIGITS; digit++) {
		uint32_t n = starts[digit];

		starts[digit] = next;
		next += n;
	}
	for (uint32_t i = 0; i < places->count; i++)
		to[starts[places->all[i].key >> shift & (DIGITS - 1)]++] = places->all[i];
}

/* Radix sort by the bits that differ, least significant digit first (Knuth, The Art of Computer Programming, 5.2.5). */
int lr_places_sort(struct lr_places *places)
{
	size_t size = room_bytes(places);
	struct lr_place *room;
	uint32_t *starts;
	uint64_t varying;
	bool sorted;

	varying = varying_bits(places, &sorted);
	if (sorted)
		return 0;
	room = lr_pages_map(size);
	starts = lr_pages_map(DIGITS * sizeof(*starts));
	while (room && starts && varying != 0) {
		unsigned shift = (unsigned)__builtin_ctzll(varying);
		struct lr_place *former = places->all;

		distribute(places, room, starts, shift);
		places->all = room;
		room = former;
		/* The digit at the top may be cut. */
		varying = shift + DIGIT_BITS < 64 ?
				  varying >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS) :
				  0;
	}
	lr_pages_unmap(starts, DIGITS * sizeof(*starts));
	lr_pages_unmap(room, size);
	return varying == 0 ? 0 : -ENOMEM;
}

/* Does @a belong after @b, which is at the same address? */
static bool is_smaller(const struct lr_place *a, const struct lr_place *b)
{
	return a->size != b->size ? a->size < b->size : a->record > b->record;
}

/* What order_run() sorts. */
struct run {
	struct lr_place *all; /* of its places */
	uint32_t first;
	lr_places_swap swap;
	void *context;
};

static void swap_in_run(const struct run *run, uint32_t a, uint32_t b)
{
	struct lr_place place = run->all[a];

	run->all[a] = run->all[b];
	run->all[b] = place;
	run->swap(run->context, run->first + a, run->first + b);
}

/* Places of one address, the largest first. There are two or three, or as many as an arena was used again: a Shell sort. */
static void order_run(const struct run *run, uint32_t count)
{
	uint32_t gap = 1;

	while (gap < count / 3)
		gap = 3 * gap + 1;
	for (; gap > 0; gap /= 3) {
		for (uint32_t i = gap; i < count; i++) {
			for (uint32_t j = i;
			     j >= gap && is_smaller(&run->all[j - gap], &run->all[j]); j -= gap)
				swap_in_run(run, j - gap, j);
		}
	}
}

static void order_equal_addresses(struct lr_places *places, lr_places_swap swap, void *context)
{
	for (uint32_t i = 0; i < places->count;) {
		const struct run run = { &places->all[i], i, swap, context };
		uint32_t end = i + 1;

		while (end < places->count &&
		       lr_place_address(&places->all[end]) == lr_place_address(&places->all[i]))
			end++;
		order_run(&run, end - i);
		i = end;
	}
}

int lr_places_link_overlapping(struct lr_places *places, lr_places_swap swap, void *context)
{
	places->outer = lr_pages_map(places->count * sizeof(*places->outer));
	if (!places->outer)
		return -ENOMEM;
	order_equal_addresses(places, swap, context);
	for (uint32_t i = 0; i < places->count; i++) {
		uint64_t end = lr_place_end(&places->all[i]);
		uint32_t before = i;

		/* Places that end sooner than this one are skipped by all that come after it. */
		while (before != 0 && lr_place_end(&places->all[before - 1]) <= end)
			before = places->outer[before - 1];
		places->outer[i] = before;
	}
	return 0;
}

/* The region of the places from @first on. */
static struct lr_place_region find_region(const struct lr_places *places, uint32_t first)
{
	struct lr_place_region region = {
		.begin = lr_place_address(&places->all[first]),
		.end = lr_place_end(&places->all[first]),
		.first = first,
	};
	uint32_t i = first;

	while (i < places->count && lr_place_address(&places->all[i]) <= region.end + REGION_GAP) {
		uint64_t end = lr_place_end(&places->all[i]);

		region.end = end > region.end ? end : region.end;
		i++;
	}
	region.count = i - first;
	while ((region.end - region.begin) >> region.shift > region.count / PLACES_IN_GRANULE)
		region.shift++;
	return region;
}

static uint64_t granules_of(const struct lr_place_region *region)
{
	return ((region->end - region->begin) >> region->shift) + 1;
}

static void fill_table(const struct lr_places *places, const struct lr_place_region *region)
{
	uint32_t *firsts = places->firsts + region->table;
	uint64_t granules = granules_of(region);
	uint64_t next = 0;

	for (uint32_t i = region->first; i < region->first + region->count; i++) {
		uint64_t granule =
			(lr_place_address(&places->all[i]) - region->begin) >> region->shift;

		while (next <= granule)
			firsts[next++] = i;
	}
	while (next <= granules)
		firsts[next++] = region->first + region->count;
}

int lr_places_index(struct lr_places *places)
{
	uint32_t region = 0;

	for (uint32_t i = 0; i < places->count; places->region_count++) {
		struct lr_place_region found = find_region(places, i);

		places->first_count += granules_of(&found) + 1;
		places->begin = i == 0 ? found.begin : places->begin;
		places->length = found.end - places->begin;
		i += found.count;
	}
	if (places->count == 0)
		return 0;
	places->regions = lr_pages_map(places->region_count * sizeof(*places->regions));
	places->firsts = lr_pages_map(places->first_count * sizeof(*places->firsts));
	if (!places->regions || !places->firsts)
		return -ENOMEM;
	for (uint32_t i = 0, table = 0; i < places->count; region++) {
		places->regions[region] = find_region(places, i);
		places->regions[region].table = table;
		fill_table(places, &places->regions[region]);
		table += (uint32_t)granules_of(&places->regions[region]) + 1;
		i += places->regions[region].count;
	}
	return 0;
}

/* The region that @address is in, or NULL. Most are in the region of the one before. */
static const struct lr_place_region *region_of(struct lr_places *places, uint64_t address)
{
	const struct lr_place_region *region = &places->regions[places->last_region];
	uint32_t low = 0;
	uint32_t high = places->region_count;

	if (address - region->begin < region->end - region->begin)
		return region;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (places->regions[middle].begin <= address)
			low = middle;
		else
			high = middle;
	}
	region = &places->regions[low];
	if (address - region->begin >= region->end - region->begin)
		return NULL;
	places->last_region = low;
	return region;
}

/* How many places of all begin at @address or before, given that it is in @region. */
static uint32_t places_up_to(const struct lr_places *places, const struct lr_place_region *region,
			     uint64_t address)
{
	const uint32_t *firsts =
		places->firsts + region->table + ((address - region->begin) >> region->shift);
	uint32_t low = firsts[0];
	uint32_t high = firsts[1];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (lr_place_address(&places->all[middle]) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t lr_places_find_in_range(struct lr_places *places, uint64_t address)
{
	const struct lr_place_region *region = region_of(places, address);
	uint32_t number = region ? places_up_to(places, region, address) : 0;

	while (number != 0 && address >= lr_place_end(&places->all[number - 1]))
		number = places->outer ? places->outer[number - 1] : 0;
	return number;
}

void lr_places_free(struct lr_places *places)
{
	lr_pages_unmap(places->all, room_bytes(places));
	lr_pages_unmap(places->outer, places->count * sizeof(*places->outer));
	lr_pages_unmap(places->regions, places->region_count * sizeof(*places->regions));
	lr_pages_unmap(places->firsts, places->first_count * sizeof(*places->firsts));
	memset(places, 0, sizeof(*places));
}
