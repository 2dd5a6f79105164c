/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of --suppressions.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_SUPPRESS_H
#define LR_CLI_SUPPRESS_H

#include "analyze/suppressions.h"
#include "cli/text_file.h"

struct lr_suppress {
	struct lr_text_file file;
	struct lr_suppression *all; /* NULL if there are none */
	size_t count;
};

/**
 * lr_suppress_read() - read the suppressions
 * @name: of the file; NULL for none
 *
 * Return: 0, or a negative errno after a message.
 */
int lr_suppress_read(struct lr_suppress *suppress, const char *name);

/* Complain of those that hid nothing: what they are for was mended, or they never matched. */
void lr_suppress_tell_unused(const struct lr_suppress *suppress);

void lr_suppress_finish(struct lr_suppress *suppress);

#endif
