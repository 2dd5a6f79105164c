/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checker says of objects with a hot or a cache count: the counts in the event log and in the report. Each program under
 * check is a function run in a child.
 */
#include <lastref/lastref.h>

#include "../support/says.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK (INT64_C(1) << 60)

struct hot {
	struct lastref_hot_count refs;
};

LASTREF_DEFINE(hot, struct hot, refs, NULL, .log = true);

struct entry {
	struct lastref_cache_count refs;
};

static int rests;

static void entry_rests(void *object)
{
	(void)object;
	rests++;
}

LASTREF_DEFINE(entry, struct entry, refs, NULL, .log = true, .at_rest = entry_rests);

struct unlogged {
	struct lastref_hot_count refs;
};

LASTREF_DEFINE(unlogged, struct unlogged, refs, NULL);

static struct hot hot;
static struct entry entry;

static void check_on(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
}

/* Each of @lines, the ends of events, once and in this order. */
static void assert_events(int (*program)(void *), const char *const *lines)
{
	struct capture capture;
	const char *at;

	capture_run(&capture, program, NULL);
	cr_assert(capture_exited(&capture, 0), "status 0x%x: %s", capture.wait_status, capture.text);
	at = capture.text;
	for (; *lines != NULL; lines++) {
		at = strstr(at, *lines);
		cr_assert_not_null(at, "no '%s' where it belongs in: %s", *lines, capture.text);
		at++;
	}
	cr_assert_null(strstr(at, "lastref: ["), "more events: %s", capture.text);
	capture_finish(&capture);
}

#define ASSERT_EVENTS(program, ...)                                                                \
	assert_events(program, (const char *const[]){ __VA_ARGS__, NULL })

/*
 * The event log.
 */

static int life_of_a_hot_object(void *unused)
{
	(void)unused;
	check_on();
	hot_ref_init(&hot);
	hot_ref(&hot);
	hot_tryref(&hot);
	hot_unref(&hot);
	hot_unref_unless_last(&hot);
	hot_unref_unless_last(&hot);
	hot_unref(&hot);
	hot_tryref(&hot);
	return 0;
}

Test(kinds, the_log_has_the_counts_of_a_hot_object)
{
	ASSERT_EVENTS(life_of_a_hot_object, "[hot#1 0x", "] registered to 1 ", "] ref to 2 ",
		      "] tryref to 3 ", "] unref to 2 ", "] unref to 1 ", "] unref to 0 ",
		      "] unregistered to 0 ");
}

static int hot_under_marks(void *unused)
{
	(void)unused;
	check_on();
	hot_ref_init(&hot);
	hot.refs.word = INT64_MAX;
	hot_tryref(&hot);
	hot_ref(&hot);
	hot_unref(&hot);
	hot.refs.word = INT64_MIN + 2 * MARK;
	hot_tryref(&hot);
	return hot_ref_count(&hot) == 2 ? 0 : 1;
}

Test(kinds, the_log_has_the_counts_of_a_hot_object_revived_out_of_the_gap_and_under_marks)
{
	ASSERT_EVENTS(hot_under_marks, "] registered to 1 ", "] tryref to 1 ", "] ref to 2 ",
		      "] unref to 1 ", "] tryref to 2 ");
}

static int immortal_hot_object(void *unused)
{
	(void)unused;
	check_on();
	hot_ref_restore(&hot, INT64_MAX);
	hot_ref(&hot);
	hot_tryref(&hot);
	hot_unref(&hot);
	return 0;
}

Test(kinds, the_log_says_that_a_hot_object_is_immortal)
{
	ASSERT_EVENTS(immortal_hot_object, "] registered (immortal) ", "] ref (immortal) ",
		      "] tryref (immortal) ", "] unref (immortal) ");
}

static int life_of_an_entry(void *unused)
{
	(void)unused;
	check_on();
	entry_ref_init(&entry);
	entry_unref(&entry);
	entry_tryref(&entry);
	entry_ref(&entry);
	entry_unref_unless_last(&entry);
	entry_unref_with(&entry, NULL, NULL);
	entry_tryref(&entry);
	lastref_unref(entry_ref_type(), &entry);
	if (!entry_ref_evict(&entry) || entry_tryref(&entry) || entry_ref_evict(&entry))
		return 1;
	return rests == 2 ? 0 : 2;
}

Test(kinds, the_log_has_the_counts_of_an_entry_that_rests_and_is_revived)
{
	ASSERT_EVENTS(life_of_an_entry, "[entry#1 0x", "] registered to 1 ", "] unref to 0 ",
		      "] tryref to 1 ", "] ref to 2 ", "] unref to 1 ", "] unref to 0 ",
		      "] tryref to 1 ", "] unref to 0 ", "] unregistered to 0 ");
}

static int restored_at_rest(void *unused)
{
	(void)unused;
	check_on();
	entry_ref_restore(&entry, 0);
	entry_tryref(&entry);
	return 0;
}

Test(kinds, the_log_has_an_entry_that_was_restored_at_rest)
{
	ASSERT_EVENTS(restored_at_rest, "] registered to 0 ", "] tryref to 1 ");
}

/*
 * The report.
 */

static int leak_hot_objects(void *unused)
{
	static struct unlogged leaked[3];

	(void)unused;
	check_on();
	for (int i = 0; i < 3; i++)
		unlogged_ref_init(&leaked[i]);
	unlogged_ref(&leaked[1]);
	unlogged_tryref(&leaked[1]);
	/* An unref that left the gap before its reviver said so: two references, and a mark. */
	leaked[2].refs.word = INT64_MIN + 1 + 2 * MARK;
	return (int)lastref_leak_check();
}

Test(kinds, the_report_has_the_counts_of_hot_objects)
{
	ASSERT_SAYS(leak_hot_objects, 3, "unlogged#1  (reference count of 1 instead of 0)",
		    "unlogged#2  (reference count of 3 instead of 0)",
		    "unlogged#3  (reference count of 2 instead of 0)");
}

static int immortal_overwritten_and_killed(void *unused)
{
	static struct unlogged left[3];

	(void)unused;
	check_on();
	unlogged_ref_restore(&left[0], INT64_MAX);
	unlogged_ref_init(&left[1]);
	memset(&left[1], 0xff, sizeof(left[1]));
	/* What a misuse leaves behind whose handler returns. */
	unlogged_ref_init(&left[2]);
	left[2].refs.word = INT64_C(1) << 61;
	return (int)lastref_leak_check();
}

Test(kinds, the_report_tells_immortal_from_overwritten_from_killed_by_a_misuse)
{
	ASSERT_SAYS(immortal_overwritten_and_killed, 3, "unlogged#1  (immortal)",
		    "unlogged#2  (its memory is gone: freed without its last unref)",
		    "unlogged#3  (its count is dead, and its destructor was not seen");
}

struct dear {
	struct lastref_count refs;
};

static int dear_describe(const void *object, char *buf, size_t size)
{
	(void)object;
	return snprintf(buf, size, "dear");
}

LASTREF_DEFINE(dear, struct dear, refs, NULL, .describe = dear_describe);

static void *wait_for_ever(void *unused)
{
	(void)unused;
	while (pause() < 0)
		continue;
	return NULL;
}

static int as_many_references_as_there_can_be(void *unused)
{
	static struct dear dear;
	pthread_t thread;

	(void)unused;
	check_on();
	dear_ref_restore(&dear, INT32_MAX);
	if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
		abort();
	return (int)lastref_leak_check();
}

/* The check describes an object with a reference of its own, and that would be an overflow. */
Test(kinds, a_check_never_takes_the_reference_that_is_too_many)
{
	ASSERT_SAYS(as_many_references_as_there_can_be, 1, "dear#1  (not described");
}
