/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack on one line.
 *
 * Layer: export. Locks: none; no allocation.
 */
#include "export/stack_line.h"

#include <string.h>

#define NAME_LIMIT 120

struct line {
	struct lr_sink *sink;
	struct lr_named_modules *modules;
	unsigned int frames; /* written so far */
	bool wants_columns;
};

static void write_build_id(struct line *line, const struct lr_address *address)
{
	struct lr_named_modules *modules = line->modules;

	for (size_t i = 0; i < modules->count; i++) {
		if (modules->build_ids[i] == address->build_id)
			return;
	}
	if (address->build_id_size == 0)
		return;
	if (modules->count < sizeof(modules->build_ids) / sizeof(modules->build_ids[0]))
		modules->build_ids[modules->count++] = address->build_id;
	lr_sink_text(line->sink, " (build-id ");
	for (size_t i = 0; i < address->build_id_size; i++)
		lr_sink_printf(line->sink, "%02x", address->build_id[i]);
	lr_sink_text(line->sink, ")");
}

/* No symbol: the module and the offset in it, and its build-id, with which the debug file can be found. */
static void write_bare_address(struct line *line, const struct lr_address *address)
{
	if (address->module[0] == '\0') {
		lr_sink_printf(line->sink, "0x%llx", (unsigned long long)address->pc);
		return;
	}
	lr_sink_foreign(line->sink, lr_frames_base_name(address->module),
			strlen(lr_frames_base_name(address->module)), NAME_LIMIT);
	lr_sink_printf(line->sink, "+0x%llx", (unsigned long long)address->offset);
	write_build_id(line, address);
}

static void write_frame(void *context, const struct lr_address *address, const struct lr_frame *frame)
{
	struct line *line = context;

	if (line->frames++ > 0)
		lr_sink_text(line->sink, " < ");
	if (!frame) {
		write_bare_address(line, address);
		return;
	}
	if (frame->file) {
		const char *file = lr_frames_base_name(frame->file);

		lr_sink_foreign(line->sink, file, strlen(file), NAME_LIMIT);
		if (frame->line > 0)
			lr_sink_printf(line->sink, ":%u", frame->line);
		if (line->wants_columns && frame->line > 0 && frame->column > 0)
			lr_sink_printf(line->sink, ":%u", frame->column);
		lr_sink_text(line->sink, " ");
	}
	if (frame->function)
		lr_sink_foreign(line->sink, frame->function, strlen(frame->function), NAME_LIMIT);
	else if (!frame->file)
		lr_sink_text(line->sink, "?");
}

void lr_stack_line(struct lr_sink *sink, const struct lr_frames *frames, uint32_t site,
		   struct lr_named_modules *modules)
{
	struct lr_named_modules own = { .count = 0 };
	struct line line = {
		.sink = sink,
		.modules = modules ? modules : &own,
		.wants_columns = frames->wants_columns,
	};

	if (!lr_image_site(frames->image, site))
		lr_sink_text(sink, "(stack not known)");
	if (lr_frames_walk(frames, site, write_frame, &line))
		lr_sink_text(sink, " < ...");
}
