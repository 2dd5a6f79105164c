/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways to keep a registry of live objects that bench/registry.c compares.
 *
 * Each file makes one struct peer. The loops are inlined into it with its own add and remove, so no peer pays for a call through a
 * pointer, and all run the same loop. Except ours, the peers' functions may be inlined too, which is in their favor.
 */
#ifndef BENCH_PEERS_PEER_H
#define BENCH_PEERS_PEER_H

#include "bench/rounds.h"

#include <lastref/lastref.h>

#include <stddef.h>
#include <stdint.h>

/* As large as a small real one, and each in a cache line of its own. */
struct object {
	struct lastref_count refs; /* of the template */
	uint32_t index;		   /* of the registry alone */
	uint32_t site;		   /* where a peer is to think it was born */
	uint32_t used;
} __attribute__((aligned(64)));

struct peer {
	const char *name;
	/* Make it empty. Called once, in the process that uses it. */
	void (*start)(void);
	/* A thread comes and goes. */
	void (*enter)(void);
	void (*leave)(void);
	/* Add and remove one object, @pairs times. */
	void (*lifo)(struct object *object, uint64_t pairs);
	/* Remove objects[order[0]] and add it again, and so on for @pairs in the order. */
	void (*random)(struct object *objects, const uint32_t *order, uint64_t pairs);
	/* Add @count objects. Return: ns of the thread's time for the slowest one if @timed, else 0. */
	double (*fill)(struct object *objects, uint64_t count, bool timed);
	void (*empty)(struct object *objects, uint64_t count);
};

extern const struct peer peer_none; /* no registry: what the loop and its objects cost by themselves */
extern const struct peer peer_registry; /* lastref's, without stacks */
extern const struct peer peer_template; /* lastref as a user has it: ref_init and the last unref, two stacks */
extern const struct peer peer_by_hand; /* lastref_register() and lastref_unregister(), two stacks */
extern const struct peer peer_mutex_map;   /* one map, one mutex */
extern const struct peer peer_sharded_map; /* 256 maps, a spinlock each */
extern const struct peer peer_lfht;	   /* the hash table of userspace-rcu; only if HAVE_LFHT */

#define PEER_INLINE static inline __attribute__((always_inline))

typedef void peer_operation(struct object *object);

/* A program writes to an object that is born and reads one that dies, so the object is fetched into the cache for every peer. */
PEER_INLINE void peer_born(peer_operation *add, struct object *object)
{
	object->used++;
	add(object);
}

PEER_INLINE void peer_dead(peer_operation *remove, struct object *object)
{
	if (object->used == UINT32_MAX)
		__builtin_trap();
	remove(object);
}

PEER_INLINE void peer_lifo(peer_operation *add, peer_operation *remove, struct object *object,
			   uint64_t pairs)
{
	for (uint64_t i = 0; i < pairs; i++) {
		peer_born(add, object);
		peer_dead(remove, object);
	}
}

PEER_INLINE void peer_random(peer_operation *add, peer_operation *remove, struct object *objects,
			     const uint32_t *order, uint64_t pairs)
{
	for (uint64_t i = 0; i < pairs; i++) {
		struct object *object = &objects[order[i]];

		peer_dead(remove, object);
		peer_born(add, object);
	}
}

PEER_INLINE double peer_fill(peer_operation *add, struct object *objects, uint64_t count, bool timed)
{
	double slowest = 0;
	double before;

	if (!timed) {
		for (uint64_t i = 0; i < count; i++)
			peer_born(add, &objects[i]);
		return 0;
	}
	before = rounds_cpu_ns();
	for (uint64_t i = 0; i < count; i++) {
		double now;

		peer_born(add, &objects[i]);
		now = rounds_cpu_ns();
		if (now - before > slowest)
			slowest = now - before;
		before = now;
	}
	return slowest;
}

PEER_INLINE void peer_empty(peer_operation *remove, struct object *objects, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		peer_dead(remove, &objects[i]);
}

/* The functions of a peer that has add() and remove(). A shell: the loops are above. */
#define PEER_LOOPS                                                                                 \
	static void run_lifo(struct object *object, uint64_t pairs)                                \
	{                                                                                          \
		peer_lifo(add, remove_one, object, pairs);                                         \
	}                                                                                          \
	static void run_random(struct object *objects, const uint32_t *order, uint64_t pairs)      \
	{                                                                                          \
		peer_random(add, remove_one, objects, order, pairs);                               \
	}                                                                                          \
	static double run_fill(struct object *objects, uint64_t count, bool timed)                 \
	{                                                                                          \
		return peer_fill(add, objects, count, timed);                                      \
	}                                                                                          \
	static void run_empty(struct object *objects, uint64_t count)                              \
	{                                                                                          \
		peer_empty(remove_one, objects, count);                                            \
	}

#define PEER_FUNCTIONS .lifo = run_lifo, .random = run_random, .fill = run_fill, .empty = run_empty

static inline void peer_nothing(void)
{
}

#endif
