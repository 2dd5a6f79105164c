/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks by several threads at once: while one holds references, no other may count them, wait for
 * ever, or find them in the child of a fork.
 */
#include <lastref/lastref.h>

#include "../support/says.h"
#include "../support/trees.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * Two checks.
 */

/* As long as the other check could need if it did not wait. */
static void be_slow(void)
{
	struct timespec end;

	sem_post(&inside);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec++;
	sem_timedwait(&over, &end);
}

static int check_beside_another(void *unused)
{
	pthread_t other;

	(void)unused;
	begin(be_slow);
	tree_new();
	lastref_set_report_handler(add_causes, NULL);
	other = begin_check();
	lastref_leak_check();
	sem_post(&over);
	pthread_join(other, NULL);
	return reports == 2 ? (int)causes : 100;
}

Test(turns, two_checks_at_once_name_one_cause_each)
{
	assert_silent(check_beside_another, 2);
}

static int check_beside_a_stuck_one(void *unused)
{
	(void)unused;
	begin(be_stuck);
	tree_new();
	begin_check();
	lastref_set_report_handler(add_causes, NULL);
	lastref_leak_check();
	lastref_leak_check();
	return (int)reports;
}

Test(turns, a_check_goes_on_without_one_that_is_stuck_and_says_so_once)
{
	ASSERT_SAYS(check_beside_a_stuck_one, 2, "this one goes on without it");
}

static void check_within(void)
{
	if (lastref_leak_check() != CHILDREN + 1)
		abort();
}

static int check_in_visit(void *unused)
{
	(void)unused;
	begin(check_within);
	tree_new();
	lastref_set_report_handler(add_causes, NULL);
	return (int)lastref_leak_check();
}

Test(turns, a_visit_that_checks_waits_for_nobody)
{
	assert_silent(check_in_visit, CHILDREN + 1);
}

static int check_beside_slow_destructors(void *unused)
{
	struct node *tree;
	pthread_t other;

	(void)unused;
	begin(wait_for_over);
	tree = tree_new();
	lastref_set_report_handler(count_report, NULL);
	other = begin_check();
	node_unref(tree);
	destructors_are_slow = true;
	sem_post(&over);
	lastref_leak_check();
	pthread_join(other, NULL);
	return destroyed;
}

Test(turns, a_check_waits_for_one_that_runs_many_slow_destructors)
{
	assert_silent(check_beside_slow_destructors, CHILDREN + 1);
}

/* As long as the end of the process could need if it did not wait. */
static void tell_slowly(const struct lastref_report *report, void *unused)
{
	(void)unused;
	be_slow();
	fprintf(stderr, "told of %zu objects\n", report->objects);
}

static int exit_beside_report(void *unused)
{
	(void)unused;
	begin(NULL);
	tree_new();
	lastref_set_report_handler(tell_slowly, NULL);
	begin_check();
	exit(0);
}

Test(turns, the_process_does_not_end_before_a_report_is_told)
{
	ASSERT_SAYS(exit_beside_report, 0, "told of 21 objects");
}

static int exit_beside_stuck_report(void *unused)
{
	static bool is_first = true;

	(void)unused;
	begin(NULL);
	tree_new();
	lastref_set_report_handler(tell_for_ever, &is_first);
	begin_check();
	exit(0);
}

Test(turns, what_a_report_that_is_stuck_was_about_is_told_at_exit)
{
	ASSERT_SAYS(exit_beside_stuck_report, 0, "told of 21 objects");
}

/*
 * A fork with the handlers of a library that was there before lastref: they run within it. A thread
 * has the library's lock.
 */

static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;
static bool has_library;
static sem_t forking;

static void library_prepare(void)
{
	if (!has_library)
		return;
	sem_post(&forking);
	pthread_mutex_lock(&library_lock);
}

static void library_end(void)
{
	if (has_library)
		pthread_mutex_unlock(&library_lock);
}

static void library_start(void)
{
	pthread_atfork(library_prepare, library_end, library_end);
}

/* Before the constructors of all libraries. */
static void (*const library_constructor)(void)
	__attribute__((section(".preinit_array"), used)) = library_start;

static void wait_for_fork(void)
{
	sem_post(&inside);
	sem_wait(&forking);
}

static void *check_with_lock(void *visited)
{
	pthread_mutex_lock(&library_lock);
	if (!visited)
		wait_for_fork();
	lastref_leak_check();
	pthread_mutex_unlock(&library_lock);
	return NULL;
}

static int fork_beside_lock(void (*visit)(void))
{
	struct node *tree;
	pthread_t thread;
	pid_t child;
	int status = -1;

	begin(visit);
	sem_init(&forking, 0, 0);
	lastref_set_report_handler(count_report, NULL);
	tree = tree_new();
	has_library = true;
	if (pthread_create(&thread, NULL, check_with_lock, visit ? &has_library : NULL) != 0)
		abort();
	sem_wait(&inside);
	alarm(20);
	child = fork();
	if (child == 0)
		_exit(node_ref_count(tree) == 1 ? 0 : 1);
	pthread_join(thread, NULL);
	waitpid(child, &status, 0);
	return status;
}

static int check_within_fork(void *unused)
{
	(void)unused;
	return fork_beside_lock(NULL);
}

Test(turns, a_check_begins_with_the_lock_that_a_fork_waits_for)
{
	assert_silent(check_within_fork, 0);
}

static int end_check_within_fork(void *unused)
{
	(void)unused;
	return fork_beside_lock(wait_for_fork);
}

Test(turns, a_check_ends_with_the_lock_that_a_fork_waits_for)
{
	assert_silent(end_check_within_fork, 0);
}

/*
 * The child of a fork.
 */

/* In the child of a fork by this thread, while another one's check holds all objects of a tree. Return: as @in_child. */
static int fork_beside_check(struct node *tree, int (*in_child)(struct node *tree))
{
	pid_t child = fork();

	if (child == 0)
		_exit(in_child(tree));
	return wait_for_child(child);
}

static int check_one(struct node *unused)
{
	(void)unused;
	node_new();
	return (int)lastref_leak_check();
}

static int child_checks(void *unused)
{
	(void)unused;
	begin(be_stuck);
	tree_new();
	begin_check();
	return fork_beside_check(NULL, check_one);
}

Test(turns, the_child_of_a_fork_waits_for_no_check_of_its_parent)
{
	struct capture capture;

	capture_run(&capture, child_checks, NULL);
	cr_assert(capture_exited(&capture, 1));
	cr_assert_eq(capture_count(&capture, "lastref: 1 object leaked"), 1);
	cr_assert_eq(capture_count(&capture, "goes on without it"), 0);
	capture_finish(&capture);
}

static int child_destroys(void *unused)
{
	struct node *tree;

	(void)unused;
	begin(be_stuck);
	tree = tree_new();
	begin_check();
	return fork_beside_check(tree, destroy_tree);
}

Test(turns, in_the_child_of_a_fork_no_reference_of_a_check_is_left)
{
	assert_silent(child_destroys, CHILDREN + 1);
}

static int unref_twice(struct node *tree)
{
	node_unref(tree);
	return destroyed == 0 ? destroy_tree(tree) : 100;
}

static int ref_and_fork(struct node *tree)
{
	return fork_beside_check(node_ref(tree), unref_twice);
}

static int grandchild_destroys(void *unused)
{
	struct node *tree;

	(void)unused;
	begin(be_stuck);
	tree = tree_new();
	begin_check();
	return fork_beside_check(tree, ref_and_fork);
}

Test(turns, the_references_of_a_check_are_given_back_once)
{
	assert_silent(grandchild_destroys, CHILDREN + 1);
}

static int last_is_left(struct node *tree)
{
	return destroyed == 0 && node_ref_count(tree) == 1 ? 0 : 1;
}

static int child_of_last(void *unused)
{
	struct node *tree;

	(void)unused;
	begin(be_stuck);
	tree = tree_new();
	begin_check();
	node_unref(tree);
	return fork_beside_check(tree, last_is_left);
}

Test(turns, a_fork_runs_no_destructor_for_a_check_that_holds_the_last_reference)
{
	assert_silent(child_of_last, 0);
}

static pid_t forked = -1;

static void fork_here(void)
{
	forked = fork();
}

/* Here it is the check itself that goes on in the child. */
static int fork_in_visit(void *unused)
{
	struct node *tree;
	pthread_t other;

	(void)unused;
	begin(fork_here);
	tree = tree_new();
	lastref_set_report_handler(add_causes, NULL);
	if (pthread_create(&other, NULL, sleep_for_ever, NULL) != 0)
		abort();
	lastref_leak_check();
	if (forked == 0)
		_exit(destroy_tree(tree));
	return forked > 0 && destroy_tree(tree) == CHILDREN + 1 ? wait_for_child(forked) : 101;
}

Test(turns, a_check_whose_visit_forks_goes_on_in_the_child)
{
	assert_silent(fork_in_visit, CHILDREN + 1);
}
