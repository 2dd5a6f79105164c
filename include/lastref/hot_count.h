/* SPDX-License-Identifier: Apache-2.0 */
/**
 * hot_count.h - a reference count for one object that many threads look up all the time
 *
 * A tryref of struct lastref_hot_count is one unconditional read-modify-write, where that of the standard count is a loop that fails and
 * starts anew when another thread came between. It needs no grace period, and nothing is touched after a reference was given up.
 * The price: 16 bytes, and a death that costs two locked operations.
 *
 * The algorithm, gap-safe sticky, in terms of w = references - 1:
 *
 *	unref		subtracts 1. If w became -1 the object is in the gap: nobody holds it, but its death is not decided. A
 *			compare-exchange of -1 to the dead zone decides it
 *	tryref		adds 1. If w was -1 the object came back to life within the gap. Both sides must know of each other, or the unref
 *			in the gap might still touch the object after the reviver dropped it. So whoever is first leaves a mark in two bits of
 *			w, and whoever is second takes it away:
 *				mark 1	a revival that its unref has not noticed yet
 *				mark 2	an unref that noticed, and left, before its reviver said so
 *
 * An unref in the gap that finds mark 1 takes it away, and decides anew if w is -1 again; if it finds no mark it sets mark 2, and
 * leaves. The word is stored as w with the sign bit flipped: so zeroed memory is in a zone of its own, and on x86 the flags of
 * `lock inc` and `lock sub` tell everything.
 *
 *	the word		w			means
 *	INT64_MIN + n		n, marks in bits 60, 61	alive with n + 1 references
 *	-2^62 .. -2^60 - 1	from 2^62		immortal; rests at -2^61
 *	-2^60 .. 2^60 - 1				never initialised (zeroed memory)
 *	2^60 .. INT64_MAX - 1	from INT64_MIN + 2^60	dead; rests at 2^61, failed tryrefs move it up
 *	INT64_MAX		-1			in the gap
 *
 * Sticky zero is from Anderson, Blelloch and Wei, "Turning Manual Concurrent Memory Reclamation into Automatic Reference Counting" (PLDI
 * 2022); the marks are what makes it safe without a grace period. docs/memory-order.md has the proof.
 *
 * Limits: beside an unref of memory that was never initialised, which is misuse, a tryref may return true for an instant; nothing
 * is destroyed for it. One unref too many is always noticed beside one concurrent tryref; with two, that both revive while a reference is
 * stolen, it may pass. More than 2^31 - 1 references are no overflow here: 2^59 cannot be reached.
 *
 * Thread safety: as count.h. tryref needs memory that cannot be freed meanwhile (a lock, an RCU section).
 */
#ifndef LASTREF_HOT_COUNT_H
#define LASTREF_HOT_COUNT_H

#include <lastref/misuse.h>

/**
 * struct lastref_hot_count - a count whose tryref is one read-modify-write
 * @word: see above. Touch it through the functions below only.
 * @index: where the leak checker keeps what it knows of the object; 0 while the object is not registered.
 * @reserved: 0
 */
struct lastref_hot_count {
	int64_t word;
	uint32_t index;
	uint32_t reserved;
};

#define LASTREF_HOT_ONE_ INT64_MIN
#define LASTREF_HOT_GAP_ INT64_MAX
#define LASTREF_HOT_MARK_ (INT64_C(1) << 60)
#define LASTREF_HOT_DEAD_ (INT64_C(1) << 61)
#define LASTREF_HOT_IMMORTAL_ (-(INT64_C(1) << 61))
#define LASTREF_HOT_IMMORTAL_FROM_ (-(INT64_C(1) << 62))

/** LASTREF_HOT_COUNT_INIT - static initialiser: one reference. Such an object is not registered with the leak checker. */
#define LASTREF_HOT_COUNT_INIT                                                                     \
	{                                                                                          \
		LASTREF_HOT_ONE_, 0, 0                                                             \
	}

/** LASTREF_HOT_COUNT_IMMORTAL - static initialiser: never dies. The object must stay in writable memory. */
#define LASTREF_HOT_COUNT_IMMORTAL                                                                 \
	{                                                                                          \
		LASTREF_HOT_IMMORTAL_, 0, 0                                                        \
	}

/* Between the word as it is stored and w. */
LASTREF_INLINE_ int64_t lastref_hot_flip_(int64_t value)
{
	return value ^ INT64_MIN;
}

/* The mark in @w, which is that of a live object or of one in the gap: 0, 1 or 2. Rounded, as w may be -1 below a mark. */
LASTREF_INLINE_ int64_t lastref_hot_mark_of_(int64_t w)
{
	return (int64_t)((uint64_t)w + LASTREF_HOT_MARK_ / 2) >> 60;
}

/* w without its mark: references - 1. */
LASTREF_INLINE_ int64_t lastref_hot_rest_of_(int64_t w)
{
	return (int64_t)((uint64_t)w - ((uint64_t)lastref_hot_mark_of_(w) << 60));
}

/* A word as it was before @step was added to it. It may wrap around. */
LASTREF_INLINE_ int64_t lastref_hot_before_(int64_t word, int64_t step)
{
	return (int64_t)((uint64_t)word - (uint64_t)step);
}

LASTREF_INLINE_ bool lastref_hot_is_alive_(int64_t word)
{
	return word < -LASTREF_HOT_MARK_;
}

LASTREF_INLINE_ bool lastref_hot_is_immortal_(int64_t word)
{
	return word < -LASTREF_HOT_MARK_ && word >= LASTREF_HOT_IMMORTAL_FROM_;
}

LASTREF_INLINE_ bool lastref_hot_is_uninitialized_(int64_t word)
{
	return word >= -LASTREF_HOT_MARK_ && word < LASTREF_HOT_MARK_;
}

/*
 * The object is dead from now on, whatever else is under way. @word, which the misuse found, says whether it ever lived. An
 * unref that is in the gap finds it dead, and reports a misuse too.
 */
LASTREF_COLD_ void lastref_hot_count_misuse_(struct lastref_hot_count *count, int64_t word,
					     bool is_ref, const struct lastref_type *type,
					     const void *object)
{
	bool uninitialized = lastref_hot_is_uninitialized_(word);

	__atomic_store_n(&count->word, LASTREF_HOT_DEAD_, __ATOMIC_RELAXED);
	if (is_ref && uninitialized)
		lastref_misuse_ref_uninitialized(type, object, count->index);
	else if (is_ref)
		lastref_misuse_ref_dead(type, object, count->index);
	else if (uninitialized)
		lastref_misuse_unref_uninitialized(type, object, count->index);
	else
		lastref_misuse_unref_dead(type, object, count->index);
}

/*
 * The parts of the operations, for the template; as in count.h. A token is the word before the operation; with inline
 * assembly, which does not return it, another one that leads to the same decisions.
 */

LASTREF_INLINE_ bool lastref_hot_count_ref_begin_(struct lastref_hot_count *count, int64_t *token)
{
#if LASTREF_X86_ASM_
	bool misuse;

	/* Not less, by sign and overflow: the new word is not negative, or the old one was INT64_MAX. */
	__asm__ volatile("{lock incq %0|lock inc qword ptr %0}"
			 : "+m"(count->word), "=@ccge"(misuse));
	*token = LASTREF_HOT_GAP_;
	if (LASTREF_UNLIKELY_(misuse))
		*token = lastref_hot_before_(__atomic_load_n(&count->word, __ATOMIC_RELAXED), 1);
	return misuse;
#else
	*token = __atomic_fetch_add(&count->word, 1, __ATOMIC_RELAXED);
	return *token >= -1;
#endif
}

LASTREF_COLD_ void lastref_hot_count_ref_slow_(struct lastref_hot_count *count, int64_t token,
					       const struct lastref_type *type, const void *object)
{
	lastref_hot_count_misuse_(count, token, true, type, object);
}

/*
 * The word before a tryref's increment was not alive. Return: true if the caller holds a reference: the object was in the gap, and the
 * mark for the unref that is there is set, or taken.
 */
LASTREF_COLD_ bool lastref_hot_count_tryref_slow_(struct lastref_hot_count *count, int64_t old,
						  const struct lastref_type *type, const void *object)
{
	int64_t word;
	int64_t next;

	if (old != LASTREF_HOT_GAP_)
		return false;
	word = __atomic_load_n(&count->word, __ATOMIC_RELAXED);
	do {
		int64_t w = lastref_hot_flip_(word);
		int64_t mark = lastref_hot_mark_of_(w);

		/* What was revived is held by the caller, so only a stolen reference can have brought it here. */
		if (LASTREF_UNLIKELY_(!lastref_hot_is_alive_(word) || mark == 1 || mark > 2 ||
				      lastref_hot_rest_of_(w) < 0)) {
			lastref_hot_count_misuse_(count, word, false, type, object);
			return false;
		}
		next = mark == 2 ? word - 2 * LASTREF_HOT_MARK_ : word + LASTREF_HOT_MARK_;
		/* Relaxed: the mark tells of itself only, and the reference that the caller holds keeps the memory. */
	} while (!__atomic_compare_exchange_n(&count->word, &word, next, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

LASTREF_INLINE_ bool lastref_hot_count_tryref_as_(struct lastref_hot_count *count, int64_t *token,
						  const struct lastref_type *type, const void *object)
{
	/* Pairs with the release in lastref_hot_count_unref(): what former holders wrote is seen. */
	int64_t old = __atomic_fetch_add(&count->word, 1, __ATOMIC_ACQUIRE);

	*token = old;
	if (LASTREF_UNLIKELY_(old >= 0))
		return lastref_hot_count_tryref_slow_(count, old, type, object);
	return true;
}

LASTREF_INLINE_ bool lastref_hot_count_unref_begin_(struct lastref_hot_count *count, int64_t *token)
{
#if LASTREF_X86_ASM_
	*token = LASTREF_HOT_GAP_;
	/* The carry is set if the word was 0, never initialised: the only word below which one looks alive by mistake. */
	__asm__ goto("{lock subq $1, %0|lock sub qword ptr %0, 1}\n\tjns %l[slow]\n\tjc %l[slow]"
		     :
		     : "m"(count->word)
		     : "memory", "cc"
		     : slow);
	return false;
slow:
	return true;
#else
	/* Pairs with the acquire of tryref and of the exchange that decides death. */
	int64_t old = __atomic_fetch_sub(&count->word, 1, __ATOMIC_RELEASE);

	*token = old;
	/* Not above INT64_MIN and negative: by the sign of its opposite, in one test. */
	return (int64_t)(0 - (uint64_t)old) <= 0;
#endif
}

/*
 * An unref in the gap that found somebody else there. Return: 1 if the gap is to be decided anew, 0 if the object lives without
 * this reference, -1 if @word, to which it was changed meanwhile, shows a misuse.
 */
LASTREF_COLD_ int lastref_hot_count_leave_(struct lastref_hot_count *count, int64_t *word)
{
	/* Added as unsigned: without its mark the word may be INT64_MAX, the gap, and for signed numbers that is overflow. */
	const uint64_t take_mark_1 = -(uint64_t)LASTREF_HOT_MARK_;
	const uint64_t set_mark_2 = 2 * (uint64_t)LASTREF_HOT_MARK_;
	int64_t next;

	do {
		int64_t w = lastref_hot_flip_(*word);
		int64_t mark = lastref_hot_mark_of_(w);

		if (*word == LASTREF_HOT_GAP_)
			return 1;
		if (lastref_hot_is_immortal_(*word))
			return 0;
		if (!lastref_hot_is_alive_(*word) || mark > 1 || lastref_hot_rest_of_(w) < -1)
			return -1;
		next = (int64_t)((uint64_t)*word + (mark == 1 ? take_mark_1 : set_mark_2));
		/*
		 * Release, as this is the last touch of an object that another thread may free as soon as it has seen it. Pairs with the
		 * acquire of the exchange that decides death.
		 */
	} while (!__atomic_compare_exchange_n(&count->word, word, next, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return lastref_hot_flip_(next) == -1;
}

/* Return: true if the unref took the last reference. */
LASTREF_OUTLINE_ bool lastref_hot_count_unref_end_(struct lastref_hot_count *count, int64_t token,
						   const struct lastref_type *type,
						   const void *object)
{
	int64_t word;
	int left;

	(void)token;
	do {
		word = LASTREF_HOT_GAP_;
		/* Pairs with the release of every other holder's unref, and of those that left the gap. */
		if (__atomic_compare_exchange_n(&count->word, &word, LASTREF_HOT_DEAD_, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
		left = lastref_hot_count_leave_(count, &word);
	} while (left > 0);
	if (LASTREF_UNLIKELY_(left < 0))
		lastref_hot_count_misuse_(count, lastref_hot_before_(word, -1), false, type, object);
	return false;
}

LASTREF_INLINE_ bool lastref_hot_count_unref_unless_last_as_(struct lastref_hot_count *count,
							     int64_t *token,
							     const struct lastref_type *type,
							     const void *object)
{
	int64_t word = __atomic_load_n(&count->word, __ATOMIC_RELAXED);

	do {
		int64_t rest = lastref_hot_rest_of_(lastref_hot_flip_(word));

		*token = word;
		if (lastref_hot_is_immortal_(word))
			return true;
		if (LASTREF_UNLIKELY_(!lastref_hot_is_alive_(word) || rest < 0)) {
			lastref_hot_count_misuse_(count, word, false, type, object);
			return true;
		}
		if (rest == 0)
			return false;
		/* Pairs with the acquire of the exchange that decides death. */
	} while (!__atomic_compare_exchange_n(&count->word, &word, word - 1, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return true;
}

LASTREF_INLINE_ bool lastref_hot_count_is_alive_(const struct lastref_hot_count *count)
{
	return lastref_hot_is_alive_(__atomic_load_n(&count->word, __ATOMIC_RELAXED));
}

/* What ref_restore stores; 0 and a negative value are dead. Return: true if the object is to be registered. */
LASTREF_INLINE_ bool lastref_hot_count_restore_(struct lastref_hot_count *count, int64_t value)
{
	int64_t stored = LASTREF_HOT_DEAD_;

	if (value > INT32_MAX)
		stored = LASTREF_HOT_IMMORTAL_;
	else if (value > 0)
		stored = lastref_hot_flip_(value - 1);
	__atomic_store_n(&count->word, stored, __ATOMIC_RELAXED);
	return value > 0;
}

/**
 * lastref_hot_count_init() - begin a count with one reference, the caller's
 * @count: memory that no other thread knows yet; its content does not matter
 *
 * Memory order: relaxed. Publish the object by means of your own (a lock, a release store).
 */
LASTREF_INLINE_ void lastref_hot_count_init(struct lastref_hot_count *count)
{
	__atomic_store_n(&count->word, LASTREF_HOT_ONE_, __ATOMIC_RELAXED);
	count->index = 0;
	count->reserved = 0;
}

/**
 * lastref_hot_count_ref() - take one more reference
 * @count: a count of which the caller holds a reference, or of which it knows that somebody does meanwhile
 *
 * Memory order: relaxed. The holder's reference that makes the call legal is what orders it.
 * On misuse (dead, in the gap, never initialised): reports and aborts; see lastref_set_misuse_handler(). If a handler
 * returns, the count stays dead: the object leaks and is never destroyed twice.
 */
LASTREF_INLINE_ void lastref_hot_count_ref(struct lastref_hot_count *count)
{
	int64_t token;

	if (LASTREF_UNLIKELY_(lastref_hot_count_ref_begin_(count, &token)))
		lastref_hot_count_ref_slow_(count, token, LASTREF_NULL_, count);
}

/**
 * lastref_hot_count_tryref() - take a reference if the object is still alive
 * @count: a count in memory that can be written during the call (a lock, an RCU section, memory never given back)
 *
 * Wait-free unless the object is about to die. Memory order: acquire.
 *
 * Return: true if the caller holds a new reference; false if the object is dead or was never initialised.
 */
LASTREF_INLINE_ bool lastref_hot_count_tryref(struct lastref_hot_count *count)
{
	int64_t token;

	return lastref_hot_count_tryref_as_(count, &token, LASTREF_NULL_, count);
}

/**
 * lastref_hot_count_unref() - give up a reference
 * @count: a count of which the caller owns one reference
 *
 * Memory order: release; and acquire for the caller that gets true, so that its destructor sees every other holder's writes.
 * On misuse (already dead, never initialised): reports and aborts; see lastref_set_misuse_handler().
 *
 * Return: true if this was the last reference; the caller must destroy the object. On false the object may be gone already.
 */
LASTREF_INLINE_ bool lastref_hot_count_unref(struct lastref_hot_count *count)
{
	int64_t token;

	if (LASTREF_UNLIKELY_(lastref_hot_count_unref_begin_(count, &token)))
		return lastref_hot_count_unref_end_(count, token, LASTREF_NULL_, count);
	return false;
}

/**
 * lastref_hot_count_unref_unless_last() - give up a reference, but never the last one
 * @count: a count of which the caller owns one reference
 *
 * Memory order: release on success, relaxed on failure. Misuse as lastref_hot_count_unref().
 *
 * Return: true if the reference was given up; false if it is the last, which the caller still owns. If an unref that met a tryref in
 * the gap is not over, the lastref_hot_count_unref() that follows may return false: then that other unref returns true.
 */
LASTREF_INLINE_ bool lastref_hot_count_unref_unless_last(struct lastref_hot_count *count)
{
	int64_t token;

	return lastref_hot_count_unref_unless_last_as_(count, &token, LASTREF_NULL_, count);
}

/* The number of references that a word stands for. */
LASTREF_INLINE_ int64_t lastref_hot_count_value_(int64_t word)
{
	int64_t references;

	if (!lastref_hot_is_alive_(word))
		return 0;
	if (lastref_hot_is_immortal_(word))
		return INT64_MAX;
	references = lastref_hot_rest_of_(lastref_hot_flip_(word)) + 1;
	return references > 0 ? references : 0;
}

/**
 * lastref_hot_count_read() - the number of references, for display and for saving state
 * @count: any count in readable memory
 *
 * Memory order: relaxed. Decide nothing by it: a tryref may succeed after it read 0.
 *
 * Return: the count; 0 if dead, in the gap or never initialised; INT64_MAX if immortal.
 */
LASTREF_INLINE_ int64_t lastref_hot_count_read(const struct lastref_hot_count *count)
{
	return lastref_hot_count_value_(__atomic_load_n(&count->word, __ATOMIC_RELAXED));
}

/**
 * lastref_hot_count_is_unique() - does the caller hold the only reference?
 * @count: a count of which the caller owns one reference
 *
 * Memory order: acquire. On true the caller sees what former holders wrote before their unref and may change the object, as
 * long as nobody can reach it through a tryref. False also while an unref or a tryref that met in the gap is not over.
 *
 * Return: true if there is one reference.
 */
LASTREF_INLINE_ bool lastref_hot_count_is_unique(const struct lastref_hot_count *count)
{
	/* Pairs with the release in lastref_hot_count_unref(). */
	return __atomic_load_n(&count->word, __ATOMIC_ACQUIRE) == LASTREF_HOT_ONE_;
}

#endif
