/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of a running process: where they are, and how to get another one.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_SNAPSHOTS_H
#define LR_CLI_SNAPSHOTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LR_SNAPSHOT_WAIT_S 30

#define LR_SNAPSHOT_PLACES 2

/* Where they may be. */
struct lr_snapshot_place {
	char folder[PATH_MAX]; /* as we can reach it */
	char shown[PATH_MAX];  /* as people know it */
	uint32_t *before; /* the numbers that were there at first, ascending; maybe of another process that had the id */
	size_t before_count;
};

/* Those of one process. */
struct lr_snapshots {
	pid_t pid;
	pid_t named_pid;  /* as it knows itself, and names its files: another one in a container */
	int signal;	  /* that makes the process take one */
	bool is_relative; /* where they are depends on the folder in which the process began */
	struct lr_snapshot_place places[LR_SNAPSHOT_PLACES];
	unsigned int place_count;
	unsigned int place; /* of the one that was taken */
	uint32_t last;	    /* its number; 0 before */
};

/**
 * lr_snapshots_find() - does this process take snapshots, and where
 * @snapshots: to be finished also on failure
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

/** lr_snapshots_open() - open one that is where the last one is. Return: a descriptor or a negative errno. */
int lr_snapshots_open(const struct lr_snapshots *snapshots, uint32_t number);

/** lr_snapshots_name() - its path, for messages */
void lr_snapshots_name(const struct lr_snapshots *snapshots, uint32_t number, char *name,
		       size_t size);

void lr_snapshots_finish(struct lr_snapshots *snapshots);

#endif
