/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for JSON documents.
 *
 * Layer: export. Locks: none.
 */
#include "export/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Descriptions and C++ names can be long; what is longer than this helps nobody. */
#define TEXT_LIMIT 4096
/* One byte becomes four, \xNN, at worst. */
#define TEXT_ROOM (4 * TEXT_LIMIT + 8)

void lr_value_set(bool *ok, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		*ok = false;
}

void lr_value_append(bool *ok, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0)
		*ok = false;
}

json_t *lr_value_number(uint64_t number)
{
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

json_t *lr_value_text(const char *bytes, size_t length)
{
	char *room = malloc(TEXT_ROOM);
	struct lr_sink sink;
	json_t *value;

	if (!room)
		return NULL;
	lr_sink_init_memory(&sink, room, TEXT_ROOM);
	lr_sink_foreign(&sink, bytes, length, TEXT_LIMIT);
	value = json_stringn(room, sink.length);
	free(room);
	return value;
}

json_t *lr_value_string(const char *text)
{
	return lr_value_text(text, strlen(text));
}

json_t *lr_value_sink(const struct lr_sink *sink)
{
	return json_stringn(sink->memory ? sink->memory : sink->buffer, sink->length);
}

json_t *lr_value_fingerprint(uint32_t fingerprint)
{
	char text[LR_FINGERPRINT_TEXT];

	lr_report_fingerprint(fingerprint, text);
	return json_string(text);
}

json_t *lr_value_type(const struct lr_image *image, uint32_t id)
{
	const struct lr_type_entry *type = lr_image_type(image, id);
	size_t length = 0;
	const char *name = type ? lr_image_text(image, type->name, &length) : "";

	return lr_value_text(name, length);
}

static int dump(const char *bytes, size_t length, void *sink)
{
	lr_sink_bytes(sink, bytes, length);
	return 0;
}

int lr_value_write(struct lr_sink *sink, json_t *value)
{
	int error = value ? json_dump_callback(value, dump, sink, JSON_INDENT(2)) : -1;

	json_decref(value);
	if (error != 0)
		return -ENOMEM;
	lr_sink_text(sink, "\n");
	return 0;
}

struct stack {
	bool *ok;
	json_t *array;
	const struct lr_document *document;
	lr_value_frame make;
};

static void add_frame(void *frames_, const struct lr_address *address, const struct lr_frame *frame)
{
	struct stack *frames = frames_;

	lr_value_append(frames->ok, frames->array, frames->make(frames->document, address, frame));
}

json_t *lr_value_frames(bool *ok, const struct lr_document *document, const struct lr_frames *frames,
			uint32_t site, lr_value_frame make, bool *ret_cut)
{
	struct stack values = { .ok = ok, .array = json_array(), .document = document, .make = make };
	bool cut = lr_frames_walk(frames, site, add_frame, &values);

	if (ret_cut)
		*ret_cut = cut;
	return values.array;
}

json_t *lr_value_stack(bool *ok, const struct lr_document *document, const struct lr_entry *entry,
		       uint32_t site, lr_value_frame make, bool *ret_cut)
{
	const struct lr_image *image = entry->findings->image;
	const struct lr_type_entry *type = lr_image_type(image, entry->cause->type);
	const struct lr_frames frames = {
		.image = image,
		.symbolizer = document->symbolizer,
		.type_name = type ? lr_image_text(image, type->name, NULL) : NULL,
		.room = LR_FRAMES_SHOWN,
	};

	return lr_value_frames(ok, document, &frames, site, make, ret_cut);
}
