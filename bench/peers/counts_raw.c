/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no count can do without: an atomic instruction to take a reference and one to give it back,
 * without a look at what they return. Twice, so that it stands against itself: so much of a ratio
 * is noise. And for a life, malloc and free, with a count that is a plain number.
 */
#include "bench/peers/counts.h"

struct object {
	int32_t count;
	char rest[COUNTS_SIZE - sizeof(int32_t)];
} __attribute__((aligned(COUNTS_SIZE)));

static struct object sets[COUNTS_SETS][COUNTS_OBJECTS];

static inline __attribute__((always_inline)) void add(struct object *object, int32_t step)
{
#if defined(__x86_64__)
	__asm__ volatile("lock xaddl %0, %1" : "+r"(step), "+m"(object->count) : : "memory", "cc");
#else
	*(volatile int32_t *)&step = __atomic_fetch_add(&object->count, step, __ATOMIC_RELEASE);
#endif
}

static inline __attribute__((always_inline)) void pair(struct object *object)
{
	add(object, 1);
	add(object, -1);
}

static void start(void)
{
}

static void live(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		struct object *object = counts_allocate();

		object->count = 1;
		counts_show(object);
		if (--object->count == 0)
			free(object);
	}
}

COUNTS_LOOP(loop, sets, pair)
COUNTS_LOOP(loop_again, sets, pair)

const struct counts_peer counts_raw = { "lock xadd twice", start, loop, loop, live };
const struct counts_peer counts_raw_again = { "the same loop again", start, loop_again, loop_again,
					      live };
