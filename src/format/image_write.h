/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing an image as a file: the records of live objects one after the other, the other spaces without the unused end of
 * their last segment, a checksum with each segment.
 *
 * Layer: format. No I/O (the caller passes a function that writes), no allocation: it also runs in the process that the image is
 * of, whose other threads change it meanwhile. Thread-safe.
 */
#ifndef LR_FORMAT_IMAGE_WRITE_H
#define LR_FORMAT_IMAGE_WRITE_H

#include "format/image.h"

/**
 * lr_image_write_at - write @size bytes at @offset from the begin of the file, all of them
 * @context: what lr_image_write() was given
 *
 * Return: 0 or a negative errno, which ends the writing.
 */
typedef int (*lr_image_write_at)(void *context, uint64_t offset, const void *bytes, size_t size);

/* Room to copy in; the caller's, because 12 KB is much for the stack of a signal handler. Its content does not matter. */
struct lr_image_scratch {
	uint64_t bytes[12 * 1024 / sizeof(uint64_t)];
};

/**
 * lr_image_write() - write @image as a file
 * @numbers: room for one number for each of its records, zeroed; NULL leaves looks and edges out, as does an image without them
 *
 * Records get new ordinals, since only live ones are written, and looks and edges are written with these. A look or an edge of a record that is not
 * written is written all the same, with the record 0.
 *
 * Pieces come in no simple order, but the file can be read after each of them: what is there by then counts as a file that
 * ends early. `complete` is set by the last piece. An object that is born, destroyed or changed meanwhile is in the file as
 * it was at some moment, or not at all.
 *
 * Return: 0 or what @write returned.
 */
int lr_image_write(const struct lr_image *image, struct lr_image_scratch *scratch,
		   uint32_t *numbers, lr_image_write_at write, void *context);

#endif
