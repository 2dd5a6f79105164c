/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shortest way around in a cycle.
 *
 * Layer: analyze.
 */
#ifndef LR_ANALYZE_RINGS_H
#define LR_ANALYZE_RINGS_H

#include "analyze/findings.h"
#include "analyze/graph.h"

struct lr_ring {
	uint32_t component;
	uint32_t shown;			  /* links */
	uint32_t nodes[LR_LINKS_MAX + 1]; /* link i leads from nodes[i] to nodes[i + 1] */
	uint64_t references;		  /* of all within the component */
};

/**
 * lr_ring_find() - from @head along references to @head again, by as few as there can be
 *
 * Of several such, that of the first references in the order in which objects have them: no order
 * of records is in it.
 * Return: false without memory.
 */
bool lr_ring_find(struct lr_graph *graph, uint32_t head, struct lr_ring *ret);

#endif
