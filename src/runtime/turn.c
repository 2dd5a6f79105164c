/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns.
 *
 * Layer: runtime. Locks: none of ranks.h; a word with the number of the turn, 0 if nobody has it,
 * and a futex on it.
 *
 * While a check asks objects it holds references of them, and a check by another thread that reads
 * the counts meanwhile finds one reference too many on each: roots that are none. So all that holds
 * references or reads counts for a check is done in turns. That cannot be a lock as the others are,
 * since the program's functions run under it, .visit and a destructor if the check's reference
 * became the last. They may do anything:
 *
 *   - check again. The turn is this thread's already: `depth` counts. It is set before the word is,
 *     so that a signal handler that checks, which it must not, does not wait for the thread that it
 *     interrupted.
 *   - end the thread. Then lr_turn_leave() ends the turn.
 *   - wait for ever, for a lock that the waiting thread has for one. So who waits is patient as long as whoever has the turn gets somewhere, by `steps`, and for PATIENCE
 *     slices of time after that; then it takes the turn as it is, and says so. Slices are counted
 *     and not the time that went by, as a process may be stopped for an hour. Who comes third waits
 *     for the second. When the first goes on, its word is gone: its end changes nothing, and for
 *     what is left of it two checks are at work at once, which is what the remark says.
 *   - fork. The child has this thread alone, so the turn is its own or nobody's.
 *
 * Numbers are used once in 2^32 turns, so a word that is still N means that the turn has never been
 * another's meanwhile.
 */
#include "runtime/turn.h"

#include "base/clock.h"
#include "base/sink.h"
#include "runtime/quiet_write.h"
#include "runtime/start.h"
#include "runtime/thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_MS 50
#define PATIENCE 60u /* slices */
#define PATIENCE_TEXT "3 s"

static uint32_t turn;
static uint32_t numbers; /* given out so far */
static uint32_t steps;
static __thread uint32_t own; /* the number of this thread's turn, 0 if it has none */
static __thread uint32_t depth;

/* What a thread that waits has seen last, and for how many slices nothing else. */
struct patience {
	uint32_t word;
	uint32_t steps;
	uint32_t slices;
};

static uint32_t next_number(void)
{
	uint32_t number = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);

	return number != 0 ? number : __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
}

/*
 * Return: true if the slice is over, false if the word may have changed. A signal handler that comes
 * meanwhile does not lengthen it.
 */
static bool wait_for_slice(const uint32_t *word, uint32_t value)
{
	const struct timespec end = lr_clock_in(SLICE_MS * LR_NS_PER_MS);

	while (syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, &end, NULL,
		       FUTEX_BITSET_MATCH_ANY) != 0) {
		if (errno != EINTR)
			return errno == ETIMEDOUT;
	}
	return false;
}

/* Wait a little for a word that is @value. Return: true if that has led nowhere for too long. */
static bool lose_patience(struct patience *patience, const uint32_t *word, uint32_t value)
{
	uint32_t seen = __atomic_load_n(&steps, __ATOMIC_RELAXED);

	if (patience->word != value || patience->steps != seen)
		*patience = (struct patience){ .word = value, .steps = seen };
	patience->slices += wait_for_slice(word, value);
	return patience->slices >= PATIENCE;
}

static void tell(void)
{
	struct lr_quiet_write quiet;
	struct lr_sink sink;

	lr_quiet_write_begin(&quiet);
	lr_sink_init(&sink, lr_start_error_output());
	lr_sink_text(&sink, "lastref: for " PATIENCE_TEXT
			    " a check by another thread has been in a function of the program "
			    "(.visit, .describe or the like, or a destructor); "
			    "this one goes on without it, and both may name too many causes\n");
	lr_sink_flush(&sink);
	lr_quiet_write_end(&quiet, sink.error != 0);
}

static uint32_t take(void)
{
	struct patience patience = { 0 };
	uint32_t number = next_number();
	uint32_t former = 0;

	/*
	 * Pairs with the release in lr_turn_end(): what the former check gave back is in the counts
	 * that this one reads.
	 */
	while (!__atomic_compare_exchange_n(&turn, &former, number, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		if (former != 0 && !lose_patience(&patience, &turn, former))
			former = 0;
	}
	if (former != 0)
		tell();
	return number;
}

void lr_turn_begin(void)
{
	if (depth++ > 0)
		return;
	/* Who is known as a thread is heard of when it ends. */
	lr_thread_self();
	own = take();
}

void lr_turn_end(void)
{
	uint32_t number = own;

	if (depth == 1) {
		own = 0;
		/* Pairs with the acquire in take(). */
		__atomic_compare_exchange_n(&turn, &number, 0, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED);
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	depth--;
}

void lr_turn_step(void)
{
	if (__atomic_load_n(&turn, __ATOMIC_RELAXED) == own)
		__atomic_fetch_add(&steps, 1, __ATOMIC_RELAXED);
}

bool lr_turn_is_ours(void)
{
	return depth > 0;
}

bool lr_turn_await(const uint32_t *count, uint32_t rest)
{
	struct patience patience = { 0 };
	uint32_t seen;

	/* One order with what the caller stored before: see leak_check.c. */
	while ((seen = __atomic_load_n(count, __ATOMIC_SEQ_CST)) > rest) {
		if (lose_patience(&patience, count, seen))
			return false;
	}
	return true;
}

void lr_turn_leave(void)
{
	if (depth == 0)
		return;
	depth = 1;
	lr_turn_end();
}

/* If the turn was taken from this thread, it is alone now all the same. */
void lr_turn_restart_in_child(void)
{
	__atomic_store_n(&turn, own, __ATOMIC_RELAXED);
}
