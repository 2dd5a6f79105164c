/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of findings: by what names mean, never by address or by the chance of who came first.
 *
 * Layer: analyze.
 */
#ifndef LR_ANALYZE_ORDER_H
#define LR_ANALYZE_ORDER_H

#include "analyze/findings.h"

/** lr_order_causes() - negative, 0, positive, as strcmp(): by type name and size, then by stack as modules and offsets. */
int lr_order_causes(const struct lr_image *image, const struct lr_cause *a, const struct lr_cause *b);

void lr_order_sort_causes(struct lr_findings *findings);
void lr_order_sort_types(struct lr_findings *findings);

#endif
