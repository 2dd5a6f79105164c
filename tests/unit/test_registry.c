/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the registry: records and their indexes, the table of addresses, types and birth numbers. Links the layers, so the
 * library of a user is not in this process.
 */
#include "base/ranks.h"
#include "runtime/addresses.h"
#include "runtime/arena.h"
#include "runtime/gate.h"
#include "runtime/registry.h"
#include "runtime/start.h"
#include "runtime/thread.h"
#include "runtime/types.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct lastref_type box_type = LASTREF_TYPE("box", int);

static struct lr_thread *self;
static uint32_t box;

static void begin(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	self = lr_thread_self();
	cr_assert_not_null(self);
	box = lr_type_find(self, &box_type)->id;
}

/* What these tests leave is no leak of a program. */
static void end(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_OFF);
}

TestSuite(registry, .init = begin, .fini = end);

static void *address(uintptr_t number)
{
	return (void *)(0x10000 + number * 16);
}

static void die(uint32_t index, const void *object)
{
	cr_assert(lr_registry_begin_death(lr_registry_find(index, object), 0));
	lr_registry_end_death(self, index);
}

/*
 * Records.
 */

Test(registry, an_object_is_found_by_its_index_and_address_together)
{
	uint32_t index = lr_registry_add(self, box, address(1), 0);

	cr_assert_neq(index, 0);
	cr_assert_not_null(lr_registry_find(index, address(1)));
	cr_assert_null(lr_registry_find(index, address(2)));
	cr_assert_null(lr_registry_find(index + 1, address(1)));
}

Test(registry, an_index_of_garbage_finds_nothing)
{
	static const uint32_t garbage[] = { 0, 4711, LR_INDEX_MAX, LR_INDEX_MAX + 1, UINT32_MAX };

	lr_registry_add(self, box, address(1), 0);
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
		cr_assert_null(lr_registry_find(garbage[i], address(1)), "%u", garbage[i]);
}

/* malloc() writes addresses into what is freed, also shifted; the upper half of one lies where the index was. */
Test(registry, the_upper_half_of_an_address_is_no_index)
{
	cr_assert_gt(lr_registry_index(0), 0xffffu);
	cr_assert_not(lr_registry_is_inherited(5));
}

Test(registry, addresses_are_stored_complemented)
{
	uint32_t index = lr_registry_add(self, box, address(1), 0);

	cr_assert_eq(lr_registry_find(index, address(1))->object, ~(uint64_t)(uintptr_t)address(1));
}

Test(registry, birth_numbers_begin_at_1_and_leave_nothing_out)
{
	for (uint64_t number = 1; number <= 10000; number++) {
		uint32_t index = lr_registry_add(self, box, address(number), 0);
		uint64_t birth = lr_registry_find(index, address(number))->birth;

		cr_assert_eq(birth & LR_BIRTH_NUMBER_MASK, number);
		cr_assert_eq(birth >> LR_BIRTH_NUMBER_BITS, box);
		if (number % 3 == 0)
			die(index, address(number));
	}
}

Test(registry, live_counts_births_less_deaths)
{
	uint32_t first = lr_registry_add(self, box, address(1), 0);

	lr_registry_add(self, box, address(2), 0);
	cr_assert_eq(lr_registry_live(), 2);
	die(first, address(1));
	cr_assert_eq(lr_registry_live(), 1);
}

Test(registry, death_begins_only_once)
{
	uint32_t index = lr_registry_add(self, box, address(1), 0);
	struct lr_record *record = lr_registry_find(index, address(1));

	cr_assert(lr_registry_begin_death(record, 7));
	cr_assert_eq(lr_record_state(record), LR_STATE_DYING | 7);
	cr_assert_not(lr_registry_begin_death(record, 8));
	lr_registry_end_death(self, index);
	cr_assert_eq(lr_record_state(record), LR_STATE_DEAD | 7);
	cr_assert_not(lr_registry_begin_death(record, 9));
}

Test(registry, records_are_reused_and_the_oldest_death_first)
{
	uint32_t first = lr_registry_add(self, box, address(1), 0);
	uint32_t second = lr_registry_add(self, box, address(2), 0);
	uint64_t segments = lr_arena_image.spaces[LR_RECORDS].count;

	die(first, address(1));
	die(second, address(2));
	cr_assert_not_null(lr_registry_find(second, address(2)));
	for (uintptr_t i = 0; i < 1000 * 1000; i++)
		die(lr_registry_add(self, box, address(i), 0), address(i));
	cr_assert_eq(lr_arena_image.spaces[LR_RECORDS].count, segments);
}

static void *be_born(void *number)
{
	struct lr_thread *thread = lr_thread_self();

	for (uintptr_t i = 0; i < 1000; i++)
		lr_registry_add(thread, box, address((uintptr_t)number * 1000 + i), 0);
	return NULL;
}

static int compare_births(const void *a_, const void *b_)
{
	const uint64_t *a = a_, *b = b_;

	return (*a > *b) - (*a < *b);
}

Test(registry, birth_numbers_of_many_threads_are_unique)
{
	static uint64_t births[8 * 1000];
	pthread_t threads[8];
	size_t count = 0;

	for (uintptr_t i = 0; i < 8; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, be_born, (void *)i), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	for (uint64_t i = 0; i < lr_image_count(&lr_arena_image, LR_RECORDS); i++) {
		const struct lr_record *record = lr_image_at(&lr_arena_image, LR_RECORDS, i);

		if (lr_record_state(record) == LR_STATE_ALIVE)
			births[count++] = record->birth;
	}
	cr_assert_eq(count, 8000);
	qsort(births, count, sizeof(births[0]), compare_births);
	for (size_t i = 1; i < count; i++)
		cr_assert_neq(births[i - 1], births[i]);
}

static void *which_struct(void *unused)
{
	(void)unused;
	return lr_thread_self();
}

Test(registry, the_struct_of_a_thread_that_ended_is_taken_over)
{
	void *structs[2];
	pthread_t thread;

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(pthread_create(&thread, NULL, which_struct, NULL), 0);
		pthread_join(thread, &structs[i]);
	}
	cr_assert_not_null(structs[0]);
	cr_assert_eq(structs[0], structs[1]);
	cr_assert_neq(structs[0], self);
}

/*
 * Addresses.
 */

Test(registry, an_address_gives_the_index_that_was_stored)
{
	cr_assert_eq(lr_address_find(address(1)), 0);
	cr_assert_eq(lr_address_add(address(1), 17), 0);
	cr_assert_eq(lr_address_find(address(1)), 17);
	cr_assert_eq(lr_address_find(address(2)), 0);
}

Test(registry, an_address_is_taken_once)
{
	cr_assert_eq(lr_address_add(address(1), 17), 0);
	cr_assert_eq(lr_address_add(address(1), 18), -EEXIST);
	cr_assert_eq(lr_address_find(address(1)), 17);
}

Test(registry, an_address_that_was_removed_is_remembered_and_free_again)
{
	cr_assert_eq(lr_address_add(address(1), 17), 0);
	cr_assert(lr_address_remove(address(1), 17));
	cr_assert_not(lr_address_remove(address(1), 17));
	cr_assert_eq(lr_address_find(address(1)), 17 | LR_ADDRESS_REMOVED);
	cr_assert_eq(lr_address_add(address(1), 18), 0);
	cr_assert_eq(lr_address_find(address(1)), 18);
}

Test(registry, only_the_index_that_is_stored_can_be_removed)
{
	cr_assert_eq(lr_address_add(address(1), 17), 0);
	cr_assert_not(lr_address_remove(address(1), 18));
	cr_assert_eq(lr_address_find(address(1)), 17);
}

Test(registry, odd_and_far_addresses_are_told_apart)
{
	static const uintptr_t odd[] = {
		1, 2, 3, 0x7fffffffffff, 0x7ffffffffffe, 0x400000000000, 0x1000, 0xfff
	};
	const uint32_t count = sizeof(odd) / sizeof(odd[0]);

	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(lr_address_add((void *)odd[i], i + 1), 0, "0x%lx", odd[i]);
	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(lr_address_find((void *)odd[i]), i + 1, "0x%lx", odd[i]);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Objects in packed structs and arrays: 40,000 of them took a minute when they were in one list. */
Test(registry, many_addresses_that_are_no_multiple_of_a_word_are_no_slower)
{
	for (uintptr_t odd = 1; odd < 8; odd++) {
		double start = seconds();

		for (uintptr_t i = 0; i < 40000; i++)
			cr_assert_eq(lr_address_add((char *)address(i) + odd, (uint32_t)i + 1), 0);
		for (uintptr_t i = 0; i < 40000; i++)
			cr_assert_eq(lr_address_find((char *)address(i) + odd), i + 1);
		cr_assert_lt(seconds() - start, 2.0, "%d", (int)odd);
	}
}

/*
 * Types.
 */

Test(registry, descriptors_that_say_the_same_are_one_type)
{
	static const struct lastref_type copy = LASTREF_TYPE("box", int);
	static const struct lastref_type other_name = LASTREF_TYPE("box2", int);
	static const struct lastref_type other_c_type = LASTREF_TYPE("box", unsigned int);
	static const struct lastref_type other_size = { .name = "box", .c_type = "int", .size = 3 };

	cr_assert_eq(lr_type_find(self, &copy)->id, box);
	cr_assert_neq(lr_type_find(self, &other_name)->id, box);
	cr_assert_neq(lr_type_find(self, &other_c_type)->id, box);
	cr_assert_neq(lr_type_find(self, &other_size)->id, box);
}

Test(registry, long_names_that_differ_at_their_end_are_two_types)
{
	static char names[2][100 * 1024];
	struct lastref_type types[2];

	for (int i = 0; i < 2; i++) {
		memset(names[i], 'n', sizeof(names[i]) - 2);
		names[i][sizeof(names[i]) - 2] = (char)('a' + i);
		types[i] = box_type;
		types[i].name = names[i];
	}
	cr_assert_neq(lr_type_find(self, &types[0])->id, lr_type_find(self, &types[1])->id);
}

Test(registry, a_new_descriptor_in_the_place_of_an_old_one_is_seen)
{
	struct lastref_type type = box_type;

	cr_assert_eq(lr_type_find(self, &type)->id, box);
	type.name = "other";
	cr_assert_neq(lr_type_find(self, &type)->id, box);
	cr_assert_str_eq(lr_type_name(lr_type_find(self, &type)->id), "other");
}

Test(registry, types_beyond_the_65535th_are_refused_and_nothing_breaks)
{
	static char names[LR_TYPES_MAX + 10][8];
	struct lastref_type type = box_type;
	uint32_t refused = 0;

	for (uint32_t i = 0; i < LR_TYPES_MAX + 10; i++) {
		snprintf(names[i], sizeof(names[i]), "t%u", i);
		type.name = names[i];
		refused += lr_type_find(self, &type) == NULL;
	}
	cr_assert_eq(refused, 11);
	cr_assert_eq(lr_type_find(self, &box_type)->id, box);
}

/*
 * Events.
 */

static uint64_t lost_events(void)
{
	return lr_arena_header()->counters[LR_LOST_EVENTS];
}

/* As in a signal handler that interrupted a part of the library which has a lock. */
Test(registry, an_event_while_the_thread_has_a_lock_is_counted_and_not_written)
{
	static const struct lastref_type type = LASTREF_TYPE("logged", int, .log = true);
	static struct lr_lock lock = LR_LOCK_INIT(LR_RANK_ARENA);
	int object = 0;

	lastref_log_ref(&type, &object, 2);
	cr_assert_eq(lost_events(), 0);
	lr_lock(&lock);
	lastref_log_ref(&type, &object, 3);
	lr_unlock(&lock);
	cr_assert_eq(lost_events(), 1);
}

/*
 * The gate.
 */

/* As in the child of a fork, where other threads are gone that had shut it as well. */
Test(registry, in_a_child_the_gate_is_shut_by_its_own_thread_alone)
{
	cr_assert(lr_gate_shut_one());
	lr_gate_shut++;
	lr_gate_restart_in_child();
	cr_assert_eq(lr_gate_shut, 1);
	lr_gate_open();
	cr_assert_eq(lr_gate_shut, 0);
}
