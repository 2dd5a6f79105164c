/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a report of a process is going to ask a symbolizer for, told in one go: an answer may be the work of another process, and a
 * thousand questions cost it hardly more than one.
 *
 * Layer: analyze. Not thread-safe. Scratch memory comes from mmap.
 */
#ifndef LR_ANALYZE_ASKED_H
#define LR_ANALYZE_ASKED_H

#include "analyze/findings.h"
#include "analyze/symbolizer.h"

#include <stdbool.h>

struct lr_asked_options {
	bool wants_misuses;	/* their places are told, too */
	bool wants_birthplaces; /* whole stacks of all that a cause may be suppressed by */
};

/**
 * lr_asked_prepare() - tell @symbolizer of all addresses that are going to be asked for
 *
 * Without memory it is not told, and every question is one by itself.
 */
void lr_asked_prepare(const struct lr_findings *findings, const struct lr_asked_options *options,
		      const struct lr_symbolizer *symbolizer);

#endif
