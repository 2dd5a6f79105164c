/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Details of the causes that a report shows: what they keep and through which members, and the
 * references of a cycle.
 *
 * Layer: analyze.
 */
#ifndef LR_ANALYZE_DETAILS_H
#define LR_ANALYZE_DETAILS_H

#include "analyze/findings.h"

/**
 * lr_details_make() - for the causes of @findings that are shown; without memory
 * findings->incomplete is set
 */
void lr_details_make(struct lr_findings *findings);

#endif
