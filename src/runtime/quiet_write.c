/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGPIPE and SIGXFSZ, kept from the program.
 *
 * Layer: runtime. Locks: none.
 *
 * The signal of a failed write is sent to the thread that wrote, so blocking it in this thread and taking it from the pending ones
 * concerns nobody else. One that was pending before is the program's and stays.
 */
#include "runtime/quiet_write.h"

#include <errno.h>
#include <time.h>

static const int signals[LR_QUIET_SIGNALS] = { SIGPIPE, SIGXFSZ };

void lr_quiet_write_begin(struct lr_quiet_write *quiet)
{
	sigset_t pending;
	sigset_t set;

	sigemptyset(&pending);
	sigemptyset(&set);
	for (int i = 0; i < LR_QUIET_SIGNALS; i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, &quiet->mask);
	/* One that the program does not block would have arrived. */
	if (sigismember(&quiet->mask, SIGPIPE) == 1 || sigismember(&quiet->mask, SIGXFSZ) == 1)
		sigpending(&pending);
	for (int i = 0; i < LR_QUIET_SIGNALS; i++)
		quiet->was_pending[i] = sigismember(&pending, signals[i]) == 1;
}

static void take_pending(const struct lr_quiet_write *quiet)
{
	static const struct timespec at_once = { 0, 0 };
	sigset_t set;

	for (int i = 0; i < LR_QUIET_SIGNALS; i++) {
		sigemptyset(&set);
		sigaddset(&set, signals[i]);
		while (!quiet->was_pending[i] && sigtimedwait(&set, NULL, &at_once) < 0 &&
		       errno == EINTR)
			continue;
	}
}

void lr_quiet_write_end(const struct lr_quiet_write *quiet, bool failed)
{
	int error = errno;

	if (failed)
		take_pending(quiet);
	pthread_sigmask(SIG_SETMASK, &quiet->mask, NULL);
	errno = error;
}
