/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of the text report.
 *
 * Layer: export. Locks: none.
 */
#include "export/text_parts.h"

#define NAME_LIMIT 120

void lr_text_color(const struct lr_text *text, const char *code)
{
	if (text->options->color)
		lr_sink_printf(text->sink, "\033[%sm", code);
}

bool lr_text_is_of_running(const struct lr_text *text)
{
	return text->options->about == LR_TEXT_LIVE || text->options->about == LR_TEXT_GROWN;
}

void lr_text_plural(struct lr_sink *sink, uint64_t number, const char *one, const char *many)
{
	lr_sink_number(sink, number);
	lr_sink_printf(sink, " %s", number == 1 ? one : many);
}

void lr_text_objects(struct lr_sink *sink, uint64_t number)
{
	lr_text_plural(sink, number, "object", "objects");
}

void lr_text_type(struct lr_sink *sink, const struct lr_image *image, uint32_t id)
{
	const struct lr_type_entry *type = lr_image_type(image, id);
	size_t length = 0;
	const char *name = type ? lr_image_text(image, type->name, &length) : "";

	if (length == 0)
		lr_sink_text(sink, "(unknown type)");
	else
		lr_sink_foreign(sink, name, length, NAME_LIMIT);
}

void lr_text_object(struct lr_sink *sink, const struct lr_image *image, uint64_t birth)
{
	lr_text_type(sink, image, (uint32_t)(birth >> LR_BIRTH_NUMBER_BITS));
	lr_sink_printf(sink, "#%llu", (unsigned long long)(birth & LR_BIRTH_NUMBER_MASK));
}
