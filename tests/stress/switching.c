/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking is switched on and off all the time while threads create and destroy objects of each count and by hand, and check for
 * leaks. Counts stay exact, nothing is called a misuse, and what a check finds at the end of a round is what was born while
 * checking was on and still lives.
 *
 * usage: stress_switching [ROUNDS]
 */
#include <lastref/lastref.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 6
#define STEPS 20000
#define KEPT 50

static int failures;
static int working; /* threads that have not done all their steps */

static void fail(const char *what)
{
	fprintf(stderr, "switching: %s\n", what);
	__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);
}

#define DEFINE(name, count_type)                                                                   \
	struct name {                                                                              \
		struct count_type refs;                                                            \
	};                                                                                         \
	static void name##_destroy(struct name *object)                                            \
	{                                                                                          \
		free(object);                                                                      \
	}                                                                                          \
	LASTREF_DEFINE(name, struct name, refs, name##_destroy);                                   \
	static struct name *name##_new(void)                                                       \
	{                                                                                          \
		struct name *object = calloc(1, sizeof(*object));                                  \
		if (object == NULL)                                                                \
			abort();                                                                   \
		name##_ref_init(object);                                                           \
		return object;                                                                     \
	}

DEFINE(plain, lastref_count)
DEFINE(hot, lastref_hot_count)
DEFINE(cache, lastref_cache_count)

static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct plain);

/* What a thread leaves alive at the end of a round. */
struct left {
	struct plain *plains[KEPT];
	struct hot *hots[KEPT];
	struct cache *caches[KEPT];
	pthread_t thread;
};

static struct left left[THREADS];

static void cache_end(struct cache *cache)
{
	cache_unref(cache);
	if (!cache_ref_evict(cache))
		fail("an entry at rest was not evicted");
}

static void by_hand(int *places, int step)
{
	/* Two overlap, so that one is often born before a switch and dies after it. */
	lastref_register(&route_type, &places[step % 8]);
	if (step >= 4)
		lastref_unregister(&route_type, &places[(step - 4) % 8]);
}

static void replace(struct left *mine, int step)
{
	int place = step % KEPT;

	plain_unref(mine->plains[place]);
	mine->plains[place] = plain_new();
	if (plain_ref_count(plain_ref(mine->plains[place])) != 2)
		fail("a count is wrong");
	plain_unref(mine->plains[place]);
	hot_unref(mine->hots[place]);
	mine->hots[place] = hot_new();
	if (!hot_tryref(mine->hots[place]) || hot_ref_count(mine->hots[place]) != 2)
		fail("a hot count is wrong");
	hot_unref(mine->hots[place]);
	if (mine->caches[place] != NULL)
		cache_end(mine->caches[place]);
	mine->caches[place] = cache_new();
	cache_unref(mine->caches[place]);
	if (!cache_tryref(mine->caches[place]) || cache_ref_count(mine->caches[place]) != 1)
		fail("a cache count is wrong");
}

static void *work(void *mine)
{
	int places[8];

	for (int step = 0; step < STEPS; step++) {
		replace(mine, step);
		by_hand(places, step);
	}
	for (int step = STEPS; step < STEPS + 4; step++)
		lastref_unregister(&route_type, &places[(step - 4) % 8]);
	__atomic_sub_fetch(&working, 1, __ATOMIC_RELEASE);
	return NULL;
}

static size_t registered(const struct left *mine)
{
	size_t count = 0;

	for (int i = 0; i < KEPT; i++) {
		count += mine->plains[i]->refs.index != 0;
		count += mine->hots[i]->refs.index != 0;
		count += mine->caches[i]->refs.index != 0;
	}
	return count;
}

static void release(struct left *mine)
{
	for (int i = 0; i < KEPT; i++) {
		plain_ref_clear(&mine->plains[i]);
		hot_ref_clear(&mine->hots[i]);
		cache_end(mine->caches[i]);
		mine->caches[i] = NULL;
	}
}

static void switch_while_they_work(void)
{
	unsigned int random = 1;

	while (__atomic_load_n(&working, __ATOMIC_ACQUIRE) > 0) {
		random = random * 1664525u + 1013904223u;
		lastref_set_leak_mode(random >> 31 ? LASTREF_LEAKS_WARN : LASTREF_LEAKS_OFF);
		if ((random >> 24) % 16 == 0)
			lastref_leak_check();
		if ((random >> 20) % 4 == 0)
			usleep(50);
	}
}

static void round_of_work(void)
{
	size_t expected = 0;

	__atomic_store_n(&working, THREADS, __ATOMIC_RELEASE);
	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&left[i].thread, NULL, work, &left[i]) != 0)
			abort();
	}
	switch_while_they_work();
	for (int i = 0; i < THREADS; i++)
		pthread_join(left[i].thread, NULL);
	for (int i = 0; i < THREADS; i++)
		expected += registered(&left[i]);
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	if (lastref_live_objects() != expected || lastref_leak_check() != expected)
		fail("a check found other objects than those that live");
	/* Half of them die with checking off. */
	for (int i = 0; i < THREADS; i++) {
		lastref_set_leak_mode(i % 2 ? LASTREF_LEAKS_WARN : LASTREF_LEAKS_OFF);
		release(&left[i]);
	}
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	if (lastref_live_objects() != 0 || lastref_leak_check() != 0)
		fail("something is left");
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 20;

	/* The reports are not for whoever runs this test. */
	if (getenv("LASTREF") == NULL) {
		setenv("LASTREF", "output=/dev/null", 1);
		execv("/proc/self/exe", argv);
		abort();
	}
	for (int i = 0; i < rounds; i++)
		round_of_work();
	return failures;
}
