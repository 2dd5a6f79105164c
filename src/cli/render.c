/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image to a report: joins analyze, symbolize and export, which do not know each other.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/render.h"

#include "symbolize/symbolize.h"

#include <stdlib.h>
#include <unistd.h>

#define GROUPS_SHOWN 10

/* One call of resolve under way: where its frames go. */
struct emission {
	lr_frame_emit emit;
	void *context;
};

static void emit_frame(const struct lr_symbol_frame *symbol, void *context)
{
	const struct emission *emission = context;
	const struct lr_frame frame = {
		.function = symbol->function,
		.file = symbol->file,
		.line = symbol->line,
	};

	emission->emit(&frame, emission->context);
}

/* A module that is gone or was rebuilt gives no frames, and the report then shows module, offset and build-id. */
static void resolve(void *context, const struct lr_address *address, lr_frame_emit emit,
		    void *emit_context)
{
	struct emission emission = { emit, emit_context };

	if (context == NULL || address->module[0] == '\0')
		return;
	lr_symbols_resolve(context, address->module, address->build_id, address->build_id_size,
			   address->offset, emit_frame, &emission);
}

void lr_render_begin(struct lr_render *render, int fd)
{
	const char *no_color = getenv("NO_COLOR");

	lr_sink_init(&render->sink, fd);
	render->symbols = lr_symbols_create(false);
	render->options = (struct lr_text_options){
		.color = isatty(fd) && (no_color == NULL || *no_color == '\0'),
	};
}

void lr_render_report(struct lr_render *render, struct lr_findings *findings)
{
	const struct lr_symbolizer symbolizer = { .context = render->symbols, .resolve = resolve };

	lr_findings_choose(findings, render->options.all ? 0 : GROUPS_SHOWN);
	lr_text_report(&render->sink, findings, &render->options, &symbolizer);
}

int lr_render_end(struct lr_render *render)
{
	if (render->symbols != NULL)
		lr_symbols_destroy(render->symbols);
	return lr_sink_flush(&render->sink);
}

bool lr_render_is_bad(const struct lr_findings *findings)
{
	const uint64_t *counters = findings->image->header->counters;

	return findings->objects > 0 || counters[LR_REPORTED] > 0 || counters[LR_MISUSES] > 0;
}
