/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot count (include/lastref/hot_count.h) in a word of its layout, but of 10 bits in place of 64:
 *
 *	w = count - 1 + 64 * mark	bit 9 sign, bit 8 immortal, bits 6 and 7 mark, the rest count
 *	s = w, sign bit flipped		what memory holds
 *
 * Every atomic operation of the header is one d_step; the steps of all threads are interleaved in every
 * order. A step is made twice: on s with the tests that the header makes, and on w with those of the
 * plain form. Both words and both decisions must agree, and what lastref_hot_count_read() would give
 * must be the number of references that there are.
 *
 * Proven for every order:
 *	- one unref, and only one, says that it was the last, when no reference is left: no leak
 *	- a tryref that succeeds has a live object; before one fails, the death was decided
 *	- nobody but a tryref in progress touches the word after the memory was freed
 *	- is_unique is true only if there is neither another holder nor an unref still at work
 *	- with EXTRA (one unref too many) or ZERO (memory that was never initialized) the misuse is
 *	  reported, and nothing is destroyed twice
 *
 * OWNERS have a reference from the beginning. TRYERS look the object up, ROUNDS times each. With REFS
 * each holder takes one more by ref and gives it back; with UNLESS_LAST each may try unref_unless_last
 * first; with UNIQUE each asks is_unique. scripts/check-models has the sizes, and the mutants (MUTANT_...), which must fail.
 */
#ifndef OWNERS
#define OWNERS 1
#endif
#ifndef TRYERS
#define TRYERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifdef EXTRA
#define EXTRAS 1
#else
#define EXTRAS 0
#endif

/* A signed number of 10 bits. */
#define MIN	(-512)
#define MAX	511
#define WRAP(x)	((((x) - MIN) & 1023) + MIN)
#define FLIP(x)	WRAP((x) ^ MIN)
#define ONE_G	64
/* Of what memory holds: the rest is dead, in the gap, or zero to which was added or subtracted. */
#define ALIVE(x)	((x) < -ONE_G)
/* As plain words. */
#define DEAD	(MIN + 2 * ONE_G)
#define GAP	(-1)
#define LAST	0
#define PLAIN_ALIVE(x)	((x) >= 0 && (x) < -MIN - ONE_G)

/* Of a live word: its mark, and the count. A count of 0 borrows from the mark, hence the half. */
#define MARK(w)		(((w) + ONE_G / 2) / ONE_G)
#define COUNT(w)	((w) + 1 - MARK(w) * ONE_G)
#define READ(w)		((w) < 0 -> 0 : COUNT(w))

#ifdef ZERO
short s = 0;
short w = MIN;
#else
short s = FLIP(OWNERS - 1);
short w = OWNERS - 1;
#endif

/* What the words are checked against; no thread decides anything by these. */
short holders = OWNERS;
byte working = 0;		/* unrefs that gave up their reference and are not done with the word */
byte destroyed = 0;
byte misuses = 0;
bool decided = false;
bool freed = false;

hidden short next;		/* within one step only */

/* The program's own: lookups end before the memory is freed, by a lock or a grace period. */
bool listed = true;
byte looking = 0;
byte finished = 0;

#if defined(EXTRA) || defined(ZERO)
#define HONEST false
#else
#define HONEST true
#endif

inline begin_step() { assert(!HONEST || !freed) }

inline end_step()
{
	assert(s == FLIP(w));
	assert(!HONEST || READ(w) == holders)
}

inline load() { old = s; plain = w }

inline add(n)
{
	begin_step();
	load();
	s = WRAP(s + (n));
	w = WRAP(w + (n))
}

/* The plain word becomes @to if it still is what this thread has seen; else it is seen anew. */
inline exchange(to)
{
	begin_step();
	assert((s == old) == (w == plain));
	swapped = (s == old);
	if
	:: swapped -> w = (to); s = FLIP(to)
	:: else -> load()
	fi;
	end_step()
}

/* What an operation that is no compare-exchange would do: for mutants. */
inline store(to)
{
	begin_step();
	w = (to);
	s = FLIP(to);
	swapped = true;
	end_step()
}

inline report() { misuses++; s = FLIP(DEAD); w = DEAD }

inline ref()
{
	d_step {
		add(1);
		holders++;
#ifdef MUTANT_REF_BY_SIGN
		wrong = (s >= 0);
#else
		wrong = (s >= 0 || s == MIN);
#endif
		assert(wrong == (plain <= GAP || plain == MAX));
		end_step()
	}
	if
	:: wrong -> d_step { report(); wrong = false }
	:: else
	fi;
	d_step { old = 0; plain = 0 }
}

/* The caller revived the object in the gap of its last unref. Both must know: one leaves a mark. */
inline mark_revival(ok)
{
	d_step { begin_step(); load(); swapped = false }
	do
	:: swapped || !ok -> break
	:: else -> d_step {
			if
			:: !ALIVE(old) || MARK(plain) == 1 || MARK(plain) > 2 || COUNT(plain) < 1 ->
				report();
				ok = false
			:: else ->
				if
#ifdef MUTANT_MARK_ONLY_UP
				:: true -> next = plain + ONE_G
#else
				:: MARK(plain) == 2 -> next = plain - 2 * ONE_G
				:: MARK(plain) != 2 -> next = plain + ONE_G
#endif
				fi;
#ifdef MUTANT_MARK_BY_STORE
				store(next)
#else
				exchange(next)
#endif
			fi
		}
	od
}

inline tryref(ok)
{
	d_step {
		add(1);
#ifdef MUTANT_TRYREF_WITHOUT_TEST
		ok = true;
#else
		ok = (old < 0 || old == MAX);
#endif
		assert((old < 0) == (plain >= 0));
		assert((old == MAX) == (plain == GAP));
		holders = holders + ok;
		end_step()
	}
#ifndef MUTANT_NOMARK
	if
	:: old == MAX -> mark_revival(ok)
	:: else
	fi;
#endif
	atomic { assert(!HONEST || ok == !decided); old = 0; plain = 0; swapped = false }
}

/* Take away the mark of who revived the object, and decide again; or leave a mark for who did. */
inline leave()
{
	d_step {
		if
#ifdef MUTANT_UNREF_WITHOUT_G_TEST
		:: true -> next = plain + 2 * ONE_G
#else
		:: MARK(plain) == 1 -> next = plain - ONE_G
		:: MARK(plain) != 1 -> next = plain + 2 * ONE_G
#endif
		fi;
#if defined(MUTANT_NOLEFT)
		if
		:: MARK(plain) == 1 -> exchange(next)
		:: else -> next = plain; swapped = true
		fi;
#elif defined(MUTANT_LEAVE_BY_STORE)
		store(next);
#else
		exchange(next);
#endif
		done = (swapped && next != GAP);
		working = working - done;
		if
		:: swapped && !done -> load()
		:: else
		fi
	}
}

inline destroy()
{
	d_step {
		working--;
		destroyed++;
		assert(destroyed == 1);
		assert(!HONEST || holders == 0);
		listed = false;
		done = true
	}
#ifndef MUTANT_FREE_WITHOUT_WAITING
	(looking == 0);
#endif
	freed = true
}

/* From the gap to dead, unless somebody revived the object. */
inline decide()
{
#ifdef MUTANT_DEAD_BY_STORE
	d_step { begin_step(); load(); swapped = (old == MAX) }
	d_step { if :: swapped -> w = DEAD; s = FLIP(w); decided = true :: else fi; end_step() }
#else
	d_step {
		old = MAX;
		plain = GAP;
		next = DEAD;
		exchange(next);
		if
		:: swapped -> decided = true
		:: else
		fi
	}
#endif
}

/* More was given back than there was. */
#ifdef MUTANT_UNREF_TRUSTS_G
#define MISCOUNTED	(!ALIVE(old))
#else
#define MISCOUNTED	(!ALIVE(old) || MARK(plain) > 1 || COUNT(plain) < 0)
#endif

/* The word is not in the gap. */
inline leave_or_decide()
{
	do
	:: done || old == MAX -> break
	:: else ->
		assert(ALIVE(old) == PLAIN_ALIVE(plain));
		if
		:: MISCOUNTED -> d_step { report(); working--; done = true }
		:: else -> leave()
		fi
	od
}

inline unref_slow()
{
	do
	:: done -> break
	:: else ->
		decide();
		if
		:: swapped -> destroy()
		:: else -> leave_or_decide()
		fi
	od
}

inline unref()
{
	d_step {
		add(-1);
		holders--;
#ifdef MUTANT_UNREF_BY_SIGN
		done = (s < 0);
#else
		done = (s < 0 && old != 0);
#endif
		assert(done == (w >= 0 && plain != MIN));
		working = working + !done;
		end_step()
	}
	unref_slow();
	atomic { old = 0; plain = 0; swapped = false; done = false }
}

inline unref_unless_last(gone)
{
#ifdef MUTANT_UNLESS_LAST_BY_SUB
	d_step { begin_step(); load(); gone = (old != MIN) }
	d_step { if :: gone -> add(-1); holders-- :: else fi; end_step() }
#else
	d_step { begin_step(); load(); gone = true; swapped = false }
	do
	:: swapped || !gone -> break
	:: else -> d_step {
			assert(ALIVE(old) == PLAIN_ALIVE(plain));
			if
			:: !ALIVE(old) || COUNT(plain) < 1 -> report(); swapped = true
			:: else ->
				if
				:: COUNT(plain) == 1 -> gone = false
				:: else ->
					/* Gone with the step that says so. */
					holders = holders - (s == old);
					next = plain - 1;
					exchange(next)
				fi
			fi
		}
	od;
#endif
	atomic { old = 0; plain = 0; swapped = false }
}

/* True of the caller alone, and for as long as nobody looks the object up. */
inline is_unique()
{
	d_step {
		begin_step();
		assert((s == MIN) == (w == LAST));
		assert(!HONEST || s != MIN || (holders == 1 && working == 0))
	}
}

inline give_back()
{
#ifdef REFS
	ref();
	unref();
#endif
#ifdef UNLESS_LAST
	if
	:: unref_unless_last(gone)
	:: true
	fi;
#endif
	if
	:: gone -> gone = false
	:: else ->
#ifdef UNIQUE
		is_unique();
#endif
		unref()
	fi
}

#define LOCALS	\
	short old = 0, plain = 0;	/* the word as this thread saw it */ \
	bool swapped = false, done = false, wrong = false, gone = false

active [OWNERS] proctype Owner()
{
	LOCALS;

	give_back();
	finished++
}

active [TRYERS] proctype Tryer()
{
	LOCALS;
	bool ok = false;
	byte round = 0;

	do
	:: round == ROUNDS -> break
	:: else ->
		atomic {
			if
			:: listed -> looking++
			:: else -> break
			fi
		}
		tryref(ok);
		looking--;
		if
		:: ok -> ok = false; give_back()
		:: else
		fi;
		round++
	od;
	finished++
}

#ifdef EXTRA
active proctype Thief()
{
	LOCALS;

	unref();
	finished++
}
#endif

active proctype Judge()
{
	(finished == OWNERS + TRYERS + EXTRAS);
#if defined(EXTRA) || defined(ZERO)
	assert(misuses > 0);
	assert(destroyed <= 1)
#else
	assert(misuses == 0);
	assert(destroyed == 1 && freed)
#endif
}
