/* SPDX-License-Identifier: Apache-2.0 */
/**
 * cache_count.h - a reference count for objects that rest in a cache when nobody holds them
 *
 * struct lastref_cache_count is for entries of a cache: dentries, inodes, parsed files. With its last unref the object does not die,
 * it comes to rest: it stays in the cache, where a tryref revives it. It dies when it is evicted, which succeeds for exactly one
 * caller and only while it is at rest.
 *
 *	init -> 1 .. 2^31 - 2 references <-> at rest -> evicted (dead)
 *
 * The count is stored as references + 1, so at rest is 1 and zeroed memory is still never initialised. The zones are those of zones.h.
 *
 * From the moment the object came to rest another thread may evict and free it. So whoever must touch it after its last unref
 * holds the cache's lock around that unref and around the evict: lastref_cache_count_unref_unless_last() first, and on false
 * take the lock and unref.
 *
 * Thread safety: as count.h. tryref needs memory that cannot be freed meanwhile: the cache's lock, or an RCU section.
 */
#ifndef LASTREF_CACHE_COUNT_H
#define LASTREF_CACHE_COUNT_H

#include <lastref/zones.h>

/**
 * struct lastref_cache_count - a count that rests at zero
 * @count: references + 1, or one of the zones. Touch it through the functions below only.
 * @index: where the leak checker keeps what it knows of the object; 0 while the object is not registered.
 */
struct lastref_cache_count {
	int32_t count;
	uint32_t index;
};

/** LASTREF_CACHE_COUNT_INIT - static initialiser: one reference. Such an object is not registered with the leak checker. */
#define LASTREF_CACHE_COUNT_INIT                                                                   \
	{                                                                                          \
		2, 0                                                                               \
	}

/** LASTREF_CACHE_COUNT_IMMORTAL - static initialiser: never rests, never dies. Must stay in writable memory. */
#define LASTREF_CACHE_COUNT_IMMORTAL                                                               \
	{                                                                                          \
		LASTREF_COUNT_IMMORTAL_, 0                                                         \
	}

#define LASTREF_CACHE_COUNT_REST_ 1

/* ThreadSanitizer is told of the acquire by the decrement itself: a load after it could touch what was evicted meanwhile. */
#define LASTREF_CACHE_COUNT_UNREF_ (LASTREF_THREAD_SANITIZER_ ? __ATOMIC_ACQ_REL : __ATOMIC_RELEASE)

/* The parts of the operations, for the template; as in count.h. */

LASTREF_INLINE_ bool lastref_cache_count_ref_begin_(struct lastref_cache_count *count, int64_t *token)
{
	int32_t old = __atomic_fetch_add(&count->count, 1, __ATOMIC_RELAXED);

	*token = old;
	return old <= LASTREF_CACHE_COUNT_REST_;
}

LASTREF_COLD_ void lastref_cache_count_ref_slow_(struct lastref_cache_count *count, int64_t token,
						 const struct lastref_type *type, const void *object)
{
	lastref_zone_leave_(&count->count, (int32_t)token, true, type, object, count->index);
}

LASTREF_INLINE_ bool lastref_cache_count_tryref_as_(struct lastref_cache_count *count,
						    int64_t *token, const struct lastref_type *type,
						    const void *object)
{
	int32_t old = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	do {
		*token = old;
		if (LASTREF_UNLIKELY_(old <= 0))
			return lastref_zone_tryref_(&count->count, old, type, object, &count->index);
		/* Pairs with the release in lastref_cache_count_unref(): what former holders wrote is seen. The sum may overflow. */
	} while (!__atomic_compare_exchange_n(&count->count, &old, (int32_t)((uint32_t)old + 1),
					      true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

LASTREF_INLINE_ bool lastref_cache_count_unref_begin_(struct lastref_cache_count *count,
						      int64_t *token)
{
	/* Pairs with the acquire of tryref, of the unref that brings to rest, and of evict. */
	int32_t old = __atomic_fetch_sub(&count->count, 1, LASTREF_CACHE_COUNT_UNREF_);

	*token = old;
	return old <= LASTREF_CACHE_COUNT_REST_ + 1;
}

/* Return: true if the object came to rest. Then it is not touched any more: it may be evicted already. */
LASTREF_INLINE_ bool lastref_cache_count_unref_end_(struct lastref_cache_count *count,
						    int64_t token, const struct lastref_type *type,
						    const void *object)
{
	if (token != LASTREF_CACHE_COUNT_REST_ + 1) {
		lastref_zone_leave_(&count->count, (int32_t)token, false, type, object, count->index);
		return false;
	}
#if !LASTREF_THREAD_SANITIZER_
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
	return true;
}

LASTREF_INLINE_ bool lastref_cache_count_unref_unless_last_as_(struct lastref_cache_count *count,
							       int64_t *token,
							       const struct lastref_type *type,
							       const void *object)
{
	int32_t old = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	do {
		if (old == LASTREF_CACHE_COUNT_REST_ + 1)
			return false;
		if (LASTREF_UNLIKELY_(old <= LASTREF_CACHE_COUNT_REST_)) {
			lastref_zone_leave_(&count->count, old, false, type, object, count->index);
			*token = old;
			return true;
		}
		/* Pairs with the acquire of the unref that brings to rest, and of evict. */
	} while (!__atomic_compare_exchange_n(&count->count, &old, old - 1, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	*token = old;
	return true;
}

/* Also at rest. */
LASTREF_INLINE_ bool lastref_cache_count_is_alive_(const struct lastref_cache_count *count)
{
	int32_t value = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	return value > 0 || lastref_zone_is_immortal_(value);
}

/* What ref_restore stores; 0 is at rest, a negative value dead. Return: true if the object is to be registered. */
LASTREF_INLINE_ bool lastref_cache_count_restore_(struct lastref_cache_count *count, int64_t value)
{
	int32_t stored = LASTREF_COUNT_DEAD_;

	if (value >= INT32_MAX)
		stored = LASTREF_COUNT_IMMORTAL_;
	else if (value >= 0)
		stored = (int32_t)value + LASTREF_CACHE_COUNT_REST_;
	__atomic_store_n(&count->count, stored, __ATOMIC_RELAXED);
	return value >= 0;
}

/**
 * lastref_cache_count_init() - begin a count with one reference, the caller's
 * @count: memory that no other thread knows yet; its content does not matter
 *
 * Memory order: relaxed. Publish the object by means of your own (the cache's lock, a release store).
 */
LASTREF_INLINE_ void lastref_cache_count_init(struct lastref_cache_count *count)
{
	__atomic_store_n(&count->count, LASTREF_CACHE_COUNT_REST_ + 1, __ATOMIC_RELAXED);
	count->index = 0;
}

/**
 * lastref_cache_count_ref() - take one more reference
 * @count: a count of which the caller holds a reference
 *
 * Memory order: relaxed. The holder's reference that makes the call legal is what orders it.
 * On misuse (at rest, evicted, never initialised, overflow): reports and aborts; see lastref_set_misuse_handler(). If a
 * handler returns, the count stays dead, or on overflow immortal: the object leaks and is never destroyed.
 */
LASTREF_INLINE_ void lastref_cache_count_ref(struct lastref_cache_count *count)
{
	int64_t token;

	if (LASTREF_UNLIKELY_(lastref_cache_count_ref_begin_(count, &token)))
		lastref_cache_count_ref_slow_(count, token, LASTREF_NULL_, count);
}

/**
 * lastref_cache_count_tryref() - take a reference unless the object was evicted; revives it if it is at rest
 * @count: a count in memory that stays readable during the call (the cache's lock, an RCU section)
 *
 * Memory order: acquire on success, relaxed on failure.
 *
 * Return: true if the caller holds a new reference; false if the object was evicted or never initialised.
 */
LASTREF_INLINE_ bool lastref_cache_count_tryref(struct lastref_cache_count *count)
{
	int64_t token;

	return lastref_cache_count_tryref_as_(count, &token, LASTREF_NULL_, count);
}

/**
 * lastref_cache_count_unref() - give up a reference
 * @count: a count of which the caller owns one reference
 *
 * Memory order: release; and acquire for the caller that gets true.
 * On misuse (at rest, evicted, never initialised): reports and aborts; see lastref_set_misuse_handler().
 *
 * Return: true if the object came to rest. Unless the caller holds the lock that evict needs, the object may be gone already,
 * and on false as well.
 */
LASTREF_INLINE_ bool lastref_cache_count_unref(struct lastref_cache_count *count)
{
	int64_t token;

	if (LASTREF_UNLIKELY_(lastref_cache_count_unref_begin_(count, &token)))
		return lastref_cache_count_unref_end_(count, token, LASTREF_NULL_, count);
	return false;
}

/**
 * lastref_cache_count_unref_unless_last() - give up a reference, but never the one that keeps the object from rest
 * @count: a count of which the caller owns one reference
 *
 * Memory order: release on success, relaxed on failure. Misuse as lastref_cache_count_unref().
 *
 * Return: true if the reference was given up; false if it is the last, which the caller still owns: take the cache's lock and
 * call lastref_cache_count_unref().
 */
LASTREF_INLINE_ bool lastref_cache_count_unref_unless_last(struct lastref_cache_count *count)
{
	int64_t token;

	return lastref_cache_count_unref_unless_last_as_(count, &token, LASTREF_NULL_, count);
}

/**
 * lastref_cache_count_evict() - end the life of an object at rest
 * @count: a count in memory that stays readable during the call: hold the lock under which the last unref is made
 *
 * Memory order: acquire on success: the caller sees what every former holder wrote, and destroys the object. Relaxed on failure.
 *
 * Return: true for exactly one caller, and only at rest; false if somebody holds the object, if it was evicted before, or never
 * initialised.
 */
LASTREF_INLINE_ bool lastref_cache_count_evict(struct lastref_cache_count *count)
{
	int32_t rest = LASTREF_CACHE_COUNT_REST_;

	/* Pairs with the release of every unref. */
	return __atomic_compare_exchange_n(&count->count, &rest, LASTREF_COUNT_DEAD_, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/**
 * lastref_cache_count_is_evicted() - is the object dead?
 * @count: a count in readable memory
 *
 * Memory order: relaxed. True stays true; false may be old when the caller gets it.
 *
 * Return: true once an evict succeeded (or a misuse made the object dead); false for what never was initialised.
 */
LASTREF_INLINE_ bool lastref_cache_count_is_evicted(const struct lastref_cache_count *count)
{
	return lastref_zone_is_dead_(__atomic_load_n(&count->count, __ATOMIC_RELAXED));
}

/* The number of references that a word stands for. */
LASTREF_INLINE_ int64_t lastref_cache_count_value_(int64_t word)
{
	if (word > 0)
		return word - LASTREF_CACHE_COUNT_REST_;
	return lastref_zone_is_immortal_((int32_t)word) ? INT64_MAX : 0;
}

/**
 * lastref_cache_count_read() - the number of references, for display and for saving state
 * @count: any count in readable memory
 *
 * Memory order: relaxed. Decide nothing by it: a tryref may succeed after it read 0.
 *
 * Return: the count; 0 at rest, evicted or never initialised; INT64_MAX if immortal.
 */
LASTREF_INLINE_ int64_t lastref_cache_count_read(const struct lastref_cache_count *count)
{
	return lastref_cache_count_value_(__atomic_load_n(&count->count, __ATOMIC_RELAXED));
}

/**
 * lastref_cache_count_is_unique() - does the caller hold the only reference?
 * @count: a count of which the caller owns one reference
 *
 * Memory order: acquire. On true the caller sees what former holders wrote before their unref and may change the object, as
 * long as nobody can reach it through a tryref.
 *
 * Return: true if there is one reference.
 */
LASTREF_INLINE_ bool lastref_cache_count_is_unique(const struct lastref_cache_count *count)
{
	/* Pairs with the release in lastref_cache_count_unref(). */
	return __atomic_load_n(&count->count, __ATOMIC_ACQUIRE) == LASTREF_CACHE_COUNT_REST_ + 1;
}

#endif
