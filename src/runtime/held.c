/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What checks hold.
 *
 * Layer: runtime. Locks: held_lock, for the instant in which a reference is taken or given back.
 *
 * A thread that forks copies the references that a check of another thread holds, and not that
 * thread: nobody in the child would ever give them back. So there is a note of each, and the child
 * does it. It must not be wrong by one: a reference given back that is not there frees an object
 * too early. The copy is not made in one instant, and could have the note of before and the count
 * of after. So the lock makes one step of both, and none is made while a fork is under way. What
 * the program does to the counts meanwhile is no matter: each reference is a unit of its own.
 *
 * A fork may be under way for long. The handlers that libraries gave to pthread_atfork() run
 * within it and wait for their locks, and who checks may have one of these. So who forks waits for
 * nobody, and has no lock meanwhile; and a check waits for a fork only as long as forks take:
 * PATIENCE_NS from its begin. After that it takes no references, and gives back what it has all
 * the same. A child that was copied meanwhile must know that. What tells it is a word in memory
 * that parent and child share, as any other may have been copied before it was written, and the
 * count after. A child shares it with its own children too, so a process may find that its parent
 * lost patience: then it leaves a reference where it is, which does no harm.
 *
 * The last reference is not given back: the program let go of the object while the check held it,
 * and the thread that would run the destructor is the parent's. In the handler of a fork no
 * destructor may run, as it may want a lock that was another thread's at the fork. In the child the
 * object stays as it is, with a count of 1. It was born before the fork, so no report of the child
 * names it.
 *
 * _Fork() and clone() call no handlers. Their child cannot tell if note and count are of one time,
 * and leaves the counts as they are; so does one of fork() by a signal handler that interrupted
 * this file or another lock's.
 */
#include "runtime/held.h"

#include "base/clock.h"
#include "base/pages.h"
#include "base/ranks.h"
#include "runtime/holds.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

/* A check holds 32 at once, and there is one check at a time but for those that are stuck. */
#define NOTES_MAX 256u

#define PATIENCE_NS (20 * LR_NS_PER_MS)

struct note {
	struct lr_held held;
	const void *thread; /* the address of something of its own */
};

static struct lr_lock held_lock = LR_LOCK_INIT(LR_RANK_HELD);
static struct note notes[NOTES_MAX]; /* all of these: guarded by held_lock */
static uint32_t note_count;
static uint32_t forks;		   /* under way now, in all threads */
static struct timespec fork_limit; /* until then checks wait for them */
static pthread_cond_t no_forks = PTHREAD_COND_INITIALIZER;

/* How often somebody lost patience, in shared memory; there from the first note on. */
static uint32_t *impatience;

static __thread uint32_t own_forks; /* a signal handler may fork within fork() */
static __thread uint32_t impatience_before;

static const void *this_thread(void)
{
	return &own_forks;
}

/* Caller holds held_lock. Return: false if a fork is under way all the same. */
static bool wait_for_forks(void)
{
	int error = 0;

	while (forks > 0 && own_forks == 0 && error == 0)
		error = pthread_cond_clockwait(&no_forks, &held_lock.mutex, CLOCK_MONOTONIC,
					       &fork_limit);
	return forks == 0;
}

static bool share_impatience(void)
{
	void *page;

	if (impatience)
		return true;
	page = mmap(NULL, sizeof(*impatience), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	if (page != MAP_FAILED)
		impatience = page;
	return impatience;
}

bool lr_held_begin(void)
{
	if (lr_lock_held())
		return false;
	lr_lock(&held_lock);
	if (wait_for_forks() && note_count < NOTES_MAX && share_impatience())
		return true;
	lr_unlock(&held_lock);
	return false;
}

void lr_held_end(const struct lr_held *taken)
{
	if (taken)
		notes[note_count++] = (struct note){ .held = *taken, .thread = this_thread() };
	lr_unlock(&held_lock);
}

/* What is given back first was taken first, as a rule. */
static void remove_note(const struct lr_held *held)
{
	for (uint32_t i = 0; i < note_count; i++) {
		if (notes[i].held.count != held->count || notes[i].thread != this_thread())
			continue;
		notes[i] = notes[--note_count];
		return;
	}
}

bool lr_held_give_back(const struct lr_held *held)
{
	bool given;

	lr_lock(&held_lock);
	/* Comes before the change of the count, which is a release. */
	if (!wait_for_forks())
		__atomic_fetch_add(impatience, 1, __ATOMIC_RELAXED);
	remove_note(held);
	given = lr_count_give(held->kind, held->count);
	lr_unlock(&held_lock);
	return given;
}

bool lr_held_find(struct lr_held *ret)
{
	bool found = false;

	lr_lock(&held_lock);
	for (uint32_t i = 0; i < note_count && !found; i++) {
		found = notes[i].thread == this_thread();
		if (found)
			*ret = notes[i].held;
	}
	lr_unlock(&held_lock);
	return found;
}

static uint32_t impatience_now(void)
{
	return impatience ? __atomic_load_n(impatience, __ATOMIC_RELAXED) : 0;
}

/*
 * A signal handler that forks may have interrupted whoever has the lock. Then it has it still when
 * its fork ends, so such a fork is left out at both ends.
 */
void lr_held_prepare_fork(void)
{
	if (lr_lock_held())
		return;
	lr_lock(&held_lock);
	if (forks++ == 0)
		fork_limit = lr_clock_in(PATIENCE_NS);
	if (own_forks++ == 0)
		impatience_before = impatience_now();
	lr_unlock(&held_lock);
}

void lr_held_end_fork(void)
{
	if (lr_lock_held() || own_forks == 0)
		return;
	lr_lock(&held_lock);
	own_forks--;
	if (--forks == 0)
		pthread_cond_broadcast(&no_forks);
	lr_unlock(&held_lock);
}

/*
 * The object may have been freed while it was held, which is the program's mistake and must not be
 * a fault here.
 */
static void give_back_in_child(const struct lr_held *held)
{
	union lr_any_count copy;

	if (lr_pages_copy(&copy, held->count, lr_count_size(held->kind)) > 0 &&
	    *lastref_any_index_(held->kind, &copy) == held->index)
		lr_count_give(held->kind, held->count);
}

/* Without a fork of this thread that the others knew of, a note may be a half-written one. */
void lr_held_end_fork_in_child(void)
{
	if (lr_lock_held() || own_forks == 0 || impatience_now() != impatience_before) {
		note_count = 0;
	} else {
		for (uint32_t i = 0; i < note_count; i++) {
			if (notes[i].thread != this_thread())
				give_back_in_child(&notes[i].held);
		}
	}
	if (!lr_lock_held() && own_forks > 0)
		own_forks--;
}

/*
 * A thread that forks while it holds some itself goes on with that in the child, and with a fork
 * within which a signal handler forked.
 */
void lr_held_restart_in_child(void)
{
	uint32_t kept = 0;

	lr_lock_restart(&held_lock);
	pthread_cond_init(&no_forks, NULL);
	forks = own_forks;
	for (uint32_t i = 0; i < note_count; i++) {
		if (notes[i].thread == this_thread())
			notes[kept++] = notes[i];
	}
	note_count = kept;
}
