/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text files that people write, whole in memory, and messages about their lines.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_TEXT_FILE_H
#define LR_CLI_TEXT_FILE_H

#include <stddef.h>

struct lr_text_file {
	const char *name;
	char *text; /* from malloc(), with a zero behind it */
	size_t size;
};

/**
 * lr_text_file_read() - read a file
 * @name: must stay while @file is used
 * @purpose: what it is for, as in "cannot read the PURPOSE NAME: ..."
 *
 * A byte order mark of UTF-8 at its begin is left out.
 *
 * Return: 0, or a negative errno after a message; @file is empty then.
 */
int lr_text_file_read(struct lr_text_file *file, const char *name, const char *purpose);

/** lr_text_file_take() - the same, of what lr_source_open() returned for @name, which is closed */
int lr_text_file_take(struct lr_text_file *file, const char *name, const char *purpose, int source);

void lr_text_file_finish(struct lr_text_file *file);

/** lr_text_file_refuse() - complain of one line: "NAME:LINE: expected EXPECTED, found '...'" */
void lr_text_file_refuse(const struct lr_text_file *file, unsigned int line, const char *expected);

#endif
