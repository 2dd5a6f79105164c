/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks that take turns. Layer: tests. Locks: none, one thread only.
 *
 * What a switch saves is what a called function must keep: six registers, and the stack pointer. Whatever else the code of a
 * fiber needs, the compiler has saved around the call. No signal mask and no floating point control word changes here.
 */
#include "fiber.h"

#include <stdint.h>
#include <stdlib.h>

void fiber_create(struct fiber *fiber)
{
	fiber->stack = aligned_alloc(64, FIBER_STACK_SIZE);
	if (!fiber->stack)
		abort();
}

#ifdef EXPLORE_UCONTEXT

void fiber_begin(struct fiber *fiber, void (*function)(void))
{
	if (getcontext(&fiber->context) != 0)
		abort();
	fiber->context.uc_stack.ss_sp = fiber->stack;
	fiber->context.uc_stack.ss_size = FIBER_STACK_SIZE;
	fiber->context.uc_link = NULL;
	makecontext(&fiber->context, function, 0);
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
	if (swapcontext(&from->context, &to->context) != 0)
		abort();
}

#else

void explore_switch(void **ret_from, void *to);

__asm__(".text\n"
	".type explore_switch, @function\n"
	"explore_switch:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size explore_switch, . - explore_switch\n");

void fiber_begin(struct fiber *fiber, void (*function)(void))
{
	uintptr_t *top = (uintptr_t *)(void *)(fiber->stack + FIBER_STACK_SIZE);

	/* A function expects the stack eight bytes off a multiple of 16, as a call leaves it, and here a zero to return to. */
	*--top = 0;
	*--top = 0;
	*--top = (uintptr_t)function;
	for (int i = 0; i < 6; i++)
		*--top = 0;
	fiber->stack_pointer = top;
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
	explore_switch(&from->stack_pointer, to->stack_pointer);
}

#endif
