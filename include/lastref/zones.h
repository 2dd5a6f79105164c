/* SPDX-License-Identifier: Apache-2.0 */
/**
 * zones.h - the zones of a 32-bit count, and what leaves them
 *
 *	1 .. 0x7fffffff             alive (a cache count at 1: at rest)
 *	0                           never initialised (zeroed memory), or dead since an instant
 *	0x80000000 .. 0xbfffffff    immortal: never destroyed. Rests at 0xa0000000
 *	0xc0000000 .. 0xffffffff    dead. Rests at 0xe0000000
 *
 * So one signed test of what the atomic returned finds every misuse, in every build type. The zones follow the idea of Linux's
 * refcount_t (saturation instead of wrap-around) and of XNU's os_refcnt (misuse ends the program in every build).
 *
 * Used by count.h and cache_count.h; nothing here is for use by hand.
 */
#ifndef LASTREF_ZONES_H
#define LASTREF_ZONES_H

#include <lastref/misuse.h>

#define LASTREF_COUNT_IMMORTAL_ (-0x60000000)
#define LASTREF_COUNT_DEAD_ (-0x20000000)

LASTREF_INLINE_ bool lastref_zone_is_immortal_(int32_t value)
{
	return value < -0x40000000;
}

LASTREF_INLINE_ bool lastref_zone_is_dead_(int32_t value)
{
	return value < 0 && !lastref_zone_is_immortal_(value);
}

/*
 * An operation met the immortal zone at @old. It moved the count by one, or not at all; far from the resting point it is
 * put back, so that two billion operations cannot carry it into another zone. Exactly 0x80000000 is the overflow itself:
 * the operation before this one added the reference too many.
 */
LASTREF_COLD_ void lastref_zone_immortal_(int32_t *word, int32_t old, const struct lastref_type *type,
					  const void *object, uint32_t index)
{
	if (old < -0x70000000 || old > -0x50000000)
		__atomic_store_n(word, LASTREF_COUNT_IMMORTAL_, __ATOMIC_RELAXED);
	if (old == INT32_MIN)
		lastref_misuse_overflow(type, object, index);
}

/*
 * A tryref found @old, which is not positive. Return: true if the object is immortal. A function of its own: inlined, gcc takes the way of
 * every tryref that succeeds for as rare as this one.
 */
LASTREF_COLD_ bool lastref_zone_tryref_(int32_t *word, int32_t old, const struct lastref_type *type,
					const void *object, const uint32_t *index)
{
	if (!lastref_zone_is_immortal_(old))
		return false;
	lastref_zone_immortal_(word, old, type, object, *index);
	return true;
}

/* A ref or unref found @old, at which nobody holds a reference. Dead is stored first: what a handler leaves behind stays dead. */
LASTREF_COLD_ void lastref_zone_leave_(int32_t *word, int32_t old, bool is_ref,
				       const struct lastref_type *type, const void *object,
				       uint32_t index)
{
	if (lastref_zone_is_immortal_(old)) {
		lastref_zone_immortal_(word, old, type, object, index);
		return;
	}
	__atomic_store_n(word, LASTREF_COUNT_DEAD_, __ATOMIC_RELAXED);
	if (old > 0 && is_ref)
		lastref_misuse_ref_at_rest(type, object, index);
	else if (old > 0)
		lastref_misuse_unref_at_rest(type, object, index);
	else if (old == 0 && is_ref)
		lastref_misuse_ref_uninitialized(type, object, index);
	else if (old == 0)
		lastref_misuse_unref_uninitialized(type, object, index);
	else if (is_ref)
		lastref_misuse_ref_dead(type, object, index);
	else
		lastref_misuse_unref_dead(type, object, index);
}

/*
 * The acquire of a last unref, after its releasing decrement. Pairs with the release in every other holder's unref. A fence
 * is no instruction on x86. ThreadSanitizer does not follow fences and gets a load.
 */
LASTREF_INLINE_ void lastref_zone_acquire_(int32_t *word)
{
#if LASTREF_THREAD_SANITIZER_
	(void)__atomic_load_n(word, __ATOMIC_ACQUIRE);
#else
	(void)word;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

#endif
