/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The template over the cache count: objects that come to rest instead of dying, are revived, and die when they are evicted.
 */
#include <lastref/object.h>

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

struct entry {
	int before; /* the count need not come first */
	struct lastref_cache_count refs;
};

static int destroyed;
static int rested;
static void *last_rested;

static void entry_destroy(struct entry *entry)
{
	destroyed++;
	free(entry);
}

static void entry_rests(void *object)
{
	rested++;
	last_rested = object;
}

LASTREF_DEFINE(entry, struct entry, refs, entry_destroy, .at_rest = entry_rests);

static struct entry *entry_new(void)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	cr_assert_not_null(entry);
	entry_ref_init(entry);
	return entry;
}

static struct entry *entry_at_rest(void)
{
	struct entry *entry = entry_new();

	entry_unref(entry);
	rested = 0;
	return entry;
}

struct plain {
	struct lastref_cache_count refs;
};

LASTREF_DEFINE(plain, struct plain, refs, NULL);

static int misuses;
static enum lastref_misuse_kind last_misuse;

static void note_misuse(const struct lastref_misuse *misuse, void *context)
{
	(void)context;
	misuses++;
	last_misuse = misuse->kind;
}

/*
 * Coming to rest.
 */

Test(cache_object, the_last_unref_brings_to_rest_and_destroys_nothing)
{
	struct entry *entry = entry_ref(entry_new());

	cr_assert_null(entry_unref(entry));
	cr_assert_eq(rested, 0);
	cr_assert_null(entry_unref(entry));
	cr_assert_eq(rested, 1);
	cr_assert_eq(last_rested, entry);
	cr_assert_eq(destroyed, 0);
	cr_assert_eq(entry_ref_count(entry), 0);
	cr_assert_not(entry_ref_is_evicted(entry));
}

Test(cache_object, at_rest_is_called_once_each_time_it_comes_to_rest)
{
	struct entry *entry = entry_at_rest();

	for (int i = 1; i <= 3; i++) {
		cr_assert_eq(entry_tryref(entry), entry);
		cr_assert_eq(entry_ref(entry), entry);
		cr_assert(entry_unref_unless_last(entry));
		cr_assert_eq(rested, i - 1);
		entry_unref(entry);
		cr_assert_eq(rested, i);
	}
	cr_assert_eq(destroyed, 0);
}

Test(cache_object, every_way_to_unref_brings_to_rest)
{
	struct entry *entry = entry_new();
	struct entry *slot = NULL;

	entry_unref_any(entry);
	cr_assert_eq(rested, 1);
	cr_assert_not_null(entry_tryref(entry));
	lastref_unref(entry_ref_type(), entry);
	cr_assert_eq(rested, 2);
	slot = entry_tryref(entry);
	entry_ref_clear(&slot);
	cr_assert_eq(rested, 3);
	{
		LASTREF_AUTO(entry) struct entry *held = entry_tryref(entry);

		cr_assert_eq(entry_ref_count(held), 1);
	}
	cr_assert_eq(rested, 4);
	cr_assert_eq(destroyed, 0);
}

static void called_instead(struct entry *entry, void *context)
{
	cr_assert_eq(entry_ref_count(entry), 0);
	*(struct entry **)context = entry;
}

Test(cache_object, unref_with_calls_its_function_and_not_at_rest)
{
	struct entry *entry = entry_ref(entry_new());
	struct entry *seen = NULL;

	entry_unref_with(entry, called_instead, &seen);
	cr_assert_null(seen);
	entry_unref_with(entry, called_instead, &seen);
	cr_assert_eq(seen, entry);
	cr_assert_eq(rested, 0);
	cr_assert_eq(destroyed, 0);
	cr_assert_eq(entry_tryref(entry), entry);
	entry_unref_with(entry, NULL, NULL);
	cr_assert_eq(rested, 0);
	cr_assert(entry_ref_evict(entry));
}

static const struct lastref_type from_options = { .at_rest = entry_rests };

struct optional {
	struct lastref_cache_count refs;
};

LASTREF_DEFINE_TYPE(optional, struct optional, refs, NULL, &from_options);

Test(cache_object, at_rest_may_come_from_a_descriptor)
{
	struct optional optional;

	optional_ref_init(&optional);
	optional_unref(&optional);
	cr_assert_eq(rested, 1);
	cr_assert_eq(last_rested, &optional);
}

Test(cache_object, a_type_may_do_without_at_rest_and_destructor)
{
	struct plain plain;

	plain_ref_init(&plain);
	plain_unref(&plain);
	cr_assert_eq(plain_tryref(&plain), &plain);
	plain_unref(&plain);
	cr_assert(plain_ref_evict(&plain));
	cr_assert_null(plain_tryref(&plain));
}

Test(cache_object, unref_unless_last_keeps_the_last_reference)
{
	struct entry *entry = entry_ref(entry_new());

	cr_assert(entry_unref_unless_last(entry));
	cr_assert_not(entry_unref_unless_last(entry));
	cr_assert_eq(rested, 0);
	cr_assert_eq(entry_ref_count(entry), 1);
}

/*
 * Eviction.
 */

Test(cache_object, what_rests_is_evicted_and_destroyed_once)
{
	struct plain plain;
	struct entry *entry = entry_at_rest();

	cr_assert(entry_ref_evict(entry));
	cr_assert_eq(destroyed, 1);
	cr_assert_eq(rested, 0);
	plain_ref_init(&plain);
	plain_unref(&plain);
	cr_assert(plain_ref_evict(&plain));
	cr_assert(plain_ref_is_evicted(&plain));
	cr_assert_not(plain_ref_evict(&plain));
}

Test(cache_object, what_is_held_is_not_evicted)
{
	struct entry *entry = entry_new();

	cr_assert_not(entry_ref_evict(entry));
	entry_unref(entry);
	cr_assert_not_null(entry_tryref(entry));
	cr_assert_not(entry_ref_evict(entry));
	cr_assert_eq(destroyed, 0);
	cr_assert_eq(entry_ref_count(entry), 1);
}

struct prying {
	struct lastref_cache_count refs;
	bool was_revived;
	bool was_evicted;
};

static void prying_destroy(struct prying *prying);

LASTREF_DEFINE(prying, struct prying, refs, prying_destroy);

static void prying_destroy(struct prying *prying)
{
	prying->was_revived = prying_tryref(prying) != NULL;
	prying->was_evicted = prying_ref_is_evicted(prying);
}

Test(cache_object, inside_its_destructor_it_is_evicted_and_not_revived)
{
	struct prying prying;

	prying_ref_init(&prying);
	prying_unref(&prying);
	cr_assert(prying_ref_evict(&prying));
	cr_assert(prying.was_evicted);
	cr_assert_not(prying.was_revived);
}

Test(cache_object, memory_can_be_initialized_again_after_eviction)
{
	struct plain plain;

	for (int i = 0; i < 3; i++) {
		plain_ref_init(&plain);
		cr_assert_eq(plain_ref_count(&plain), 1);
		plain_unref(&plain);
		cr_assert(plain_ref_evict(&plain));
	}
}

struct hidden;
LASTREF_DECLARE(hidden, struct hidden);

struct hidden {
	struct lastref_cache_count refs;
};

LASTREF_DEFINE_EXTERN(hidden, struct hidden, refs, NULL, .at_rest = entry_rests);

Test(cache_object, an_opaque_type_rests_and_is_evicted)
{
	struct hidden hidden;

	hidden_ref_init(&hidden);
	hidden_unref(&hidden);
	cr_assert_eq(rested, 1);
	cr_assert(hidden_ref_evict(&hidden));
	cr_assert(hidden_ref_is_evicted(&hidden));
}

Test(cache_object, the_descriptor_tells_the_kind)
{
	cr_assert_eq(entry_ref_type()->count_kind, LASTREF_KIND_CACHE_);
	cr_assert_eq(entry_ref_type()->count_offset, offsetof(struct entry, refs) + 1);
	cr_assert_eq(lastref_ref_count(entry_ref_type(), entry_at_rest()), 0);
}

/*
 * Slots.
 */

Test(cache_object, a_slot_that_lets_go_brings_to_rest)
{
	struct entry *first = entry_new();
	struct entry *second = entry_new();
	struct entry *slot = NULL;
	struct entry *other = NULL;

	entry_ref_adopt(&slot, first);
	entry_ref_set(&slot, second);
	cr_assert_eq(rested, 1);
	cr_assert_eq(last_rested, first);
	cr_assert_eq(entry_ref_count(second), 2);
	entry_ref_move(&other, &slot);
	entry_unref(entry_ref_steal(&other));
	cr_assert_eq(rested, 1);
	entry_ref_adopt(&slot, second);
	entry_ref_clear(&slot);
	cr_assert_eq(rested, 2);
	cr_assert_eq(last_rested, second);
	cr_assert_eq(destroyed, 0);
}

Test(cache_object, set_to_what_the_slot_holds_does_not_bring_to_rest)
{
	struct entry *slot = entry_new();

	entry_ref_set(&slot, slot);
	cr_assert_eq(rested, 0);
	cr_assert_eq(entry_ref_count(slot), 1);
}

Test(cache_object, a_slot_cannot_take_what_rests)
{
	struct entry *entry = entry_at_rest();
	struct entry *slot = NULL;

	lastref_set_misuse_handler(note_misuse, NULL);
	entry_ref_set(&slot, entry);
	cr_assert_eq(misuses, 1);
	cr_assert_eq(last_misuse, LASTREF_MISUSE_REF_AT_REST);
	cr_assert_not(entry_ref_evict(entry));
	cr_assert_eq(destroyed, 0);
}

/*
 * Restored state.
 */

Test(cache_object, restore_sets_the_count)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	entry_ref_restore(entry, 2);
	cr_assert_eq(entry_ref_count(entry), 2);
	entry_unref(entry);
	cr_assert_eq(rested, 0);
	entry_unref(entry);
	cr_assert_eq(rested, 1);
}

Test(cache_object, restore_with_0_gives_a_registered_entry_at_rest)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	entry_ref_restore(entry, 0);
	cr_assert_eq(rested, 0);
	cr_assert_eq(entry_ref_count(entry), 0);
	cr_assert_not(entry_ref_is_evicted(entry));
	cr_assert_eq(lastref_live_objects(), 1);
	cr_assert_eq(entry_tryref(entry), entry);
	entry_unref(entry);
	cr_assert(entry_ref_evict(entry));
	cr_assert_eq(lastref_live_objects(), 0);
}

Test(cache_object, restore_takes_the_largest_count_and_beyond_it_is_immortal)
{
	struct plain plain;

	plain_ref_restore(&plain, INT32_MAX - 1);
	cr_assert_eq(plain_ref_count(&plain), INT32_MAX - 1);
	for (int64_t count = INT32_MAX; count > 0; count = count < INT64_MAX ? INT64_MAX : 0) {
		plain_ref_restore(&plain, count);
		cr_assert_eq(plain_ref_count(&plain), INT64_MAX);
		plain_unref(&plain);
		cr_assert_eq(plain_tryref(&plain), &plain);
		cr_assert_not(plain_ref_evict(&plain));
	}
}

Test(cache_object, restoring_a_negative_count_is_misuse_and_gives_a_dead_object)
{
	/* The last one ends in the bits of INT32_MAX. */
	static const int64_t negative[] = { -1, INT64_MIN, INT32_MAX - (INT64_C(1) << 32) };
	struct plain plain;

	lastref_set_misuse_handler(note_misuse, NULL);
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	for (int i = 0; i < 3; i++) {
		plain_ref_restore(&plain, negative[i]);
		cr_assert_eq(misuses, i + 1);
		cr_assert_eq(last_misuse, LASTREF_MISUSE_RESTORE_NEGATIVE);
		cr_assert_null(plain_tryref(&plain));
		cr_assert_not(plain_ref_evict(&plain));
		cr_assert(plain_ref_is_evicted(&plain));
		cr_assert_eq(lastref_live_objects(), 0);
	}
}

/*
 * The registry.
 */

Test(cache_object, it_stays_registered_at_rest_and_leaves_when_it_is_evicted)
{
	struct entry *entry;

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	entry = entry_new();
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(lastref_live_objects(), 1);
		entry_unref(entry);
		cr_assert_eq(lastref_live_objects(), 1);
		cr_assert_not_null(entry_tryref(entry));
	}
	entry_unref_with(entry, NULL, NULL);
	cr_assert_eq(lastref_live_objects(), 1);
	cr_assert(entry_ref_evict(entry));
	cr_assert_eq(destroyed, 1);
	cr_assert_eq(lastref_live_objects(), 0);
}

Test(cache_object, what_was_born_unchecked_is_evicted_like_any_other)
{
	struct entry *entry = entry_at_rest();

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	cr_assert(entry_ref_evict(entry));
	cr_assert_eq(destroyed, 1);
	cr_assert_eq(lastref_live_objects(), 0);
}

/*
 * Threads.
 */

#define THREADS 8
#define ROUNDS 300

static struct plain raced;
static pthread_barrier_t barrier;
static int evictions;
static int faults;

static void count_eviction(void)
{
	__atomic_add_fetch(&evictions, 1, __ATOMIC_RELAXED);
}

/* Half of them begin with a look, so that evict meets entries that are held and such that rest. */
static void race_once(bool look_first)
{
	for (int i = 0; i < 20; i++) {
		if (look_first && plain_tryref(&raced)) {
			if (plain_ref_is_evicted(&raced) || plain_ref_evict(&raced))
				__atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
			plain_unref(&raced);
		}
		look_first = true;
		if (plain_ref_evict(&raced))
			count_eviction();
	}
}

static void *race(void *number)
{
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		race_once((size_t)number % 2);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void start(pthread_t *threads, void *(*function)(void *))
{
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, function, (void *)i), 0);
}

static void join(pthread_t *threads)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

Test(cache_object, of_8_threads_exactly_one_evicts_and_never_what_is_held)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	start(threads, race);
	for (int round = 0; round < ROUNDS; round++) {
		plain_ref_restore(&raced, 0);
		evictions = 0;
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		cr_assert_eq(evictions, 1, "round %d: %d evictions", round, evictions);
	}
	join(threads);
	cr_assert_eq(faults, 0);
}

/* A cache of one place: entries are freed when they are evicted, and made anew. */
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cached *cache; /* guarded by cache_lock; no reference */
static int made, freed, put_to_rest;

struct cached {
	struct lastref_cache_count refs;
	int rests; /* guarded by cache_lock */
};

static void cached_destroy(struct cached *cached)
{
	freed++;
	free(cached);
}

/* Called under the cache's lock, as every last unref is made under it. */
static void cached_rests(void *object)
{
	((struct cached *)object)->rests++;
	put_to_rest++;
}

LASTREF_DEFINE(cached, struct cached, refs, cached_destroy, .at_rest = cached_rests);

static struct cached *look_up(void)
{
	struct cached *found;

	pthread_mutex_lock(&cache_lock);
	if (cache != NULL) {
		found = cached_tryref(cache);
	} else {
		found = calloc(1, sizeof(*found));
		cached_ref_init(found);
		cache = found;
		made++;
	}
	pthread_mutex_unlock(&cache_lock);
	return found;
}

static void put_back(struct cached *cached)
{
	if (cached_unref_unless_last(cached))
		return;
	pthread_mutex_lock(&cache_lock);
	cached_unref(cached);
	pthread_mutex_unlock(&cache_lock);
}

static void shrink(void)
{
	pthread_mutex_lock(&cache_lock);
	if (cache != NULL && cached_ref_evict(cache))
		cache = NULL;
	pthread_mutex_unlock(&cache_lock);
}

static void *use_cache(void *number)
{
	for (int i = 0; i < 5000; i++) {
		if (((size_t)number + (size_t)i) % 4 == 0) {
			shrink();
			continue;
		}
		struct cached *cached = look_up();

		if (cached == NULL)
			__atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
		else
			put_back(cached);
	}
	return NULL;
}

Test(cache_object, under_the_caches_lock_every_entry_is_freed_once_and_what_is_in_the_cache_revives)
{
	pthread_t threads[THREADS];

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	start(threads, use_cache);
	join(threads);
	shrink();
	cr_assert_null(cache);
	cr_assert_eq(faults, 0);
	cr_assert_eq(made, freed);
	cr_assert_geq(put_to_rest, made);
	cr_assert_eq(lastref_live_objects(), 0);
}
