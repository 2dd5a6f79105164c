/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one check works with while it looks at the live objects: shared by looks.c, plans.c, edges.c and asks.c.
 *
 * Layer: runtime. Not thread-safe: all of it belongs to one check.
 */
#ifndef LR_RUNTIME_LOOKING_H
#define LR_RUNTIME_LOOKING_H

#include "base/attributes.h"
#include "runtime/holds.h"
#include "runtime/looks.h"
#include "runtime/pin.h"
#include "runtime/extents.h"
#include "runtime/spans.h"
#include "runtime/start.h"
#include "runtime/types.h"

/* The libraries of a type's functions: unref, visit, size_of. */
#define LR_PLAN_PINS 3

/* How objects of one type are looked at. */
struct lr_plan {
	bool is_made;
	bool scans;  /* each word may be a reference, but for the count and what .owns names */
	bool visits; /* .visit can be called */
	bool asks;   /* .size_of, or .count of a type that counts by itself, can be called */
	uint8_t pins_taken;   /* of the array below */
	uint32_t count_begin; /* where the count is; both 0 for a type that counts by itself */
	uint32_t count_end;
	uint32_t reach; /* bytes from the object's begin that are read, if not all */
	struct lr_type_info info;
	struct lr_pin pins[LR_PLAN_PINS];
};

/* A word that points somewhere into the objects. */
struct lr_pointer {
	uint32_t number; /* of the object that it is in */
	uint32_t offset;
	uint32_t how;
	uint64_t pointer;
};

#define LR_POINTERS_AT_ONCE 32

struct lr_looking {
	const struct lr_looks_options *options;
	uint32_t process; /* in which it began: see lr_looking_goes_on() */
	bool alone;	  /* no other thread runs */
	bool failed;	  /* no memory, or another process: nothing of it all is used */
	bool any_dying;
	bool any_asks;
	bool any_visits;
	bool any_bad;
	struct lr_extents extents; /* its numbers are the ordinals of looks */
	struct lr_elements looks;
	struct lr_elements edges;
	struct lr_plan *plans; /* by type id */
	uint32_t plan_room;
	uint8_t *bad; /* a bit for each record: no edge may lead to it */
	size_t bad_size;
	struct lr_spans spans;
	uint32_t pointer_count;
	struct lr_pointer pointers[LR_POINTERS_AT_ONCE]; /* found, but not followed yet */
	uint64_t edges_before_call; /* how many there were before the function of the program that is running */
};

static inline struct lr_look *lr_looking_look(const struct lr_looking *looking, uint32_t number)
{
	return lr_elements_at(&looking->looks, number);
}

/**
 * lr_looking_goes_on() - is this still the process whose objects are looked at?
 *
 * Asked after each function of the program that may have forked. In the child nothing is left to
 * look at: references are given back, and that is all.
 */
static inline bool lr_looking_goes_on(struct lr_looking *looking)
{
	if (LR_UNLIKELY(!lr_start_is_process(looking->process)))
		looking->failed = true;
	return !looking->failed;
}

static inline const struct lr_plan *lr_looking_plan(const struct lr_looking *looking, uint32_t number)
{
	return &looking->plans[lr_extent_type(&looking->extents.all[number])];
}

/** lr_looking_is_bad() - is it known that the object is not there? */
static inline bool lr_looking_is_bad(const struct lr_looking *looking, uint32_t number)
{
	int32_t count = lr_looking_look(looking, number)->count;

	return count == LR_LOOK_GONE || count == LR_LOOK_DEAD;
}

/* plans.c */

/** lr_plan_make() - decide how objects of a type are looked at, and pin its libraries. Not within lr_fault_guard_run(). */
void lr_plan_make(struct lr_looking *looking, uint32_t type);

/** lr_plans_free() - drop the pins, which may unload libraries. */
void lr_plans_free(struct lr_looking *looking);

/* edges.c */

/**
 * lr_look_verify() - is the object there? Its look says so if not
 *
 * Return: true if its memory was readable and, of the template, its count is its own and lives; that is then in the look.
 */
bool lr_look_verify(struct lr_looking *looking, uint32_t number);

/** lr_edges_read() - verify the object, and find the edges that are in its memory, .visit apart. */
void lr_edges_read(struct lr_looking *looking, uint32_t number);

/** lr_edges_follow() - make edges of the pointers that were found and not followed yet. */
void lr_edges_follow(struct lr_looking *looking);

/** lr_edges_scan() - the edges of an object whose .visit could not be asked. */
void lr_edges_scan(struct lr_looking *looking, uint32_t number);

/** lr_edges_add_visited() - one edge of .visit. */
void lr_edges_add_visited(struct lr_looking *looking, uint32_t number, const char *member,
			  uint64_t target);

/* asks.c */

/** lr_asks_sizes() - call .size_of, and .count where it is by hand, on all objects of types that have them and may be asked. */
void lr_asks_sizes(struct lr_looking *looking);

/** lr_asks_visits() - call .visit likewise. What cannot be asked, or faults, is scanned. */
void lr_asks_visits(struct lr_looking *looking);

#endif
