/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as text: the report that a person reads.
 *
 * Layer: export. Bounded: a report of a million objects is under a screen, and says what it left out.
 */
#ifndef LR_EXPORT_TEXT_H
#define LR_EXPORT_TEXT_H

#include "analyze/findings.h"
#include "base/sink.h"
#include "export/symbolizer.h"

#include <stdbool.h>

struct lr_text_options {
	bool addresses; /* add the objects' addresses */
	bool all;	/* every group, not the largest few */
	bool types;	/* the table of types, and a line also if there is nothing to report */
	bool color;
	const char *process; /* heading when one run has several processes: "process 2 of 3: ./child"; or NULL */
};

/**
 * lr_text_report() - write the report of one process
 * @symbolizer: asked for the frames that are shown, once prepared with all of them
 */
void lr_text_report(struct lr_sink *sink, const struct lr_findings *findings,
		    const struct lr_text_options *options, const struct lr_symbolizer *symbolizer);

/**
 * lr_text_site() - write a stack on one line: "dcache.c:41 dentry_new < lookup < main"
 * @type_name: frames of this type's generated functions are left out; NULL for none
 */
void lr_text_site(struct lr_sink *sink, const struct lr_image *image, uint32_t site,
		  const char *type_name, const struct lr_symbolizer *symbolizer);

/**
 * lr_text_addresses() - what lr_text_site() will ask a symbolizer for, to prepare it
 *
 * Return: how many addresses were stored, @room at the most.
 */
size_t lr_text_addresses(const struct lr_image *image, uint32_t site, struct lr_address *addresses,
			 size_t room);

/** lr_text_whole_site(), lr_text_whole_addresses() - the same, but with all frames up to main(), not the innermost twelve. */
void lr_text_whole_site(struct lr_sink *sink, const struct lr_image *image, uint32_t site,
			const char *type_name, const struct lr_symbolizer *symbolizer);
size_t lr_text_whole_addresses(const struct lr_image *image, uint32_t site,
			       struct lr_address *addresses, size_t room);

#endif
