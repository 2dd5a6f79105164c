/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault guard.
 *
 * Layer: runtime. Locks: guard_lock, while handlers are put in and taken out; none while the program's function runs.
 *
 * An object that was freed without its last unref still lies in readable heap, with another's bytes in it. Its .describe follows
 * them anywhere, and no question to the kernel beforehand can tell. So the program's functions run with handlers for SIGSEGV and
 * SIGBUS, which jump out of a function that faults. Why that is sound here, where it seldom is:
 *
 *   - The alternative is the death of the program that asks for its report.
 *   - The runtime holds no lock and keeps nothing half done while the function runs. What the function itself leaves half done is a
 *     buffer of ours. If it faults inside malloc(), the heap was broken before; a lock of malloc's may then stay taken.
 *   - Handlers belong to the whole process, so ours looks whose fault it is. A fault of a thread that is not in such a call, and a
 *     signal that somebody sent, go to the handler that the program had. What was there before comes back right after the call.
 *   - The handler runs on a stack of its own, since a function that follows a ring of pointers ends at the end of its stack.
 *
 * A program whose own handler repairs faults and returns (write barriers made by mprotect) gets a description the less.
 */
#include "runtime/fault_guard.h"

#include "base/attributes.h"
#include "base/pages.h"
#include "base/ranks.h"
#include "runtime/start.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

#define STACK_SIZE (64 * 1024)

/* What a thread had before its call. */
struct guard {
	sigset_t mask;
	int cancel_state;
	void *stack;
	stack_t former_stack;
	bool stack_is_set;
};

static const int signals[] = { SIGSEGV, SIGBUS };

static struct lr_lock guard_lock = LR_LOCK_INIT(LR_RANK_FAULTS);
static unsigned int calls; /* guarded by guard_lock */
/*
 * The program's handlers, of @signals. Written under guard_lock; read also by a handler of ours that comes late, for a fault of
 * another thread while the last call ended. They seldom change, and a store of equal bytes harms no reader.
 */
static struct sigaction former[LR_ARRAY_SIZE(signals)];

static __thread sigjmp_buf *landing; /* of the call that this thread is in, or NULL */

static void pass_on(int signal, siginfo_t *info, void *context)
{
	const struct sigaction *action = &former[signal == signals[0] ? 0 : 1];
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	bool was_sent = info->si_code <= 0;

	if (action->sa_handler == SIG_IGN && was_sent)
		return;
	if (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN) {
		/* The instruction faults again. What was sent does not come again by itself; it waits until this handler returns. */
		sigaction(signal, action, NULL);
		if (was_sent)
			raise(signal);
		return;
	}
	if (action->sa_flags & (int)SA_RESETHAND)
		sigaction(signal, &by_default, NULL);
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(signal, info, context);
	else
		action->sa_handler(signal);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	/* The runtime, called by that function with what it found, must not be left with a lock taken. */
	if (landing && info->si_code > 0 && !lr_lock_held())
		siglongjmp(*landing, 1);
	pass_on(signal, info, context);
}

static bool is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_fault;
}

/* With the mask and the flags of the program's handler, so that it finds what it asked for when it is called from ours. */
static void put_in_handlers(void)
{
	for (size_t i = 0; i < LR_ARRAY_SIZE(signals); i++) {
		struct sigaction ours;

		sigaction(signals[i], NULL, &ours);
		if (is_ours(&ours))
			continue;
		former[i] = ours;
		ours.sa_sigaction = on_fault;
		ours.sa_flags =
			SA_SIGINFO | SA_ONSTACK | (former[i].sa_flags & (SA_NODEFER | SA_RESTART));
		sigaction(signals[i], &ours, NULL);
	}
}

/* Unless the program has put in others meanwhile. */
static void take_out_handlers(void)
{
	for (size_t i = 0; i < LR_ARRAY_SIZE(signals); i++) {
		struct sigaction now;

		sigaction(signals[i], NULL, &now);
		if (is_ours(&now))
			sigaction(signals[i], &former[i], NULL);
	}
}

/* There is one thread at the most that is in a call: this one. */
void lr_fault_guard_restart_in_child(void)
{
	lr_lock_restart(&guard_lock);
	if (calls > 0 && !landing)
		take_out_handlers();
	calls = landing ? 1 : 0;
}

static void begin_call(void)
{
	lr_lock(&guard_lock);
	calls++;
	put_in_handlers();
	lr_unlock(&guard_lock);
}

static void end_call(void)
{
	lr_lock(&guard_lock);
	if (--calls == 0)
		take_out_handlers();
	lr_unlock(&guard_lock);
}

void lr_fault_guard_leave(void)
{
	if (!landing)
		return;
	landing = NULL;
	end_call();
}

/* A thread that is on such a stack already keeps it. */
static void begin_stack(struct guard *guard)
{
	const stack_t ours = { .ss_sp = lr_pages_map(STACK_SIZE), .ss_size = STACK_SIZE };

	guard->stack = ours.ss_sp;
	guard->stack_is_set = guard->stack && sigaltstack(&ours, &guard->former_stack) == 0;
}

static void end_stack(const struct guard *guard)
{
	if (guard->stack_is_set)
		sigaltstack(&guard->former_stack, NULL);
	lr_pages_unmap(guard->stack, STACK_SIZE);
}

/* A fault whose signal is blocked kills at once, so none of them is. A canceled thread would leave the guard standing. */
static void begin(struct guard *guard)
{
	sigset_t set;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &guard->cancel_state);
	begin_stack(guard);
	begin_call();
	sigemptyset(&set);
	for (size_t i = 0; i < LR_ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_UNBLOCK, &set, &guard->mask);
}

static void end(const struct guard *guard)
{
	int unused;

	pthread_sigmask(SIG_SETMASK, &guard->mask, NULL);
	end_call();
	end_stack(guard);
	pthread_setcancelstate(guard->cancel_state, &unused);
}

/* The mask is put right in end(). */
static bool call(void (*function)(void *argument), void *argument)
{
	sigjmp_buf here;

	if (sigsetjmp(here, 0) != 0)
		return false;
	landing = &here;
	function(argument);
	return true;
}

bool lr_fault_guard_run(void (*function)(void *argument), void *argument)
{
	uint32_t process = lr_start_process();
	struct guard guard;
	bool came_back;

	begin(&guard);
	came_back = call(function, argument);
	/* The child of a fork that called no handlers gives up the locks of others before it takes one. */
	lr_start_is_process(process);
	landing = NULL;
	end(&guard);
	return came_back;
}
