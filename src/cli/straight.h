/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output that goes straight where it is wanted, because there is no file to replace: to a descriptor, a pipe or a device.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_STRAIGHT_H
#define LR_CLI_STRAIGHT_H

#include "cli/replace.h"

#include <stdbool.h>

/** lr_straight_descriptor() - what /dev/stdout, /dev/stderr, /dev/fd/N or /proc/self/fd/N stands for. Return: -1 for other names. */
int lr_straight_descriptor(const char *name);

/** lr_straight_is() - is it /dev/stdout, /dev/stderr, /dev/fd/N or /proc/self/fd/N, or a pipe or a device that is there? */
bool lr_straight_is(const char *output);

/**
 * lr_straight_check() - may it be written?
 * @option: that names it, for messages
 *
 * Return: 0, or a negative errno after a message.
 */
int lr_straight_check(const char *output, const char *option);

/**
 * lr_straight_write() - write it
 * @fill: is given a file in memory, in which it may write at any place
 *
 * A pipe without a reader is waited for, and a reader that goes away is an error, not a signal. Return: 0, or a negative errno after a message.
 */
int lr_straight_write(const char *output, const char *option, lr_replace_fill fill, void *context);

#endif
