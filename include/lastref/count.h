/* SPDX-License-Identifier: Apache-2.0 */
/**
 * count.h - an atomic reference count of eight bytes
 *
 * struct lastref_count is a signed 32-bit count beside a 32-bit registry index. The atomics touch the count only; the
 * index belongs to the leak checker (check.h) and is written when an object is registered.
 *
 * The count's value tells the state of its object:
 *
 *      1 .. 0x7fffffff             alive, with so many references
 *      0                           never initialised (zeroed memory), or dead since an instant
 *      0x80000000 .. 0xbfffffff    immortal: never destroyed. Rests at 0xa0000000
 *      0xc0000000 .. 0xffffffff    dead. Rests at 0xe0000000
 *
 * So one signed test of what the atomic returned finds every misuse, in every build type: ref or unref on a dead or never
 * initialised count, and overflow. Whoever takes the last reference stores the dead zone before the destructor runs, so no
 * later misuse makes the object look alive again. The zones follow the idea of Linux's refcount_t (saturation instead of
 * wrap-around) and of XNU's os_refcnt (misuse ends the program in every build).
 *
 * Thread safety: every function may be called by any thread at any time on a count that is initialised, except
 * lastref_count_init(), which needs the count to be the caller's alone. ref, tryref, and an unref that is not the last are
 * async-signal-safe.
 */
#ifndef LASTREF_COUNT_H
#define LASTREF_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define LASTREF_EXTERN_C_ extern "C"
#else
#define LASTREF_EXTERN_C_ extern
#endif

#define LASTREF_API __attribute__((visibility("default")))
#define LASTREF_INLINE_ static inline __attribute__((always_inline, unused))
#define LASTREF_COLD_ static __attribute__((noinline, cold, unused))
#define LASTREF_UNLIKELY_(condition) __builtin_expect(!!(condition), 0)

/* ThreadSanitizer follows neither fences nor plain loads of what another thread switches. */
#if defined(__SANITIZE_THREAD__)
#define LASTREF_THREAD_SANITIZER_ 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LASTREF_THREAD_SANITIZER_ 1
#endif
#endif
#ifndef LASTREF_THREAD_SANITIZER_
#define LASTREF_THREAD_SANITIZER_ 0
#endif

struct lastref_type;

/**
 * struct lastref_count - the standard reference count
 * @count: the number of references, or one of the zones above. Touch it through the functions below only.
 * @index: where the leak checker keeps what it knows of the object; 0 while the object is not registered.
 *
 * All-zero memory is a count that was never initialised: using it is misuse.
 */
struct lastref_count {
	int32_t count;
	uint32_t index;
};

#define LASTREF_COUNT_IMMORTAL_ (-0x60000000)
#define LASTREF_COUNT_DEAD_ (-0x20000000)

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
 * The misuse functions, one a misuse, so that a backtrace alone names the bug. They report, and abort unless a handler is set
 * (lastref_set_misuse_handler()). @type is NULL for a bare count, and then @object is the count itself.
 */
LASTREF_EXTERN_C_ LASTREF_API void lastref_misuse_ref_dead(const struct lastref_type *type,
							   const void *object,
							   const struct lastref_count *count);
LASTREF_EXTERN_C_ LASTREF_API void
lastref_misuse_ref_uninitialized(const struct lastref_type *type, const void *object,
				 const struct lastref_count *count);
LASTREF_EXTERN_C_ LASTREF_API void lastref_misuse_unref_dead(const struct lastref_type *type,
							     const void *object,
							     const struct lastref_count *count);
LASTREF_EXTERN_C_ LASTREF_API void
lastref_misuse_unref_uninitialized(const struct lastref_type *type, const void *object,
				   const struct lastref_count *count);
LASTREF_EXTERN_C_ LASTREF_API void lastref_misuse_overflow(const struct lastref_type *type,
							   const void *object,
							   const struct lastref_count *count);
LASTREF_EXTERN_C_ LASTREF_API void lastref_misuse_restore_negative(const struct lastref_type *type,
								   const void *object,
								   const struct lastref_count *count);

LASTREF_INLINE_ bool lastref_count_is_immortal_(int32_t value)
{
	return value < -0x40000000;
}

/*
 * An operation met the immortal zone at @old. It moved the count by one, or not at all; far from the resting point it is
 * put back, so that two billion operations cannot carry it into another zone. Exactly 0x80000000 is the overflow itself:
 * the operation before this one added the reference too many.
 */
LASTREF_COLD_ void lastref_count_immortal_(struct lastref_count *count, int32_t old,
					   const struct lastref_type *type, const void *object)
{
	if (old < -0x70000000 || old > -0x50000000)
		__atomic_store_n(&count->count, LASTREF_COUNT_IMMORTAL_, __ATOMIC_RELAXED);
	if (old == INT32_MIN)
		lastref_misuse_overflow(type, object, count);
}

LASTREF_COLD_ void lastref_count_ref_slow_(struct lastref_count *count, int32_t old,
					   const struct lastref_type *type, const void *object)
{
	if (lastref_count_is_immortal_(old)) {
		lastref_count_immortal_(count, old, type, object);
		return;
	}
	__atomic_store_n(&count->count, LASTREF_COUNT_DEAD_, __ATOMIC_RELAXED);
	if (old == 0)
		lastref_misuse_ref_uninitialized(type, object, count);
	else
		lastref_misuse_ref_dead(type, object, count);
}

LASTREF_COLD_ void lastref_count_unref_slow_(struct lastref_count *count, int32_t old,
					     const struct lastref_type *type, const void *object)
{
	if (lastref_count_is_immortal_(old)) {
		lastref_count_immortal_(count, old, type, object);
		return;
	}
	__atomic_store_n(&count->count, LASTREF_COUNT_DEAD_, __ATOMIC_RELAXED);
	if (old == 0)
		lastref_misuse_unref_uninitialized(type, object, count);
	else
		lastref_misuse_unref_dead(type, object, count);
}

/* The _as_ forms know the type and the object, so that a misuse can be reported by name. */

LASTREF_INLINE_ void lastref_count_ref_as_(struct lastref_count *count,
					   const struct lastref_type *type, const void *object)
{
	int32_t old = __atomic_fetch_add(&count->count, 1, __ATOMIC_RELAXED);

	if (LASTREF_UNLIKELY_(old <= 0))
		lastref_count_ref_slow_(count, old, type, object);
}

LASTREF_INLINE_ bool lastref_count_tryref_as_(struct lastref_count *count,
					      const struct lastref_type *type, const void *object)
{
	int32_t old = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	do {
		if (LASTREF_UNLIKELY_(old <= 0)) {
			if (!lastref_count_is_immortal_(old))
				return false;
			lastref_count_immortal_(count, old, type, object);
			return true;
		}
		/* The acquire pairs with the release of the unrefs before: what they wrote is seen. The sum may overflow. */
	} while (!__atomic_compare_exchange_n(&count->count, &old, (int32_t)((uint32_t)old + 1),
					      true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

LASTREF_INLINE_ void lastref_count_acquire_(struct lastref_count *count)
{
	/*
	 * Pairs with the release in every other holder's unref. A fence costs no instruction on x86, where a load right
	 * after the locked operation costs 5 ns; ThreadSanitizer does not follow fences and gets the load.
	 */
#if LASTREF_THREAD_SANITIZER_
	(void)__atomic_load_n(&count->count, __ATOMIC_ACQUIRE);
#else
	(void)count;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/* What an unref that found @old, 1 or less, still has to do. Return: true if it took the last reference. */
LASTREF_INLINE_ bool lastref_count_unref_end_(struct lastref_count *count, int32_t old,
					      const struct lastref_type *type, const void *object)
{
	if (old != 1) {
		lastref_count_unref_slow_(count, old, type, object);
		return false;
	}
	lastref_count_acquire_(count);
	__atomic_store_n(&count->count, LASTREF_COUNT_DEAD_, __ATOMIC_RELAXED);
	return true;
}

LASTREF_INLINE_ bool lastref_count_unref_as_(struct lastref_count *count,
					     const struct lastref_type *type, const void *object)
{
	int32_t old = __atomic_fetch_sub(&count->count, 1, __ATOMIC_RELEASE);

	if (LASTREF_UNLIKELY_(old <= 1))
		return lastref_count_unref_end_(count, old, type, object);
	return false;
}

LASTREF_INLINE_ bool lastref_count_unref_unless_last_as_(struct lastref_count *count,
							 const struct lastref_type *type,
							 const void *object)
{
	int32_t old = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	do {
		if (old == 1)
			return false;
		if (LASTREF_UNLIKELY_(old <= 0)) {
			lastref_count_unref_slow_(count, old, type, object);
			return true;
		}
		/* Pairs with the acquire of the last unref. */
	} while (!__atomic_compare_exchange_n(&count->count, &old, old - 1, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return true;
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
	lastref_count_ref_as_(count, NULL, count);
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
	return lastref_count_tryref_as_(count, NULL, count);
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
	return lastref_count_unref_as_(count, NULL, count);
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
	return lastref_count_unref_unless_last_as_(count, NULL, count);
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
	int32_t value = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	if (value > 0)
		return value;
	return lastref_count_is_immortal_(value) ? INT64_MAX : 0;
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
