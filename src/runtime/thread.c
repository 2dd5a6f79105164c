/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of the runtime.
 *
 * Layer: runtime. Locks: threads_lock, when a thread comes or goes. The list of all only grows at its head, so walking it needs no
 * lock.
 *
 * The one thing not obvious: a thread's destructors for pthread keys run in rounds, and one of the user's may unref after ours
 * ran. lr_thread_self() then simply takes a struct again and sets the key again, and the next round gives it back.
 *
 * The key is set also in signal handlers: a ref that is logged may be the first that a thread has to do
 * with us. glibc keeps the values of the first 32 keys of a process in the thread, and calls calloc() for
 * others, which the handler may have interrupted. So ours is made as early as there is a runtime; only one
 * that is loaded into a running program may come too late.
 */
#include "runtime/thread.h"

#include "base/attributes.h"
#include "base/pages.h"
#include "base/ranks.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct lr_lock threads_lock = LR_LOCK_INIT(LR_RANK_THREADS);
static struct lr_thread *all;
static pthread_key_t key;
static bool key_made; /* this and the next: constant once the runtime is set up */
static void (*when_left)(void);
__thread struct lr_thread *lr_thread_own;

static void leave(void *thread_)
{
	struct lr_thread *thread = thread_;

	when_left();
	lr_thread_own = NULL;
	/* A signal handler ended the thread in the midst of us. Its struct stays with it. */
	if (lr_lock_held())
		return;
	lr_lock(&threads_lock);
	thread->owned = false;
	lr_unlock(&threads_lock);
}

/* Caller holds threads_lock. */
static struct lr_thread *take_one(void)
{
	struct lr_thread *thread;

	for (thread = all; thread; thread = thread->next) {
		if (!thread->owned)
			break;
	}
	if (!thread) {
		thread = lr_pages_map(sizeof(*thread));
		if (!thread)
			return NULL;
		thread->next = all;
		/* Pairs with the acquire in lr_thread_each(). */
		__atomic_store_n(&all, thread, __ATOMIC_RELEASE);
	}
	thread->owned = true;
	thread->number = 0;
	/* The memos and the bounds are of the former thread's stack. */
	memset(thread->stacks, 0, sizeof(thread->stacks));
	return thread;
}

void lr_thread_start(void (*left)(void))
{
	when_left = left;
	key_made = pthread_key_create(&key, leave) == 0;
}

LR_COLD struct lr_thread *lr_thread_enter(void)
{
	struct lr_thread *thread;

	/* A signal handler that interrupted the lines below, or another part with a lock. */
	if (lr_lock_held())
		return NULL;
	lr_lock(&threads_lock);
	/* A handler may have come before the lock was held, and taken one. */
	thread = lr_thread_own ? lr_thread_own : take_one();
	lr_thread_own = thread;
	lr_unlock(&threads_lock);
	if (!thread)
		return NULL;
	/* Without a key the struct stays with a thread that is gone; that is all. */
	if (key_made)
		pthread_setspecific(key, thread);
	return thread;
}

int lr_thread_number(void)
{
	struct lr_thread *thread = lr_thread_self();

	if (!thread)
		return gettid();
	if (thread->number == 0)
		thread->number = gettid();
	return thread->number;
}

struct lr_thread *lr_thread_each(void)
{
	/* Pairs with the release in take_one(). */
	return __atomic_load_n(&all, __ATOMIC_ACQUIRE);
}

void lr_thread_restart_in_child(void)
{
	lr_lock_restart(&threads_lock);
	for (struct lr_thread *thread = all; thread; thread = thread->next) {
		struct lr_thread *next = thread->next;

		memset(thread, 0, sizeof(*thread));
		thread->next = next;
	}
	if (lr_thread_own)
		lr_thread_own->owned = true;
}

bool lr_thread_others_run(void)
{
	struct stat task;

	/* The folder has one link a thread, besides its own two. */
	return stat("/proc/self/task", &task) != 0 || task.st_nlink != 3;
}
