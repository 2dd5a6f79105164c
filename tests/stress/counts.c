/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts shared by many threads: exactly one unref is the last, whoever it is, and it sees what all others wrote.
 */
#include <lastref/count.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 8
#define ROUNDS 2000
#define STEPS 200

/* Each thread writes its own field; who takes the last reference reads all of them, without a lock. */
struct shared {
	struct lastref_count refs;
	int written[THREADS];
};

static struct shared shared;
static pthread_barrier_t barrier;
static int last_unrefs;
static int failures;

static void fail(const char *what)
{
	fprintf(stderr, "counts: %s\n", what);
	__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);
}

static void take_and_give_back(void)
{
	for (int i = 0; i < STEPS; i++) {
		lastref_count_ref(&shared.refs);
		if (!lastref_count_tryref(&shared.refs))
			fail("tryref failed although the thread holds a reference");
		if (!lastref_count_unref_unless_last(&shared.refs))
			fail("two references of this thread, and one of them is called the last");
		if (lastref_count_unref(&shared.refs))
			fail("unref took the last reference although the thread holds another");
	}
}

static void give_up(void)
{
	if (!lastref_count_unref(&shared.refs))
		return;
	__atomic_add_fetch(&last_unrefs, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++) {
		if (shared.written[i] != STEPS)
			fail("the last unref does not see what another thread wrote before its own");
	}
	if (lastref_count_tryref(&shared.refs))
		fail("tryref brought a dead count back");
}

static void *work(void *number)
{
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		take_and_give_back();
		shared.written[*(int *)number] = STEPS;
		give_up();
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

/* Between the two barriers of a round nobody but this thread touches the count. */
static void begin_round(void)
{
	lastref_count_init(&shared.refs);
	for (int i = 0; i < THREADS; i++)
		shared.written[i] = 0;
	for (int i = 1; i < THREADS; i++)
		lastref_count_ref(&shared.refs);
	last_unrefs = 0;
}

int main(void)
{
	pthread_t threads[THREADS];
	int numbers[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, work, &numbers[i]) != 0)
			abort();
	}
	for (int round = 0; round < ROUNDS; round++) {
		begin_round();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		if (last_unrefs != 1)
			fail("not exactly one unref was the last");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return failures;
}
