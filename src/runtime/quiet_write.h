/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to a pipe whose reader went away, or beyond the limit for the size of files (of which a memfd is one), without the
 * signal that would end the program under test.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_QUIET_WRITE_H
#define LR_RUNTIME_QUIET_WRITE_H

#include <signal.h>
#include <stdbool.h>

#define LR_QUIET_SIGNALS 2

struct lr_quiet_write {
	sigset_t mask;			    /* the thread's, before */
	bool was_pending[LR_QUIET_SIGNALS]; /* a signal of the program's own */
};

/** lr_quiet_write_begin() - from now on, a write(2) of this thread gives EPIPE or EFBIG and no SIGPIPE or SIGXFSZ. Async-signal-safe. */
void lr_quiet_write_begin(struct lr_quiet_write *quiet);

/**
 * lr_quiet_write_end() - as before lr_quiet_write_begin(). Keeps errno.
 * @failed: may a write have failed? If not, there is no signal to take away.
 */
void lr_quiet_write_end(const struct lr_quiet_write *quiet, bool failed);

#endif
