/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of one `lastref run`: whose arenas are in its folder, and what became of them.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_RUN_PROCESSES_H
#define LR_CLI_RUN_PROCESSES_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum lr_run_fate {
	LR_RUN_ENDED,
	LR_RUN_REPLACED, /* by another program, with exec */
	LR_RUN_RUNNING,	 /* still */
};

struct lr_run_process {
	int fd;			 /* of its arena */
	char name[NAME_MAX + 1]; /* of that in the folder */
	pid_t pid;
	uint64_t started;
	uint32_t state; /* enum lr_process_state */
	enum lr_run_fate fate;
};

/* In the order in which they started. */
struct lr_run_processes {
	struct lr_run_process *all;
	size_t count;
	size_t left_out; /* arenas that could not be opened */
	int left_out_error;
};

/**
 * lr_run_processes_find() - open all arenas in the folder
 *
 * The files may be removed afterwards. Return: 0 or -ENOMEM.
 */
int lr_run_processes_find(struct lr_run_processes *processes, int folder_fd);

void lr_run_processes_finish(struct lr_run_processes *processes);

#endif
