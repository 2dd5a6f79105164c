/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks as a reader wants them: from the line that called, up to main(), without the functions that the template made.
 *
 * Layer: analyze. Thread-safe if the symbolizer is.
 */
#ifndef LR_ANALYZE_FRAMES_H
#define LR_ANALYZE_FRAMES_H

#include "analyze/symbolizer.h"
#include "format/image.h"

#include <limits.h>
#include <stdbool.h>

#define LR_FRAMES_SHOWN 12
#define LR_FRAMES_ALL UINT_MAX
/* So many addresses are enough for the shown frames: those of generated functions are left out. */
#define LR_FRAMES_ASKED 16

/* Whose stacks, and how much of them. */
struct lr_frames {
	const struct lr_image *image;
	const struct lr_symbolizer *symbolizer; /* prepared with the addresses */
	const char *type_name; /* whose generated functions are left out; NULL for none */
	unsigned int room;     /* LR_FRAMES_SHOWN or LR_FRAMES_ALL */
	bool wants_columns;    /* when it is written: lines alone would not tell it from another */
};

/* One frame. @frame is NULL if nothing is known of @address. */
typedef void (*lr_frames_show)(void *context, const struct lr_address *address,
			       const struct lr_frame *frame);

/**
 * lr_frames_walk() - show the frames of a stack, innermost first
 * @site: id in the image
 *
 * Return: true if the stack goes on after what was shown.
 */
bool lr_frames_walk(const struct lr_frames *frames, uint32_t site, lr_frames_show show,
		    void *context);

/**
 * lr_frames_addresses() - what lr_frames_walk() will ask a symbolizer for, to prepare it
 *
 * Return: how many addresses were stored, @room at the most.
 */
size_t lr_frames_addresses(const struct lr_image *image, uint32_t site,
			   struct lr_address *addresses, size_t room);

/** lr_frames_base_name() - what follows the last slash. */
const char *lr_frames_base_name(const char *path);

#endif
