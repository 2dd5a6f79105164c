/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private folder of one `lastref run`, in which each process of CMD leaves its arena.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_RUN_FOLDER_H
#define LR_CLI_RUN_FOLDER_H

struct lr_run_folder {
	char *path;
	int fd;
};

/* Make it, readable by nobody else, in memory if possible. Return: 0, or a negative errno after a message. */
int lr_run_folder_make(struct lr_run_folder *folder);

/* Remove it with what is in it. */
void lr_run_folder_remove(struct lr_run_folder *folder);

#endif
