/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image to findings, and findings to a report with functions, files and lines.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_RENDER_H
#define LR_CLI_RENDER_H

#include "analyze/findings.h"
#include "base/sink.h"
#include "cli/suppress.h"
#include "export/text.h"

#define LR_CAUSES_SHOWN 10 /* unless all are asked for */

struct lr_symbols_apart;

/* Where the reports of single processes go. Symbols that one report needed are kept for the next. */
struct lr_render {
	struct lr_sink sink;
	struct lr_symbols_apart *symbols;
	const struct lr_suppress *suppress; /* or NULL */
	struct lr_text_options options;
};

/* Is color wanted there? On a terminal, if NO_COLOR is not set. */
bool lr_render_has_color(int fd);

/* @suppress may be NULL. */
void lr_render_begin(struct lr_render *render, int fd, const struct lr_suppress *suppress);

/* Make the report of one process, to be finished by the caller; without names if it is not @shown and nothing is suppressed. */
void lr_render_make(const struct lr_render *render, struct lr_report *report,
		    struct lr_findings *findings, bool shown);

/* Print it according to @render->options. */
void lr_render_print(struct lr_render *render, const struct lr_report *report,
		     const struct lr_findings *findings);

/* Both. */
void lr_render_report(struct lr_render *render, struct lr_findings *findings);

/* Return: 0, or the negative errno of the first write that failed. */
int lr_render_end(struct lr_render *render);

#endif
