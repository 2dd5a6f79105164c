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

bool lr_render_has_color(int fd)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(fd) && (no_color == NULL || *no_color == '\0');
}

void lr_render_begin(struct lr_render *render, int fd, const struct lr_suppress *suppress)
{
	lr_sink_init(&render->sink, fd);
	render->symbols = lr_symbols_apart_create();
	render->suppress = suppress;
	render->options = (struct lr_text_options){ .color = lr_render_has_color(fd) };
}

void lr_render_make(const struct lr_render *render, struct lr_report *report,
		    struct lr_findings *findings, bool shown)
{
	struct lr_symbolizer symbolizer;

	lr_symbols_apart_init(render->symbols, &symbolizer);
	if (shown || (render->suppress && render->suppress->count > 0))
		lr_findings_choose(findings, 0);
	lr_report_init(report);
	report->suppressions = render->suppress ? render->suppress->all : NULL;
	report->suppression_count = render->suppress ? render->suppress->count : 0;
	lr_report_add(report, findings, &symbolizer);
	lr_report_total(report);
	lr_report_choose(report, render->options.all ? 0 : LR_CAUSES_SHOWN);
}

void lr_render_print(struct lr_render *render, const struct lr_report *report,
		     const struct lr_findings *findings)
{
	struct lr_symbolizer symbolizer;

	lr_symbols_apart_init(render->symbols, &symbolizer);
	lr_text_report(&render->sink, report, findings, &render->options, &symbolizer);
}

void lr_render_report(struct lr_render *render, struct lr_findings *findings)
{
	struct lr_report report;

	lr_render_make(render, &report, findings, true);
	lr_render_print(render, &report, findings);
	lr_report_finish(&report);
}

int lr_render_end(struct lr_render *render)
{
	lr_symbols_apart_destroy(render->symbols);
	return lr_sink_flush(&render->sink);
}
