/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Misuse: the message, the handler, the end.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_MISUSE_H
#define LR_RUNTIME_MISUSE_H

#include "runtime/stack.h"

#include <lastref/check.h>

struct lr_misuse {
	enum lastref_misuse_kind kind;
	const struct lastref_type *type; /* NULL for a bare count */
	const void *object;
	uint32_t index; /* of the object's record, or of what once was at its address; 0 unknown */
	struct lr_stack_start start;
};

/**
 * lr_misuse_report() - compose the message; hand it to the handler, or print it and abort
 *
 * Returns only if a handler did.
 */
void lr_misuse_report(const struct lr_misuse *misuse);

/** lr_misuse_count() - of how many misuses by the calling thread the handler has returned. */
uint32_t lr_misuse_count(void);

/** lr_misuse_words() - what the last of these was, in capital letters. */
const char *lr_misuse_words(void);

#endif
