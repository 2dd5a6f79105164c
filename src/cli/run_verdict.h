/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes of one `lastref run` left, reported and written to files.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_RUN_VERDICT_H
#define LR_CLI_RUN_VERDICT_H

#include "cli/run_options.h"
#include "cli/run_pipe.h"
#include "cli/run_processes.h"

struct lr_run_verdict {
	bool bad;	  /* leaks or misuse in any process, or one that could not be looked at */
	bool not_written; /* a file of -o or --report could not be */
};

/**
 * lr_run_judge() - analyze all processes, print their reports, write their files
 * @suppress: of --suppressions
 * @alone: processes that are none of @processes, and reported by themselves
 * @command_pid, @command_status: of CMD itself, the status as wait() gives it
 */
void lr_run_judge(struct lr_run_verdict *verdict, const struct lr_run_options *options,
		  const struct lr_suppress *suppress, const struct lr_run_processes *processes,
		  const struct lr_run_alone *alone, pid_t command_pid, int command_status);

#endif
