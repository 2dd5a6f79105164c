/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheme that lastref began with: one word of two halves, the lower for references and the
 * upper for speculative ones. A tryref adds a speculative reference, looks at the lower half, and
 * turns it into a real one or takes it back: two atomic operations and never a loop. docs/decisions
 * tells what is wrong with it; here is what it costs.
 */
#include "bench/peers/counts.h"

#include <stdbool.h>

#define SPECULATIVE (INT64_C(1) << 32)

struct object {
	int64_t halves;
	char rest[COUNTS_SIZE - sizeof(int64_t)];
} __attribute__((aligned(COUNTS_SIZE)));

static struct object sets[COUNTS_SETS][COUNTS_OBJECTS];

static inline __attribute__((always_inline)) void ref(struct object *object)
{
	int64_t halves = __atomic_add_fetch(&object->halves, 1, __ATOMIC_RELAXED);

	if (__builtin_expect((int32_t)halves <= 1, 0))
		abort();
}

static inline __attribute__((always_inline)) bool tryref(struct object *object)
{
	int64_t halves = __atomic_add_fetch(&object->halves, SPECULATIVE, __ATOMIC_ACQUIRE);

	if (__builtin_expect((int32_t)halves == 0, 0)) {
		__atomic_fetch_sub(&object->halves, SPECULATIVE, __ATOMIC_RELAXED);
		return false;
	}
	__atomic_fetch_add(&object->halves, 1 - SPECULATIVE, __ATOMIC_RELAXED);
	return true;
}

static inline __attribute__((always_inline)) bool unref(struct object *object)
{
	int64_t halves = __atomic_sub_fetch(&object->halves, 1, __ATOMIC_RELEASE);

	if (__builtin_expect((int32_t)halves < 0, 0))
		abort();
	return halves == 0;
}

static inline __attribute__((always_inline)) void pair(struct object *object)
{
	ref(object);
	if (unref(object))
		abort();
}

static inline __attribute__((always_inline)) void try_pair(struct object *object)
{
	if (!tryref(object) || unref(object))
		abort();
}

static void start(void)
{
	for (size_t i = 0; i < COUNTS_SETS * COUNTS_OBJECTS; i++)
		sets[i / COUNTS_OBJECTS][i % COUNTS_OBJECTS].halves = 1;
}

COUNTS_LOOP(loop, sets, pair)
COUNTS_LOOP(try_loop, sets, try_pair)

const struct counts_peer counts_original = { "two halves in a word", start, loop, try_loop, NULL };
