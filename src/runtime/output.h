/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reports and the event log go: the file that `output=` names, or standard error.
 *
 * Layer: runtime. Thread-safe, and async-signal-safe but for the first two.
 */
#ifndef LR_RUNTIME_OUTPUT_H
#define LR_RUNTIME_OUTPUT_H

#include <stddef.h>

/**
 * lr_output_start() - what `output=` says
 * @name: "" is standard error; %p in it is the process id. If it is relative, it is so to the folder of this moment: wherever the
 *	program goes later, log and report stay together.
 *
 * Once, before any other function here. Nothing is opened yet.
 */
void lr_output_start(const char *name);

/** lr_output_restart_in_child() - after fork(), in the child: it has another process id. */
void lr_output_restart_in_child(void);

/** lr_output_path() - the file, absolute if that could be had; "" if it is standard error. */
const char *lr_output_path(void);

/**
 * lr_output_open() - a descriptor of it
 *
 * The file is opened once and stays open, for appending. What the program did to the descriptor since, or to the file, is noticed.
 *
 * Return: a descriptor, which is not the caller's; or a negative errno.
 */
int lr_output_open(void);

/**
 * lr_output_write() - one or several whole lines, in one write(2)
 *
 * In a regular file they stay together whatever other threads and processes write; in a pipe if they are not longer than PIPE_BUF. If
 * only a part could be written, what is written next begins with a newline. The caller keeps SIGPIPE and SIGXFSZ away
 * (quiet_write.h).
 *
 * Return: 0 or a negative errno; then @ret_written says how many bytes of @text were written all the same.
 */
int lr_output_write(const char *text, size_t length, size_t *ret_written);

#endif
