/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses are the calling thread's own stack.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_OWN_STACK_H
#define LR_RUNTIME_OWN_STACK_H

#include <stdbool.h>
#include <stdint.h>

/* [low, high) is the thread's stack as far as it is known; zeroed memory is a thread of which nothing is known yet. */
struct lr_own_stack {
	uintptr_t low;
	uintptr_t high;
	uintptr_t hole; /* nothing below it belongs to the stack that ends at high; 0 not known */
};

static inline bool lr_own_stack_holds(const struct lr_own_stack *stack, uintptr_t address)
{
	return address - stack->low < stack->high - stack->low;
}

/**
 * lr_own_stack_reach() - is @address, a stack pointer of the calling thread, in its own stack? Then let @stack reach down to it
 *
 * Async-signal-safe; takes no lock and allocates nothing.
 */
bool lr_own_stack_reach(struct lr_own_stack *stack, uintptr_t address);

/**
 * lr_own_stack_is_there() - can the page of @address, which is in some thread's own stack, be read?
 *
 * Asks the kernel. Where the stack is there, all of it above is.
 */
bool lr_own_stack_is_there(uintptr_t address);

/** lr_own_stack_restart_in_child() - after fork(): the only thread may be one that was not the first. */
void lr_own_stack_restart_in_child(void);

#endif
