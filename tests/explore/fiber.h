/* SPDX-License-Identifier: Apache-2.0 */
/**
 * fiber.h - stacks that take turns in one thread
 *
 * A switch on x86-64 is a dozen instructions of our own. Elsewhere, and with EXPLORE_UCONTEXT, it is swapcontext(), which
 * makes two system calls and is some thirty times slower.
 */
#ifndef EXPLORE_FIBER_H
#define EXPLORE_FIBER_H

#if !defined(__x86_64__) && !defined(EXPLORE_UCONTEXT)
#define EXPLORE_UCONTEXT
#endif

#ifdef EXPLORE_UCONTEXT
#include <ucontext.h>
#endif

#define FIBER_STACK_SIZE 32768

/**
 * struct fiber - one stack, or the caller's own
 * @stack: the memory of it; NULL for the fiber that main() runs on
 */
struct fiber {
	char *stack;
#ifdef EXPLORE_UCONTEXT
	ucontext_t context;
#else
	void *stack_pointer;
#endif
};

/** fiber_create() - give @fiber a stack, kept until the process ends; fiber_begin() has to follow */
void fiber_create(struct fiber *fiber);

/** fiber_begin() - the next switch to @fiber enters @function, which must not return; what it did before is forgotten */
void fiber_begin(struct fiber *fiber, void (*function)(void));

/** fiber_switch() - go on where @to was left; returns when somebody switches back to @from, which is the fiber that runs */
void fiber_switch(struct fiber *from, struct fiber *to);

#endif
