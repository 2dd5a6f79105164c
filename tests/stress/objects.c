/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of named objects, looked up by threads while others release the last reference: tryref under the table's lock against the
 * last unref and free(), and slots that change hands. Runs with checking off, on, and switched all the time. Built for the standard count
 * and, with -DHOT, for the hot one.
 */
#include <lastref/lastref.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define NAMES 16
#define STEPS 20000

#ifdef HOT
#define COUNT struct lastref_hot_count
#else
#define COUNT struct lastref_count
#endif

struct entry {
	COUNT refs;
	int name;
	char pattern[32];
};

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *table[NAMES]; /* guarded by table_lock; not references: an entry leaves as it dies */
static long born, died;
static int failures;

static void fail(const char *what)
{
	fprintf(stderr, "objects: %s\n", what);
	__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);
}

static void entry_destroy(struct entry *entry)
{
	/* A new entry of the same name may be in the table already. */
	pthread_mutex_lock(&table_lock);
	if (table[entry->name] == entry)
		table[entry->name] = NULL;
	pthread_mutex_unlock(&table_lock);
	memset(entry->pattern, 'x', sizeof(entry->pattern));
	__atomic_add_fetch(&died, 1, __ATOMIC_RELAXED);
	free(entry);
}

static int entry_describe(const void *object, char *buf, size_t size)
{
	return snprintf(buf, size, "name %d", ((const struct entry *)object)->name);
}

LASTREF_DEFINE(entry, struct entry, refs, entry_destroy, .describe = entry_describe);

static struct entry *entry_new(int name)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		abort();
	entry->name = name;
	memset(entry->pattern, 'a' + name, sizeof(entry->pattern));
	entry_ref_init(entry);
	__atomic_add_fetch(&born, 1, __ATOMIC_RELAXED);
	return entry;
}

/* The entry of a name, alive and the caller's; made if there is none or it is about to die. */
static struct entry *look_up(int name)
{
	struct entry *entry;

	pthread_mutex_lock(&table_lock);
	entry = table[name] != NULL ? entry_tryref(table[name]) : NULL;
	if (entry == NULL) {
		entry = entry_new(name);
		table[name] = entry;
	}
	pthread_mutex_unlock(&table_lock);
	return entry;
}

static void check(const struct entry *entry)
{
	if (entry_ref_count(entry) <= 0)
		fail("a referenced entry is dead");
	for (size_t i = 0; i < sizeof(entry->pattern); i++) {
		if (entry->pattern[i] != 'a' + entry->name)
			fail("a referenced entry was destroyed");
	}
}

static void *look_up_often(void *seed_)
{
	unsigned int seed = (unsigned int)(size_t)seed_;
	struct entry *slots[4] = { NULL };

	for (int i = 0; i < STEPS; i++) {
		LASTREF_AUTO(entry) struct entry *entry = look_up(rand_r(&seed) % NAMES);
		int slot = rand_r(&seed) % 4;

		check(entry);
		entry_ref_set(&slots[slot], entry);
		entry_ref_move(&slots[rand_r(&seed) % 4], &slots[slot]);
		entry_ref_clear(&slots[rand_r(&seed) % 4]);
	}
	for (int i = 0; i < 4; i++)
		entry_ref_clear(&slots[i]);
	return NULL;
}

/* One slot that all threads set and clear, guarded by its lock; what it held is released outside of it. */
static pthread_mutex_t slot_lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *shared_slot;

static void *exchange_often(void *seed_)
{
	unsigned int seed = (unsigned int)(size_t)seed_;

	for (int i = 0; i < STEPS; i++) {
		struct entry *mine = look_up(rand_r(&seed) % NAMES);

		pthread_mutex_lock(&slot_lock);
		struct entry *before = entry_ref_steal(&shared_slot);

		entry_ref_adopt(&shared_slot, mine);
		pthread_mutex_unlock(&slot_lock);
		if (before != NULL)
			check(before);
		entry_unref(before);
	}
	return NULL;
}

static int stop_switching;

static void *switch_often(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&stop_switching, __ATOMIC_RELAXED)) {
		lastref_set_leak_mode(LASTREF_LEAKS_WARN);
		lastref_live_objects();
		lastref_set_leak_mode(LASTREF_LEAKS_OFF);
	}
	return NULL;
}

static void run(const char *name)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, i % 2 ? look_up_often : exchange_often,
				   (void *)(size_t)(i + 1)) != 0)
			abort();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	entry_ref_clear(&shared_slot);
	if (born != died) {
		fprintf(stderr, "%s: %ld born, %ld died\n", name, born, died);
		fail("not all entries died");
	}
	if (lastref_live_objects() != 0)
		fail("entries that died are registered");
}

int main(void)
{
	pthread_t switcher;

	run("checking off");
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	run("checking on");
	if (pthread_create(&switcher, NULL, switch_often, NULL) != 0)
		abort();
	run("checking switched on and off");
	__atomic_store_n(&stop_switching, 1, __ATOMIC_RELAXED);
	pthread_join(switcher, NULL);
	if (lastref_live_objects() != 0)
		fail("entries that died are registered");
	return failures;
}
