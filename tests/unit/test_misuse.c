/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Misuse: by default it is reported and aborts; with a handler that returns, the object leaks and is never destroyed twice.
 */
#include <lastref/lastref.h>

#include "../support/capture.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct box {
	struct lastref_count refs;
};

static int boxes_destroyed;

static void box_destroy(struct box *box)
{
	(void)box;
	boxes_destroyed++;
}

LASTREF_DEFINE(box, struct box, refs, box_destroy);

static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct box);

/* What the handler was told last. */
static struct told {
	int times;
	struct lastref_misuse misuse;
	char message[16 * 1024];
	void *context;
} told;

static void note_misuse(const struct lastref_misuse *misuse, void *context)
{
	told.times++;
	told.misuse = *misuse;
	told.context = context;
	cr_assert_lt(strlen(misuse->message), sizeof(told.message));
	strcpy(told.message, misuse->message);
}

static struct box dead_box(void)
{
	struct box box;

	box_ref_init(&box);
	box_unref(&box);
	boxes_destroyed = 0;
	return box;
}

/*
 * Aborts. Each function misuses in one way, in a child.
 */

static int ref_dead(void *unused)
{
	struct box box;

	(void)unused;
	box_ref_init(&box);
	box_unref(&box);
	box_ref(&box);
	return 0;
}

static int ref_uninitialized(void *unused)
{
	struct box box = { { 0, 0 } };

	(void)unused;
	box_ref(&box);
	return 0;
}

static int unref_dead(void *unused)
{
	struct box box;

	(void)unused;
	box_ref_init(&box);
	box_unref(&box);
	box_unref(&box);
	return 0;
}

static int unref_uninitialized(void *unused)
{
	struct box box = { { 0, 0 } };

	(void)unused;
	box_unref(&box);
	return 0;
}

static int unref_unless_last_dead(void *unused)
{
	struct box box;

	(void)unused;
	box_ref_init(&box);
	box_unref(&box);
	box_unref_unless_last(&box);
	return 0;
}

static int overflow(void *unused)
{
	struct box box;

	(void)unused;
	box_ref_restore(&box, INT32_MAX);
	box_ref(&box);
	box_ref(&box);
	return 0;
}

static int restore_negative(void *unused)
{
	struct box box;

	(void)unused;
	box_ref_restore(&box, -5);
	return 0;
}

static int register_twice(void *unused)
{
	static int object;

	(void)unused;
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	lastref_register(&route_type, &object);
	lastref_register(&route_type, &object);
	return 0;
}

static int no_function(void *unused)
{
	static int object;

	(void)unused;
	lastref_ref(&route_type, &object);
	return 0;
}

static void assert_aborts(int (*misuse)(void *), const char *type, const char *words)
{
	struct capture capture;

	capture_run(&capture, misuse, NULL);
	cr_assert(capture_aborted(&capture), "status 0x%x: %s", capture.wait_status, capture.text);
	cr_assert_eq(capture_count(&capture, words), 1, "not '%s': %s", words, capture.text);
	cr_assert_neq(capture_count(&capture, type), 0, "no '%s': %s", type, capture.text);
	cr_assert_eq(capture_count(&capture, "lastref: MISUSE"), 1, "%s", capture.text);
	capture_finish(&capture);
}

Test(misuse, ref_on_a_dead_object_aborts)
{
	assert_aborts(ref_dead, "box", "REF ON A DEAD OBJECT");
}

Test(misuse, ref_on_zeroed_memory_aborts)
{
	assert_aborts(ref_uninitialized, "box", "REF ON AN OBJECT THAT WAS NEVER INITIALIZED");
}

Test(misuse, one_unref_too_many_aborts)
{
	assert_aborts(unref_dead, "box", "ONE UNREF TOO MANY");
}

Test(misuse, unref_on_zeroed_memory_aborts)
{
	assert_aborts(unref_uninitialized, "box", "UNREF ON AN OBJECT THAT WAS NEVER INITIALIZED");
}

Test(misuse, unref_unless_last_on_a_dead_object_aborts)
{
	assert_aborts(unref_unless_last_dead, "box", "ONE UNREF TOO MANY");
}

Test(misuse, overflow_aborts)
{
	assert_aborts(overflow, "box", "MORE THAN 2,147,483,647 REFERENCES");
}

Test(misuse, restoring_a_negative_count_aborts)
{
	assert_aborts(restore_negative, "box", "RESTORED WITH A NEGATIVE COUNT");
}

Test(misuse, registering_twice_aborts)
{
	assert_aborts(register_twice, "net.route", "REGISTERED TWICE");
}

Test(misuse, a_generic_function_that_the_type_lacks_aborts)
{
	assert_aborts(no_function, "net.route", "THE TYPE HAS NO SUCH FUNCTION");
}

static int bare_unref_dead(void *unused)
{
	struct lastref_count count = LASTREF_COUNT_INIT;

	(void)unused;
	lastref_count_unref(&count);
	lastref_count_unref(&count);
	return 0;
}

Test(misuse, a_bare_count_aborts_too)
{
	assert_aborts(bare_unref_dead, "(bare count)", "ONE UNREF TOO MANY");
}

static int ref_in_destructor(void *unused)
{
	struct box box;

	(void)unused;
	box_ref_init(&box);
	box_unref_with(&box, (void (*)(struct box *, void *))(void (*)(void))box_ref, NULL);
	return 0;
}

Test(misuse, a_destructor_cannot_bring_its_object_back)
{
	assert_aborts(ref_in_destructor, "box", "REF ON A DEAD OBJECT");
}

static struct lastref_type huge_type = LASTREF_TYPE(NULL, struct box);

static int no_function_of_huge_type(void *unused)
{
	char *name = malloc(10 * 1024 + 1);

	(void)unused;
	memset(name, 'n', 10 * 1024);
	name[10 * 1024] = '\0';
	huge_type.name = name;
	lastref_ref(&huge_type, &huge_type);
	return 0;
}

Test(misuse, a_type_name_of_10_kb_is_cut_in_the_message)
{
	struct capture capture;

	capture_run(&capture, no_function_of_huge_type, NULL);
	cr_assert(capture_aborted(&capture));
	cr_assert_eq(capture_count(&capture, "nnnnnnnnnnnnnnnnnnnn..."), 1, "%s", capture.text);
	cr_assert_lt(capture.length, 2000);
	capture_finish(&capture);
}

static int no_function_of_nameless_type(void *unused)
{
	(void)unused;
	huge_type.name = NULL;
	lastref_ref(&huge_type, &huge_type);
	return 0;
}

Test(misuse, a_type_without_a_name_is_reported_all_the_same)
{
	assert_aborts(no_function_of_nameless_type, "(unnamed) at 0x",
		      "THE TYPE HAS NO SUCH FUNCTION");
}

/*
 * Sites.
 */

static int unref_dead_checked(void *unused)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	return unref_dead(unused);
}

Test(misuse, with_checking_on_birth_and_last_unref_are_named)
{
	struct capture capture;

	capture_run(&capture, unref_dead_checked, NULL);
	cr_assert(capture_aborted(&capture));
	cr_assert_eq(capture_count(&capture, "box#1 at 0x"), 1, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "\n  AT "), 1, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "\n  BORN AT "), 1, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "\n  LAST UNREF AT "), 1, "%s", capture.text);
	capture_finish(&capture);
}

Test(misuse, with_checking_off_the_site_and_how_to_learn_more_are_named)
{
	struct capture capture;

	capture_run(&capture, unref_dead, NULL);
	cr_assert_eq(capture_count(&capture, "\n  AT "), 1, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "BORN AT"), 0, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "LASTREF=leaks=warn"), 1, "%s", capture.text);
	capture_finish(&capture);
}

Test(misuse, registering_twice_names_both_sites)
{
	struct capture capture;

	capture_run(&capture, register_twice, NULL);
	cr_assert_eq(capture_count(&capture, "\n  AT "), 1, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "\n  REGISTERED AT "), 1, "%s", capture.text);
	capture_finish(&capture);
}

/*
 * Handlers.
 */

Test(misuse, a_handler_is_told_kind_type_object_and_message)
{
	struct box box = dead_box();
	int context;

	lastref_set_misuse_handler(note_misuse, &context);
	box_unref(&box);
	cr_assert_eq(told.times, 1);
	cr_assert_eq(told.misuse.kind, LASTREF_MISUSE_UNREF_DEAD);
	cr_assert_eq(told.misuse.type, box_ref_type());
	cr_assert_eq(told.misuse.object, &box);
	cr_assert_eq(told.context, &context);
	cr_assert_not_null(strstr(told.message, "ONE UNREF TOO MANY"));
	cr_assert_eq(told.message[strlen(told.message) - 1], '\n');
}

static int unref_dead_with_handler(void *unused)
{
	lastref_set_misuse_handler(note_misuse, NULL);
	unref_dead(unused);
	return told.times;
}

Test(misuse, with_a_handler_nothing_is_printed_and_nothing_aborts)
{
	struct capture capture;

	capture_run(&capture, unref_dead_with_handler, NULL);
	cr_assert(capture_exited(&capture, 1));
	cr_assert_str_empty(capture.text);
	capture_finish(&capture);
}

static int handler_taken_back(void *unused)
{
	lastref_set_misuse_handler(note_misuse, NULL);
	lastref_set_misuse_handler(NULL, NULL);
	return unref_dead(unused);
}

Test(misuse, without_its_handler_it_aborts_again)
{
	assert_aborts(handler_taken_back, "box", "ONE UNREF TOO MANY");
}

Test(misuse, a_bare_count_is_told_without_a_type)
{
	struct lastref_count count = LASTREF_COUNT_INIT;

	lastref_set_misuse_handler(note_misuse, NULL);
	lastref_count_unref(&count);
	lastref_count_ref(&count);
	cr_assert_eq(told.misuse.kind, LASTREF_MISUSE_REF_DEAD);
	cr_assert_null(told.misuse.type);
	cr_assert_eq(told.misuse.object, &count);
}

static void assert_stays_dead(struct box *box)
{
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(box_ref(box), box);
		cr_assert_null(box_tryref(box));
		cr_assert_null(box_unref(box));
		cr_assert_null(box_unref(box));
		cr_assert(box_unref_unless_last(box));
	}
	cr_assert_null(box_tryref(box));
	cr_assert_eq(boxes_destroyed, 0);
	cr_assert_eq(box_ref_count(box), 0);
}

Test(misuse, whatever_follows_a_dead_object_stays_dead_and_is_not_destroyed_again)
{
	struct box box = dead_box();

	lastref_set_misuse_handler(note_misuse, NULL);
	assert_stays_dead(&box);
	cr_assert_eq(told.times, 400);
}

Test(misuse, an_object_that_was_never_initialized_is_dead_after_its_first_misuse)
{
	struct box box = { { 0, 0 } };

	lastref_set_misuse_handler(note_misuse, NULL);
	box_unref(&box);
	cr_assert_eq(told.misuse.kind, LASTREF_MISUSE_UNREF_UNINITIALIZED);
	assert_stays_dead(&box);
}

Test(misuse, an_object_restored_with_a_negative_count_stays_dead)
{
	struct box box;

	lastref_set_misuse_handler(note_misuse, NULL);
	box_ref_restore(&box, INT64_MIN);
	cr_assert_eq(told.misuse.kind, LASTREF_MISUSE_RESTORE_NEGATIVE);
	assert_stays_dead(&box);
}

Test(misuse, an_object_with_too_many_references_is_immortal)
{
	struct box box;

	lastref_set_misuse_handler(note_misuse, NULL);
	box_ref_restore(&box, INT32_MAX);
	box_ref(&box);
	box_ref(&box);
	cr_assert_eq(told.misuse.kind, LASTREF_MISUSE_OVERFLOW);
	for (int i = 0; i < 1000; i++)
		box_unref(&box);
	cr_assert_eq(boxes_destroyed, 0);
	cr_assert_eq(box_tryref(&box), &box);
	cr_assert_eq(told.times, 1);
}

Test(misuse, an_unref_too_many_leaves_other_objects_in_the_registry_alone)
{
	struct box box, other;

	lastref_set_misuse_handler(note_misuse, NULL);
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	box_ref_init(&box);
	box_unref(&box);
	box_ref_init(&other);
	box_unref(&box);
	box_unref(&box);
	cr_assert_eq(lastref_live_objects(), 1);
	box_unref(&other);
	cr_assert_eq(lastref_live_objects(), 0);
}

Test(misuse, after_a_double_registration_the_first_stands)
{
	int object;

	lastref_set_misuse_handler(note_misuse, NULL);
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	lastref_register(&route_type, &object);
	lastref_register(&route_type, &object);
	cr_assert_eq(told.misuse.kind, LASTREF_MISUSE_REGISTERED_TWICE);
	cr_assert_eq(told.misuse.type, &route_type);
	cr_assert_eq(told.misuse.object, &object);
	cr_assert_eq(lastref_live_objects(), 1);
	lastref_unregister(&route_type, &object);
	cr_assert_eq(lastref_live_objects(), 0);
	cr_assert_eq(told.times, 1);
}

Test(misuse, an_address_may_be_registered_again_after_it_was_unregistered)
{
	int object;

	lastref_set_misuse_handler(note_misuse, NULL);
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	for (int i = 0; i < 100; i++) {
		lastref_register(&route_type, &object);
		lastref_unregister(&route_type, &object);
	}
	cr_assert_eq(told.times, 0);
	cr_assert_eq(lastref_live_objects(), 0);
}

static size_t live_in_handler;

static void use_in_handler(const struct lastref_misuse *misuse, void *context)
{
	struct box box;

	box_ref_init(&box);
	live_in_handler = lastref_live_objects();
	box_unref(&box);
	lastref_set_misuse_handler(note_misuse, context);
	box_unref((struct box *)context);
	(void)misuse;
}

Test(misuse, a_handler_may_use_the_library_and_even_misuse_it)
{
	struct box box;

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	box_ref_init(&box);
	box_unref(&box);
	lastref_set_misuse_handler(use_in_handler, &box);
	box_ref(&box);
	cr_assert_eq(live_in_handler, 1);
	cr_assert_eq(told.times, 1);
	cr_assert_eq(told.misuse.kind, LASTREF_MISUSE_UNREF_DEAD);
}

static int whole_messages;

static void count_whole_messages(const struct lastref_misuse *misuse, void *context)
{
	(void)context;
	if (strncmp(misuse->message, "lastref: MISUSE", 15) == 0 &&
	    strstr(misuse->message + 1, "lastref: MISUSE") == NULL)
		__atomic_add_fetch(&whole_messages, 1, __ATOMIC_RELAXED);
}

static void *misuse_often(void *box)
{
	for (int i = 0; i < 50; i++)
		box_ref(box);
	return NULL;
}

Test(misuse, threads_that_misuse_at_once_get_a_message_each)
{
	struct box box = dead_box();
	pthread_t threads[4];

	lastref_set_misuse_handler(count_whole_messages, NULL);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, misuse_often, &box), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(whole_messages, 4 * 50);
}

/* Handlers that know which context is theirs. */

static int contexts[2];
static int torn;
static int done;

static void handler_of_first(const struct lastref_misuse *misuse, void *context)
{
	(void)misuse;
	__atomic_fetch_add(&torn, context != &contexts[0], __ATOMIC_RELAXED);
}

static void handler_of_second(const struct lastref_misuse *misuse, void *context)
{
	(void)misuse;
	__atomic_fetch_add(&torn, context != &contexts[1], __ATOMIC_RELAXED);
}

static void *set_often(void *second)
{
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		if (second)
			lastref_set_misuse_handler(handler_of_second, &contexts[1]);
		else
			lastref_set_misuse_handler(handler_of_first, &contexts[0]);
	}
	return NULL;
}

Test(misuse, handlers_set_by_two_threads_at_once_get_their_own_context)
{
	struct box box = dead_box();
	pthread_t threads[2];

	lastref_set_misuse_handler(handler_of_first, &contexts[0]);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, set_often, i ? &contexts[1] : NULL),
			     0);
	for (int i = 0; i < 100; i++)
		box_ref(&box);
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(torn, 0);
}

Test(misuse, of_many_handlers_the_last_one_is_called)
{
	static int many[1000];
	struct box box = dead_box();

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 1000; i++)
			lastref_set_misuse_handler(note_misuse, &many[i]);
	}
	lastref_set_misuse_handler(note_misuse, &many[7]);
	box_ref(&box);
	cr_assert_eq(told.context, &many[7]);
}
