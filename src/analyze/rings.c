/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings: a search in breadth, from an object of a cycle until it comes back there.
 *
 * Layer: analyze. Locks: none.
 */
#include "analyze/rings.h"

#include "base/pages.h"

struct search {
	struct lr_graph *graph;
	uint32_t *parents; /* by node; LR_NO_NODE: not found yet */
	uint32_t *queue;
	uint32_t queued;
	uint32_t head;
	uint32_t last; /* the node from which head was found again, or LR_NO_NODE */
};

/*
 * The nodes that @node holds, if they are of its component. Goes on after the ring is found: all
 * references are counted.
 */
static void look_at(struct search *search, uint32_t node, struct lr_ring *ring)
{
	const struct lr_graph *graph = search->graph;

	for (uint32_t i = graph->nodes[node].first; i < graph->nodes[node + 1].first; i++) {
		uint32_t to = graph->targets[i];

		if (graph->nodes[to].component != ring->component)
			continue;
		ring->references++;
		if (to == search->head && search->last == LR_NO_NODE)
			search->last = node;
		if (search->parents[to] == LR_NO_NODE) {
			search->parents[to] = node;
			search->queue[search->queued++] = to;
		}
	}
}

/* The way back gives the links from the last one on: those that fit are the first. */
static void write_ring(const struct search *search, struct lr_ring *ring)
{
	uint32_t length = 1;
	uint32_t at;

	for (at = search->last; at != search->head; at = search->parents[at])
		length++;
	ring->shown = length < LR_LINKS_MAX ? length : LR_LINKS_MAX;
	if (length <= LR_LINKS_MAX)
		ring->nodes[length] = search->head;
	at = search->last;
	for (uint32_t i = length - 1; i > 0; i--) {
		if (i <= LR_LINKS_MAX)
			ring->nodes[i] = at;
		at = search->parents[at];
	}
	ring->nodes[0] = search->head;
}

bool lr_ring_find(struct lr_graph *graph, uint32_t head, struct lr_ring *ret)
{
	struct lr_component component = lr_graph_component_of(graph, head);
	struct search search = { .graph = graph, .head = head, .last = LR_NO_NODE };
	size_t size = component.count * sizeof(*search.queue);

	search.parents = graph->scratch;
	search.queue = lr_pages_map(size);
	if (!search.queue)
		return false;
	*ret = (struct lr_ring){ .component = component.number };
	for (uint32_t i = 0; i < component.count; i++)
		search.parents[lr_component_member(&component, i)] = LR_NO_NODE;
	search.parents[head] = head;
	search.queue[search.queued++] = head;
	for (uint32_t done = 0; done < search.queued; done++)
		look_at(&search, search.queue[done], ret);
	if (search.last != LR_NO_NODE)
		write_ring(&search, ret);
	lr_pages_unmap(search.queue, size);
	return true;
}
