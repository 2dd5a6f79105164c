/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of `lastref run -o FILE`.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_RUN_OUTPUT_H
#define LR_CLI_RUN_OUTPUT_H

#include "format/image.h"

#include <stdbool.h>
#include <sys/types.h>

/**
 * lr_run_output_check() - could a file be written there?
 *
 * Leaves no trace, and an existing file as it is. Return: 0, or a negative errno after a message.
 */
int lr_run_output_check(const char *output);

/**
 * lr_run_output_write() - write the image of one process
 * @output: what -o said
 * @pid: for %p in @output
 * @is_main: without %p in @output, this is the process that gets this name; others get .PID behind it
 *
 * The file is there whole or not at all. Return: 0, or a negative errno after a message.
 */
int lr_run_output_write(const char *output, pid_t pid, bool is_main, const struct lr_image *image);

#endif
