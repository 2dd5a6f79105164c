/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents.
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
 * before that ends later, and so on. No extent between can contain what the last one does not reach.
 */
#include "runtime/extents.h"

#include "base/pages.h"

#include <errno.h>
#include <string.h>

#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)
#define EXTENTS_IN_GRANULE 4
#define REGION_GAP (UINT64_C(16) << 20)

/* One more than there is room for: no memory at all could not be mapped. */
static size_t room_bytes(const struct lr_extents *extents)
{
	return ((size_t)extents->room + 1) * sizeof(*extents->all);
}

int lr_extents_init(struct lr_extents *extents, uint32_t room)
{
	*extents = (struct lr_extents){ .room = room };
	extents->all = lr_pages_map(room_bytes(extents));
	return extents->all ? 0 : -ENOMEM;
}

/* Which bits of the addresses differ between any two of them. */
static uint64_t varying_bits(const struct lr_extents *extents, bool *ret_sorted)
{
	uint64_t before = extents->count > 0 ? extents->all[0].key >> LR_EXTENT_TYPE_BITS : 0;
	uint64_t first = before;
	uint64_t varying = 0;

	*ret_sorted = true;
	for (uint32_t i = 1; i < extents->count; i++) {
		uint64_t address = lr_extent_address(&extents->all[i]);

		varying |= address ^ first;
		if (address < before)
			*ret_sorted = false;
		before = address;
	}
	return varying << LR_EXTENT_TYPE_BITS;
}

/* One pass of a radix sort, by the digit that begins at @shift. Stable. */
static void distribute(const struct lr_extents *extents, struct lr_extent *to, uint32_t *starts,
		       unsigned shift)
{
	uint32_t next = 0;

	memset(starts, 0, DIGITS * sizeof(*starts));
	for (uint32_t i = 0; i < extents->count; i++)
		starts[extents->all[i].key >> shift & (DIGITS - 1)]++;
	for (uint32_t digit = 0; digit < DIGITS; digit++) {
		uint32_t n = starts[digit];

		starts[digit] = next;
		next += n;
	}
	for (uint32_t i = 0; i < extents->count; i++)
		to[starts[extents->all[i].key >> shift & (DIGITS - 1)]++] = extents->all[i];
}

/* Radix sort by the bits that differ, least significant digit first (Knuth, The Art of Computer Programming, 5.2.5). */
int lr_extents_sort(struct lr_extents *extents)
{
	size_t size = room_bytes(extents);
	struct lr_extent *room;
	uint32_t *starts;
	uint64_t varying;
	bool sorted;

	varying = varying_bits(extents, &sorted);
	if (sorted)
		return 0;
	room = lr_pages_map(size);
	starts = lr_pages_map(DIGITS * sizeof(*starts));
	while (room && starts && varying != 0) {
		unsigned shift = (unsigned)__builtin_ctzll(varying);
		struct lr_extent *former = extents->all;

		distribute(extents, room, starts, shift);
		extents->all = room;
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
static bool is_smaller(const struct lr_extent *a, const struct lr_extent *b)
{
	return a->size != b->size ? a->size < b->size : a->record > b->record;
}

/* What order_run() sorts. */
struct run {
	struct lr_extent *all; /* of its extents */
	uint32_t first;
	lr_extents_swap swap;
	void *context;
};

static void swap_in_run(const struct run *run, uint32_t a, uint32_t b)
{
	struct lr_extent extent = run->all[a];

	run->all[a] = run->all[b];
	run->all[b] = extent;
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

static void order_equal_addresses(struct lr_extents *extents, lr_extents_swap swap, void *context)
{
	for (uint32_t i = 0; i < extents->count;) {
		const struct run run = { &extents->all[i], i, swap, context };
		uint32_t end = i + 1;

		while (end < extents->count &&
		       lr_extent_address(&extents->all[end]) == lr_extent_address(&extents->all[i]))
			end++;
		order_run(&run, end - i);
		i = end;
	}
}

int lr_extents_link_overlapping(struct lr_extents *extents, lr_extents_swap swap, void *context)
{
	extents->outer = lr_pages_map(extents->count * sizeof(*extents->outer));
	if (!extents->outer)
		return -ENOMEM;
	order_equal_addresses(extents, swap, context);
	for (uint32_t i = 0; i < extents->count; i++) {
		uint64_t end = lr_extent_end(&extents->all[i]);
		uint32_t before = i;

		/* Places that end sooner than this one are skipped by all that come after it. */
		while (before != 0 && lr_extent_end(&extents->all[before - 1]) <= end)
			before = extents->outer[before - 1];
		extents->outer[i] = before;
	}
	return 0;
}

/* The region of the extents from @first on. */
static struct lr_extent_region find_region(const struct lr_extents *extents, uint32_t first)
{
	struct lr_extent_region region = {
		.begin = lr_extent_address(&extents->all[first]),
		.end = lr_extent_end(&extents->all[first]),
		.first = first,
	};
	uint32_t i = first;

	while (i < extents->count && lr_extent_address(&extents->all[i]) <= region.end + REGION_GAP) {
		uint64_t end = lr_extent_end(&extents->all[i]);

		region.end = end > region.end ? end : region.end;
		i++;
	}
	region.count = i - first;
	while ((region.end - region.begin) >> region.shift > region.count / EXTENTS_IN_GRANULE)
		region.shift++;
	return region;
}

static uint64_t granules_of(const struct lr_extent_region *region)
{
	return ((region->end - region->begin) >> region->shift) + 1;
}

static void fill_table(const struct lr_extents *extents, const struct lr_extent_region *region)
{
	uint32_t *firsts = extents->firsts + region->table;
	uint64_t granules = granules_of(region);
	uint64_t next = 0;

	for (uint32_t i = region->first; i < region->first + region->count; i++) {
		uint64_t granule =
			(lr_extent_address(&extents->all[i]) - region->begin) >> region->shift;

		while (next <= granule)
			firsts[next++] = i;
	}
	while (next <= granules)
		firsts[next++] = region->first + region->count;
}

int lr_extents_index(struct lr_extents *extents)
{
	uint32_t region = 0;

	for (uint32_t i = 0; i < extents->count; extents->region_count++) {
		struct lr_extent_region found = find_region(extents, i);

		extents->first_count += granules_of(&found) + 1;
		extents->begin = i == 0 ? found.begin : extents->begin;
		extents->length = found.end - extents->begin;
		i += found.count;
	}
	if (extents->count == 0)
		return 0;
	extents->regions = lr_pages_map(extents->region_count * sizeof(*extents->regions));
	extents->firsts = lr_pages_map(extents->first_count * sizeof(*extents->firsts));
	if (!extents->regions || !extents->firsts)
		return -ENOMEM;
	for (uint32_t i = 0, table = 0; i < extents->count; region++) {
		extents->regions[region] = find_region(extents, i);
		extents->regions[region].table = table;
		fill_table(extents, &extents->regions[region]);
		table += (uint32_t)granules_of(&extents->regions[region]) + 1;
		i += extents->regions[region].count;
	}
	return 0;
}

/* The region that @address is in, or NULL. Most are in the region of the one before. */
static const struct lr_extent_region *region_of(struct lr_extents *extents, uint64_t address)
{
	const struct lr_extent_region *region = &extents->regions[extents->last_region];
	uint32_t low = 0;
	uint32_t high = extents->region_count;

	if (address - region->begin < region->end - region->begin)
		return region;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (extents->regions[middle].begin <= address)
			low = middle;
		else
			high = middle;
	}
	region = &extents->regions[low];
	if (address - region->begin >= region->end - region->begin)
		return NULL;
	extents->last_region = low;
	return region;
}

/* Where the granule of @address, which is in @region, has its first extent. */
static const uint32_t *firsts_of(const struct lr_extents *extents,
				 const struct lr_extent_region *region, uint64_t address)
{
	return extents->firsts + region->table + ((address - region->begin) >> region->shift);
}

void lr_extents_prepare_find(struct lr_extents *extents, uint64_t address)
{
	const struct lr_extent_region *region = region_of(extents, address);

	if (region)
		__builtin_prefetch(firsts_of(extents, region, address));
}

void lr_extents_approach(struct lr_extents *extents, uint64_t address)
{
	const struct lr_extent_region *region = region_of(extents, address);
	uint32_t first = region ? *firsts_of(extents, region, address) : 0;

	/* The one that is looked for may be the last of the granule before. */
	__builtin_prefetch(&extents->all[first > 0 ? first - 1 : 0]);
	__builtin_prefetch(&extents->all[first]);
}

/* How many extents of all begin at @address or before, given that it is in @region. */
static uint32_t extents_up_to(const struct lr_extents *extents,
			      const struct lr_extent_region *region, uint64_t address)
{
	const uint32_t *firsts = firsts_of(extents, region, address);
	uint32_t low = firsts[0];
	uint32_t high = firsts[1];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (lr_extent_address(&extents->all[middle]) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t lr_extents_find_in_range(struct lr_extents *extents, uint64_t address)
{
	const struct lr_extent_region *region = region_of(extents, address);
	uint32_t number = region ? extents_up_to(extents, region, address) : 0;

	while (number != 0 && address >= lr_extent_end(&extents->all[number - 1]))
		number = extents->outer ? extents->outer[number - 1] : 0;
	return number;
}

void lr_extents_free(struct lr_extents *extents)
{
	lr_pages_unmap(extents->all, room_bytes(extents));
	lr_pages_unmap(extents->outer, extents->count * sizeof(*extents->outer));
	lr_pages_unmap(extents->regions, extents->region_count * sizeof(*extents->regions));
	lr_pages_unmap(extents->firsts, extents->first_count * sizeof(*extents->firsts));
	memset(extents, 0, sizeof(*extents));
}
