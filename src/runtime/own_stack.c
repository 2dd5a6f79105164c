/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounds of a thread's stack.
 *
 * Layer: runtime. Locks: none.
 *
 * Why not pthread_getattr_np()
 *      It calls malloc, and for the first thread fopen() too: in a signal handler that interrupted malloc it waits for ever. And
 *      /proc/self/maps is long where threads are many. So the upper end is taken from what lies there: the thread's control block
 *      (glibc and musl put it, with the thread's variables, at the top of the stack, also of one that the program brought),
 *      or in the first thread what the kernel left above main().
 *
 *      The lower end: below the first thread's stack, the kernel keeps 128 MB and more free of other mappings. For other
 *      threads it need not be known: the stack is what can be read without a gap from the upper end down to the stack pointer. The
 *      kernel is asked as the stack grows, so seldom. A fibre's stack or an alternate signal stack is elsewhere, or beyond
 *      the guard page, where the gap is.
 *
 *      A stack that the program brought has no guard page. A fibre's that lies right below it is taken for a part of it, and read by
 *      plain loads, which is right while frame information is: a walk, and what verifies a remembered one, then read only words of
 *      frames that are there. Wrong information may lead upward out of such a fibre's stack into one that is unmapped.
 */
#include "runtime/own_stack.h"

#include "base/attributes.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE ((uintptr_t)4096)
#define PAGES_AT_ONCE 64
/* How deep the first thread's stack may be, and how far another one may grow between two captures; further is as foreign. */
#define FAR ((uintptr_t)64 << 20)

static bool is_forked;

/* For where process_vm_readv(2) is forbidden: a call that reads a signal mask and then refuses what it should do with it. */
static bool can_read(uintptr_t address)
{
	return syscall(SYS_rt_sigprocmask, -1, address, NULL, 8) == 0 || errno != EFAULT;
}

/* How many of @count pages below @top can be read, from the uppermost down to the first that cannot? */
static size_t readable_below(uintptr_t top, size_t count)
{
	char bytes[PAGES_AT_ONCE];
	struct iovec local = { .iov_base = bytes, .iov_len = count };
	struct iovec remote[PAGES_AT_ONCE];
	size_t readable = 0;
	ssize_t got;

	for (size_t i = 0; i < count; i++)
		remote[i] =
			(struct iovec){ .iov_base = (void *)(top - (i + 1) * PAGE), .iov_len = 1 };
	got = process_vm_readv(getpid(), &local, 1, remote, count, 0);
	if (got >= 0 || errno == EFAULT)
		return got > 0 ? (size_t)got : 0;
	while (readable < count && can_read(top - (readable + 1) * PAGE))
		readable++;
	return readable;
}

bool lr_own_stack_is_there(uintptr_t address)
{
	return readable_below((address | (PAGE - 1)) + 1, 1) == 1;
}

/* Lower stack->low until @address is above it, as far as there are pages. */
static void lower(struct lr_own_stack *stack, uintptr_t address)
{
	while (stack->low > address) {
		size_t count = (stack->low - address + PAGE - 1) / PAGE;
		size_t readable;

		if (count > PAGES_AT_ONCE)
			count = PAGES_AT_ONCE;
		readable = readable_below(stack->low, count);
		stack->low -= readable * PAGE;
		if (readable < count) {
			stack->hole = stack->low;
			return;
		}
	}
}

static bool reach_in_first(struct lr_own_stack *stack, uintptr_t address)
{
	uintptr_t high = (getauxval(AT_RANDOM) | (PAGE - 1)) + 1;

	if (address >= high || high - address > FAR)
		return false;
	*stack = (struct lr_own_stack){ .low = high - FAR, .high = high };
	return true;
}

LR_COLD bool lr_own_stack_reach(struct lr_own_stack *stack, uintptr_t address)
{
	uintptr_t control_block = (uintptr_t)pthread_self();

	if (reach_in_first(stack, address))
		return true;
	/* The first thread's control block is no part of a stack, and what lies below it may be a fibre's. */
	if (address >= control_block || address < stack->hole ||
	    (!is_forked && syscall(SYS_gettid) == getpid()))
		return false;
	if (stack->high != control_block)
		*stack = (struct lr_own_stack){ .low = control_block & ~(PAGE - 1),
						.high = control_block };
	if (address < stack->low && stack->low - address <= FAR)
		lower(stack, address);
	return lr_own_stack_holds(stack, address);
}

void lr_own_stack_restart_in_child(void)
{
	is_forked = true;
}
