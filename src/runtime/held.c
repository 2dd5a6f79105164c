/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What checks hold.
 *
 * Layer: runtime. Locks: held_lock, for the instant in which a reference is taken or given back,
 * and while fork() copies the process.
 *
 * A thread that forks copies the references that a check of another thread holds, and not that
 * thread: nobody in the child would ever give them back. So there is a note of each, and the child
 * does it. It must not be wrong by one: a reference given back that is not there frees an object
 * too early. The copy is not made in one instant, and could have the note of before and the count
 * of after. So the lock makes one step of both, and the thread that forks has it while the process
 * is copied. What the program does to the counts meanwhile is no matter: each reference is a unit
 * of its own.
 *
 * fork() waits for locks of libc with held_lock taken, those of malloc() and of the list of files.
 * Who waits for held_lock is a thread that checks, for a question, and it holds none of these. The
 * program's threads never wait for it.
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

#include "base/pages.h"
#include "base/ranks.h"
#include "runtime/holds.h"

#include <stddef.h>

/* A check holds 32 at once, and there is one check at a time but for those that are stuck. */
#define NOTES_MAX 256u

struct note {
	struct lr_held held;
	const void *thread; /* the address of something of its own */
};

static struct lr_lock held_lock = LR_LOCK_INIT(LR_RANK_HELD);
static struct note notes[NOTES_MAX]; /* this and the next one: guarded by held_lock */
static uint32_t note_count;
static __thread bool forks; /* this thread is in fork(), and has the lock */

static const void *this_thread(void)
{
	return &forks;
}

bool lr_held_begin(void)
{
	if (lr_lock_held())
		return false;
	lr_lock(&held_lock);
	if (note_count < NOTES_MAX)
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
	remove_note(held);
	given = lr_count_give(held->kind, held->count);
	lr_unlock(&held_lock);
	return given;
}

void lr_held_prepare_fork(void)
{
	/* A signal handler that forks may have interrupted whoever has the lock. */
	if (lr_lock_held())
		return;
	lr_lock(&held_lock);
	forks = true;
}

void lr_held_end_fork(void)
{
	if (!forks)
		return;
	forks = false;
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

void lr_held_end_fork_in_child(void)
{
	if (!forks)
		return;
	for (uint32_t i = 0; i < note_count; i++) {
		if (notes[i].thread != this_thread())
			give_back_in_child(&notes[i].held);
	}
	lr_held_end_fork();
}

/* A thread that forks while it holds some itself goes on with that in the child. */
void lr_held_restart_in_child(void)
{
	uint32_t kept = 0;

	lr_lock_restart(&held_lock);
	for (uint32_t i = 0; i < note_count; i++) {
		if (notes[i].thread == this_thread())
			notes[kept++] = notes[i];
	}
	note_count = kept;
}
