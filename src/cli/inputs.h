/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that FILE...|DIR on a command line names.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_INPUTS_H
#define LR_CLI_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct lr_input {
	char *name;
	int fd; /* -1: not opened yet */
	dev_t device; /* with the number: to know a file that is named twice. 0 and 0 if it is not there */
	ino_t number;
};

struct lr_inputs {
	struct lr_input *all;
	size_t count;
};

/* Starts all zero. */
void lr_inputs_finish(struct lr_inputs *inputs);

/**
 * lr_inputs_add() - add a file, or the images in a folder, by name
 *
 * What is no folder is added as it is, be it there or not; what is no regular file is read. A file that was added before is left out, with
 * a message.
 *
 * @problem: gets a message on failure: a folder cannot be read or has no images, a pipe cannot be read, or there is no memory
 *
 * Return: 0 or a negative errno.
 */
int lr_inputs_add(struct lr_inputs *inputs, const char *name, char *problem, size_t size);

/** lr_inputs_add_source() - add what lr_source_open() returned for @name, which belongs to @inputs from now on. Return: 0 or -ENOMEM. */
int lr_inputs_add_source(struct lr_inputs *inputs, const char *name, int source);

/** lr_input_open() - open it, once. Return: a descriptor, the caller's from now on; or a negative errno for lr_source_explain(). */
int lr_input_open(struct lr_input *input);

/** lr_inputs_leave_out() - do without those of which @which says so, by number */
void lr_inputs_leave_out(struct lr_inputs *inputs, const bool *which);

/** lr_inputs_peek() - open a regular file. Return: a descriptor, or -1: also for a pipe, of which nothing is taken. */
int lr_inputs_peek(const char *name);

/* Is it a regular file that begins as an image does? Where it is shorter, as far as it goes; not if it cannot be read. */
bool lr_inputs_is_image(const char *name);

#endif
