/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache count (include/lastref/cache_count.h), of 8 bits in place of 32, and two ways to use it.
 *
 *	s = count + 1	0 never initialized, 1 at rest, 0xc0 to 0xff dead (rests at 0xe0)
 *
 * As it is meant: lookups, the unref that may be the last, and evict are made under the cache's lock.
 * Then a lookup of what is in the table never fails, and the unref that brought the object to rest may
 * still touch it, to put it on a list of what can be evicted.
 *
 * With LOCKFREE there is no lock, but lookups end before the memory is freed (a grace period). Then
 * the object may be gone as soon as it came to rest. MUTANT_TOUCH_AT_REST touches it.
 *
 * Proven for every order of the steps, in both:
 *	- evict is true for one caller only, and only when there is no reference
 *	- each time the object comes to rest, the unref that brought it there says so, and no other
 *	- a tryref fails only if the object was evicted
 *	- nobody touches the word after the memory was freed
 *	- when all is given back, the object is evicted, or at rest: no leak
 *	- with EXTRA (one unref too many) the misuse is reported
 *
 * OWNERS have a reference from the beginning. LOOKERS look the object up, ROUNDS times each. EVICTORS
 * try to evict it, once. With REFS each holder takes one more by ref and gives it back.
 * scripts/check-models has the sizes, and the mutants (MUTANT_...), which must fail.
 */
#ifndef OWNERS
#define OWNERS 1
#endif
#ifndef LOOKERS
#define LOOKERS 1
#endif
#ifndef EVICTORS
#define EVICTORS 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifdef EXTRA
#define EXTRAS 1
#define HONEST false
#else
#define EXTRAS 0
#define HONEST true
#endif

#define REST	1
#define DEAD	224
/* As the header has it, for a signed number. */
#define ALIVE(x)	((x) > 0 && (x) < 128)

byte s = OWNERS + REST;

/* What the word is checked against; no thread decides anything by these. */
short holders = OWNERS;
byte rests = 0;			/* times the object came to rest */
byte told = 0;			/* times an unref said so */
byte evictions = 0;
byte misuses = 0;
bool freed = false;

/* The program's own. */
bool locked = false;
bool listed = true;
byte looking = 0;
byte finished = 0;

inline lock()
{
#ifndef LOCKFREE
	atomic { !locked; locked = true }
#else
	skip
#endif
}

inline unlock()
{
#ifndef LOCKFREE
	locked = false
#else
	skip
#endif
}

inline begin_step() { assert(!HONEST || !freed) }

inline end_step() { assert(!HONEST || !ALIVE(s) || s - REST == holders) }

inline add(n)
{
	begin_step();
	old = s;
	s = (s + (n)) & 255
}

/* To @to if the word is still what this thread has seen; else that is seen anew. */
inline exchange(to)
{
	begin_step();
	swapped = (s == old);
	if
	:: swapped -> s = to
	:: else -> old = s
	fi
}

inline report() { misuses++; s = DEAD }

inline ref()
{
	d_step {
		add(1);
		holders++;
		if
		:: !ALIVE(old) || old == REST -> report()
		:: else
		fi;
		old = 0;
		end_step()
	}
}

inline tryref(ok)
{
#ifdef MUTANT_TRYREF_WITHOUT_TEST
	d_step { add(1); ok = true; holders++; end_step() }
#else
	d_step { begin_step(); old = s; ok = true; swapped = false }
	do
	:: swapped || !ok -> break
#ifdef MUTANT_TRYREF_BY_STORE
	:: else -> d_step { begin_step(); s = old + 1; swapped = true; holders++; end_step() }
#else
	:: else -> d_step {
			if
			:: !ALIVE(old) -> ok = false
			:: else -> exchange(old + 1); holders = holders + swapped; end_step()
			fi
		}
#endif
	od;
#endif
	atomic { assert(!HONEST || ok == (evictions == 0)); old = 0; swapped = false }
}

/* What the step just made did to the object, whatever the thread is told. */
inline count_rest(came)
{
	holders--;
	rests = rests + (came)
}

inline unref(rested)
{
	d_step {
		add(-1);
		count_rest(old == REST + 1);
		rested = (old == REST + 1);
#ifndef MUTANT_UNREF_WITHOUT_MISUSE
		if
		:: !ALIVE(old) || old == REST -> report()
		:: else
		fi;
#endif
		old = 0;
		end_step()
	}
#ifdef MUTANT_REST_BY_LOAD
	d_step { begin_step(); rested = (s == REST) }
#endif
}

/* True: given back. False: it is the last. */
inline unref_unless_last(gone)
{
	d_step { begin_step(); old = s; gone = true; swapped = false }
#ifdef MUTANT_UNLESS_LAST_BY_SUB
	d_step { gone = (old != REST + 1); if :: gone -> add(-1); count_rest(old == REST + 1); end_step() :: else fi }
#else
	do
	:: swapped || !gone -> break
	:: else -> d_step {
			if
			:: old == REST + 1 -> gone = false
			:: !ALIVE(old) || old == REST -> report(); swapped = true
			:: else ->
				exchange(old - 1);
				if
				:: swapped -> count_rest(false)
				:: else
				fi;
				end_step()
			fi
		}
	od;
#endif
	atomic { old = 0; swapped = false }
}

inline evict(mine)
{
#ifdef MUTANT_EVICT_BY_STORE
	d_step { begin_step(); mine = (s == REST) }
	d_step { if :: mine -> begin_step(); s = DEAD; evictions++ :: else fi };
#elif defined(MUTANT_EVICT_WITHOUT_TEST)
	d_step { begin_step(); mine = true; s = DEAD; evictions++ };
#else
	d_step {
		begin_step();
		mine = (s == REST);
		if
		:: mine -> s = DEAD; evictions++
		:: else
		fi
	};
#endif
	assert(!HONEST || !mine || (evictions == 1 && holders == 0))
}

/* An unref said that the object came to rest. */
inline at_rest()
{
#if !defined(LOCKFREE) || defined(MUTANT_TOUCH_AT_REST)
	begin_step();
#endif
	told++
}

inline give_back()
{
#ifdef REFS
	ref();
	unref(rested);
	if
	:: rested -> at_rest()
	:: else
	fi;
#endif
#if defined(LOCKFREE)
	unref(rested);
	if
	:: rested -> at_rest(); rested = false
	:: else
	fi
#elif defined(MUTANT_UNREF_WITHOUT_LOCK)
	unref(rested);
	lock();
	if
	:: rested -> at_rest(); rested = false
	:: else
	fi;
	unlock()
#else
	unref_unless_last(gone);
	if
	:: gone -> gone = false
	:: else ->
		lock();
		unref(rested);
		if
		:: rested -> at_rest(); rested = false
		:: else
		fi;
		unlock()
	fi
#endif
}

#define LOCALS	byte old = 0; bool swapped = false, rested = false, gone = false

active [OWNERS] proctype Owner()
{
	LOCALS;

	give_back();
	finished++
}

active [LOOKERS] proctype Looker()
{
	LOCALS;
	bool ok = false;
	byte round = 0;

	do
	:: round == ROUNDS -> break
	:: else ->
		lock();
		atomic {
			if
			:: listed -> looking++
			:: else -> unlock(); break
			fi
		}
		tryref(ok);
#ifndef LOCKFREE
		assert(!HONEST || ok);
#endif
		looking--;
		unlock();
		if
		:: ok -> ok = false; give_back()
		:: else
		fi;
		round++
	od;
	finished++
}

active [EVICTORS] proctype Evictor()
{
	bool mine = false;

#ifndef MUTANT_EVICT_WITHOUT_LOCK
	lock();
#endif
	atomic {
		if
		:: listed -> looking++
		:: else -> goto out
		fi
	}
	evict(mine);
	atomic {
		looking--;
		if
		:: mine -> listed = false
		:: else
		fi
	}
out:
#ifndef MUTANT_EVICT_WITHOUT_LOCK
	unlock();
#endif
	if
	:: mine ->
#ifdef LOCKFREE
		(looking == 0);
#endif
		freed = true
	:: else
	fi;
	finished++
}

#ifdef EXTRA
active proctype Thief()
{
	byte old = 0;
	bool rested = false;

	unref(rested);
	finished++
}
#endif

active proctype Judge()
{
	(finished == OWNERS + LOOKERS + EVICTORS + EXTRAS);
#ifdef EXTRA
	assert(misuses > 0)
#else
	assert(misuses == 0);
	assert(told == rests);
	assert(freed || (s == REST && holders == 0))
#endif
}
