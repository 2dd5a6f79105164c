/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a process ended, in words.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_STORY_H
#define LR_CLI_STORY_H

#include "base/sink.h"
#include "format/image.h"

/* The name and arguments of the image's process, printable and short. */
void lr_story_name(struct lr_sink *sink, const struct lr_image *image);

/* Say how the process ended if its check at exit has not run, and what the report therefore lacks; else nothing. */
void lr_story_of_end(struct lr_sink *sink, const struct lr_image *image);

#endif
