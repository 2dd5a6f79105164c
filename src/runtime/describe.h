/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking objects who they are, without harm.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_DESCRIBE_H
#define LR_RUNTIME_DESCRIBE_H

#include "analyze/findings.h"

#define LR_DESCRIPTION_MAX 512

/* What is known of one object now. */
struct lr_description {
	struct lr_note note; /* .text is not used */
	size_t length;
	char text[LR_DESCRIPTION_MAX];
};

/**
 * lr_describe_examples() - fill in the notes of all examples in shown causes
 * @room: one for each example of a shown cause, in order; the examples will point into it
 *
 * Calls the program's .describe, .leak_message, .count and .size_of, with no lock held, on objects that cannot die meanwhile: no
 * other thread runs, or a reference is held.
 */
void lr_describe_examples(struct lr_findings *findings, struct lr_description *room);

/** lr_describe_is_current() - for lr_findings_options.is_current: does the object at the record's address carry its index? */
bool lr_describe_is_current(uint64_t ordinal, const struct lr_record *record);

#endif
