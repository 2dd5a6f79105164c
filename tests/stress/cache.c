/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cache of named entries: threads look them up, which revives those at rest, put them back, and evict what rests, which frees it.
 * Every last unref and every evict is made under the cache's lock. Meanwhile a thread checks for leaks. Runs with checking off, on,
 * and switched all the time.
 */
#include <lastref/lastref.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 8
#define NAMES 8
#define STEPS 10000

struct entry {
	struct lastref_cache_count refs;
	int name;
	bool is_resting;   /* guarded by cache_lock */
	int held[THREADS]; /* each written by its thread, while that holds the entry */
};

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *cache[NAMES]; /* guarded by cache_lock; no references */
static long born, died;		   /* atomic */
static int stop;
static int failures;

static void fail(const char *what)
{
	fprintf(stderr, "cache: %s\n", what);
	__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);
}

static void entry_destroy(struct entry *entry)
{
	for (int i = 0; i < THREADS; i++) {
		if (entry->held[i] != 0)
			fail("an entry was evicted while a thread holds it");
	}
	__atomic_add_fetch(&died, 1, __ATOMIC_RELAXED);
	free(entry);
}

static void entry_rests(void *object)
{
	struct entry *entry = object;

	if (entry->is_resting)
		fail("an entry came to rest twice");
	entry->is_resting = true;
}

static int entry_describe(const void *object, char *buf, size_t size)
{
	return snprintf(buf, size, "name %d", ((const struct entry *)object)->name);
}

LASTREF_DEFINE(entry, struct entry, refs, entry_destroy, .describe = entry_describe,
	       .at_rest = entry_rests);

static struct entry *entry_new(int name)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		abort();
	entry->name = name;
	entry_ref_init(entry);
	__atomic_add_fetch(&born, 1, __ATOMIC_RELAXED);
	return entry;
}

static struct entry *look_up(int name)
{
	struct entry *entry;

	pthread_mutex_lock(&cache_lock);
	entry = cache[name];
	if (entry == NULL)
		entry = cache[name] = entry_new(name);
	else if (entry_tryref(entry) == NULL)
		fail("an entry that is in the cache cannot be had");
	entry->is_resting = false;
	pthread_mutex_unlock(&cache_lock);
	return entry;
}

static void put_back(struct entry *entry)
{
	if (entry_unref_unless_last(entry))
		return;
	pthread_mutex_lock(&cache_lock);
	entry_unref(entry);
	pthread_mutex_unlock(&cache_lock);
}

static void shrink(int name)
{
	pthread_mutex_lock(&cache_lock);
	if (cache[name] != NULL) {
		bool rests = cache[name]->is_resting;

		if (entry_ref_evict(cache[name]))
			cache[name] = NULL;
		else if (rests)
			fail("an entry at rest could not be evicted");
	}
	pthread_mutex_unlock(&cache_lock);
}

static void *use_cache(void *number)
{
	size_t me = (size_t)number;
	unsigned int seed = (unsigned int)me + 1;

	for (int i = 0; i < STEPS; i++) {
		struct entry *entry = look_up(rand_r(&seed) % NAMES);

		entry->held[me]++;
		if (entry_ref_count(entry) <= 0 || entry_ref_is_evicted(entry))
			fail("an entry that is held is not alive");
		entry->held[me]--;
		put_back(entry);
		shrink(rand_r(&seed) % NAMES);
	}
	return NULL;
}

static void *check_often(void *switching)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		lastref_leak_check();
		if (switching == NULL)
			continue;
		lastref_set_leak_mode(LASTREF_LEAKS_OFF);
		lastref_live_objects();
		lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	}
	return NULL;
}

static void run(bool switching)
{
	pthread_t threads[THREADS];
	pthread_t checker;

	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
	if (pthread_create(&checker, NULL, check_often, switching ? &stop : NULL) != 0)
		abort();
	for (size_t i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, use_cache, (void *)i) != 0)
			abort();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(checker, NULL);
	for (int i = 0; i < NAMES; i++)
		shrink(i);
	if (born != died)
		fail("not every entry died");
	if (lastref_live_objects() != 0)
		fail("entries that were evicted are registered");
}

int main(int argc, char **argv)
{
	(void)argc;
	/* The reports are not for whoever runs this test. */
	if (getenv("LASTREF") == NULL) {
		setenv("LASTREF", "leaks=warn:output=/dev/null", 1);
		execv("/proc/self/exe", argv);
		abort();
	}
	run(false);
	run(true);
	lastref_set_leak_mode(LASTREF_LEAKS_OFF);
	run(false);
	return failures;
}
