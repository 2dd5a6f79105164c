/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of a part: what was born since a checkpoint, what the program ignores, and reports that the program takes itself.
 */
#include <lastref/lastref.h>

#include "../support/says.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct box {
	struct lastref_count refs;
};

static void box_destroy(struct box *box)
{
	free(box);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy);

static struct box *box_new(void)
{
	struct box *box = calloc(1, sizeof(*box));

	if (!box)
		abort();
	box_ref_init(box);
	return box;
}

static void check_on(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
}

/*
 * Checkpoints.
 */

static int leak_in_a_request(void *unused)
{
	lastref_checkpoint since;

	(void)unused;
	check_on();
	box_new();
	since = lastref_checkpoint_now();
	box_new();
	box_unref(box_new());
	return (int)lastref_leaks_since(since);
}

Test(checkpoints, what_was_born_since_and_lives_is_reported_and_nothing_older)
{
	ASSERT_SAYS(leak_in_a_request, 1,
		    "lastref: 1 object leaked, 8 B, 1 cause since the checkpoint\n",
		    "SUCH AS  box#2");
}

static int clean_request(void *unused)
{
	lastref_checkpoint since;

	(void)unused;
	check_on();
	box_new();
	since = lastref_checkpoint_now();
	box_unref(box_new());
	return (int)lastref_leaks_since(since);
}

Test(checkpoints, a_request_that_leaks_nothing_is_silent_whatever_was_before)
{
	assert_silent(clean_request, 0);
}

static int since_the_start(void *unused)
{
	(void)unused;
	check_on();
	box_new();
	lastref_checkpoint_now();
	box_new();
	return (int)lastref_leaks_since(0);
}

Test(checkpoints, checkpoint_0_is_the_start_of_the_program)
{
	ASSERT_SAYS(since_the_start, 2, "lastref: 2 objects leaked", "box#1", "box#2");
}

static int nested(void *unused)
{
	lastref_checkpoint outer, inner;
	size_t young, both;

	(void)unused;
	check_on();
	outer = lastref_checkpoint_now();
	box_new();
	inner = lastref_checkpoint_now();
	box_new();
	young = lastref_leaks_since(inner);
	both = lastref_leaks_since(outer);
	return (int)(10 * young + both);
}

Test(checkpoints, checkpoints_nest)
{
	ASSERT_SAYS(nested, 12, "1 object leaked", "2 objects leaked");
}

static void *leak_one(void *unused)
{
	box_new();
	return unused;
}

static int by_another_thread(void *unused)
{
	lastref_checkpoint since;
	pthread_t thread;

	(void)unused;
	check_on();
	since = lastref_checkpoint_now();
	if (pthread_create(&thread, NULL, leak_one, NULL) != 0)
		abort();
	pthread_join(thread, NULL);
	return (int)lastref_leaks_since(since);
}

Test(checkpoints, what_another_thread_made_since_counts)
{
	ASSERT_SAYS(by_another_thread, 1, "1 object leaked");
}

Test(checkpoints, without_checking_there_is_nothing_to_report)
{
	lastref_checkpoint since = lastref_checkpoint_now();
	struct box *box = box_new();

	cr_assert_eq(lastref_leaks_since(since), 0);
	box_unref(box);
}

/*
 * Ignored objects.
 */

static int ignore_one(void *unused)
{
	struct box *singleton;

	(void)unused;
	check_on();
	singleton = box_new();
	box_new();
	lastref_ignore(singleton, "lives as long as the program");
	return (int)(10 * lastref_live_objects() + lastref_leak_check());
}

Test(checkpoints, an_ignored_object_is_live_and_no_leak_and_the_report_says_why)
{
	ASSERT_SAYS(ignore_one, 21, "lastref: 1 object leaked", "SUCH AS  box#2",
		    "note: 1 live object is ignored: lives as long as the program\n");
}

static int ignore_all(void *unused)
{
	(void)unused;
	check_on();
	lastref_ignore(box_new(), NULL);
	return (int)lastref_leak_check();
}

Test(checkpoints, if_all_are_ignored_nothing_is_said)
{
	assert_silent(ignore_all, 0);
}

static int ignore_old(void *unused)
{
	struct box *old;

	(void)unused;
	check_on();
	old = box_new();
	for (int i = 0; i < 1000; i++)
		lastref_ignore(box_new(), i % 2 ? "odd" : "even");
	lastref_ignore(old, "old");
	box_new();
	return (int)lastref_leak_check();
}

Test(checkpoints, an_old_object_is_found_too_and_reasons_are_counted)
{
	ASSERT_SAYS(ignore_old, 1,
		    "note: 1,001 live objects are ignored: even (500); odd (500); old\n");
}

static int ignore_again(void *unused)
{
	struct box *singleton;

	(void)unused;
	check_on();
	singleton = box_new();
	for (int i = 0; i < 1000; i++)
		lastref_ignore(singleton, i == 0 ? "first" : "again");
	box_new();
	return (int)lastref_leak_check();
}

Test(checkpoints, an_object_that_is_ignored_again_is_counted_once)
{
	ASSERT_SAYS(ignore_again, 1, "note: 1 live object is ignored: first\n");
}

/* Also where it takes the room of one that was. */
static int ignore_without_words(void *unused)
{
	struct box *dies;

	(void)unused;
	check_on();
	dies = box_new();
	lastref_ignore(dies, "dies");
	box_unref(dies);
	lastref_ignore(box_new(), "");
	lastref_ignore(box_new(), "known");
	box_new();
	return (int)lastref_leak_check();
}

Test(checkpoints, an_empty_reason_is_none)
{
	ASSERT_SAYS(ignore_without_words, 1, "note: 2 live objects are ignored: known\n");
}

static size_t memory_in_use(void)
{
	size_t size = 0, resident = 0;
	FILE *statm = fopen("/proc/self/statm", "r");

	if (!statm || fscanf(statm, "%zu %zu", &size, &resident) != 2)
		abort();
	fclose(statm);
	return resident * 4096;
}

static void ignore_and_destroy_many(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		struct box *box = box_new();
		char reason[40];

		snprintf(reason, sizeof(reason), "session %d", i);
		lastref_ignore(box, i % 3 == 0 ? NULL : reason);
		box_unref(box);
	}
}

/* AddressSanitizer keeps what is freed for a while, to find who comes back to it. */
#ifdef __SANITIZE_ADDRESS__
#define GROWTH_MAX ((size_t)1 << 29)
#else
#define GROWTH_MAX ((size_t)1 << 20)
#endif

static int ignore_a_million(void *unused)
{
	size_t before;

	(void)unused;
	check_on();
	ignore_and_destroy_many(1000);
	before = memory_in_use();
	ignore_and_destroy_many(1000000);
	return memory_in_use() - before < GROWTH_MAX ? 0 : 1;
}

Test(checkpoints, a_million_objects_that_are_ignored_and_die_leave_no_memory_behind)
{
	assert_silent(ignore_a_million, 0);
}

static int ignore_some_that_die(void *unused)
{
	struct box *boxes[1000];

	(void)unused;
	check_on();
	for (int i = 0; i < 1000; i++) {
		boxes[i] = box_new();
		lastref_ignore(boxes[i], i % 2 ? "dies" : "lives");
	}
	for (int i = 1; i < 1000; i += 2)
		box_unref(boxes[i]);
	box_new();
	return (int)lastref_leak_check();
}

Test(checkpoints, the_reasons_in_a_report_are_those_of_what_lives)
{
	ASSERT_SAYS(ignore_some_that_die, 1, "note: 500 live objects are ignored: lives (500)\n");
}

static int ignore_unknown(void *unused)
{
	struct box on_stack;

	(void)unused;
	check_on();
	lastref_ignore(&on_stack, "none of ours");
	lastref_ignore(NULL, "nothing");
	box_new();
	return (int)lastref_leak_check();
}

Test(checkpoints, what_is_not_registered_cannot_be_ignored_and_that_is_said)
{
	ASSERT_SAYS(ignore_unknown, 1, "lastref: 1 object leaked",
		    "note: 1 object that the program wants to be ignored was not registered\n");
}

static int ignore_and_destroy(void *unused)
{
	struct box *box;

	(void)unused;
	check_on();
	box = box_new();
	lastref_ignore(box, "a cache entry");
	box_unref(box);
	box_new();
	return (int)lastref_leak_check();
}

Test(checkpoints, an_ignored_object_may_die_and_its_record_ignores_nothing_more)
{
	ASSERT_SAYS(ignore_and_destroy, 1, "lastref: 1 object leaked");
}

/*
 * Snapshots.
 */

static int snapshot_off(void *unused)
{
	(void)unused;
	return lastref_snapshot("never") == -ENODATA && access("never", F_OK) != 0 ? 0 : 1;
}

Test(checkpoints, without_checking_there_is_no_snapshot)
{
	assert_silent(snapshot_off, 0);
}

static int snapshot_nowhere(void *unused)
{
	(void)unused;
	check_on();
	box_new();
	if (lastref_snapshot("/no/such/folder/file") != -ENOENT)
		return 1;
	if (lastref_snapshot("/dev/null") != -EEXIST)
		return 2;
	return lastref_snapshot("/dev/full") == -EEXIST ? 0 : 3;
}

Test(checkpoints, a_snapshot_that_cannot_be_written_is_an_error_code)
{
	assert_silent(snapshot_nowhere, 0);
}

/*
 * The handler.
 */

struct told {
	size_t objects;
	size_t causes;
	char message[4096];
};

static void keep_report(const struct lastref_report *report, void *told_)
{
	struct told *told = told_;

	told->objects += report->objects;
	told->causes += report->causes;
	snprintf(told->message, sizeof(told->message), "%s", report->message);
}

static int give_to_handler(void *unused)
{
	static struct told told;

	(void)unused;
	check_on();
	lastref_set_report_handler(keep_report, &told);
	box_new();
	if (lastref_leak_check() != 1 || told.objects != 1 || told.causes != 1)
		return 2;
	return strstr(told.message, "SUCH AS  box#1") ? 0 : 3;
}

Test(checkpoints, a_handler_gets_the_report_and_nothing_is_printed)
{
	assert_silent(give_to_handler, 0);
}

static int take_handler_away(void *unused)
{
	static struct told told;

	(void)unused;
	check_on();
	lastref_set_report_handler(keep_report, &told);
	lastref_set_report_handler(NULL, NULL);
	box_new();
	return (int)(lastref_leak_check() + told.objects);
}

Test(checkpoints, without_its_handler_the_report_is_printed_again)
{
	ASSERT_SAYS(take_handler_away, 1, "lastref: 1 object leaked");
}

static void check_again(const struct lastref_report *report, void *calls)
{
	(void)report;
	if (++*(int *)calls == 1)
		lastref_leak_check();
}

static int handler_checks(void *unused)
{
	static int calls;

	(void)unused;
	check_on();
	lastref_set_report_handler(check_again, &calls);
	box_new();
	lastref_leak_check();
	return calls;
}

Test(checkpoints, a_handler_may_check_itself)
{
	assert_silent(handler_checks, 2);
}
