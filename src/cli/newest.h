/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of each process only what says most: its file from the end, or else its newest snapshot.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_NEWEST_H
#define LR_CLI_NEWEST_H

#include "cli/inputs.h"

/**
 * lr_newest_keep() - leave out snapshots of processes of which there is something newer
 *
 * Says in one line how many. What cannot be read stays, to be refused by its reader.
 */
void lr_newest_keep(struct lr_inputs *inputs);

#endif
