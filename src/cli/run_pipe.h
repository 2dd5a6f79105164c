/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipe through which processes of CMD that have no arena in the folder tell what they found.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_RUN_PIPE_H
#define LR_CLI_RUN_PIPE_H

#include <stdbool.h>
#include <stddef.h>

struct lr_run_pipe {
	int read_end;  /* -1 if there is no pipe */
	int write_end; /* for CMD; closed by exec() until lr_run_pipe_leave_open() */
};

/* What came through it. */
struct lr_run_alone {
	size_t processes;
	bool bad; /* leaks or misuse */
};

/**
 * lr_run_pipe_make() - make it and name it in the environment
 *
 * Without one, what those processes find does not change the exit status; that is no reason to run nothing.
 */
void lr_run_pipe_make(struct lr_run_pipe *pipe);

/** lr_run_pipe_leave_open() - in the child: CMD inherits the write end. Async-signal-safe. */
void lr_run_pipe_leave_open(const struct lr_run_pipe *pipe);

/** lr_run_pipe_finish() - read what is there, without waiting for more, and close both ends */
void lr_run_pipe_finish(struct lr_run_pipe *pipe, struct lr_run_alone *ret_alone);

#endif
