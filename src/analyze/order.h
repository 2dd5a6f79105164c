/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of findings: by what names mean, never by address or by the chance of who came first.
 *
 * Layer: analyze.
 */
#ifndef LR_ANALYZE_ORDER_H
#define LR_ANALYZE_ORDER_H

#include "analyze/findings.h"

/** lr_order_groups() - negative, 0, positive, as strcmp(): by type name and size, then by stack as modules and offsets. */
int lr_order_groups(const struct lr_image *image, const struct lr_group *a, const struct lr_group *b);

void lr_order_sort_groups(struct lr_findings *findings);
void lr_order_sort_types(struct lr_findings *findings);

#endif
