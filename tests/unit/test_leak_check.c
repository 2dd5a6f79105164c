/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leak checker as a program uses it: what is found, what the report says of it, and what it never does. Each program under
 * check is a function run in a child; what the check at exit does is in tests/cli/program.sh.
 */
#include <lastref/lastref.h>

#include "../support/says.h"

#include <criterion/criterion.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct box {
	struct lastref_count refs;
	struct box *inside;
};

static void box_destroy(struct box *box);

LASTREF_DEFINE(box, struct box, refs, box_destroy);

static void box_destroy(struct box *box)
{
	box_unref(box->inside);
	free(box);
}

/* Inlined, so that a caller is a place of birth also where a stack is one frame deep. */
static inline __attribute__((always_inline)) struct box *box_new(void)
{
	struct box *box = calloc(1, sizeof(*box));

	if (box == NULL)
		abort();
	box_ref_init(box);
	return box;
}

static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct box);

/* One place of birth for all, however the caller is compiled. */
static __attribute__((noinline)) void leak_boxes(int count)
{
	for (volatile int i = 0; i < count; i++)
		box_new();
}

static void check_on(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
}

/*
 * What is found.
 */

static int leak_just_before(void *unused)
{
	(void)unused;
	check_on();
	box_new();
	return (int)lastref_leak_check();
}

Test(leak_check, an_object_leaked_just_before_the_check_is_found)
{
	ASSERT_SAYS(leak_just_before, 1, "lastref: 1 object leaked", "LEAK 1 of 1", "box#1",
		    "reference count of 1 instead of 0", "BORN AT");
}

static int nothing_leaked(void *unused)
{
	(void)unused;
	check_on();
	for (int i = 0; i < 1000; i++)
		box_unref(box_new());
	return (int)lastref_leak_check();
}

Test(leak_check, nothing_is_said_where_nothing_leaked)
{
	assert_silent(nothing_leaked, 0);
}

static int chain(void *unused)
{
	struct box *head = NULL;

	(void)unused;
	check_on();
	for (int i = 0; i < 3; i++) {
		struct box *box = box_new();

		box->inside = head;
		head = box;
	}
	return (int)lastref_leak_check();
}

Test(leak_check, a_chain_is_one_leak_of_its_head)
{
	ASSERT_SAYS(chain, 3, "lastref: 3 objects leaked", "1 leaked reference keeps 3 objects",
		    "ROOT     box#3");
}

static int cycle(void *unused)
{
	struct box *one, *other;

	(void)unused;
	check_on();
	one = box_new();
	other = box_new();
	box_ref_set(&one->inside, other);
	box_ref_set(&other->inside, one);
	box_unref(one);
	box_unref(other);
	return (int)lastref_leak_check();
}

Test(leak_check, a_cycle_is_found)
{
	ASSERT_SAYS(cycle, 2, "lastref: 2 objects leaked", "2 objects hold each other", "--> box#1",
		    "--> box#2");
}

static int several_kinds(void *unused)
{
	static int route;
	struct box *one, *other;

	(void)unused;
	check_on();
	leak_boxes(4);
	one = box_new();
	other = box_new();
	one->inside = box_ref(other);
	other->inside = one;
	lastref_register(&route_type, &route);
	return (int)lastref_leak_check();
}

Test(leak_check, all_leaks_are_in_one_report)
{
	ASSERT_SAYS(several_kinds, 7, "lastref: 7 objects leaked", "  4 box  ", "--> box#5",
		    "--> box#6", "net.route#1", "1 reference from outside was forgotten too");
}

static int by_hand(void *unused)
{
	static char routes[3];

	(void)unused;
	check_on();
	for (int i = 0; i < 3; i++)
		lastref_register(&route_type, &routes[i]);
	lastref_unregister(&route_type, &routes[1]);
	return (int)lastref_leak_check();
}

Test(leak_check, a_hand_written_type_is_found_by_its_registration)
{
	ASSERT_SAYS(by_hand, 2, "lastref: 2 objects leaked", "net.route#1", "net.route#3");
}

static int restored(void *unused)
{
	static struct box boxes[2];

	(void)unused;
	check_on();
	box_ref_restore(&boxes[0], 4);
	box_ref_restore(&boxes[1], 0);
	return (int)lastref_leak_check();
}

Test(leak_check, a_restored_object_is_found)
{
	ASSERT_SAYS(restored, 1, "reference count of 4 instead of 0");
}

static int numbered(void *unused)
{
	(void)unused;
	check_on();
	for (int i = 1; i <= 5000; i++) {
		struct box *box = box_new();

		if (i != 17 && i != 4711)
			box_unref(box);
	}
	return (int)lastref_leak_check();
}

Test(leak_check, in_one_thread_the_number_of_an_object_says_the_how_manieth_was_born)
{
	ASSERT_SAYS(numbered, 2, "box#17 ", "box#4711 ");
}

static int grouped(void *unused)
{
	(void)unused;
	check_on();
	leak_boxes(1000);
	box_new();
	return lastref_leak_check() == 1001;
}

Test(leak_check, leaks_are_grouped_by_the_place_of_birth)
{
	ASSERT_SAYS(grouped, 1, "lastref: 1,001 objects leaked", "2 causes", "LEAK 2 of 2",
		    "1,000 box", "and 997 more");
}

/*
 * Switching.
 */

static int off(void *unused)
{
	(void)unused;
	box_new();
	return (int)(lastref_leak_check() + lastref_live_objects());
}

Test(leak_check, with_checking_off_nothing_is_registered_or_said)
{
	assert_silent(off, 0);
}

static int late(void *unused)
{
	struct box *early = box_new();
	struct box *kept = box_new();

	(void)unused;
	check_on();
	box_ref(early);
	box_unref(early);
	box_unref(early);
	(void)kept;
	return (int)lastref_leak_check();
}

Test(leak_check, switching_on_late_blames_nobody)
{
	assert_silent(late, 0);
}

static int late_by_hand(void *unused)
{
	static int early;

	(void)unused;
	lastref_register(&route_type, &early);
	check_on();
	lastref_unregister(&route_type, &early);
	return (int)lastref_leak_check();
}

Test(leak_check, switching_on_late_blames_no_hand_written_type)
{
	assert_silent(late_by_hand, 0);
}

static int late_by_hand_and_a_leak(void *unused)
{
	late_by_hand(unused);
	box_new();
	return (int)lastref_leak_check();
}

Test(leak_check, unregistering_what_was_born_before_is_counted_in_the_report)
{
	ASSERT_SAYS(late_by_hand_and_a_leak, 1, "note: 1 unregistered object was not known");
}

static int switched_off(void *unused)
{
	static int route;
	struct box *box;

	(void)unused;
	check_on();
	box = box_new();
	lastref_register(&route_type, &route);
	lastref_set_leak_mode(LASTREF_LEAKS_OFF);
	if (lastref_leak_check() != 0)
		return 100;
	box_new();
	box_unref(box);
	lastref_unregister(&route_type, &route);
	check_on();
	return (int)lastref_leak_check();
}

Test(leak_check, objects_registered_before_switching_off_leave_as_they_die)
{
	assert_silent(switched_off, 0);
}

Test(leak_check, the_mode_is_what_was_set)
{
	cr_assert_eq(lastref_get_leak_mode(), LASTREF_LEAKS_OFF);
	lastref_set_leak_mode(LASTREF_LEAKS_PANIC);
	cr_assert_eq(lastref_get_leak_mode(), LASTREF_LEAKS_PANIC);
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	cr_assert_eq(lastref_get_leak_mode(), LASTREF_LEAKS_WARN);
	lastref_set_leak_mode((enum lastref_leak_mode)77);
	cr_assert_eq(lastref_get_leak_mode(), LASTREF_LEAKS_OFF);
}

static int repeated(void *unused)
{
	struct box *box;
	size_t found[4];

	(void)unused;
	check_on();
	found[0] = lastref_leak_check();
	box = box_new();
	found[1] = lastref_leak_check();
	box_new();
	found[2] = lastref_leak_check();
	box_unref(box);
	found[3] = lastref_leak_check();
	return found[0] == 0 && found[1] == 1 && found[2] == 2 && found[3] == 1;
}

Test(leak_check, each_check_reports_what_is_live_then)
{
	ASSERT_SAYS(repeated, 1, "lastref: 2 objects leaked");
}

static int panics(void *unused)
{
	(void)unused;
	lastref_set_leak_mode(LASTREF_LEAKS_PANIC);
	box_new();
	lastref_leak_check();
	return 0;
}

Test(leak_check, panic_aborts_after_the_report)
{
	struct capture capture;

	capture_run(&capture, panics, NULL);
	cr_assert(capture_aborted(&capture));
	cr_assert_eq(capture_count(&capture, "lastref: 1 object leaked"), 1, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "box#1"), 1, "%s", capture.text);
	capture_finish(&capture);
}

static int panics_not(void *unused)
{
	(void)unused;
	lastref_set_leak_mode(LASTREF_LEAKS_PANIC);
	box_unref(box_new());
	return (int)lastref_leak_check();
}

Test(leak_check, panic_does_nothing_without_a_leak)
{
	assert_silent(panics_not, 0);
}

Test(leak_check, live_objects_counts_what_is_registered)
{
	struct box *box;
	int route;

	check_on();
	cr_assert_eq(lastref_live_objects(), 0);
	box = box_new();
	lastref_register(&route_type, &route);
	cr_assert_eq(lastref_live_objects(), 2);
	box_unref(box);
	cr_assert_eq(lastref_live_objects(), 1);
	lastref_unregister(&route_type, &route);
	cr_assert_eq(lastref_live_objects(), 0);
}

/*
 * Objects that are not where they should be.
 */

static int arena(void *unused)
{
	static struct box memory;

	(void)unused;
	check_on();
	for (int i = 0; i < 3; i++)
		box_ref_init(&memory);
	return (int)lastref_leak_check();
}

Test(leak_check, an_object_initialized_over_a_live_one_is_told_as_freed_without_its_last_unref)
{
	ASSERT_SAYS(arena, 1, "box#3", "note: 2 objects were freed without their last unref");
}

static int first_member(void *unused)
{
	static struct box outer;

	(void)unused;
	check_on();
	box_ref_init(&outer);
	lastref_register(&route_type, &outer);
	return (int)lastref_leak_check();
}

Test(leak_check, objects_of_two_types_may_begin_at_one_address)
{
	ASSERT_SAYS(first_member, 2, "box#1", "net.route#1");
}

static int destroy_status;
static size_t live_in_destructor;

static void check_in_destructor(struct box *box, void *unused)
{
	(void)box;
	(void)unused;
	live_in_destructor = lastref_live_objects();
	destroy_status = (int)lastref_leak_check();
}

static int being_destroyed(void *unused)
{
	struct box *box;

	(void)unused;
	check_on();
	box = box_new();
	box_unref_with(box, check_in_destructor, NULL);
	return destroy_status + 10 * (int)live_in_destructor + 100 * (int)lastref_leak_check();
}

Test(leak_check, an_object_inside_its_destructor_is_reported_as_being_destroyed)
{
	ASSERT_SAYS(being_destroyed, 11, "box#1  (being destroyed)",
		    "BEING DESTROYED  1 of them, last unref at");
}

static int freed_and_unmapped(void *unused)
{
	struct box *box =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	check_on();
	box_ref_init(box);
	munmap(box, 4096);
	return (int)lastref_leak_check();
}

Test(leak_check, an_object_whose_memory_was_unmapped_is_reported_without_a_crash)
{
	ASSERT_SAYS(freed_and_unmapped, 1, "box#1",
		    "its memory is gone: freed without its last unref");
}

/* More than there are examples, and those are all there. */
static int some_unmapped(void *unused)
{
	struct box *boxes[6];

	(void)unused;
	check_on();
	for (int i = 0; i < 6; i++) {
		boxes[i] =
			mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		box_ref_init(boxes[i]);
	}
	munmap(boxes[4], 4096);
	munmap(boxes[5], 4096);
	return (int)lastref_leak_check();
}

Test(leak_check, how_many_were_freed_is_told_where_they_are_no_examples)
{
	ASSERT_SAYS(some_unmapped, 6, "and 3 more",
		    "FREED    2 of them without the last unref: their memory is gone, or another's",
		    "note: 2 objects were freed without their last unref: what they held is told");
}

/*
 * Threads and processes.
 */

static void *leak_one(void *unused)
{
	(void)unused;
	box_unref(box_new());
	return box_new();
}

static int ended_threads(void *unused)
{
	pthread_t threads[20];

	(void)unused;
	check_on();
	for (int i = 0; i < 20; i++) {
		if (pthread_create(&threads[i], NULL, leak_one, NULL) != 0)
			return 100;
		/* Half of them one after the other, half at once. */
		if (i < 10)
			pthread_join(threads[i], NULL);
	}
	for (int i = 10; i < 20; i++)
		pthread_join(threads[i], NULL);
	return (int)lastref_leak_check();
}

Test(leak_check, leaks_of_threads_that_have_ended_are_found)
{
	ASSERT_SAYS(ended_threads, 20, "lastref: 20 objects leaked");
}

static void *unref_it(void *box)
{
	box_unref(box);
	return NULL;
}

static int handed_over(void *unused)
{
	pthread_t thread;

	(void)unused;
	check_on();
	for (int i = 0; i < 100; i++) {
		if (pthread_create(&thread, NULL, unref_it, box_new()) != 0)
			return 100;
		pthread_join(thread, NULL);
	}
	return (int)lastref_leak_check() + (int)lastref_live_objects();
}

Test(leak_check, an_object_may_die_on_another_thread)
{
	assert_silent(handed_over, 0);
}

static int of_the_parent(void *unused)
{
	static int route;
	struct box *inherited;
	int status;
	pid_t child;

	(void)unused;
	check_on();
	inherited = box_new();
	lastref_register(&route_type, &route);
	child = fork();
	if (child == 0) {
		size_t found = lastref_leak_check() + lastref_live_objects();

		box_unref(inherited);
		lastref_unregister(&route_type, &route);
		_exit((int)(found + lastref_leak_check()));
	}
	waitpid(child, &status, 0);
	if (status != 0 || lastref_live_objects() != 2)
		return 100;
	box_unref(inherited);
	lastref_unregister(&route_type, &route);
	return (int)lastref_leak_check();
}

Test(leak_check, objects_born_before_a_fork_are_the_parents)
{
	assert_silent(of_the_parent, 0);
}

static int of_the_child(void *unused)
{
	int status;
	pid_t child;

	(void)unused;
	check_on();
	box_new();
	child = fork();
	if (child == 0) {
		box_new();
		box_new();
		_exit((int)lastref_leak_check());
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

Test(leak_check, a_child_reports_its_own_leaks)
{
	ASSERT_SAYS(of_the_child, 2, "lastref: 2 objects leaked", "box#1", "box#2");
}

/*
 * A fork while another thread has the lock of the loader's list, which nobody in the child will ever give back.
 */

static int in_walk[2]; /* a pipe: the thread is in the walk */
static int walk_on[2]; /* and goes on when this one is closed */

static int stay_in_walk(struct dl_phdr_info *module, size_t size, void *unused)
{
	char byte = 0;

	(void)module;
	(void)size;
	(void)unused;
	if (write(in_walk[1], &byte, 1) != 1 || read(walk_on[0], &byte, 1) != 0)
		abort();
	return 1;
}

static void *walk(void *unused)
{
	dl_iterate_phdr(stay_in_walk, NULL);
	return unused;
}

static int check_in_child(void *unused)
{
	pthread_t thread;
	int status = -1;
	char byte;
	pid_t child;

	(void)unused;
	check_on();
	if (pipe(in_walk) != 0 || pipe(walk_on) != 0 ||
	    pthread_create(&thread, NULL, walk, NULL) != 0 || read(in_walk[0], &byte, 1) != 1)
		abort();
	child = fork();
	if (child == 0) {
		alarm(20);
		box_new();
		_exit((int)lastref_leak_check());
	}
	close(walk_on[1]);
	pthread_join(thread, NULL);
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

Test(leak_check, a_child_checks_whatever_lock_of_the_loader_was_taken_at_the_fork)
{
	ASSERT_SAYS(check_in_child, 1, "lastref: 1 object leaked");
}
