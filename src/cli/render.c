/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image to a report: joins analyze, symbolize and export, which do not know each other.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/render.h"

#include "cli/symbols_apart.h"

#include <stdlib.h>
#include <unistd.h>

#define CAUSES_SHOWN 10

void lr_render_begin(struct lr_render *render, int fd)
{
	const char *no_color = getenv("NO_COLOR");

	lr_sink_init(&render->sink, fd);
	render->symbols = lr_symbols_apart_create();
	render->options = (struct lr_text_options){
		.color = isatty(fd) && (no_color == NULL || *no_color == '\0'),
	};
}

void lr_render_report(struct lr_render *render, struct lr_findings *findings)
{
	struct lr_symbolizer symbolizer;
	struct lr_report report;

	lr_symbols_apart_init(render->symbols, &symbolizer);
	lr_findings_choose(findings, 0);
	lr_report_init(&report);
	lr_report_add(&report, findings, &symbolizer);
	lr_report_total(&report);
	lr_report_choose(&report, render->options.all ? 0 : CAUSES_SHOWN);
	lr_text_report(&render->sink, &report, findings, &render->options, &symbolizer);
	lr_report_finish(&report);
}

int lr_render_end(struct lr_render *render)
{
	lr_symbols_apart_destroy(render->symbols);
	return lr_sink_flush(&render->sink);
}

bool lr_render_is_bad(const struct lr_findings *findings)
{
	const uint64_t *counters = findings->image->header->counters;

	return findings->objects > 0 || counters[LR_REPORTED] > 0 || counters[LR_MISUSES] > 0;
}
