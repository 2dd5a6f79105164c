/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are replaced as a whole or not at all: those of -o.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_REPLACE_H
#define LR_CLI_REPLACE_H

/**
 * lr_replace_check() - could a file be put there?
 * @option: that names it, for messages: "-o"
 *
 * Leaves no trace, and an existing file as it is. Return: 0, or a negative errno after a message.
 */
int lr_replace_check(const char *output, const char *option);

/* Writes the content to @fd. Return: 0 or a negative errno. */
typedef int (*lr_replace_fill)(void *context, int fd);

/**
 * lr_replace_file() - put a file there
 *
 * Signals are blocked while @fill runs. Return: 0, or a negative errno after a message.
 */
int lr_replace_file(const char *output, const char *option, lr_replace_fill fill, void *context);

#endif
