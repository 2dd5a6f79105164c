/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct lastref_count: the count alone; for a life, the template with checking off.
 */
#include "bench/peers/counts.h"

#include <lastref/lastref.h>

struct object {
	struct lastref_count count;
	char rest[COUNTS_SIZE - sizeof(struct lastref_count)];
} __attribute__((aligned(COUNTS_SIZE)));

struct box {
	struct lastref_count refs;
	char rest[COUNTS_SIZE - sizeof(struct lastref_count)];
};

static void box_destroy(struct box *box)
{
	free(box);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy);

static struct object sets[COUNTS_SETS][COUNTS_OBJECTS];

static inline __attribute__((always_inline)) void unref(struct object *object)
{
	if (lastref_count_unref(&object->count))
		abort();
}

static inline __attribute__((always_inline)) void pair(struct object *object)
{
	lastref_count_ref(&object->count);
	unref(object);
}

static inline __attribute__((always_inline)) void try_pair(struct object *object)
{
	if (!lastref_count_tryref(&object->count))
		abort();
	unref(object);
}

static void start(void)
{
	for (size_t i = 0; i < COUNTS_SETS * COUNTS_OBJECTS; i++)
		lastref_count_init(&sets[i / COUNTS_OBJECTS][i % COUNTS_OBJECTS].count);
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

const struct counts_peer counts_standard = { "lastref, standard", start, loop, try_loop, live };
