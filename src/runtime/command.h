/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `lastref symbolize`, run by the program without its noticing: no SIGCHLD, and nothing for its wait().
 *
 * The command is the one that LASTREF_COMMAND names, or else the first found in PATH and where it was installed. It is run without
 * LASTREF and LD_PRELOAD in its environment.
 *
 * Layer: runtime. Thread-safe.
 */
#ifndef LR_RUNTIME_COMMAND_H
#define LR_RUNTIME_COMMAND_H

#include <stdbool.h>

/** lr_command_is_allowed() - false if the program put itself into a sandbox since it was started. */
bool lr_command_is_allowed(void);

/**
 * lr_command_run() - run it to its end
 * @input, @output: what it reads and writes; above 2
 *
 * Return: did it exit with 0?
 */
bool lr_command_run(int input, int output);

/**
 * lr_command_start() - run it beside the program
 * @input_and_output: above 2. It has no other descriptor of the program, and a session of its own.
 *
 * Return: false if it could not be tried; also a program that adopts orphans gets none. If there is no such command, or when it ended,
 * the other end of @input_and_output is at its end.
 */
bool lr_command_start(int input_and_output);

#endif
