/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks by several threads at once: while one holds references, no other may count them, wait for
 * ever, or find them in the child of a fork.
 */
#include <lastref/lastref.h>

#include "../support/says.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN 20

struct node {
	struct lastref_count refs;
	struct node *children[CHILDREN];
};

static void node_unref_any(void *node);

static int destroyed;

/* All of a tree together take longer than anybody waits for a check that gets nowhere. */
#define DESTRUCTOR_NS 200000000L
static bool destructors_are_slow;

static void node_destroy(struct node *node)
{
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < CHILDREN; i++)
		node_unref_any(node->children[i]);
	if (destructors_are_slow)
		nanosleep(&(struct timespec){ .tv_nsec = DESTRUCTOR_NS }, NULL);
	free(node);
}

/* What the first .visit does, once. */
static void (*in_visit)(void);

static void node_visit(const void *object, lastref_visitor visitor, void *context)
{
	const struct node *node = object;
	void (*once)(void) = __atomic_exchange_n(&in_visit, NULL, __ATOMIC_ACQ_REL);

	if (once)
		once();
	for (int i = 0; i < CHILDREN; i++)
		visitor(context, "children", node->children[i]);
}

/* As in_visit. */
static void (*in_describe)(void);

static int node_describe(const void *node, char *buffer, size_t size)
{
	void (*once)(void) = __atomic_exchange_n(&in_describe, NULL, __ATOMIC_ACQ_REL);

	(void)node;
	if (once)
		once();
	return snprintf(buffer, size, "a node");
}

LASTREF_DEFINE(node, struct node, refs, node_destroy, .visit = node_visit, .describe = node_describe);

static struct node *node_new(void)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		abort();
	node_ref_init(node);
	return node;
}

/* One that holds all others. */
static struct node *tree_new(void)
{
	struct node *tree = node_new();

	for (int i = 0; i < CHILDREN; i++)
		tree->children[i] = node_new();
	return tree;
}

static sem_t inside;
static sem_t over;

static void begin(void (*visit)(void))
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	sem_init(&inside, 0, 0);
	sem_init(&over, 0, 0);
	__atomic_store_n(&in_visit, visit, __ATOMIC_RELEASE);
}

static void *check(void *unused)
{
	(void)unused;
	lastref_leak_check();
	return NULL;
}

/* Have a thread check, and return when it is in .visit. */
static pthread_t begin_check(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, check, NULL) != 0)
		abort();
	sem_wait(&inside);
	return thread;
}

/*
 * Two checks.
 */

static size_t causes; /* of all reports together */
static size_t reports;

static void add_causes(const struct lastref_report *report, void *unused)
{
	(void)unused;
	__atomic_fetch_add(&causes, report->causes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
}

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

static void be_stuck(void)
{
	sem_post(&inside);
	for (;;)
		pause();
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

static void wait_for_over(void)
{
	sem_post(&inside);
	sem_wait(&over);
}

static void count_report(const struct lastref_report *report, void *unused)
{
	(void)report;
	(void)unused;
	__atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
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

static void tell_for_ever(const struct lastref_report *report, void *is_first_)
{
	bool *is_first = is_first_;

	if (__atomic_exchange_n(is_first, false, __ATOMIC_RELAXED))
		be_stuck();
	fprintf(stderr, "told of %zu objects\n", report->objects);
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

static int wait_for_child(pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

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

static int destroy_tree(struct node *tree)
{
	node_unref(tree);
	return destroyed;
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

static void *sleep_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
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

/*
 * A check of more objects than are asked at once, of which a function forks.
 */

#define TREES 6

static struct node *trees[TREES];
static bool is_child;

static void fork_and_go_on(void)
{
	forked = fork();
	is_child = forked == 0;
}

static void fork_without_handlers(void)
{
	forked = _Fork();
	is_child = forked == 0;
}

/* Return: 0 if the counts of all trees are as they were before the check. */
static int destroy_trees(void)
{
	for (int i = 0; i < TREES; i++) {
		if (node_ref_count(trees[i]) != 1)
			return 1;
		node_unref(trees[i]);
	}
	return destroyed == TREES * (CHILDREN + 1) ? 0 : 2;
}

/* What a child of such a check found in it, and finds later. */
static int child_after_check(size_t objects)
{
	if (objects != 0 || lastref_live_objects() != 0 || reports != 0)
		return 10;
	node_new();
	if (lastref_leak_check() != 1 || reports != 1)
		return 11;
	return destroy_trees();
}

static int parent_after_check(size_t objects)
{
	if (objects != (size_t)TREES * (CHILDREN + 1) || reports != 1)
		return 20;
	return forked > 0 && destroy_trees() == 0 ? wait_for_child(forked) : 21;
}

static void begin_trees(bool others)
{
	pthread_t other;

	begin(NULL);
	alarm(30);
	lastref_set_report_handler(count_report, NULL);
	for (int i = 0; i < TREES; i++)
		trees[i] = tree_new();
	if (others && pthread_create(&other, NULL, sleep_for_ever, NULL) != 0)
		abort();
}

static int check_trees(void)
{
	size_t objects = lastref_leak_check();

	if (is_child)
		_exit(child_after_check(objects));
	return parent_after_check(objects);
}

static int fork_in_visit_of_many(void *unused)
{
	(void)unused;
	begin_trees(true);
	in_visit = fork_and_go_on;
	return check_trees();
}

Test(turns, in_the_child_of_a_visit_that_forks_the_check_is_about_the_child)
{
	assert_silent(fork_in_visit_of_many, 0);
}

static int fork_in_visit_alone(void *unused)
{
	(void)unused;
	begin_trees(false);
	in_visit = fork_and_go_on;
	return check_trees();
}

Test(turns, so_it_is_where_no_other_thread_runs)
{
	assert_silent(fork_in_visit_alone, 0);
}

static int fork_in_describe(void *unused)
{
	(void)unused;
	begin_trees(true);
	in_describe = fork_and_go_on;
	return check_trees();
}

Test(turns, in_the_child_of_a_describe_that_forks_the_check_is_about_the_child)
{
	assert_silent(fork_in_describe, 0);
}

static int fork_quietly_in_visit(void *unused)
{
	(void)unused;
	begin_trees(true);
	in_visit = fork_without_handlers;
	return check_trees();
}

Test(turns, so_it_is_after_a_fork_that_calls_no_handlers)
{
	assert_silent(fork_quietly_in_visit, 0);
}

/* One that the child made before the function returned. */
static void fork_and_leak(void)
{
	fork_and_go_on();
	if (is_child)
		node_new();
}

static int fork_and_leak_in_visit(void *unused)
{
	size_t objects;

	(void)unused;
	begin_trees(true);
	in_visit = fork_and_leak;
	objects = lastref_leak_check();
	if (is_child)
		_exit(objects == 1 && reports == 1 ? destroy_trees() : 10);
	return parent_after_check(objects);
}

Test(turns, what_a_visit_makes_in_the_child_that_it_forks_is_told_of_there)
{
	assert_silent(fork_and_leak_in_visit, 0);
}

static void fork_in_handler(const struct lastref_report *report, void *unused)
{
	count_report(report, unused);
	if (forked < 0)
		fork_and_go_on();
}

static int fork_in_report(void *unused)
{
	size_t objects;

	(void)unused;
	begin_trees(true);
	lastref_set_report_handler(fork_in_handler, NULL);
	objects = lastref_leak_check();
	if (is_child)
		_exit(objects == 0 ? destroy_trees() : 10);
	return parent_after_check(objects);
}

Test(turns, a_handler_of_reports_may_fork)
{
	assert_silent(fork_in_report, 0);
}

static char *snapshot_path(void)
{
	static char path[] = "/tmp/lastref-turns-XXXXXX";

	if (!mkdtemp(path) || chdir(path) != 0)
		abort();
	return path;
}

static int fork_in_snapshot(void *unused)
{
	const char *folder = snapshot_path();
	int error;

	(void)unused;
	begin_trees(true);
	in_visit = fork_and_go_on;
	error = lastref_snapshot("taken");
	if (is_child)
		_exit(error == -ECANCELED ? destroy_trees() : 10);
	if (error != 0 || wait_for_child(forked) != 0)
		return 20;
	return unlink("taken") == 0 && rmdir(folder) == 0 ? destroy_trees() : 21;
}

Test(turns, the_child_of_a_visit_that_forks_writes_no_snapshot)
{
	assert_silent(fork_in_snapshot, 0);
}
