/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMD as a child process: start it, pass on signals, wait for its end.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_RUN_CHILD_H
#define LR_CLI_RUN_CHILD_H

#include "cli/run_pipe.h"

#include <signal.h>
#include <sys/types.h>

#define LR_CHANGED_SIGNALS 3

struct lr_run_child {
	pid_t pid;
	sigset_t waited; /* signals to pass on, and SIGCHLD; blocked */
	sigset_t before; /* the mask that lastref was started with */
	struct sigaction dispositions[LR_CHANGED_SIGNALS]; /* the same */
};

/**
 * lr_run_child_guard() - from here on no signal ends lastref: they wait for lr_run_child_wait()
 *
 * So what is made after it can always be removed.
 */
void lr_run_child_guard(struct lr_run_child *child);

/**
 * lr_run_child_start() - run @command with the signal mask and dispositions that lastref was started with
 * @pipe: whose write end it inherits
 *
 * Return: 0, -EAGAIN or the like if there could be no process, or the negative errno of exec, then with
 * @ret_exec_failed set.
 */
int lr_run_child_start(struct lr_run_child *child, const struct lr_run_pipe *pipe, char **command,
		       int *ret_exec_failed);

/** lr_run_child_wait() - pass on signals until CMD ends. Return: its status as wait() gives it. */
int lr_run_child_wait(struct lr_run_child *child);

/** lr_run_child_release() - signals end lastref again; those that came meanwhile are forgotten. */
void lr_run_child_release(struct lr_run_child *child);

#endif
