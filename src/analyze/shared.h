/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that several causes keep together: whose they are.
 *
 * Layer: analyze.
 */
#ifndef LR_ANALYZE_SHARED_H
#define LR_ANALYZE_SHARED_H

#include "analyze/findings.h"

/* What a report does with a cause, and so with what only such causes keep. */
enum lr_fate {
	LR_FATE_TOLD,
	LR_FATE_KNOWN, /* to a baseline */
	LR_FATE_SUPPRESSED,
	LR_FATES,
};

struct lr_shared_sums {
	uint64_t objects[LR_FATES];
	uint64_t bytes[LR_FATES];
};

/**
 * lr_shared_sum_up() - the shared objects of @findings, by what becomes of those who hold them
 * @fates: enum lr_fate by label of the cause, findings->graph->label_limit of them
 *
 * One that a cause holds which is told is told; else one that the baseline knows of is known.
 */
void lr_shared_sum_up(const struct lr_findings *findings, const uint8_t *fates,
		      struct lr_shared_sums *ret);

/**
 * lr_shared_want_causes() - who keeps shared objects that are asked for is asked for too
 *
 * Sets is_wanted of such causes; to be called when the nodes have their labels.
 */
void lr_shared_want_causes(const struct lr_findings *findings);

#endif
