/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as text: the report that a person reads.
 *
 * Layer: export. Bounded: a report of a million objects is under a screen, and says what it left out.
 */
#ifndef LR_EXPORT_TEXT_H
#define LR_EXPORT_TEXT_H

#include "analyze/report.h"
#include "base/sink.h"

#include <stdbool.h>

/* What the objects of a report are, in its words. */
enum lr_text_about {
	LR_TEXT_LEAKED,
	LR_TEXT_SINCE_CHECKPOINT, /* leaked, and born since a checkpoint */
	LR_TEXT_LIVE,		  /* in a process that goes on */
	LR_TEXT_GROWN,		  /* the same, born since an older snapshot */
};

struct lr_text_options {
	bool addresses; /* add the objects' addresses */
	bool all;	/* every type, not the first few */
	bool types;	/* the table of types, and a line also if there is nothing to report */
	bool color;
	enum lr_text_about about;
	const char *process; /* heading when one run has several processes: "process 2 of 3: ./child"; or NULL */
};

/**
 * lr_text_report() - write a report
 * @report: after lr_report_choose()
 * @only: the findings of the process, if it is of one only; else NULL. Needed for the table of types
 * @symbolizer: the one that the report was made with
 */
void lr_text_report(struct lr_sink *sink, const struct lr_report *report,
		    const struct lr_findings *only, const struct lr_text_options *options,
		    const struct lr_symbolizer *symbolizer);

#endif
