/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lock ranks: a thread takes locks in growing order only. Debug and sanitizer builds check it.
 *
 * No lock of the runtime is held while it prints, symbolizes or calls the user, except where a comment argues it.
 *
 * Layer: base.
 */
#ifndef LR_BASE_RANKS_H
#define LR_BASE_RANKS_H

#include <pthread.h>
#include <stdbool.h>

enum lr_rank {
	LR_RANK_HELD,	 /* runtime/held.c: what checks hold */
	LR_RANK_START,	 /* runtime/start.c: first-use set-up, mode switches */
	LR_RANK_GATE,	 /* runtime/gate.c: a check keeps objects from dying */
	LR_RANK_FAULTS,	 /* runtime/fault_guard.c: handlers of signals */
	LR_RANK_TYPES,	 /* runtime/types.c: a new type */
	LR_RANK_MEMBERS, /* runtime/members.c: a new name of a member */
	LR_RANK_IGNORED, /* runtime/ignore.c: the notes of ignored objects */
	LR_RANK_RADIX, /* runtime/addresses.c: a new node of the table of hand-registered addresses */
	LR_RANK_THREADS, /* runtime/thread.c: the list of threads */
	LR_RANK_POOL,	 /* runtime/registry.c: free records */
	LR_RANK_MODULES, /* runtime/modules.c: a new module */
	LR_RANK_ARENA,	 /* runtime/arena.c: a new segment */
	LR_RANK_SYMBOLS, /* runtime/symbol_server.c: the talk with the symbolizer */
	LR_RANKS,
};

struct lr_lock {
	pthread_mutex_t mutex;
	enum lr_rank rank;
};

#define LR_LOCK_INIT(rank_)                                                                        \
	{                                                                                          \
		.mutex = PTHREAD_MUTEX_INITIALIZER, .rank = (rank_)                                \
	}

void lr_lock(struct lr_lock *lock);
void lr_unlock(struct lr_lock *lock);

/* Does the calling thread hold any? A signal handler that finds so must take none. */
bool lr_lock_held(void);

/* In the child of a fork(): the lock is free, whoever held it in the parent. */
void lr_lock_restart(struct lr_lock *lock);

#endif
