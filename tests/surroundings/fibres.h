/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fibres for the programs of stacks.sh: a context with a stack that is mapped, and unmapped at its end.
 */
#ifndef TEST_FIBRES_H
#define TEST_FIBRES_H

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

struct fibre {
	ucontext_t inside;
	ucontext_t outside;
	void (*function)(struct fibre *self);
	void *argument;
	char *stack;
	size_t size;
	int is_over;
};

/* makecontext() hands over integers only. */
static struct fibre *fibre_made;
static ucontext_t fibre_maker;

/* The two switches are functions of their own: what a compiler knows of the thread ends with them. */
__attribute__((noinline, unused)) static void fibre_enter(struct fibre *fibre)
{
	if (swapcontext(&fibre->outside, &fibre->inside) != 0)
		abort();
}

__attribute__((noinline, unused)) static void fibre_leave(struct fibre *fibre)
{
	if (swapcontext(&fibre->inside, &fibre->outside) != 0)
		abort();
}

__attribute__((unused)) static void fibre_main(void)
{
	struct fibre *fibre = fibre_made;

	if (swapcontext(&fibre->inside, &fibre_maker) != 0)
		abort();
	fibre->function(fibre);
	fibre->is_over = 1;
	fibre_leave(fibre);
}

__attribute__((unused)) static void fibre_init_on(struct fibre *fibre, char *stack, size_t size,
						  void (*function)(struct fibre *self),
						  void *argument)
{
	if (getcontext(&fibre->inside) != 0)
		abort();
	fibre->function = function;
	fibre->argument = argument;
	fibre->stack = stack;
	fibre->size = size;
	fibre->is_over = 0;
	fibre->inside.uc_stack.ss_sp = stack;
	fibre->inside.uc_stack.ss_size = size;
	makecontext(&fibre->inside, fibre_main, 0);
	fibre_made = fibre;
	if (swapcontext(&fibre_maker, &fibre->inside) != 0)
		abort();
}

__attribute__((unused)) static void fibre_init(struct fibre *fibre, size_t size,
					       void (*function)(struct fibre *self), void *argument)
{
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED)
		abort();
	fibre_init_on(fibre, stack, size, function, argument);
}

__attribute__((unused)) static void fibre_finish(struct fibre *fibre)
{
	munmap(fibre->stack, fibre->size);
}

#endif
