/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes: what cycles have in common that come from one mistake.
 *
 * Layer: analyze.
 */
#ifndef LR_ANALYZE_SHAPES_H
#define LR_ANALYZE_SHAPES_H

#include "analyze/graph.h"
#include "analyze/types.h"

struct lr_shapes {
	const struct lr_graph *graph;
	const struct lr_types *types;
	uint64_t *sums; /* by number of a cyclic component, which stands in its label meanwhile */
	size_t mapped;
};

/**
 * lr_shapes_init() - Return: false if there was no memory: the shapes are coarser then, of types
 * only.
 */
bool lr_shapes_init(struct lr_shapes *shapes, struct lr_graph *graph, const struct lr_types *types);
void lr_shapes_finish(struct lr_shapes *shapes);

/**
 * lr_shapes_get() - of a cyclic component whose label has not been set since lr_shapes_init()
 *
 * Of the types and sizes of its objects, and for each of its references of the member and the types
 * at its ends, in no order: it is the same in all runs and, as long as these are, in all builds.
 * The upper half is without sizes, and without members of which only the offset is known. Never 0.
 */
uint64_t lr_shapes_get(const struct lr_shapes *shapes, const struct lr_component *component);

#endif
