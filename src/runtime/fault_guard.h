/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calling a function of the program on memory that may be gone.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_FAULT_GUARD_H
#define LR_RUNTIME_FAULT_GUARD_H

#include <stdbool.h>

/**
 * lr_fault_guard_run() - call @function, and come back if it faults
 *
 * Thread-safe; not to be called by @function again.
 *
 * Return: false if SIGSEGV or SIGBUS ended the call; what it had done until then stays done.
 */
bool lr_fault_guard_run(void (*function)(void *argument), void *argument);

/** lr_fault_guard_leave() - the calling thread ends, perhaps within lr_fault_guard_run(). */
void lr_fault_guard_leave(void);

/** lr_fault_guard_restart_in_child() - after fork(): forget the calls of the other threads, and take out the handlers that were for them. */
void lr_fault_guard_restart_in_child(void);

#endif
