/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct urcu_ref of userspace-rcu, after the kernel's kref. Its ref is a loop as well, since it
 * looks for overflow first.
 */
#include <urcu/ref.h>

#include "bench/peers/counts.h"

struct object {
	struct urcu_ref count;
	char rest[COUNTS_SIZE - sizeof(struct urcu_ref)];
} __attribute__((aligned(COUNTS_SIZE)));

static struct object sets[COUNTS_SETS][COUNTS_OBJECTS];

static void release(struct urcu_ref *count)
{
	(void)count;
	abort();
}

static inline __attribute__((always_inline)) void pair(struct object *object)
{
	urcu_ref_get(&object->count);
	urcu_ref_put(&object->count, release);
}

static inline __attribute__((always_inline)) void try_pair(struct object *object)
{
	if (!urcu_ref_get_unless_zero(&object->count))
		abort();
	urcu_ref_put(&object->count, release);
}

static void start(void)
{
	for (size_t i = 0; i < COUNTS_SETS * COUNTS_OBJECTS; i++)
		urcu_ref_init(&sets[i / COUNTS_OBJECTS][i % COUNTS_OBJECTS].count);
}

COUNTS_LOOP(loop, sets, pair)
COUNTS_LOOP(try_loop, sets, try_pair)

const struct counts_peer counts_urcu = { "urcu_ref", start, loop, try_loop, NULL };
