/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of a running process: where they are, and how to get another one.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_SNAPSHOTS_H
#define LR_CLI_SNAPSHOTS_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#define LR_SNAPSHOT_WAIT_S 30

/* The last snapshots of one process; 0 where there is none. */
struct lr_snapshots {
	pid_t pid;
	char folder[PATH_MAX]; /* as we can reach it */
	int signal;	       /* that makes the process take one */
	uint32_t last;
};

/**
 * lr_snapshots_find() - does this process take snapshots, and where
 *
 * Return: 0, or a negative errno after a message.
 */
int lr_snapshots_find(struct lr_snapshots *snapshots, pid_t pid);

/**
 * lr_snapshots_take() - have the process take one, and wait until it is there; then it is the last one
 *
 * Return: 0, or a negative errno after a message.
 */
int lr_snapshots_take(struct lr_snapshots *snapshots);

/** lr_snapshots_open() - open one. Return: a descriptor or a negative errno. */
int lr_snapshots_open(const struct lr_snapshots *snapshots, uint32_t number);

#endif
