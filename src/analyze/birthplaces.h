/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the objects that a cause stands for were born, each place once.
 *
 * Layer: analyze. Memory from mmap, for cycles only.
 */
#ifndef LR_ANALYZE_BIRTHPLACES_H
#define LR_ANALYZE_BIRTHPLACES_H

#include "analyze/findings.h"
#include "analyze/suppressions.h"

struct lr_birthplaces {
	const struct lr_birthplace *all;
	size_t count;
	struct lr_birthplace first; /* of the cause itself */
	struct lr_birthplace *list;
	size_t mapped;
};

/**
 * lr_birthplaces_find() - of a cause
 *
 * Of a leak, type and site of its roots. Of a cycle those of all its members: which of them is told as
 * the first is chance. Without memory for these, of the first alone.
 */
void lr_birthplaces_find(struct lr_birthplaces *places, const struct lr_findings *findings,
			 const struct lr_cause *cause);
void lr_birthplaces_finish(struct lr_birthplaces *places);

#endif
