/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ordering.
 *
 * Layer: analyze. Locks: none. What does not decide is left equal: ids and addresses never order anything that has a name.
 */
#include "analyze/order.h"

#include "base/sort.h"
#include "format/settings.h"

#include <string.h>

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int lr_order_types(const struct lr_image *image, uint32_t a, uint32_t b)
{
	const struct lr_type_entry *first = lr_image_type(image, a);
	const struct lr_type_entry *second = lr_image_type(image, b);
	int order;

	if (a == b || !first || !second)
		return compare_numbers(a, b);
	order = strcmp(lr_image_text(image, first->name, NULL),
		       lr_image_text(image, second->name, NULL));
	if (order == 0)
		order = compare_numbers(first->size, second->size);
	return order ? order : compare_numbers(first->name_hash, second->name_hash);
}

static int compare_frames(const struct lr_image *image, const struct lr_site *a,
			  const struct lr_site *b)
{
	const struct lr_module *first = lr_image_module(image, (uint32_t)(a->pc >> 48));
	const struct lr_module *second = lr_image_module(image, (uint32_t)(b->pc >> 48));
	uint64_t pc_a = a->pc & LR_SITE_PC_MASK;
	uint64_t pc_b = b->pc & LR_SITE_PC_MASK;
	int order;

	if (!first || !second)
		return first || second ? (first != NULL) - (second != NULL) :
					 compare_numbers(pc_a, pc_b);
	order = strcmp(lr_image_text(image, first->path, NULL),
		       lr_image_text(image, second->path, NULL));
	return order ? order : compare_numbers(pc_a - first->bias, pc_b - second->bias);
}

/* Bounded by the depth a stack may have, so that a corrupt image cannot send it round in circles. */
static int compare_sites(const struct lr_image *image, uint32_t a, uint32_t b)
{
	for (int depth = 0; depth <= LR_STACK_DEPTH_MAX && a != b; depth++) {
		const struct lr_site *first = lr_image_site(image, a);
		const struct lr_site *second = lr_image_site(image, b);
		int order;

		if (!first || !second)
			return (first != NULL) - (second != NULL);
		order = compare_frames(image, first, second);
		if (order != 0)
			return order;
		a = first->parent;
		b = second->parent;
	}
	return 0;
}

int lr_order_causes(const struct lr_image *image, const struct lr_cause *a, const struct lr_cause *b)
{
	int order = (a->kind > b->kind) - (a->kind < b->kind);

	if (order == 0)
		order = lr_order_types(image, a->type, b->type);
	if (order == 0)
		order = a->kind == LR_CAUSE_CYCLE ? compare_numbers(a->shape, b->shape) :
						    compare_sites(image, a->site, b->site);
	if (order == 0)
		order = a->is_at_rest - b->is_at_rest;
	return order ? order : a->is_old - b->is_old;
}

static int causes_order(const void *image, const void *a, const void *b)
{
	return lr_order_causes(image, a, b);
}

static int totals_order(const void *image, const void *a_, const void *b_)
{
	const struct lr_type_totals *a = a_;
	const struct lr_type_totals *b = b_;

	return lr_order_types(image, a->type, b->type);
}

void lr_order_sort_causes(struct lr_findings *findings)
{
	lr_sort(findings->causes, findings->cause_count, sizeof(*findings->causes), causes_order,
		findings->image);
}

void lr_order_sort_types(struct lr_findings *findings)
{
	lr_sort(findings->types, findings->type_count, sizeof(*findings->types), totals_order,
		findings->image);
}
