/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: while a check looks at an object, the object cannot die.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_GATE_H
#define LR_RUNTIME_GATE_H

#include "base/attributes.h"

#include <stdbool.h>

extern int lr_gate_shut; /* how many checks look at objects */
void lr_gate_wait(void);

/* Called between "the record says DYING" and the destructor. Waits while a check looks at some object; else one load. */
static inline void lr_gate_pass(void)
{
	LR_BARRIER();
	/* Pairs with the release in lr_gate_open(): what a check read of the object comes before the destructor's writes. */
	if (LR_UNLIKELY(__atomic_load_n(&lr_gate_shut, __ATOMIC_ACQUIRE)))
		lr_gate_wait();
}

/**
 * lr_gate_shut_one() - from now on, an object whose record says ALIVE cannot begin to die while lr_gate_lock() is held
 *
 * Return: false if the kernel cannot promise it; then nothing has changed.
 */
bool lr_gate_shut_one(void);

/** lr_gate_open() - undo lr_gate_shut_one(). */
void lr_gate_open(void);

/* Held only for a few loads and one compare-exchange on a count: never while calling the user. */
void lr_gate_lock(void);
void lr_gate_unlock(void);

/** lr_gate_start() - ask the kernel for membarrier(2). */
void lr_gate_start(void);

/** lr_gate_leave() - the calling thread ends: open the gate, if it shut it. */
void lr_gate_leave(void);

/** lr_gate_restart_in_child() - after fork(). */
void lr_gate_restart_in_child(void);

#endif
