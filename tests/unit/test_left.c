/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that are left: a function of the program that a check called forks and returns in the
 * child, or ends its thread.
 */
#include <lastref/lastref.h>

#include "../support/says.h"
#include "../support/trees.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pid_t forked = -1;

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

Test(left, in_the_child_of_a_visit_that_forks_the_check_is_about_the_child)
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

Test(left, where_no_other_thread_runs_the_check_is_about_the_child_too)
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

Test(left, in_the_child_of_a_describe_that_forks_the_check_is_about_the_child)
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

Test(left, after_a_fork_that_calls_no_handlers_the_check_is_about_the_child_too)
{
	if (!is_memory_wiped_on_fork())
		cr_skip_test("a fork without handlers is not noticed here");
	assert_silent(fork_quietly_in_visit, 0);
}

/*
 * A type of its own functions, of which one forks while no other thread runs.
 */

struct jar {
	struct lastref_count refs;
};

#define PIECES 64
#define PIECE_SIZE (1024 * 1024)

static int sizes_asked;

static void call_what_is_there(void)
{
	_exit(77);
}

/* Where the parent's memory was that the child has given back, there are functions now. */
static void fill_memory(void)
{
	for (int i = 0; i < PIECES; i++) {
		void (**piece)(void) = mmap(NULL, PIECE_SIZE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (piece == MAP_FAILED)
			abort();
		for (size_t at = 0; at < PIECE_SIZE / sizeof(*piece); at++)
			piece[at] = call_what_is_there;
	}
}

/* First it is asked for the edges, then for the description. */
static size_t jar_size(const void *unused)
{
	(void)unused;
	if (++sizes_asked == 2) {
		fork_and_go_on();
		if (is_child)
			fill_memory();
	}
	return sizeof(struct jar);
}

static int jar_describe(const void *unused, char *buffer, size_t size)
{
	(void)unused;
	return snprintf(buffer, size, "a jar");
}

LASTREF_DEFINE(jar, struct jar, refs, NULL, .size_of = jar_size, .describe = jar_describe);

static int fork_in_size(void *unused)
{
	static struct jar jar;
	size_t objects;

	(void)unused;
	begin(NULL);
	lastref_set_report_handler(count_report, NULL);
	jar_ref_init(&jar);
	objects = lastref_leak_check();
	if (is_child)
		_exit(objects == 0 && reports == 0 ? 0 : 10);
	return objects == 1 && reports == 1 ? wait_for_child(forked) : 20;
}

Test(left, the_child_of_a_size_of_that_forks_does_not_read_the_types_of_its_parent)
{
	assert_silent(fork_in_size, 0);
}

/*
 * A type that counts by hand: what its objects say may be asked without a look at a count.
 */

static char dials[3];
static bool asked_for_parent;

static int dial_describe(const void *dial, char *buffer, size_t size);

static const struct lastref_type dial_type = LASTREF_TYPE("dial", char, .describe = dial_describe);

static int dial_describe(const void *dial, char *buffer, size_t size)
{
	if (forked < 0) {
		fork_and_go_on();
		if (is_child)
			lastref_register(&dial_type, &dials[2]);
	} else if (is_child && dial != &dials[2]) {
		asked_for_parent = true;
	}
	return snprintf(buffer, size, "a dial");
}

static int fork_in_describe_by_hand(void *unused)
{
	size_t objects;

	(void)unused;
	begin(NULL);
	lastref_set_report_handler(count_report, NULL);
	lastref_register(&dial_type, &dials[0]);
	lastref_register(&dial_type, &dials[1]);
	objects = lastref_leak_check();
	if (is_child)
		_exit(objects == 1 && reports == 1 && !asked_for_parent ? 0 : 10);
	return objects == 2 && reports == 1 ? wait_for_child(forked) : 20;
}

Test(left, the_child_of_a_describe_that_forks_asks_nothing_of_the_other_examples)
{
	assert_silent(fork_in_describe_by_hand, 0);
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

Test(left, what_a_visit_makes_in_the_child_that_it_forks_is_told_of_there)
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

Test(left, a_handler_of_reports_may_fork)
{
	assert_silent(fork_in_report, 0);
}

static char *snapshot_path(void)
{
	static char path[] = "/tmp/lastref-left-XXXXXX";

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

Test(left, the_child_of_a_visit_that_forks_writes_no_snapshot)
{
	assert_silent(fork_in_snapshot, 0);
}

/*
 * A .visit that ends its thread.
 */

static void *end_thread(void *unused)
{
	lastref_leak_check();
	return unused; /* not come to */
}

static void leave_by_pthread_exit(void)
{
	sem_post(&inside);
	pthread_exit(NULL);
}

static void run_to_end(void *(*function)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, NULL) != 0 || pthread_join(thread, NULL) != 0)
		abort();
}

static int check_after_exit_of_thread(void *unused)
{
	struct sigaction before;
	struct sigaction after;
	struct node *tree;

	(void)unused;
	begin(leave_by_pthread_exit);
	tree = tree_new();
	sigaction(SIGSEGV, NULL, &before);
	run_to_end(end_thread);
	sigaction(SIGSEGV, NULL, &after);
	if (after.sa_handler != before.sa_handler || node_ref_count(tree) != 1)
		return 100;
	lastref_set_report_handler(add_causes, NULL);
	lastref_leak_check();
	return reports == 1 && causes == 1 ? destroy_tree(tree) : 101;
}

Test(left, a_thread_that_ends_in_visit_leaves_nothing_behind)
{
	assert_silent(check_after_exit_of_thread, CHILDREN + 1);
}

static void leave_when_over(void)
{
	wait_for_over();
	pthread_exit(NULL);
}

static int end_with_last(void *unused)
{
	struct node *tree;
	pthread_t thread;

	(void)unused;
	begin(leave_when_over);
	tree = tree_new();
	thread = begin_check();
	node_unref(tree);
	sem_post(&over);
	pthread_join(thread, NULL);
	return destroyed;
}

Test(left, a_thread_that_ends_in_visit_destroys_what_only_its_check_held)
{
	assert_silent(end_with_last, CHILDREN + 1);
}

/* What these leak is held by @trees, or LeakSanitizer would have its say at their exit(). */

static int exit_after_exit_of_thread(void *unused)
{
	static bool is_first;

	(void)unused;
	begin(leave_by_pthread_exit);
	trees[0] = tree_new();
	lastref_set_report_handler(tell_for_ever, &is_first);
	run_to_end(end_thread);
	exit(0);
}

Test(left, what_a_thread_that_ended_in_visit_was_to_tell_is_told_at_exit)
{
	ASSERT_SAYS(exit_after_exit_of_thread, 0, "told of 21 objects");
}

static void end_in_handler(const struct lastref_report *report, void *unused)
{
	(void)unused;
	fprintf(stderr, "told of %zu objects\n", report->objects);
	pthread_exit(NULL);
}

static int exit_after_exit_in_handler(void *unused)
{
	(void)unused;
	begin(NULL);
	trees[0] = tree_new();
	lastref_set_report_handler(end_in_handler, NULL);
	run_to_end(end_thread);
	exit(0);
}

Test(left, what_a_handler_was_told_before_it_ended_its_thread_is_told_once)
{
	ASSERT_SAYS(exit_after_exit_in_handler, 0, "told of 21 objects");
}

/*
 * What the event log has of it.
 */

struct crate {
	struct lastref_count refs;
};

static struct crate crate;
static int crates_destroyed;
static void (*in_crate)(void); /* as in_visit */

static void crate_destroy(struct crate *unused)
{
	(void)unused;
	crates_destroyed++;
}

static void crate_visit(const void *object, lastref_visitor visitor, void *context)
{
	void (*once)(void) = __atomic_exchange_n(&in_crate, NULL, __ATOMIC_ACQ_REL);

	(void)object;
	(void)visitor;
	(void)context;
	if (once)
		once();
}

LASTREF_DEFINE(crate, struct crate, refs, crate_destroy, .visit = crate_visit, .log = true);

static int end_with_last_logged(void *unused)
{
	pthread_t thread;

	(void)unused;
	begin(NULL);
	in_crate = leave_when_over;
	crate_ref_init(&crate);
	thread = begin_check();
	crate_unref(&crate);
	sem_post(&over);
	pthread_join(thread, NULL);
	return crates_destroyed;
}

Test(left, the_log_has_both_ends_of_a_last_reference_of_a_thread_that_ends_in_visit)
{
	ASSERT_SAYS(end_with_last_logged, 1, "] unref to 1", "] tryref to 1", "] unref to 0",
		    "] unregistered");
}

static void fork_and_let_go(void)
{
	fork_and_go_on();
	if (is_child)
		crate_unref(&crate);
}

static int fork_and_let_go_logged(void *unused)
{
	pthread_t other;

	(void)unused;
	begin(NULL);
	lastref_set_report_handler(count_report, NULL);
	in_crate = fork_and_let_go;
	crate_ref_init(&crate);
	if (pthread_create(&other, NULL, sleep_for_ever, NULL) != 0)
		abort();
	lastref_leak_check();
	if (is_child)
		_exit(crates_destroyed == 1 ? 0 : 10);
	return forked > 0 && reports == 1 ? wait_for_child(forked) : 20;
}

/* Its types have other numbers, and the line would name another one. */
Test(left, the_child_of_a_visit_that_forks_logs_no_reference_of_its_parents_check)
{
	struct capture capture;

	capture_run(&capture, fork_and_let_go_logged, NULL);
	cr_assert(capture_exited(&capture, 0), "status 0x%x: %s", capture.wait_status, capture.text);
	cr_assert_eq(capture_count(&capture, "] tryref"), 0, "%s", capture.text);
	capture_finish(&capture);
}

/*
 * A thread that is ended within the runtime itself, while that has locks: at the first read of
 * memory after the first objects were asked, when a check takes references of the next ones.
 */

static __thread bool ends_at_read;

ssize_t process_vm_readv(pid_t process, const struct iovec *local, unsigned long local_count,
			 const struct iovec *remote, unsigned long remote_count, unsigned long flags)
{
	if (ends_at_read)
		raise(SIGUSR1);
	return syscall(SYS_process_vm_readv, process, local, local_count, remote, remote_count,
		       flags);
}

static void leave_at_read(void)
{
	ends_at_read = true;
}

static void end_in_signal(int unused)
{
	(void)unused;
	ends_at_read = false;
	pthread_exit(NULL);
}

static int end_with_locks(void *unused)
{
	(void)unused;
	begin_trees(true);
	in_visit = leave_at_read;
	signal(SIGUSR1, end_in_signal);
	run_to_end(end_thread);
	return destroy_tree(tree_new());
}

Test(left, a_thread_that_a_signal_ends_within_a_check_does_not_hang)
{
	assert_silent(end_with_locks, CHILDREN + 1);
}
