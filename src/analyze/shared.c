/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared objects.
 *
 * Layer: analyze. Locks: none.
 *
 * The order of nodes goes from holders to held. So one pass along it carries to each shared object who
 * holds it, by whatever way; and one pass backwards carries to each cause that it keeps one. Both stop
 * at roots: what a root keeps stays when those go that hold the root as well.
 */
#include "analyze/shared.h"

#include "analyze/causes.h"
#include "analyze/graph.h"

#include <string.h>

static uint32_t label_of(const struct lr_graph *graph, uint32_t component)
{
	return graph->labels[component] & LR_LABEL_VALUE;
}

static const struct lr_node *node_at(const struct lr_graph *graph, uint32_t at)
{
	return &graph->nodes[graph->order[at] & ~LR_FIRST_MEMBER];
}

static void forget(const struct lr_graph *graph)
{
	memset(graph->scratch, 0, (graph->node_count + (size_t)1) * sizeof(*graph->scratch));
}

/* A set of fates, as bits: of all that hold this node. */
static uint32_t holders_of(const struct lr_graph *graph, const struct lr_node *node,
			   const uint8_t *fates)
{
	uint32_t label = label_of(graph, node->component);

	if (label < LR_LABEL_GONE)
		return 1u << fates[label];
	if (label == LR_LABEL_SHARED)
		return graph->scratch[node->component];
	/* What has no cause for lack of memory is in no suppressed one. */
	return label == LR_LABEL_LOST ? 1u << LR_FATE_TOLD : 0;
}

static void pass_on(const struct lr_graph *graph, const struct lr_node *node, uint32_t holders)
{
	for (uint32_t i = node[0].first; i < node[1].first; i++) {
		uint32_t held = graph->nodes[graph->targets[i]].component;

		if (held != node->component && graph->labels[held] == LR_LABEL_SHARED)
			graph->scratch[held] |= holders;
	}
}

static enum lr_fate fate_of(uint32_t holders)
{
	if (holders == 1u << LR_FATE_SUPPRESSED)
		return LR_FATE_SUPPRESSED;
	return holders != 0 && !(holders & 1u << LR_FATE_TOLD) ? LR_FATE_KNOWN : LR_FATE_TOLD;
}

void lr_shared_sum_up(const struct lr_findings *findings, const uint8_t *fates,
		      struct lr_shared_sums *ret)
{
	const struct lr_graph *graph = findings->graph;

	memset(ret, 0, sizeof(*ret));
	forget(graph);
	for (uint32_t at = 0; at < graph->node_count; at++) {
		const struct lr_node *node = node_at(graph, at);

		pass_on(graph, node, holders_of(graph, node, fates));
	}
	for (uint32_t i = 0; i < graph->node_count; i++) {
		enum lr_fate fate = fate_of(graph->scratch[graph->nodes[i].component]);

		if (lr_label_value(graph, i) != LR_LABEL_SHARED)
			continue;
		ret->objects[fate]++;
		/* Only what was looked at is held by anybody. */
		ret->bytes[fate] += graph->sizes[i];
	}
}

/* Is a shared object that is asked for below this node, on a way without another root? */
static bool keeps_shared(const struct lr_graph *graph, const struct lr_node *node)
{
	if (graph->scratch[node->component])
		return true;
	for (uint32_t i = node[0].first; i < node[1].first; i++) {
		uint32_t held = graph->nodes[graph->targets[i]].component;

		if (!(graph->labels[held] & LR_LABEL_ROOT) && graph->scratch[held])
			return true;
	}
	return false;
}

void lr_shared_want_causes(const struct lr_findings *findings)
{
	const struct lr_graph *graph = findings->graph;

	forget(graph);
	for (uint32_t i = 0; i < graph->node_count; i++) {
		if (lr_label_value(graph, i) == LR_LABEL_SHARED)
			graph->scratch[graph->nodes[i].component] = 1;
	}
	for (uint32_t at = graph->node_count; at > 0; at--) {
		const struct lr_node *node = node_at(graph, at - 1);
		uint32_t label = label_of(graph, node->component);

		if (!keeps_shared(graph, node))
			continue;
		graph->scratch[node->component] = 1;
		if (label < LR_LABEL_GONE && label != LR_LABEL_NONE)
			findings->causes[label - 1].is_wanted = true;
	}
}
