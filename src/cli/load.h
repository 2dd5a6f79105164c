/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image file in memory of our own.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_LOAD_H
#define LR_CLI_LOAD_H

#include "format/image.h"

#include <stdbool.h>
#include <stddef.h>

struct lr_loaded {
	struct lr_image image;
	struct lr_image_header *header; /* that of the image, which may be changed */
	void *bytes;
	size_t size;
	void **tables;
};

/**
 * lr_load() - read a file and find the image in it
 * @fd: a regular file
 * @is_arena: it is a process's arena, which has no checksums and is never complete
 *
 * Return: 0, -EINVAL if it is no regular file, what read() or lr_image_open() returned, or -ENOMEM.
 */
int lr_load(struct lr_loaded *loaded, int fd, bool is_arena);

void lr_unload(struct lr_loaded *loaded);

/**
 * lr_load_explain() - a message that says why @name cannot be analyzed, and what to do
 * @loaded: as lr_load() left it, for what the header says
 * @error: what lr_load() returned
 */
void lr_load_explain(const char *name, const struct lr_loaded *loaded, int error, char *text,
		     size_t size);

#endif
