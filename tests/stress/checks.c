/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leak checks while eight threads create and destroy objects, of the template and by hand: each check ends, describes only what is
 * alive, and counts what was kept for it; afterwards nothing is left. Then two threads end objects while they are being looked at. Last,
 * threads check all at once: what one holds for its questions is a reference too many for none of the others, nor in the child of a
 * fork at any moment.
 */
#include <lastref/lastref.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
/* ThreadSanitizer gives the checking thread little of the processor while others create and destroy. */
#if LASTREF_THREAD_SANITIZER_
#define CHECKS 8
#else
#define CHECKS 60
#endif
#define KEPT 5

struct box {
	struct lastref_count refs;
	char *text;
	struct box *inside; /* its reference; does not change */
	struct box *owned;  /* the same */
};

static int stop;
static int failures;

static void fail(const char *what)
{
	fprintf(stderr, "checks: %s\n", what);
	__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);
}

static void box_unref_any(void *box);

static void box_destroy(struct box *box)
{
	box_unref_any(box->inside);
	box_unref_any(box->owned);
	memset(box->text, 'x', 4);
	free(box->text);
	free(box);
}

/* Reads memory that the destructor frees. */
static int box_describe(const void *object, char *buf, size_t size)
{
	const struct box *box = object;

	if (memcmp(box->text, "box!", 4) != 0)
		fail("an object was described that is dead");
	return snprintf(buf, size, "%.4s", box->text);
}

/* As above. */
static void box_visit(const void *object, lastref_visitor visitor, void *context)
{
	const struct box *box = object;

	if (memcmp(box->text, "box!", 4) != 0)
		fail("an object was visited that is dead");
	visitor(context, "inside", box->inside);
}

static size_t box_size(const void *object)
{
	if (memcmp(((const struct box *)object)->text, "box!", 4) != 0)
		fail("an object was asked for its size that is dead");
	return sizeof(struct box);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy, .describe = box_describe,
	       .owns = LASTREF_OWNS(struct box, owned), .visit = box_visit, .size_of = box_size);

static int route_describe(const void *object, char *buf, size_t size)
{
	(void)object;
	fail("an object that cannot be held was described while other threads run");
	return snprintf(buf, size, "route");
}

static const struct lastref_type route_type =
	LASTREF_TYPE("net.route", struct box, .describe = route_describe);

/* Holds another one, in one way or the other. */
static struct box *box_new(struct box *held)
{
	struct box *box = calloc(1, sizeof(*box));

	if (box == NULL)
		abort();
	box->text = malloc(4);
	if (box->text == NULL)
		abort();
	memcpy(box->text, "box!", 4);
	if (held && (uintptr_t)held / 64 % 2 == 0)
		box->inside = box_ref(held);
	else if (held)
		box->owned = box_ref(held);
	box_ref_init(box);
	return box;
}

static void one_of_each(void)
{
	struct box *box = box_new(NULL);
	struct box *route = calloc(1, sizeof(*route));

	if (route == NULL)
		abort();
	route->inside = box;
	lastref_register(&route_type, route);
	box_ref(box);
	box_unref(box);
	box_unref(box);
	lastref_unregister(&route_type, route);
	free(route);
}

static void *create_and_destroy(void *unused)
{
	struct box *boxes[100];

	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (int i = 0; i < 100; i++)
			boxes[i] = box_new(i % 10 > 0 ? boxes[i - 1] : NULL);
		one_of_each();
		for (int i = 0; i < 100; i++)
			box_unref(boxes[i]);
	}
	return NULL;
}

static void check_often_for(size_t kept)
{
	for (int i = 0; i < CHECKS; i++) {
		if (lastref_leak_check() < kept)
			fail("a check did not find what lives all the time");
	}
}

/*
 * Objects that die while a check is about to describe them. What a check asks of the kernel page by page takes long for one that
 * is so large. When it is dead it looks like a living one but for the text: whoever takes a reference then describes a dead object.
 */

#if LASTREF_THREAD_SANITIZER_
#define LARGE_CHECKS 40
#else
#define LARGE_CHECKS 400
#endif
#define LARGE_SIZE (128 * 1024)

struct large {
	struct lastref_count refs;
	int is_dead;
	char rest[LARGE_SIZE];
};

static void large_destroy(struct large *large)
{
	__atomic_store_n(&large->refs.count, 1000, __ATOMIC_RELAXED);
	__atomic_store_n(&large->is_dead, 1, __ATOMIC_RELEASE);
}

static int large_describe(const void *object, char *buf, size_t size)
{
	const struct large *large = object;

	if (__atomic_load_n(&large->is_dead, __ATOMIC_RELAXED))
		fail("a large object was described that is dead");
	return snprintf(buf, size, "large");
}

LASTREF_DEFINE(large, struct large, refs, large_destroy, .describe = large_describe);

static struct large larges[2][8];

static void *end_large(void *mine_)
{
	struct large *mine = mine_;
	unsigned int random = 1;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (int i = 0; i < 8; i++) {
			__atomic_store_n(&mine[i].is_dead, 0, __ATOMIC_RELAXED);
			large_ref_init(&mine[i]);
		}
		for (int i = 0; i < 8; i++) {
			random = random * 1664525u + 1013904223u;
			usleep(random >> 24);
			large_unref(&mine[i]);
			/* The last reference may be that of a check. */
			while (!__atomic_load_n(&mine[i].is_dead, __ATOMIC_ACQUIRE))
				sched_yield();
		}
	}
	return NULL;
}

static void check_while_large_ones_end(void)
{
	pthread_t threads[2];

	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, end_large, larges[i]) != 0)
			abort();
	}
	for (int i = 0; i < LARGE_CHECKS; i++)
		lastref_leak_check();
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/*
 * Checks at once.
 */

#define CHECKERS 4
#define FORKS 300
#define CHAIN 50

static void expect_one_cause(const struct lastref_report *report, void *unused)
{
	(void)unused;
	if (report->objects != CHAIN || report->causes != 1)
		fail("a check beside others did not name the one cause");
}

static void *check_until_stopped(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		check_often_for(CHAIN);
	return NULL;
}

/* Each holds the one before it, and only the reference to the last is forgotten. */
static struct box *make_chain(void)
{
	struct box *last = box_new(NULL);

	for (int i = 1; i < CHAIN; i++) {
		struct box *box = box_new(last);

		box_unref(last);
		last = box;
	}
	return last;
}

/* Return: is each held once? */
static bool is_chain(const struct box *box)
{
	size_t length = 0;

	for (; box; box = box->inside ? box->inside : box->owned)
		length += box_ref_count(box) == 1;
	return length == CHAIN;
}

static void fork_often(const struct box *last)
{
	for (int i = 0; i < FORKS; i++) {
		int status = -1;
		pid_t child = fork();

		if (child == 0)
			_exit(!is_chain(last));
		if (waitpid(child, &status, 0) != child || status != 0)
			fail("in the child of a fork the counts are wrong");
	}
}

static void check_all_at_once(void)
{
	struct box *last = make_chain();
	pthread_t threads[CHECKERS];

	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
	lastref_set_report_handler(expect_one_cause, NULL);
	for (int i = 0; i < CHECKERS; i++) {
		if (pthread_create(&threads[i], NULL, check_until_stopped, NULL) != 0)
			abort();
	}
	fork_often(last);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < CHECKERS; i++)
		pthread_join(threads[i], NULL);
	lastref_set_report_handler(NULL, NULL);
	box_unref(last);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	struct box *kept[KEPT];

	(void)argc;
	/* The reports are not for whoever runs this test. */
	if (getenv("LASTREF") == NULL) {
		setenv("LASTREF", "leaks=warn:output=/dev/null", 1);
		execv("/proc/self/exe", argv);
		abort();
	}
	for (int i = 0; i < KEPT; i++)
		kept[i] = box_new(NULL);
	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, create_and_destroy, NULL) != 0)
			abort();
	}
	check_often_for(KEPT);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (lastref_leak_check() != KEPT || lastref_live_objects() != KEPT)
		fail("what died meanwhile is still registered");
	for (int i = 0; i < KEPT; i++)
		box_unref(kept[i]);
	check_while_large_ones_end();
	check_all_at_once();
	if (lastref_leak_check() != 0)
		fail("something is left");
	return failures;
}
