/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the text report share.
 *
 * Layer: export.
 */
#ifndef LR_EXPORT_TEXT_PARTS_H
#define LR_EXPORT_TEXT_PARTS_H

#include "export/stack_line.h"
#include "export/text.h"

/* One report that is being written. */
struct lr_text {
	struct lr_sink *sink;
	const struct lr_report *report;
	const struct lr_findings *only; /* of the only process; NULL if there are several */
	const struct lr_text_options *options;
	const struct lr_symbolizer *symbolizer;
	struct lr_named_modules modules;
};

/* Is it of a process that goes on, where what lives may be wanted? */
bool lr_text_is_of_running(const struct lr_text *text);

/* Words. */
void lr_text_color(const struct lr_text *text, const char *code);
void lr_text_plural(struct lr_sink *sink, uint64_t number, const char *one, const char *many);
void lr_text_objects(struct lr_sink *sink, uint64_t number);
void lr_text_type(struct lr_sink *sink, const struct lr_image *image, uint32_t id);
void lr_text_object(struct lr_sink *sink, const struct lr_image *image, uint64_t birth);

/* The block of one cause; @number is its place among all. */
void lr_text_cause(struct lr_text *text, const struct lr_entry *entry, size_t number);

/* What leaked, in a few words, without place and fingerprint: for other formats. */
void lr_text_summary(const struct lr_text *text, const struct lr_entry *entry);

/* What the reader must know of what is not above. */
void lr_text_remarks(const struct lr_text *text);

#endif
