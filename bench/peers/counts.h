/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counts that bench/counts.c compares, in C and in C++.
 *
 * Each file in peers/counts_*.c makes a struct counts_peer. The operations of a count are inlined
 * into the loops of its own file, as they are in a program, and all loops are made by one macro.
 */
#ifndef BENCH_PEERS_COUNTS_H
#define BENCH_PEERS_COUNTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* How many objects a rotation has, and how many rotations: with two threads each has its own. */
#define COUNTS_OBJECTS 256
#define COUNTS_SETS 2

/* Objects are as large as a line of the cache, and each is in one of its own. */
#define COUNTS_SIZE 64

/* Makes @pairs pairs of operations, on the first @objects objects of set @set in turn. */
typedef void counts_loop(unsigned set, size_t objects, uint64_t pairs);

struct counts_peer {
	const char *name;
	void (*start)(void); /* every object gets a reference, which stays */
	counts_loop *ref;    /* ref + unref */
	counts_loop *tryref; /* tryref + unref */
	/* Make and destroy an object of COUNTS_SIZE bytes, @count times; or NULL. */
	void (*lives)(uint64_t count);
};

#ifdef __cplusplus
extern "C" {
#endif
extern const struct counts_peer counts_raw;
extern const struct counts_peer counts_raw_again;
extern const struct counts_peer counts_hot;
extern const struct counts_peer counts_standard;
extern const struct counts_peer counts_original;
extern const struct counts_peer counts_urcu;
extern const struct counts_peer counts_shared_ptr;
#ifdef __cplusplus
}
#endif

/*
 * A loop named @name that calls @pair(object), for objects in the array @sets. Its code begins at a
 * line of the cache; the empty instruction keeps the compiler from making one function of two loops
 * that are alike.
 */
#define COUNTS_LOOP(name, sets, pair)                                                              \
	static __attribute__((noinline, aligned(64))) void name(unsigned set, size_t objects,      \
								uint64_t pairs)                    \
	{                                                                                          \
		__asm__ volatile("");                                                              \
		for (uint64_t i = 0; i < pairs; i++)                                               \
			pair(&sets[set][i & (objects - 1)]);                                       \
	}

/* The compiler must take it that somebody else looks at what @object points to. */
static inline void counts_show(void *object)
{
	__asm__ volatile("" : : "r"(object) : "memory");
}

static inline void *counts_allocate(void)
{
	void *object = malloc(COUNTS_SIZE);

	if (!object)
		abort();
	return object;
}

#endif
