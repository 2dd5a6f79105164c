/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes of cycles.
 *
 * Layer: analyze. Locks: none.
 *
 * A shape is a sum of hashes, so the order of objects and references does not matter, and how many
 * there are is in it. Two components of one shape may still differ in who holds whom, if their
 * types and members are the same: for a reader it is the same mistake.
 *
 * A member of which only the offset is known, and the size of a type, change when another member is put before. They tell two
 * shapes of one program apart, and are no part of a fingerprint. So a shape is two sums: the upper half without them.
 */
#include "analyze/shapes.h"

#include "base/hash.h"
#include "base/pages.h"

#include <string.h>

/* Hashes of the names of members, of which there are few, by their place in the text. */
struct names {
	const struct lr_image *image;
	lr_text_ref refs[64];
	uint64_t hashes[64];
};

static uint64_t hash_of_name(struct names *names, lr_text_ref ref)
{
	size_t at = ref / 4 % 64;

	if (names->refs[at] != ref) {
		names->refs[at] = ref;
		names->hashes[at] = lr_hash_text(0, lr_image_text(names->image, ref, NULL));
	}
	return names->hashes[at];
}

static uint64_t hash_of_link(uint64_t first, uint64_t member, uint64_t second)
{
	return lr_hash_word(lr_hash_word(first + lr_hash_word(member)) + second);
}

static uint64_t hash_of_edge(const struct lr_shapes *shapes, struct names *names,
			     const struct lr_edge *edge, uint32_t from, uint32_t to)
{
	uint64_t first = lr_types_get(shapes->types, lr_graph_type(shapes->graph, from)).hash;
	uint64_t second = lr_types_get(shapes->types, lr_graph_type(shapes->graph, to)).hash;
	lr_text_ref ref = edge->how & ~LR_EDGE_HOW;
	uint64_t name = ref != 0 ? hash_of_name(names, ref) : 0;
	uint64_t member = ref != 0 ? name : edge->offset;

	return lr_hash_halves(hash_of_link(first >> 32, name, second >> 32),
			      hash_of_link(first, member, second));
}

/* While the edges are gone through. */
struct sums {
	struct lr_shapes *shapes;
	struct names names;
};

static void add_edge(void *context, const struct lr_edge *edge, uint32_t from, uint32_t to)
{
	struct sums *sums = context;
	const struct lr_graph *graph = sums->shapes->graph;
	uint32_t component = graph->nodes[from].component;
	uint64_t *sum;

	if (component != graph->nodes[to].component)
		return;
	sum = &sums->shapes->sums[graph->labels[component]];
	*sum = lr_hash_add_halves(*sum, hash_of_edge(sums->shapes, &sums->names, edge, from, to));
}

static void add_edges(struct lr_shapes *shapes)
{
	struct sums sums = { .shapes = shapes, .names = { .image = shapes->graph->image } };

	lr_graph_each_edge(shapes->graph, add_edge, &sums);
}

static uint64_t sum_of_types(const struct lr_shapes *shapes, const struct lr_component *component)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < component->count; i++) {
		uint32_t member = lr_component_member(component, i);

		sum = lr_hash_add_halves(
			sum, lr_types_get(shapes->types, lr_graph_type(shapes->graph, member)).hash);
	}
	return sum;
}

bool lr_shapes_init(struct lr_shapes *shapes, struct lr_graph *graph, const struct lr_types *types)
{
	struct lr_component component;
	uint32_t number = 0;

	memset(shapes, 0, sizeof(*shapes));
	shapes->graph = graph;
	shapes->types = types;
	if (graph->cyclic_count == 0)
		return true;
	/* The first is for edges that appeared since the components were found. */
	shapes->mapped = ((size_t)graph->cyclic_count + 1) * sizeof(*shapes->sums);
	shapes->sums = lr_pages_map(shapes->mapped);
	if (!shapes->sums)
		return false;
	for (uint32_t at = 0; at < graph->node_count; at += component.count) {
		component = lr_graph_component_at(graph, at);
		if (lr_component_is_cyclic(graph, &component))
			graph->labels[component.number] = ++number;
	}
	add_edges(shapes);
	return true;
}

void lr_shapes_finish(struct lr_shapes *shapes)
{
	lr_pages_unmap(shapes->sums, shapes->mapped);
	shapes->sums = NULL;
}

uint64_t lr_shapes_get(const struct lr_shapes *shapes, const struct lr_component *component)
{
	uint64_t sum = sum_of_types(shapes, component);

	if (shapes->sums)
		sum = lr_hash_add_halves(sum, shapes->sums[shapes->graph->labels[component->number]]);
	return sum | 1;
}
