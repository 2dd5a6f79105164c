/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86_64: a child by the system call itself.
 *
 * Layer: runtime. Locks: none.
 *
 * ThreadSanitizer replaces clone(), takes the child for that of a fork of a program with threads, and as it shares our memory,
 * kills the program at its next pthread_create(). It knows nothing of a bare instruction.
 */
#include "runtime/machine.h"

#include <sched.h>
#include <sys/syscall.h>

/* Also called by a child that has our memory, on a stack that no sanitizer knows. */
__attribute__((no_sanitize_address, no_sanitize_thread)) long
lr_machine_run_child(int (*function)(void *argument), void *argument, char *stack_end)
{
	long result = SYS_clone;

	__asm__ volatile("xorl %%r10d, %%r10d\n\t"
			 "xorl %%r8d, %%r8d\n\t"
			 "syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "movq %[argument], %%rdi\n\t"
			 "callq *%[function]\n\t"
			 "hlt\n"
			 "1:"
			 : "+a"(result)
			 : "D"((long)(CLONE_VM | CLONE_VFORK)), "S"(stack_end),
			   "d"(0L), [argument] "r"(argument), [function] "r"(function)
			 : "rcx", "r8", "r10", "r11", "memory", "cc");
	return result;
}
