/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every machine of which nothing particular is known: no unwinder, so a stack is the caller's address, and a child by clone().
 *
 * Layer: runtime. Locks: none.
 */
#include "format/settings.h"
#include "runtime/machine.h"
#include "runtime/unwind.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

struct lr_walked lr_unwind(struct lr_stack_thread *thread, const struct lr_stack_start *start,
			   uint32_t depth)
{
	(void)depth;
	thread->memo[LR_STACK_DEPTH_MAX - 1] = (struct lr_memo_frame){ .pc = start->pc };
	thread->memo_is_whole = true;
	return (struct lr_walked){ .kept = 0, .fresh = LR_STACK_DEPTH_MAX - 1 };
}

void lr_unwind_restart_in_child(void)
{
}

/* Also called by a child that has our memory, on a stack that no sanitizer knows. */
__attribute__((no_sanitize_address, no_sanitize_thread)) long
lr_machine_run_child(int (*function)(void *argument), void *argument, char *stack_end)
{
	const int flags = CLONE_VM | CLONE_VFORK;
	long pid = clone(function, stack_end, flags, argument);

	/* qemu-user has no child without a signal at its end. The program may be told of ours then. */
	if (pid < 0 && errno == EINVAL)
		pid = clone(function, stack_end, flags | SIGCHLD, argument);
	return pid;
}
