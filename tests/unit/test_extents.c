/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a pointer to the object that it points into: compared with going through all of them.
 */
#include "runtime/extents.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define EXTENTS 600u

static void swap_nothing(void *context, uint32_t a, uint32_t b)
{
	(void)context;
	(void)a;
	(void)b;
}

/* The number + 1 that lr_extents_find() should give: of those that contain it, the last by address, and the smallest of these. */
static uint32_t find_slowly(const struct lr_extents *extents, uint64_t address)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < extents->count; i++) {
		if (address >= lr_extent_address(&extents->all[i]) &&
		    address < lr_extent_end(&extents->all[i]))
			found = i + 1;
	}
	return found;
}

/* Some far apart, some within others, some at one address, some that are not there. */
static void make_extents(struct lr_extents *extents, unsigned int *seed, bool overlap)
{
	uint64_t address = 4096;

	cr_assert_eq(lr_extents_init(extents, EXTENTS), 0);
	for (uint32_t i = 0; i < EXTENTS; i++) {
		struct lr_extent *extent = &extents->all[extents->count++];
		uint32_t size = (uint32_t)rand_r(seed) % 300 + 1;

		if (rand_r(seed) % 50 == 0)
			address += (uint64_t)1 << (20 + rand_r(seed) % 20);
		extent->key = address << LR_EXTENT_TYPE_BITS | (unsigned int)rand_r(seed) % 5;
		extent->record = i + 1;
		extent->size = overlap && rand_r(seed) % 10 == 0 ? 5000 : size;
		if (overlap && rand_r(seed) % 10 == 0)
			extent->size = 0;
		address += overlap ? (unsigned int)rand_r(seed) % 300 : size;
	}
}

/* So that they have to be sorted. */
static void shuffle_extents(struct lr_extents *extents, unsigned int *seed)
{
	for (uint32_t i = extents->count - 1; i > 0; i--) {
		uint32_t other = (unsigned int)rand_r(seed) % (i + 1);
		struct lr_extent extent = extents->all[i];

		extents->all[i] = extents->all[other];
		extents->all[other] = extent;
	}
}

static void compare_extents(bool overlap)
{
	for (unsigned int seed = 1; seed < 30; seed++) {
		struct lr_extents extents;
		unsigned int random = seed;

		make_extents(&extents, &random, overlap);
		shuffle_extents(&extents, &random);
		cr_assert_eq(lr_extents_sort(&extents), 0);
		if (overlap)
			cr_assert_eq(lr_extents_link_overlapping(&extents, swap_nothing, NULL), 0);
		cr_assert_eq(lr_extents_index(&extents), 0);
		for (uint32_t i = 0; i < extents.count; i++) {
			uint64_t begin = lr_extent_address(&extents.all[i]);

			for (uint64_t at = begin - 1; at <= lr_extent_end(&extents.all[i]); at += 7)
				cr_assert_eq(lr_extents_find(&extents, at),
					     find_slowly(&extents, at));
		}
		lr_extents_free(&extents);
	}
}

Test(extents, each_pointer_into_objects_apart_from_one_another_finds_its_own)
{
	compare_extents(false);
}

Test(extents, each_pointer_into_objects_that_overlap_finds_the_innermost)
{
	compare_extents(true);
}

static long mapped_pages(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	cr_assert(file && fscanf(file, "%ld", &pages) == 1);
	fclose(file);
	return pages;
}

/* Where the room ends with a page, the page behind it is somebody else's. */
Test(extents, no_more_memory_is_given_back_than_was_taken)
{
	struct lr_extents extents;
	long before = mapped_pages();
	void *behind;

	cr_assert_eq(lr_extents_init(&extents, 4096), 0);
	behind = mmap(extents.all + 4096, 4096, PROT_READ,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	lr_extents_free(&extents);
	cr_assert_eq(mapped_pages(), before + (behind != MAP_FAILED));
}
