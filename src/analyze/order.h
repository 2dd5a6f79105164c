/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of findings: by what names mean, never by address or by the chance of who came first.
 *
 * Layer: analyze.
 */
#ifndef LR_ANALYZE_ORDER_H
#define LR_ANALYZE_ORDER_H

#include "analyze/findings.h"

/** lr_order_types() - negative, 0, positive, as strcmp(): by type name and size */
int lr_order_types(const struct lr_image *image, uint32_t a, uint32_t b);

/** lr_order_causes() - the same: by kind and type, then by stack as modules and offsets, or by shape; what is old last */
int lr_order_causes(const struct lr_image *image, const struct lr_cause *a, const struct lr_cause *b);

void lr_order_sort_causes(struct lr_findings *findings);
void lr_order_sort_types(struct lr_findings *findings);

#endif
