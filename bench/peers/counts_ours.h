/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of our counts: the count alone; for a life, the template with checking off. COUNTS_OURS is its name, of the struct and of its functions.
 */
#include "bench/peers/counts.h"

#include <lastref/lastref.h>

#define JOIN_(count, operation) count##_##operation
#define JOIN(count, operation) JOIN_(count, operation)
#define OF_OURS(operation) JOIN(COUNTS_OURS, operation)

struct object {
	struct COUNTS_OURS count;
	char rest[COUNTS_SIZE - sizeof(struct COUNTS_OURS)];
} __attribute__((aligned(COUNTS_SIZE)));

struct box {
	struct COUNTS_OURS refs;
	char rest[COUNTS_SIZE - sizeof(struct COUNTS_OURS)];
};

static void box_destroy(struct box *box)
{
	free(box);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy);

static struct object sets[COUNTS_SETS][COUNTS_OBJECTS];

static inline __attribute__((always_inline)) void unref(struct object *object)
{
	if (OF_OURS(unref)(&object->count))
		abort();
}

static inline __attribute__((always_inline)) void pair(struct object *object)
{
	OF_OURS(ref)(&object->count);
	unref(object);
}

static inline __attribute__((always_inline)) void try_pair(struct object *object)
{
	if (!OF_OURS(tryref)(&object->count))
		abort();
	unref(object);
}

static void start(void)
{
	for (size_t i = 0; i < COUNTS_SETS * COUNTS_OBJECTS; i++)
		OF_OURS(init)(&sets[i / COUNTS_OBJECTS][i % COUNTS_OBJECTS].count);
}

static void live(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		struct box *box = counts_allocate();

		box_ref_init(box);
		counts_show(box);
		box_unref(box);
	}
}

COUNTS_LOOP(loop, sets, pair)
COUNTS_LOOP(try_loop, sets, try_pair)
