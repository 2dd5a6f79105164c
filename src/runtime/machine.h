/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime knows of the processor. All that differs between machines is behind this header: what must be inlined is here,
 * the rest in machine_x86_64.c, unwind.c and cfi.c, or for every other machine in machine_any.c (src/runtime/meson.build chooses).
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_MACHINE_H
#define LR_RUNTIME_MACHINE_H

#include <stdint.h>

/* Where a walk begins: the state in the caller of the function that said LR_STACK_HERE(). */
struct lr_stack_start {
	uintptr_t pc; /* return address */
	uintptr_t cfa; /* the caller's stack pointer after the return; only where there is an unwinder */
	uintptr_t fp; /* the caller's frame pointer register, rbp; likewise */
};

/*
 * LR_STACK_HERE() is for a function of ours that the program called. Where the caller's registers are needed,
 * __builtin_frame_address() makes gcc and clang keep a frame pointer in it.
 */
#if defined(__x86_64__)

#define LR_MACHINE_HAS_UNWINDER 1
#define LR_STACK_HERE()                                                                            \
	((struct lr_stack_start){                                                                  \
		.pc = (uintptr_t)__builtin_return_address(0),                                      \
		.cfa = (uintptr_t)__builtin_frame_address(0) + 2 * sizeof(uintptr_t),              \
		.fp = *(const uintptr_t *)__builtin_frame_address(0),                              \
	})

#else

#define LR_MACHINE_HAS_UNWINDER 0 /* a stack is the caller's address, and reports say so */
#define LR_STACK_HERE() ((struct lr_stack_start){ .pc = (uintptr_t)__builtin_return_address(0) })

#endif

/**
 * lr_machine_run_child() - start a process that has our memory, on a stack of its own
 * @function: called in it with @argument; must not return
 * @stack_end: the upper end of the stack, aligned as a function's caller has it
 *
 * The calling thread waits until the child has exec'ed or ended. The child has no exit signal: it is waited for with __WALL.
 *
 * Return: its process id, or a negative number.
 */
long lr_machine_run_child(int (*function)(void *argument), void *argument, char *stack_end);

#endif
