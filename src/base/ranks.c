/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks with ranks.
 *
 * Layer: base. The ranks that a thread holds are one bit each in a thread-local word, so that a lock taken out of order is found
 * at the first run of that path, not at the first deadlock; where the build checks it (LR_CHECK_RANKS: debug and sanitizer builds).
 */
#include "base/ranks.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* One bit a rank. Set before the lock is taken and cleared after it is given back, so a signal handler errs to the safe side. */
static __thread volatile sig_atomic_t held;

static void check_order(enum lr_rank rank)
{
#ifdef LR_CHECK_RANKS
	static const char message[] = "lastref: internal error: a lock was taken out of its order\n";

	if ((held >> rank) == 0)
		return;
	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	abort();
#else
	(void)rank;
#endif
}

/*
 * What is done under a lock makes system calls that pthread_cancel() may end the thread in. The program's ref and unref are no such
 * points, so they must not become any, and a lock must be given back.
 */
static __thread volatile int cancel_state;

/*
 * A signal handler that comes while no lock is held may take one, and keeps its own state there. So the
 * variable is written when one is held, and read while it still is.
 */
void lr_lock(struct lr_lock *lock)
{
	bool is_first = held == 0;
	int state = 0;

	check_order(lock->rank);
	if (is_first)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	held |= 1 << lock->rank;
	if (is_first)
		cancel_state = state;
	pthread_mutex_lock(&lock->mutex);
}

void lr_unlock(struct lr_lock *lock)
{
	int state = cancel_state;

	pthread_mutex_unlock(&lock->mutex);
	held &= ~(1 << lock->rank);
	if (held == 0)
		pthread_setcancelstate(state, NULL);
}

bool lr_lock_held(void)
{
	return held != 0;
}

void lr_lock_restart(struct lr_lock *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
	held &= ~(1 << lock->rank);
}
