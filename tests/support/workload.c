/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that uses all of the library: both ways to count, threads, forks, the event log, checks, misuse. It knows what its counts
 * must be and says so on standard output, which is the same in every run: whatever the library lacks (memory, descriptors) must
 * not show there. Exit status 0 if every count was right.
 *
 * It leaks LEAKED boxes and ROUTES_LEAKED routes, and says on standard error what the check said.
 */
#include <lastref/lastref.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 200
#define LEAKED 5
#define ROUTES_LEAKED 2

static int wrong;
static int destroyed;
static int misuses;

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stdout, "line %d: " #condition "\n", __LINE__);                    \
			__atomic_store_n(&wrong, 1, __ATOMIC_RELAXED);                             \
		}                                                                                  \
	} while (0)

struct box {
	struct lastref_count refs;
	int number;
	struct box *next; /* only of leaked ones */
	struct box *other;
};

static void box_destroy(struct box *box)
{
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
	free(box);
}

static int box_describe(const void *box, char *buffer, size_t size)
{
	return snprintf(buffer, size, "number %d", ((const struct box *)box)->number);
}

static void box_visit(const void *box, lastref_visitor visitor, void *context)
{
	visitor(context, "other", ((const struct box *)box)->other);
}

static size_t box_size(const void *box)
{
	(void)box;
	return sizeof(struct box);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy, .describe = box_describe,
	       .owns = LASTREF_OWNS(struct box, next), .visit = box_visit, .size_of = box_size);

/* Logged. */
struct note {
	struct lastref_count refs;
};

LASTREF_DEFINE(note, struct note, refs, NULL, .log = true);

struct route {
	int references;
};

static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct route);

__attribute__((noinline)) static struct box *box_new(int number)
{
	struct box *box = calloc(1, sizeof(*box));

	if (!box)
		abort();
	box->number = number;
	box_ref_init(box);
	return box;
}

static void use_box(int number)
{
	struct box *box = box_new(number);
	struct box *slot = NULL;

	box_ref(box);
	EXPECT(box_ref_count(box) == 2);
	EXPECT(box_tryref(box) == box);
	box_ref_set(&slot, box);
	EXPECT(box_ref_count(box) == 4);
	box_ref_clear(&slot);
	box_unref(box);
	box_unref(box);
	EXPECT(box_ref_count(box) == 1);
	box_unref(box);
}

static void use_note(void)
{
	struct note note;

	note_ref_init(&note);
	note_ref(&note);
	EXPECT(note_ref_count(&note) == 2);
	note_unref(&note);
	note_unref(&note);
}

static void use_route(void)
{
	struct route route = { 1 };

	lastref_register(&route_type, &route);
	lastref_log_ref(&route_type, &route, 2);
	lastref_log_unref(&route_type, &route, 1);
	lastref_unregister(&route_type, &route);
}

static void *work(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		use_box(i);
		use_route();
	}
	use_note();
	return unused;
}

static void work_in_threads(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	EXPECT(destroyed == THREADS * ROUNDS);
}

static void work_in_child(void)
{
	struct box *inherited = box_new(0);
	int status = -1;

	fflush(stdout);
	if (fork() == 0) {
		use_box(1);
		use_route();
		EXPECT(box_ref_count(inherited) == 1);
		box_unref(inherited);
		exit(wrong);
	}
	EXPECT(wait(&status) > 0 && status == 0);
	box_unref(inherited);
}

static void count_misuse(const struct lastref_misuse *misuse, void *context)
{
	EXPECT(misuse->message && strncmp(misuse->message, "lastref: MISUSE", 15) == 0);
	EXPECT(context == &misuses);
	misuses++;
}

/* A count that is dead is known to be so whatever else is known. */
static void misuse(void)
{
	static struct note note;

	lastref_set_misuse_handler(count_misuse, &misuses);
	note_ref_init(&note);
	note_unref(&note);
	note_unref(&note);
	EXPECT(misuses == 1);
	note_ref(&note);
	EXPECT(misuses == 2);
	EXPECT(note_tryref(&note) == NULL);
	lastref_set_misuse_handler(NULL, NULL);
}

static void leak(void)
{
	static struct box *boxes[LEAKED];
	static struct route routes[ROUTES_LEAKED];
	size_t found;

	for (int i = 0; i < LEAKED; i++) {
		boxes[i] = box_new(i);
		if (i == 1)
			box_ref_set(&boxes[1]->next, boxes[0]);
		if (i == 2)
			box_ref_set(&boxes[2]->other, boxes[0]);
	}
	for (int i = 0; i < ROUTES_LEAKED; i++)
		lastref_register(&route_type, &routes[i]);
	found = lastref_leak_check();
	EXPECT(found <= LEAKED + ROUTES_LEAKED);
	for (int i = 0; i < LEAKED; i++)
		EXPECT(box_ref_count(boxes[i]) == (i == 0 ? 3 : 1));
	fprintf(stderr, "live %zu, the check found %zu\n", lastref_live_objects(), found);
}

int main(void)
{
	use_note();
	use_box(0);
	destroyed = 0;
	work_in_threads();
	work_in_child();
	misuse();
	leak();
	box_new(LEAKED);
	printf("destroyed %d, misuses %d, %s\n", destroyed, misuses, wrong ? "wrong" : "right");
	return wrong;
}
