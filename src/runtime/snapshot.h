/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of this process as a file.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_SNAPSHOT_H
#define LR_RUNTIME_SNAPSHOT_H

#include "format/image.h"

/**
 * lr_snapshot_write() - write @image to @path, whole or not at all
 * @image: the arena's, or one with looks and edges of its own
 *
 * Takes no lock and calls no malloc(). Return: 0; -EEXIST if @path is no regular file; -ENOMEM; -ENAMETOOLONG; what open(2), write(2) and
 * rename(2) fail with.
 */
int lr_snapshot_write(const struct lr_image *image, const char *path);

#endif
