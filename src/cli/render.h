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
#include "export/text.h"

struct lr_symbols_apart;

/* Where reports go. Symbols that one report needed are kept for the next. */
struct lr_render {
	struct lr_sink sink;
	struct lr_symbols_apart *symbols;
	struct lr_text_options options;
};

/* Color is used if @fd is a terminal and NO_COLOR is not set. */
void lr_render_begin(struct lr_render *render, int fd);

/* Print a report according to @render->options. */
void lr_render_report(struct lr_render *render, struct lr_findings *findings);

/* Return: 0, or the negative errno of the first write that failed. */
int lr_render_end(struct lr_render *render);

/* Is there anything that must not be: leaks, in @findings or reported by the process itself, or misuse? */
bool lr_render_is_bad(const struct lr_findings *findings);

#endif
