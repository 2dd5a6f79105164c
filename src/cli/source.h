/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are read whole, be they files or not: a pipe of the shell, a named one, a device.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_SOURCE_H
#define LR_CLI_SOURCE_H

#include <stdbool.h>

/**
 * lr_source_open() - open a file to be read
 *
 * What is no regular file is read to its end first, into memory. A named pipe to which nobody writes is waited for a few seconds.
 *
 * Return: a descriptor of a regular file, at its begin; or a negative errno for lr_source_explain().
 */
int lr_source_open(const char *name);

/** lr_source_explain() - why lr_source_open() failed, in words */
const char *lr_source_explain(int error);

/** lr_source_is_image() - does it begin as an image does? Where it is shorter, as far as it goes. */
bool lr_source_is_image(int fd);

#endif
