/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of checks by several threads share: trees of objects, and what their .visit and
 * .describe do once.
 */
#ifndef TESTS_SUPPORT_TREES_H
#define TESTS_SUPPORT_TREES_H

#include <lastref/lastref.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
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

static __attribute__((unused)) struct node *node_new(void)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		abort();
	node_ref_init(node);
	return node;
}

/* One that holds all others. */
static __attribute__((unused)) struct node *tree_new(void)
{
	struct node *tree = node_new();

	for (int i = 0; i < CHILDREN; i++)
		tree->children[i] = node_new();
	return tree;
}

static sem_t inside;
static sem_t over;

static __attribute__((unused)) void begin(void (*visit)(void))
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	sem_init(&inside, 0, 0);
	sem_init(&over, 0, 0);
	__atomic_store_n(&in_visit, visit, __ATOMIC_RELEASE);
}

static __attribute__((unused)) void *check(void *unused)
{
	(void)unused;
	lastref_leak_check();
	return NULL;
}

/* Have a thread check, and return when it is in .visit. */
static __attribute__((unused)) pthread_t begin_check(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, check, NULL) != 0)
		abort();
	sem_wait(&inside);
	return thread;
}

static size_t causes; /* of all reports together */
static size_t reports;

static __attribute__((unused)) void add_causes(const struct lastref_report *report, void *unused)
{
	(void)unused;
	__atomic_fetch_add(&causes, report->causes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
}

static __attribute__((unused)) void count_report(const struct lastref_report *report, void *unused)
{
	(void)report;
	(void)unused;
	__atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
}

static __attribute__((unused)) void wait_for_over(void)
{
	sem_post(&inside);
	sem_wait(&over);
}

static __attribute__((unused)) void be_stuck(void)
{
	sem_post(&inside);
	for (;;)
		pause();
}

static __attribute__((unused)) void tell_for_ever(const struct lastref_report *report, void *is_first_)
{
	bool *is_first = is_first_;

	if (__atomic_exchange_n(is_first, false, __ATOMIC_RELAXED))
		be_stuck();
	fprintf(stderr, "told of %zu objects\n", report->objects);
}

static __attribute__((unused)) int wait_for_child(pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

/* By that the child of a fork is noticed that calls no handlers. An emulator may take the wish for a hint. */
static __attribute__((unused)) bool is_memory_wiped_on_fork(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool is_wiped = false;
	pid_t child;

	if (page == MAP_FAILED)
		abort();
	if (madvise(page, 4096, MADV_WIPEONFORK) == 0) {
		*page = 1;
		child = fork();
		if (child == 0)
			_exit(*page);
		is_wiped = wait_for_child(child) == 0;
	}
	munmap(page, 4096);
	return is_wiped;
}

static __attribute__((unused)) int destroy_tree(struct node *tree)
{
	node_unref(tree);
	return destroyed;
}

static __attribute__((unused)) void *sleep_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

#endif
