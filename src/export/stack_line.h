/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack on one line: "dcache.c:41 dentry_new < lookup < main".
 *
 * Layer: export.
 */
#ifndef LR_EXPORT_STACK_LINE_H
#define LR_EXPORT_STACK_LINE_H

#include "analyze/frames.h"
#include "base/sink.h"

/* Modules whose build-id the reader has seen already: said once, not at every frame. */
struct lr_named_modules {
	const uint8_t *build_ids[16];
	size_t count;
};

/**
 * lr_stack_line() - write a stack
 * @site: id in the image of @frames
 * @modules: what was named in the same report; NULL if this is the only stack
 */
void lr_stack_line(struct lr_sink *sink, const struct lr_frames *frames, uint32_t site,
		   struct lr_named_modules *modules);

#endif
