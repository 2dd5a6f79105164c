/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that are left, seen from the inside: the runtime's own locks and structs, and the memory
 * that parent and child share. Links the layers.
 */
#include "base/ranks.h"
#include "format/settings.h"
#include "runtime/arena.h"
#include "runtime/fault_guard.h"
#include "runtime/gate.h"
#include "runtime/members.h"
#include "runtime/thread.h"

#include <lastref/lastref.h>

#include "../support/says.h"
#include "../support/trees.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <ftw.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Another thread is held up where it has the lock of the fault guard: when it puts in handlers.
 */

static __thread bool stops_in_sigaction;

int sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict former)
{
	static int (*next)(int, const struct sigaction *, struct sigaction *);

	if (!next)
		next = (int (*)(int, const struct sigaction *,
				struct sigaction *))dlsym(RTLD_NEXT, "sigaction");
	if (stops_in_sigaction) {
		stops_in_sigaction = false;
		wait_for_over();
	}
	return next(number, action, former);
}

static void do_nothing(void *unused)
{
	(void)unused;
}

static void *have_guard_lock(void *unused)
{
	stops_in_sigaction = true;
	lr_fault_guard_run(do_nothing, unused);
	return unused;
}

static pid_t forked;

static void fork_beside_guard_lock(void *thread)
{
	if (pthread_create(thread, NULL, have_guard_lock, NULL) != 0)
		abort();
	sem_wait(&inside);
	forked = _Fork();
	if (forked == 0)
		alarm(10); /* the parent's is not the child's */
	else
		sem_post(&over);
}

static int fork_in_guard(void *unused)
{
	pthread_t thread;

	(void)unused;
	alarm(3);
	begin(NULL);
	lr_fault_guard_run(fork_beside_guard_lock, &thread);
	if (forked == 0)
		_exit(0);
	pthread_join(thread, NULL);
	return wait_for_child(forked);
}

Test(left_inside, a_function_that_forks_without_handlers_waits_for_no_lock_of_another_thread)
{
	if (!is_memory_wiped_on_fork())
		cr_skip_test("a fork without handlers is not noticed here");
	assert_silent(fork_in_guard, 0);
}

/*
 * The child of _Fork() has its parent's arena, which under `lastref run` both write to.
 */

struct shelf {
	struct lastref_count refs;
	struct shelf *next;
};

static int to_child[2];

static void wait_for_parent(void)
{
	char byte;

	if (read(to_child[0], &byte, 1) != 1)
		_exit(30);
}

/* The child names its member when the parent has long named its own. */
static void shelf_visit(const void *object, lastref_visitor visitor, void *context)
{
	const struct shelf *shelf = object;

	if (forked < 0)
		forked = _Fork();
	if (forked == 0) {
		wait_for_parent();
		visitor(context, "other", shelf->next);
		_exit(0);
	}
	visitor(context, "first", shelf->next);
}

LASTREF_DEFINE(shelf, struct shelf, refs, NULL, .visit = shelf_visit);

static char folder[] = "/tmp/lastref-left-XXXXXX";

static void begin_in_folder(void)
{
	if (!mkdtemp(folder) || setenv(LR_RUN_VARIABLE, folder, 1) != 0 || pipe(to_child) != 0)
		abort();
	forked = -1;
	begin(NULL);
	lastref_set_report_handler(count_report, NULL);
}

static int remove_one(const char *path, const struct stat *unused, int type, struct FTW *position)
{
	(void)unused;
	(void)type;
	(void)position;
	return remove(path);
}

static int share_arena(void *unused)
{
	static struct shelf shelves[2] = { { .next = &shelves[1] }, { .next = &shelves[0] } };
	const char *name;

	(void)unused;
	begin_in_folder();
	shelf_ref_init(&shelves[0]);
	shelf_ref_init(&shelves[1]);
	if (!lr_arena_is_shared() || lastref_leak_check() != 2)
		return 20;
	name = lr_image_text(&lr_arena_image, lr_member_name("first"), NULL);
	if (strcmp(name, "first") != 0 || write(to_child[1], "", 1) != 1 ||
	    wait_for_child(forked) != 0 || nftw(folder, remove_one, 8, FTW_DEPTH) != 0)
		return 21;
	return strcmp(name, "first") == 0 ? 0 : 22;
}

Test(left_inside, the_child_of_a_visit_that_forks_without_handlers_writes_nothing_to_its_parents_arena)
{
	if (!is_memory_wiped_on_fork())
		cr_skip_test("a fork without handlers is not noticed here");
	assert_silent(share_arena, 0);
}

/*
 * What a thread has that ends with a lock.
 */

static void *end_with_lock(void *unused)
{
	lr_thread_self();
	lr_gate_lock();
	return unused;
}

static int count_owned(void)
{
	int owned = 0;

	for (const struct lr_thread *thread = lr_thread_each(); thread; thread = thread->next)
		owned += thread->owned;
	return owned;
}

static int end_thread_with_lock(void *unused)
{
	pthread_t thread;
	int before;

	(void)unused;
	begin(NULL);
	lr_thread_self();
	before = count_owned();
	if (pthread_create(&thread, NULL, end_with_lock, NULL) != 0 || pthread_join(thread, NULL) != 0)
		abort();
	return count_owned() - before;
}

Test(left_inside, what_a_thread_was_at_when_it_ended_with_a_lock_is_no_other_threads)
{
	assert_silent(end_thread_with_lock, 1);
}
