/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for JSON documents.
 *
 * Layer: export; only the command has it. What lacks memory becomes NULL, which jansson passes on: a document is whole or NULL.
 */
#ifndef LR_EXPORT_VALUES_H
#define LR_EXPORT_VALUES_H

#include "analyze/frames.h"
#include "analyze/report.h"
#include "base/sink.h"
#include "export/document.h"

#include <jansson.h>

/* Add a value to an object or an array, taking the reference; *ok becomes false if it cannot be done, or @value is NULL. */
void lr_value_set(bool *ok, json_t *object, const char *key, json_t *value);
void lr_value_append(bool *ok, json_t *array, json_t *value);

/* A number; what is beyond the largest of JSON's usual readers stays at that. */
json_t *lr_value_number(uint64_t number);

/* Text of unknown origin as printable UTF-8. */
json_t *lr_value_text(const char *bytes, size_t length);
json_t *lr_value_string(const char *text);

/* What a function writes to a sink. */
json_t *lr_value_sink(const struct lr_sink *sink);

json_t *lr_value_fingerprint(uint32_t fingerprint);
json_t *lr_value_type(const struct lr_image *image, uint32_t type);

/* Write a document, and give its reference back. Return: 0 or -ENOMEM. */
int lr_value_write(struct lr_sink *sink, json_t *value);

/* One frame; @frame is NULL if nothing is known of @address. */
typedef json_t *(*lr_value_frame)(const struct lr_document *document,
				  const struct lr_address *address, const struct lr_frame *frame);

/* The frames of a stack, as an array. @ret_cut, which may be NULL: does the stack go on? */
json_t *lr_value_frames(bool *ok, const struct lr_document *document, const struct lr_frames *frames,
			uint32_t site, lr_value_frame make, bool *ret_cut);

/* The frames of a stack of the image of @entry, as an array. @ret_cut, which may be NULL: does the stack go on? */
json_t *lr_value_stack(bool *ok, const struct lr_document *document, const struct lr_entry *entry,
		       uint32_t site, lr_value_frame make, bool *ret_cut);

#endif
