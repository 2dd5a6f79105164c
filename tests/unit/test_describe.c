/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What objects and types say of themselves in a report: .describe, .leak_message, .size_of, names. Each program under check is a
 * function run in a child.
 */
#include <lastref/lastref.h>

#include "../support/says.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

	if (box == NULL)
		abort();
	box_ref_init(box);
	return box;
}

static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct box);

static void check_on(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
}

struct told {
	struct lastref_count refs;
	int (*tell)(char *buf, size_t size);
};

static int told_describe(const void *object, char *buf, size_t size)
{
	return ((const struct told *)object)->tell(buf, size);
}

LASTREF_DEFINE(told, struct told, refs, NULL, .describe = told_describe);

static int leak_told(void *tell)
{
	static struct told told;

	check_on();
	told.tell = *(int (**)(char *, size_t))tell;
	told_ref_init(&told);
	return (int)lastref_leak_check();
}

/* The report on an object that describes itself with @tell. */
static void run_told(struct capture *capture, int (*tell)(char *buf, size_t size))
{
	capture_run(capture, leak_told, &tell);
	cr_assert(capture_exited(capture, 1), "status 0x%x: %s", capture->wait_status, capture->text);
	cr_assert_eq(capture_count(capture, "told#1"), 1, "%s", capture->text);
}

static int tell_text(char *buf, size_t size)
{
	return snprintf(buf, size, "\"/etc/hosts\" \xc3\xa9");
}

Test(describe, the_report_shows_what_describe_writes)
{
	struct capture capture;

	run_told(&capture, tell_text);
	cr_assert_eq(capture_count(&capture,
				   "told#1 \"/etc/hosts\" \xc3\xa9  (reference count of 1 instead of 0)"),
		     1, "%s", capture.text);
	capture_finish(&capture);
}

static int tell_nothing(char *buf, size_t size)
{
	(void)buf;
	(void)size;
	return 0;
}

Test(describe, a_describe_that_writes_nothing_is_fine)
{
	struct capture capture;

	run_told(&capture, tell_nothing);
	cr_assert_eq(capture_count(&capture, "told#1  (reference count of 1 instead of 0)"), 1,
		     "%s", capture.text);
	capture_finish(&capture);
}

static int tell_failure(char *buf, size_t size)
{
	memset(buf, 'x', size);
	return -1;
}

Test(describe, a_describe_that_fails_shows_nothing)
{
	struct capture capture;

	run_told(&capture, tell_failure);
	cr_assert_eq(capture_count(&capture, "xx"), 0, "%s", capture.text);
	capture_finish(&capture);
}

static int tell_too_much(char *buf, size_t size)
{
	memset(buf, '~', size);
	return 100 * 1000;
}

Test(describe, a_describe_that_writes_too_much_is_cut_at_200_bytes)
{
	struct capture capture;
	char two_hundred[204];

	memset(two_hundred, '~', 200);
	strcpy(two_hundred + 200, "...");
	run_told(&capture, tell_too_much);
	cr_assert_eq(capture_count(&capture, two_hundred), 1, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "~"), 200);
	capture_finish(&capture);
}

static int tell_no_text(char *buf, size_t size)
{
	return snprintf(buf, size, "%s", "a\n\033[31m\xff\x80z");
}

Test(describe, bytes_that_are_no_text_are_shown_escaped)
{
	struct capture capture;

	run_told(&capture, tell_no_text);
	cr_assert_eq(capture_count(&capture, "a\\x0a\\x1b[31m\\xff\\x80z"), 1, "%s", capture.text);
	capture_finish(&capture);
}

static int tell_with_zeros(char *buf, size_t size)
{
	(void)size;
	memcpy(buf, "a\0b", 3);
	return 3;
}

Test(describe, a_zero_byte_does_not_end_the_report)
{
	struct capture capture;

	run_told(&capture, tell_with_zeros);
	cr_assert_eq(capture_count(&capture, "instead of 0"), 1, "%s", capture.text);
	cr_assert_null(memchr(capture.text, '\0', capture.length));
	capture_finish(&capture);
}

static int tell_huge_number(char *buf, size_t size)
{
	memset(buf, '~', size);
	return INT32_MAX;
}

Test(describe, a_describe_that_lies_of_its_length_is_cut)
{
	struct capture capture;

	run_told(&capture, tell_huge_number);
	cr_assert_eq(capture_count(&capture, "~"), 200);
	capture_finish(&capture);
}

static size_t live_in_describe;

static int use_in_describe(char *buf, size_t size)
{
	static int route;
	struct box *box = box_ref(box_new());

	lastref_register(&route_type, &route);
	live_in_describe = lastref_live_objects();
	lastref_unregister(&route_type, &route);
	box_unref(box);
	box_unref(box);
	return snprintf(buf, size, "with %zu alive", live_in_describe);
}

Test(describe, a_describe_may_create_and_destroy_objects)
{
	struct capture capture;

	run_told(&capture, use_in_describe);
	cr_assert_eq(capture_count(&capture, "with 3 alive"), 1, "%s", capture.text);
	capture_finish(&capture);
}

static int check_in_describe(char *buf, size_t size)
{
	return snprintf(buf, size, "inner found %zu", lastref_leak_check());
}

static int leak_and_check_inside(void *unused)
{
	static struct told told[2] = { { .tell = check_in_describe }, { .tell = check_in_describe } };

	(void)unused;
	check_on();
	told_ref_init(&told[0]);
	told_ref_init(&told[1]);
	return (int)lastref_leak_check();
}

Test(describe, a_check_inside_a_describe_counts_and_prints_nothing)
{
	ASSERT_SAYS(leak_and_check_inside, 2, "lastref: 2 objects leaked", "told#1 inner found 2",
		    "told#2 inner found 2");
}

static int leak_before_and_after(void *unused)
{
	leak_and_check_inside(unused);
	box_new();
	return (int)lastref_leak_check();
}

Test(describe, a_check_after_one_with_an_inner_check_reports_again)
{
	ASSERT_SAYS(leak_before_and_after, 3, "lastref: 2 objects leaked",
		    "lastref: 3 objects leaked", "told#1 inner found 3", "box#1");
}

static int message_tell(const void *object, char *buf, size_t size)
{
	(void)object;
	return snprintf(buf, size, "somebody forgot me");
}

static const struct lastref_type message_type =
	LASTREF_TYPE("message", struct box, .describe = message_tell, .leak_message = message_tell);

static int leak_message(void *unused)
{
	static struct box box;

	(void)unused;
	check_on();
	lastref_register(&message_type, &box);
	return (int)lastref_leak_check();
}

Test(describe, a_leak_message_replaces_the_line_of_the_example)
{
	ASSERT_SAYS(leak_message, 1, "message#1  somebody forgot me\n");
}

static size_t told_size(const void *object)
{
	(void)object;
	return 10 * 1024;
}

static const struct lastref_type sized_type = LASTREF_TYPE("sized", struct box, .size_of = told_size);

static int sized(void *unused)
{
	static struct box box;

	(void)unused;
	check_on();
	lastref_register(&sized_type, &box);
	return (int)lastref_leak_check();
}

Test(describe, the_size_of_an_object_of_variable_size_is_asked)
{
	struct capture capture;

	capture_run(&capture, sized, NULL);
	cr_assert_eq(capture_count(&capture, "sized#1  10 KB"), 1, "%s", capture.text);
	capture_finish(&capture);
}

static int huge_name(void *unused)
{
	static struct lastref_type type = LASTREF_TYPE(NULL, struct box);
	static struct box boxes[2];
	char *name = malloc(10 * 1024 + 1);

	(void)unused;
	memset(name, 'n', 10 * 1024);
	name[10 * 1024] = '\0';
	type.name = name;
	check_on();
	lastref_register(&type, &boxes[0]);
	lastref_register(&type, &boxes[1]);
	return (int)lastref_leak_check();
}

Test(describe, a_type_name_of_10_kb_is_cut_in_the_report)
{
	struct capture capture;

	capture_run(&capture, huge_name, NULL);
	cr_assert(capture_exited(&capture, 2), "status 0x%x: %s", capture.wait_status, capture.text);
	cr_assert_neq(capture_count(&capture, "nnnnnnnnnnnnnnnnnnnn..."), 0, "%s", capture.text);
	cr_assert_lt(capture.length, 4000);
	capture_finish(&capture);
}

static int copies_of_a_type(void *unused)
{
	static const struct lastref_type copy = LASTREF_TYPE("net.route", struct box);
	static struct box boxes[2];

	(void)unused;
	check_on();
	for (volatile int i = 0; i < 2; i++)
		lastref_register(i == 0 ? &route_type : &copy, &boxes[i]);
	return (int)lastref_leak_check();
}

Test(describe, equal_descriptors_are_one_type)
{
	ASSERT_SAYS(copies_of_a_type, 2, "2 net.route", "net.route#1", "net.route#2");
}

/*
 * Objects that were freed, overwritten, or point to what was.
 */

#define FAILED "(describing it failed: its memory is gone or was overwritten)"

struct named {
	const char *name;
	struct lastref_count refs;
};

static int named_describe(const void *object, char *buf, size_t size)
{
	return snprintf(buf, size, "%s", ((const struct named *)object)->name);
}

LASTREF_DEFINE(named, struct named, refs, NULL, .describe = named_describe);

static const struct lastref_type named_by_hand =
	LASTREF_TYPE("named_by_hand", struct named, .describe = named_describe);

/* What the allocator or the next owner leaves in freed memory: an address that no program has. */
static const char *nowhere(void)
{
	return (const char *)(uintptr_t)0x4141414141414141;
}

static int overwritten_but_for_its_count(void *unused)
{
	static struct named named;

	(void)unused;
	check_on();
	named_ref_init(&named);
	named.name = nowhere();
	return (int)lastref_leak_check();
}

Test(describe, an_object_whose_describe_follows_a_wild_pointer_is_reported)
{
	ASSERT_SAYS(overwritten_but_for_its_count, 1,
		    "named#1  (reference count of 1 instead of 0)  " FAILED);
}

static int overwritten_by_hand(void *unused)
{
	static struct named named[2] = { [1] = { .name = "the next one" } };

	(void)unused;
	check_on();
	lastref_register(&named_by_hand, &named[0]);
	named[0].name = nowhere();
	lastref_register(&named_by_hand, &named[1]);
	return (int)lastref_leak_check();
}

Test(describe, a_describe_that_faults_does_not_keep_the_others_from_describing)
{
	ASSERT_SAYS(overwritten_by_hand, 2, "named_by_hand#1  " FAILED,
		    "named_by_hand#2 the next one\n");
}

struct ring {
	const struct ring *volatile next;
};

/* Each call needs the variable of its caller, so that no compiler makes a loop of it. */
static int length_of(const struct ring *ring, const volatile int *before)
{
	volatile int length = *before + 1;

	return ring ? length_of(ring->next, &length) : length;
}

static int follow_a_ring(char *buf, size_t size)
{
	static struct ring ring;
	volatile int none = 0;

	ring.next = &ring;
	return snprintf(buf, size, "%d long", length_of(&ring, &none));
}

Test(describe, a_describe_that_runs_out_of_stack_is_ended)
{
	struct capture capture;

	run_told(&capture, follow_a_ring);
	cr_assert_eq(capture_count(&capture, FAILED), 1, "%s", capture.text);
	capture_finish(&capture);
}

static void own_handler(int signal)
{
	(void)signal;
	_exit(77);
}

static int fault_after_a_check(void *unused)
{
	static struct named named;

	(void)unused;
	signal(SIGSEGV, own_handler);
	check_on();
	named_ref_init(&named);
	named.name = nowhere();
	if (lastref_leak_check() != 1)
		return 1;
	return *(const volatile char *)nowhere();
}

Test(describe, after_a_check_a_fault_goes_to_the_handler_of_the_program)
{
	ASSERT_SAYS(fault_after_a_check, 77, FAILED);
}

static int raise_in_describe(char *buf, size_t size)
{
	(void)buf;
	(void)size;
	return raise(SIGSEGV);
}

static int sent_during_a_check(void *unused)
{
	static struct told told = { .tell = raise_in_describe };

	(void)unused;
	signal(SIGSEGV, own_handler);
	check_on();
	told_ref_init(&told);
	return (int)lastref_leak_check();
}

Test(describe, a_signal_that_was_sent_during_a_check_goes_to_the_handler_of_the_program)
{
	assert_silent(sent_during_a_check, 77);
}

static void *fault(void *unused)
{
	(void)unused;
	return (void *)(uintptr_t) * (const volatile char *)nowhere();
}

static int start_a_thread_that_faults(char *buf, size_t size)
{
	pthread_t thread;

	(void)buf;
	(void)size;
	pthread_create(&thread, NULL, fault, NULL);
	pthread_join(thread, NULL);
	return 0;
}

static int fault_elsewhere(void *handler)
{
	static struct told told = { .tell = start_a_thread_that_faults };

	signal(SIGSEGV, *(void (**)(int))handler);
	check_on();
	told_ref_init(&told);
	return (int)lastref_leak_check();
}

Test(describe, a_fault_of_another_thread_during_a_check_is_the_programs)
{
	struct capture capture;
	void (*handler)(int) = own_handler;

	capture_run(&capture, fault_elsewhere, &handler);
	cr_assert(capture_exited(&capture, 77), "status 0x%x", capture.wait_status);
	capture_finish(&capture);
	handler = SIG_DFL;
	capture_run(&capture, fault_elsewhere, &handler);
	cr_assert(WIFSIGNALED(capture.wait_status) && WTERMSIG(capture.wait_status) == SIGSEGV,
		  "status 0x%x", capture.wait_status);
	capture_finish(&capture);
}

/*
 * While other threads run.
 */

static sem_t never;

static void *wait_for_ever(void *unused)
{
	sem_wait(&never);
	return unused;
}

static void start_a_thread(void)
{
	pthread_t thread;

	if (sem_init(&never, 0, 0) != 0 || pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
		abort();
}

/* An object whose description, if it is the first one's, does something to the second. */
struct pair {
	struct lastref_count refs;
	bool is_first;
	void (*act)(struct pair *second);
};

static struct pair pair[2];

static int pair_describe(const void *object, char *buf, size_t size)
{
	const struct pair *this = object;

	if (this->is_first)
		this->act(&pair[1]);
	return snprintf(buf, size, "%s", this->is_first ? "first" : "second");
}

LASTREF_DEFINE(pair, struct pair, refs, NULL, .describe = pair_describe, .log = true);

/* Acts on the second one between the analysis and its description. */
static int pair_with(void (*act)(struct pair *second))
{
	check_on();
	start_a_thread();
	for (int i = 0; i < 2; i++) {
		pair[i].is_first = i == 0;
		pair[i].act = act;
		pair_ref_init(&pair[i]);
	}
	return (int)lastref_leak_check();
}

static void do_nothing(struct pair *second)
{
	(void)second;
}

static int described_among_threads(void *unused)
{
	(void)unused;
	return pair_with(do_nothing);
}

Test(describe, what_is_described_while_threads_run_counts_its_own_references_only)
{
	ASSERT_SAYS(described_among_threads, 2, "pair#1 first  (reference count of 1 instead of 0)",
		    "pair#2 second  (reference count of 1 instead of 0)");
}

Test(describe, the_references_that_a_check_takes_are_not_logged)
{
	struct capture capture;

	capture_run(&capture, described_among_threads, NULL);
	cr_assert_eq(capture_count(&capture, "] registered"), 2, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "] unref"), 0, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "] tryref"), 0, "%s", capture.text);
	capture_finish(&capture);
}

static void release_the_first(struct pair *second)
{
	(void)second;
	pair_unref(&pair[0]);
}

static int last_reference_in_a_check(void *unused)
{
	(void)unused;
	pair_with(release_the_first);
	return (int)lastref_live_objects();
}

Test(describe, if_a_check_holds_the_last_reference_the_log_has_both_of_its_ends)
{
	struct capture capture;

	capture_run(&capture, last_reference_in_a_check, NULL);
	cr_assert(capture_exited(&capture, 1), "status 0x%x", capture.wait_status);
	cr_assert_eq(capture_count(&capture, "] tryref"), 1, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "] unref"), 2, "%s", capture.text);
	cr_assert_eq(capture_count(&capture, "] unregistered"), 1, "%s", capture.text);
	capture_finish(&capture);
}

/* Dead, but its bytes say that it lives. */
static void kill_and_restore(struct pair *second)
{
	struct pair before = *second;

	pair_unref(second);
	*second = before;
}

static int died_meanwhile(void *unused)
{
	(void)unused;
	return pair_with(kill_and_restore);
}

Test(describe, an_object_that_died_meanwhile_is_not_described)
{
	ASSERT_SAYS(died_meanwhile, 2, "pair#1 first", "pair#2  (not described");
}

/* Births and deaths until the record comes round again, to another object at the same address. */
static void replace(struct pair *second)
{
	uint32_t index = second->refs.index;

	do {
		pair_unref(second);
		second->is_first = false;
		pair_ref_init(second);
	} while (second->refs.index != index);
}

static int replaced_meanwhile(void *unused)
{
	(void)unused;
	return pair_with(replace);
}

Test(describe, an_object_born_meanwhile_in_the_place_of_another_is_not_described_as_that)
{
	ASSERT_SAYS(replaced_meanwhile, 2, "pair#1 first", "pair#2  (not described");
}

/*
 * Entries of a cache. Who brings one to rest puts it on the cache's lists; that is never a check.
 */

struct entry {
	struct lastref_cache_count refs;
};

static int entries_put_to_rest;

static int entry_describe(const void *object, char *buf, size_t size)
{
	(void)object;
	return snprintf(buf, size, "found");
}

static void entry_rests(void *object)
{
	(void)object;
	entries_put_to_rest++;
}

LASTREF_DEFINE(entry, struct entry, refs, NULL, .describe = entry_describe, .at_rest = entry_rests);

static struct entry entries[2];

/* One is held, the other at rest. Return: how often an entry came to rest, or 100 if a count is not what it was. */
static int check_entries(void)
{
	check_on();
	entry_ref_init(&entries[0]);
	entry_ref_restore(&entries[1], 0);
	lastref_leak_check();
	if (entry_ref_count(&entries[0]) != 1 || entries[1].refs.count != entries[0].refs.count - 1)
		return 100;
	return entries_put_to_rest;
}

static int entries_alone(void *unused)
{
	(void)unused;
	return check_entries();
}

Test(describe, an_entry_of_a_cache_that_rests_is_described_as_resting)
{
	ASSERT_SAYS(entries_alone, 0, "entry#1 found  (reference count of 1 instead of 0)\n",
		    "entry#2 found  (at rest in its cache, never evicted)\n");
}

static int entries_among_threads(void *unused)
{
	(void)unused;
	start_a_thread();
	return check_entries();
}

Test(describe, while_threads_run_a_check_neither_holds_an_entry_of_a_cache_nor_puts_it_to_rest)
{
	ASSERT_SAYS(entries_among_threads, 0,
		    "entry#1  (reference count of 1 instead of 0)  (not described",
		    "entry#2  (at rest in its cache, never evicted)  (not described");
}

static struct named shared_by_checks;

static void *check_often(void *unused)
{
	for (int i = 0; i < 25; i++) {
		if (lastref_leak_check() != 1)
			abort();
	}
	return unused;
}

static int faults_in_many_checks(void *unused)
{
	pthread_t threads[4];

	(void)unused;
	signal(SIGSEGV, own_handler);
	check_on();
	shared_by_checks.name = nowhere();
	named_ref_init(&shared_by_checks);
	for (int i = 0; i < 4; i++) {
		if (pthread_create(&threads[i], NULL, check_often, NULL) != 0)
			return 1;
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	if (lastref_count_read(&shared_by_checks.refs) != 1)
		return 2;
	return *(const volatile char *)nowhere();
}

Test(describe, checks_of_several_threads_end_each_its_own_faults)
{
	struct capture capture;

	capture_run(&capture, faults_in_many_checks, NULL);
	cr_assert(capture_exited(&capture, 77), "status 0x%x", capture.wait_status);
	cr_assert_eq(capture_count(&capture, "named#1"), 100, "%s", capture.text);
	capture_finish(&capture);
}
