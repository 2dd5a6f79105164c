/* SPDX-License-Identifier: Apache-2.0 */
/**
 * count.h - atomic reference counts
 *
 *	struct lastref_count		8 bytes		the default: here
 *	struct lastref_hot_count	16 bytes	one object looked up by many threads: hot_count.h
 *	struct lastref_cache_count	8 bytes		objects that rest at zero in a cache: cache_count.h
 *
 * They share one vocabulary, and all-zero memory is never initialised for each of them: using it is misuse.
 *
 * struct lastref_count is a signed 32-bit count beside a 32-bit registry index. The atomics touch the count only; the
 * index belongs to the leak checker (check.h) and is written when an object is registered. The count's value tells the state of its
 * object, and one signed test of what an atomic operation returned finds every misuse, in every build type: see zones.h.
 * Whoever takes the last reference stores the dead zone before the destructor runs, so no later misuse makes the object look
 * alive again.
 *
 * Thread safety: every function may be called by any thread at any time on a count that is initialised, except
 * lastref_count_init(), which needs the count to be the caller's alone. ref, tryref, and an unref that is not the last are
 * async-signal-safe.
 */
#ifndef LASTREF_COUNT_H
#define LASTREF_COUNT_H

#include <lastref/cache_count.h>
#include <lastref/hot_count.h>
#include <lastref/zones.h>

/**
 * struct lastref_count - the standard reference count
 * @count: the number of references, or one of the zones of zones.h. Touch it through the functions below only.
 * @index: where the leak checker keeps what it knows of the object; 0 while the object is not registered.
 *
 * All-zero memory is a count that was never initialised: using it is misuse.
 */
struct lastref_count {
	int32_t count;
	uint32_t index;
};

/** LASTREF_COUNT_INIT - static initialiser: one reference. Such an object is not registered with the leak checker. */
#define LASTREF_COUNT_INIT                                                                         \
	{                                                                                          \
		1, 0                                                                               \
	}

/** LASTREF_COUNT_IMMORTAL - static initialiser: never dies. The object must stay in writable memory. */
#define LASTREF_COUNT_IMMORTAL                                                                     \
	{                                                                                          \
		LASTREF_COUNT_IMMORTAL_, 0                                                         \
	}

/*
 * The parts of the operations, for the template of object.h. The _as_ forms know the type and the object, so that a
 * misuse can be reported by name. A @token is what a begin_ found and its end_ or slow_ goes on with.
 */

/* Return: true if lastref_count_ref_slow_() has to look at it. */
LASTREF_INLINE_ bool lastref_count_ref_begin_(struct lastref_count *count, int64_t *token)
{
	int32_t old = __atomic_fetch_add(&count->count, 1, __ATOMIC_RELAXED);

	*token = old;
	return old <= 0;
}

LASTREF_COLD_ void lastref_count_ref_slow_(struct lastref_count *count, int64_t token,
					   const struct lastref_type *type, const void *object)
{
	lastref_zone_leave_(&count->count, (int32_t)token, true, type, object, count->index);
}

LASTREF_INLINE_ bool lastref_count_tryref_as_(struct lastref_count *count, int64_t *token,
					      const struct lastref_type *type, const void *object)
{
	int32_t old = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	do {
		*token = old;
		if (LASTREF_UNLIKELY_(old <= 0))
			return lastref_zone_tryref_(&count->count, old, type, object, &count->index);
		/* The acquire pairs with the release of the unrefs before: what they wrote is seen. The sum may overflow. */
	} while (!__atomic_compare_exchange_n(&count->count, &old, (int32_t)((uint32_t)old + 1),
					      true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

/* Return: true if lastref_count_unref_end_() has to look at it: the last reference, or a misuse. */
LASTREF_INLINE_ bool lastref_count_unref_begin_(struct lastref_count *count, int64_t *token)
{
	int32_t old = __atomic_fetch_sub(&count->count, 1, __ATOMIC_RELEASE);

	*token = old;
	return old <= 1;
}

/* Return: true if the unref took the last reference. */
LASTREF_INLINE_ bool lastref_count_unref_end_(struct lastref_count *count, int64_t token,
					      const struct lastref_type *type, const void *object)
{
	if (token != 1) {
		lastref_zone_leave_(&count->count, (int32_t)token, false, type, object, count->index);
		return false;
	}
	lastref_zone_acquire_(&count->count);
	__atomic_store_n(&count->count, LASTREF_COUNT_DEAD_, __ATOMIC_RELAXED);
	return true;
}

LASTREF_INLINE_ bool lastref_count_unref_unless_last_as_(struct lastref_count *count, int64_t *token,
							 const struct lastref_type *type,
							 const void *object)
{
	int32_t old = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	do {
		if (old == 1)
			return false;
		if (LASTREF_UNLIKELY_(old <= 0)) {
			lastref_zone_leave_(&count->count, old, false, type, object, count->index);
			*token = old;
			return true;
		}
		/* Pairs with the acquire of the last unref. */
	} while (!__atomic_compare_exchange_n(&count->count, &old, old - 1, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	*token = old;
	return true;
}

LASTREF_INLINE_ bool lastref_count_is_alive_(const struct lastref_count *count)
{
	int32_t value = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	return value > 0 || lastref_zone_is_immortal_(value);
}

/* What ref_restore stores; a negative value is dead. Return: true if the object is to be registered. */
LASTREF_INLINE_ bool lastref_count_restore_(struct lastref_count *count, int64_t value)
{
	int32_t stored = value > INT32_MAX ? LASTREF_COUNT_IMMORTAL_ : (int32_t)value;

	__atomic_store_n(&count->count, value > 0 ? stored : LASTREF_COUNT_DEAD_, __ATOMIC_RELAXED);
	return value > 0;
}

/**
 * lastref_count_init() - begin a count with one reference, the caller's
 * @count: memory that no other thread knows yet; its content does not matter
 *
 * Memory order: relaxed. Publish the object by means of your own (a lock, a release store).
 */
LASTREF_INLINE_ void lastref_count_init(struct lastref_count *count)
{
	__atomic_store_n(&count->count, 1, __ATOMIC_RELAXED);
	count->index = 0;
}

/**
 * lastref_count_ref() - take one more reference
 * @count: a count of which the caller holds a reference, or of which it knows that somebody does meanwhile
 *
 * Memory order: relaxed. The holder's reference that makes the call legal is what orders it.
 * On misuse (dead, never initialised, overflow): reports and aborts; see lastref_set_misuse_handler(). If a handler
 * returns, the count stays dead, or on overflow immortal: the object leaks and is never destroyed twice.
 */
LASTREF_INLINE_ void lastref_count_ref(struct lastref_count *count)
{
	int64_t token;

	if (LASTREF_UNLIKELY_(lastref_count_ref_begin_(count, &token)))
		lastref_count_ref_slow_(count, token, LASTREF_NULL_, count);
}

/**
 * lastref_count_tryref() - take a reference if the object is still alive
 * @count: a count in memory that stays readable during the call (a lock, an RCU section, memory never given back)
 *
 * Memory order: acquire on success, relaxed on failure.
 *
 * Return: true if the caller holds a new reference; false if the object is dead or was never initialised.
 */
LASTREF_INLINE_ bool lastref_count_tryref(struct lastref_count *count)
{
	int64_t token;

	return lastref_count_tryref_as_(count, &token, LASTREF_NULL_, count);
}

/**
 * lastref_count_unref() - give up a reference
 * @count: a count of which the caller owns one reference
 *
 * Memory order: release; and acquire for the caller that gets true, so that its destructor sees every other holder's writes.
 * On misuse (already dead, never initialised): reports and aborts; see lastref_set_misuse_handler().
 *
 * Return: true if this was the last reference; the caller must destroy the object. On false the object may be gone already.
 */
LASTREF_INLINE_ bool lastref_count_unref(struct lastref_count *count)
{
	int64_t token;

	if (LASTREF_UNLIKELY_(lastref_count_unref_begin_(count, &token)))
		return lastref_count_unref_end_(count, token, LASTREF_NULL_, count);
	return false;
}

/**
 * lastref_count_unref_unless_last() - give up a reference, but never the last one
 * @count: a count of which the caller owns one reference
 *
 * For objects whose last unref must happen under a lock: call this first; on false take the lock and call
 * lastref_count_unref().
 *
 * Memory order: release on success, relaxed on failure. Misuse as lastref_count_unref().
 *
 * Return: true if the reference was given up; false if it is the last, which the caller still owns.
 */
LASTREF_INLINE_ bool lastref_count_unref_unless_last(struct lastref_count *count)
{
	int64_t token;

	return lastref_count_unref_unless_last_as_(count, &token, LASTREF_NULL_, count);
}

/* The number of references that a word stands for. */
LASTREF_INLINE_ int64_t lastref_count_value_(int64_t word)
{
	if (word > 0)
		return word;
	return lastref_zone_is_immortal_((int32_t)word) ? INT64_MAX : 0;
}

/**
 * lastref_count_read() - the number of references, for display and for saving state
 * @count: any count in readable memory
 *
 * Memory order: relaxed. With other threads at work the value may be old when the caller gets it: decide nothing by it.
 *
 * Return: the count; 0 if dead or never initialised; INT64_MAX if immortal.
 */
LASTREF_INLINE_ int64_t lastref_count_read(const struct lastref_count *count)
{
	return lastref_count_value_(__atomic_load_n(&count->count, __ATOMIC_RELAXED));
}

/**
 * lastref_count_is_unique() - does the caller hold the only reference?
 * @count: a count of which the caller owns one reference
 *
 * Memory order: acquire. On true the caller sees what former holders wrote before their unref and may change the object, as
 * long as nobody can reach it through a tryref.
 *
 * Return: true if the count is 1.
 */
LASTREF_INLINE_ bool lastref_count_is_unique(const struct lastref_count *count)
{
	/* Pairs with the release in lastref_count_unref(). */
	return __atomic_load_n(&count->count, __ATOMIC_ACQUIRE) == 1;
}

#endif
