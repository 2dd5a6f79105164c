/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime keeps of a thread: free records, birth numbers to deal, recent types, the memo of its last stack.
 *
 * The struct outlives its thread and is taken over by a later one with the records and numbers that are left in it, so nothing is
 * lost and nothing need be handed back.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_THREAD_H
#define LR_RUNTIME_THREAD_H

#include "base/attributes.h"
#include "format/image.h"
#include "runtime/stack.h"

#include <lastref/check.h>

#include <stdbool.h>

#define LR_RING_SIZE 64u
#define LR_TYPE_CACHE_SIZE 64u
#define LR_STACK_MEMOS 4u
#define LR_TYPES_MAX 65535u
#define LR_CURSOR_BLOCKS (LR_TYPES_MAX / LR_CURSORS_IN_BLOCK + 1)

/*
 * A descriptor that this thread used. The name and size tell a new library's descriptor at the address of an old one; where all of
 * them are equal, the text of the name does, see types.c.
 */
struct lr_cached_type {
	const struct lastref_type *type;
	const char *name;
	size_t size;
	uint32_t id;
	bool may_go; /* it is not in the program itself: another one can come to its address */
};

struct lr_thread {
	struct lr_thread *next; /* in the list of all; constant once it is in */
	int owned;		/* guarded by threads_lock */
	int number;		/* the kernel's, of the owner; 0 not asked for yet */

	/*
	 * Free records, oldest death first: a record is reused as late as is cheap, so that a misuse of a dead object still finds the
	 * sites of its birth and death.
	 */
	uint32_t ring[LR_RING_SIZE];
	uint32_t ring_head;
	uint32_t ring_count;

	/* Written by the owner, read by anybody, relaxed. */
	uint64_t born;
	uint64_t died;

	struct lr_cached_type types[LR_TYPE_CACHE_SIZE];
	struct lr_cursor_block *cursors[LR_CURSOR_BLOCKS];
	struct lr_cursor *cursor; /* of the type that was born last */
	uint32_t cursor_type;	  /* id of that type, 0 none */
	/*
	 * Births and deaths of different types come from different places, often in turn. With one memo each would find the
	 * other's stack in it; with several, most captures find their own. See lr_thread_stack().
	 */
	struct lr_stack_thread stacks[LR_STACK_MEMOS];
};

extern __thread struct lr_thread *lr_thread_own;
struct lr_thread *lr_thread_enter(void);

/**
 * lr_thread_start() - once in a process, before any thread enters
 * @left: called by each thread that ends and that had to do with us, before its struct is given back
 */
void lr_thread_start(void (*left)(void));

/** lr_thread_self() - the calling thread's; NULL without memory, or in a signal handler that interrupted the runtime. */
static inline struct lr_thread *lr_thread_self(void)
{
	struct lr_thread *thread = lr_thread_own;

	return LR_LIKELY(thread) ? thread : lr_thread_enter();
}

/** lr_thread_number() - what the kernel calls the calling thread, as in /proc/PID/task. */
int lr_thread_number(void);

/** lr_thread_stack() - the memo for stacks of one kind: births or deaths of a type. Any memo is right for any stack. */
static inline struct lr_stack_thread *lr_thread_stack(struct lr_thread *thread, uint32_t type,
						      bool is_death)
{
	return &thread->stacks[(2 * type + is_death) % LR_STACK_MEMOS];
}

/** lr_thread_each() - the first of all threads there ever were; go on by ->next. Thread-safe. */
struct lr_thread *lr_thread_each(void);

/** lr_thread_restart_in_child() - after fork(): every struct is empty, only the caller's is owned. */
void lr_thread_restart_in_child(void);

/** lr_thread_others_run() - may another thread of the process be running? Asks the kernel; true if it does not say. */
bool lr_thread_others_run(void);

#endif
