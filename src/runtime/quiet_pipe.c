/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGPIPE, kept from the program.
 *
 * Layer: runtime. Locks: none.
 *
 * The signal of a failed write is sent to the thread that wrote, so blocking it in this thread and taking it from the pending ones
 * concerns nobody else. One that was pending before is the program's and stays.
 */
#include "runtime/quiet_pipe.h"

#include <errno.h>
#include <time.h>

static void only_sigpipe(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGPIPE);
}

void lr_quiet_pipe_begin(struct lr_quiet_pipe *quiet)
{
	sigset_t set;

	sigpending(&set);
	quiet->was_pending = sigismember(&set, SIGPIPE) == 1;
	only_sigpipe(&set);
	pthread_sigmask(SIG_BLOCK, &set, &quiet->mask);
}

void lr_quiet_pipe_end(const struct lr_quiet_pipe *quiet)
{
	static const struct timespec at_once = { 0, 0 };
	int error = errno;
	sigset_t set;

	only_sigpipe(&set);
	while (!quiet->was_pending && sigtimedwait(&set, NULL, &at_once) < 0 && errno == EINTR)
		continue;
	pthread_sigmask(SIG_SETMASK, &quiet->mask, NULL);
	errno = error;
}
