/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are replaced as a whole or not at all: those of -o. What is there and is no file, a pipe or a device, is written straight.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_REPLACE_H
#define LR_CLI_REPLACE_H

#include <stddef.h>

/**
 * lr_replace_check() - could a file be put there?
 * @option: that names it, for messages: "-o"
 *
 * Leaves no trace, and an existing file as it is. Return: 0, or a negative errno after a message.
 */
int lr_replace_check(const char *output, const char *option);

/**
 * lr_replace_check_report() - as lr_replace_check(), for a report
 * @inputs: names of other files that are read, each may be NULL; @count of them
 *
 * Refuses to replace what would be lost: one of them, or what a process left.
 */
int lr_replace_check_report(const char *output, const char *option, const char *const *inputs,
			    size_t count);

/* Writes the content to @fd. Return: 0 or a negative errno. */
typedef int (*lr_replace_fill)(void *context, int fd);

/**
 * lr_replace_file() - put a file there
 *
 * Signals are blocked while a file is replaced. Return: 0, or a negative errno after a message.
 */
int lr_replace_file(const char *output, const char *option, lr_replace_fill fill, void *context);

#endif
