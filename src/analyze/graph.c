/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of leaked objects.
 *
 * Layer: analyze. Locks: none.
 *
 * Nodes are numbered in the order of their records, so a set of records with a count for every 64
 * of them leads from a record to its node: for a million objects it fits into a cache, which a
 * table of numbers would not. Edges are sorted by the node they come from, by counting.
 *
 * Components: Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1 (1972),
 * in the form of Pearce, "A space-efficient algorithm for finding strongly connected components",
 * Information Processing Letters 116 (2016): one number a node serves as index, as low link, and at
 * last as the component. It is a loop with a path of its own: a list of ten million objects is as
 * deep as it is long. Components are complete in the order "held before holder" and numbered
 * downwards, so that ascending numbers go from holders to what they hold; and a number above all
 * open ones says that a component is complete.
 */
#include "analyze/graph.h"

#include "base/pages.h"

_Static_assert(LR_SEGMENTS_MAX *(uint64_t)(LR_SEGMENT_SIZE / sizeof(struct lr_record)) <= 1u << 28,
	       "struct lr_node has 28 bits for a record");
_Static_assert(LR_SEGMENTS_MAX *(uint64_t)(LR_SEGMENT_SIZE / sizeof(struct lr_edge)) < INT32_MAX - 1,
	       "a surplus is larger than LR_SURPLUS_UNKNOWN, however many edges there are");

static uint64_t padded(uint64_t size)
{
	return (size + 63) & ~UINT64_C(63);
}

struct lr_graph *lr_graph_create(const struct lr_image *image, uint64_t live)
{
	uint64_t records = lr_image_count(image, LR_RECORDS);
	uint64_t edges = lr_image_count(image, LR_EDGES);
	uint64_t room = live < records ? live : records;
	uint64_t ranks_size = padded((records / 64 + 1) * sizeof(struct lr_rank));
	uint64_t nodes_size = padded((room + 1) * sizeof(struct lr_node));
	uint64_t words_size = padded((room + 1) * sizeof(uint32_t));
	uint64_t bits_size = padded((room / 64 + 1) * sizeof(uint64_t));
	uint64_t size = padded(sizeof(struct lr_graph)) + ranks_size + nodes_size + 5 * words_size +
			2 * bits_size + padded(edges * sizeof(uint32_t));
	char *at = lr_pages_map((size_t)size);
	struct lr_graph *graph = (void *)at;

	if (!graph)
		return NULL;
	graph->image = image;
	graph->room = (uint32_t)room;
	graph->records = records;
	graph->mapped = (size_t)size;
	graph->ranks = (void *)(at += padded(sizeof(*graph)));
	graph->nodes = (void *)(at += ranks_size);
	graph->births = (void *)(at += nodes_size);
	graph->sizes = (void *)(at += words_size);
	graph->order = (void *)(at += words_size);
	graph->labels = (void *)(at += words_size);
	graph->scratch = (void *)(at += words_size);
	graph->old = (void *)(at += words_size);
	graph->resting = (void *)(at += bits_size);
	graph->targets = (void *)(at + bits_size);
	return graph;
}

void lr_graph_destroy(struct lr_graph *graph)
{
	if (graph)
		lr_pages_unmap(graph, graph->mapped);
}

/* Enough to notice that a record changed hands while we are at work. */
static uint32_t short_birth(uint64_t birth)
{
	return lr_birth_type(birth) << 16 | (birth & 0xffff);
}

void lr_graph_add(struct lr_graph *graph, const struct lr_live *live, bool is_old)
{
	struct lr_rank *rank = &graph->ranks[live->ordinal / 64];
	uint32_t number = graph->node_count;

	if (number == graph->room || live->ordinal >= graph->records)
		return;
	if (rank->is_node == 0)
		rank->before = number;
	rank->is_node |= UINT64_C(1) << live->ordinal % 64;
	graph->nodes[number] = (struct lr_node){
		.record = (uint32_t)live->ordinal & 0xfffffff,
		.is_ignored = lr_live_is_ignored(live),
		.surplus = lr_live_is_alive(live) ? LR_SURPLUS_UNKNOWN : LR_SURPLUS_DYING,
		.component = lr_look_birth(live->copy.birth), /* see take_look() */
	};
	graph->births[number] = short_birth(live->copy.birth);
	if (is_old) {
		graph->old[number / 64] |= UINT64_C(1) << number % 64;
		graph->old_count++;
	}
	graph->node_count++;
}

bool lr_graph_take(const struct lr_graph *graph, uint32_t node, struct lr_live *ret)
{
	return lr_live_find(graph->image, graph->nodes[node].record, ret) &&
	       short_birth(ret->copy.birth) == graph->births[node];
}

/*
 * Looks and edges come in the order of addresses, and nodes in that of births: what is looked up may
 * lie anywhere in memory. So some are looked up together, and their nodes are on the way to the cache
 * when the first of them is looked at.
 */
#define TOGETHER 32

static void take_resting(const struct lr_graph *graph, uint32_t number)
{
	graph->nodes[number].surplus = 0;
	graph->nodes[number].is_ignored |= graph->spares_resting;
	graph->resting[number / 64] |= UINT64_C(1) << number % 64;
}

/*
 * Until all looks are taken, a node has more of its object in the line of the cache that each look
 * needs anyway: in `component` lr_look_birth(), and in `first` the size.
 */
static void take_look(const struct lr_graph *graph, const struct lr_look *look, uint32_t number)
{
	struct lr_node *node = &graph->nodes[number];

	if (node->component != look->birth || node->is_looked || node->surplus == LR_SURPLUS_DYING)
		return;
	node->is_looked = 1;
	node->first = look->size;
	if (look->count >= 0 && look->count < INT32_MAX)
		node->surplus = look->count;
	else if (look->count == LR_LOOK_GONE)
		node->surplus = LR_SURPLUS_GONE;
	else if (look->count == LR_LOOK_AT_REST)
		take_resting(graph, number);
}

static void take_looks(const struct lr_graph *graph)
{
	uint32_t nodes[TOGETHER];
	const struct lr_look *looks;
	uint64_t count;

	for (uint64_t at = 0; (looks = lr_run_at(graph->image, LR_LOOKS, at, &count)); at += count) {
		count = count < TOGETHER ? count : TOGETHER;
		for (uint64_t i = 0; i < count; i++) {
			nodes[i] = lr_graph_find(graph, looks[i].record);
			if (nodes[i] != LR_NO_NODE)
				__builtin_prefetch(&graph->nodes[nodes[i]], 1);
		}
		for (uint64_t i = 0; i < count; i++) {
			if (nodes[i] != LR_NO_NODE)
				take_look(graph, &looks[i], nodes[i]);
		}
	}
	for (uint32_t i = 0; i < graph->node_count; i++) {
		graph->sizes[i] = graph->nodes[i].first;
		graph->nodes[i].first = 0;
		graph->nodes[i].component = 0;
	}
}

static bool has_edges(const struct lr_graph *graph, uint32_t node)
{
	return node != LR_NO_NODE && graph->nodes[node].is_looked;
}

void lr_graph_each_edge(const struct lr_graph *graph,
			void (*look_at)(void *context, const struct lr_edge *edge, uint32_t from,
					uint32_t to),
			void *context)
{
	uint32_t from[TOGETHER], to[TOGETHER];
	const struct lr_edge *edges;
	uint64_t count;

	for (uint64_t at = 0; (edges = lr_run_at(graph->image, LR_EDGES, at, &count)); at += count) {
		count = count < TOGETHER ? count : TOGETHER;
		for (uint64_t i = 0; i < count; i++) {
			from[i] = lr_graph_find(graph, edges[i].from);
			to[i] = lr_graph_find(graph, edges[i].to);
			if (from[i] == LR_NO_NODE || to[i] == LR_NO_NODE)
				continue;
			__builtin_prefetch(&graph->nodes[from[i]]);
			__builtin_prefetch(&graph->nodes[to[i]]);
			__builtin_prefetch(&graph->births[to[i]]);
		}
		for (uint64_t i = 0; i < count; i++) {
			if (has_edges(graph, from[i]) && has_edges(graph, to[i]))
				look_at(context, &edges[i], from[i], to[i]);
		}
	}
}

/*
 * What the program ignores stays whoever else holds it. A way back to it would only make one component
 * of it and of all that it holds, and hide what somebody outside forgot there: so it is no target.
 */
static bool is_target(const struct lr_graph *graph, uint32_t node)
{
	return !graph->nodes[node].is_ignored;
}

/*
 * What is found in the memory of an entry at rest may be the links of its cache's lists. To take these for references would spare an
 * entry that somebody forgot, without a word; so what such an entry holds is what it says it holds.
 */
static bool is_believed(const struct lr_graph *graph, const struct lr_edge *edge, uint32_t from)
{
	return !graph->spares_resting || (edge->how & LR_EDGE_HOW) != LR_EDGE_FOUND ||
	       !lr_graph_is_resting(graph, from);
}

/* How many targets a node has, in `first` of the one after it; and what is left of the count. */
static void count_edge(void *context, const struct lr_edge *edge, uint32_t from, uint32_t to)
{
	struct lr_graph *graph = context;

	if (!is_believed(graph, edge, from)) {
		graph->unbelieved += is_target(graph, to);
		return;
	}
	graph->nodes[from + 1].first += is_target(graph, to);
	if (graph->nodes[to].surplus > LR_SURPLUS_UNKNOWN)
		graph->nodes[to].surplus--;
}

/* The image of a process may change under us: a bound costs nothing. */
static void place_edge(void *context, const struct lr_edge *edge, uint32_t from, uint32_t to)
{
	struct lr_graph *graph = context;
	uint32_t at = graph->nodes[from].first;

	if (at >= graph->edge_count || !is_target(graph, to) || !is_believed(graph, edge, from))
		return;
	graph->targets[at] = to;
	graph->nodes[from].first = at + 1;
}

/* By counting, and stable: the targets of a node stay in the order of the image. */
static void sort_edges(struct lr_graph *graph)
{
	struct lr_node *nodes = graph->nodes;

	lr_graph_each_edge(graph, count_edge, graph);
	for (uint32_t i = 0; i < graph->node_count; i++)
		nodes[i + 1].first += nodes[i].first;
	graph->edge_count = nodes[graph->node_count].first;
	if (graph->edge_count == 0)
		return;
	lr_graph_each_edge(graph, place_edge, graph);
	/* Now each begins where it should end. */
	for (uint32_t i = graph->node_count; i > 0; i--)
		nodes[i].first = nodes[i - 1].first;
	nodes[0].first = 0;
}

/* A walk through all nodes. */
struct walk {
	struct lr_graph *graph;
	uint32_t *path; /* nodes from where it began to here; with NO_ROOT if a node before it is in the same component */
	uint32_t *next;	   /* of each of these: the target to look at next */
	uint32_t depth;	   /* of the path */
	uint32_t index;	   /* for the next node that is found: 1 and up */
	uint32_t complete; /* all components above this number are complete */
	uint32_t open; /* nodes that are done, and wait for their component: at the begin of graph->order */
	uint32_t placed; /* where in graph->order the nodes of complete components begin */
};

#define NO_ROOT (UINT32_C(1) << 31)

static void enter(struct walk *walk, uint32_t node)
{
	struct lr_node *entered = &walk->graph->nodes[node];

	walk->path[walk->depth] = node;
	walk->next[walk->depth++] = entered->first;
	entered->component = walk->index++;
}

/* The last node of the path holds @to, which was found before. */
static void see(struct walk *walk, uint32_t to)
{
	struct lr_node *nodes = walk->graph->nodes;
	uint32_t *last = &walk->path[walk->depth - 1];
	struct lr_node *from = &nodes[*last & ~NO_ROOT];

	if (nodes[to].component > walk->complete) {
		nodes[to].is_held = 1;
	} else if (nodes[to].component < from->component) {
		from->component = nodes[to].component;
		*last |= NO_ROOT;
	} else if (from == &nodes[to]) {
		from->is_loop = 1;
	}
}

/* @node is the first found of its component, and the others wait. */
static void complete(struct walk *walk, uint32_t node)
{
	struct lr_graph *graph = walk->graph;
	uint32_t index = graph->nodes[node].component;
	uint32_t number = walk->complete--;
	uint32_t end = walk->placed;

	while (walk->open > 0 && graph->nodes[graph->order[walk->open - 1]].component >= index) {
		uint32_t member = graph->order[--walk->open];

		graph->nodes[member].component = number;
		graph->order[--walk->placed] = member;
		walk->index--;
	}
	graph->nodes[node].component = number;
	graph->order[--walk->placed] = node | LR_FIRST_MEMBER;
	walk->index--;
	graph->cyclic_count += end - walk->placed > 1 || graph->nodes[node].is_loop;
}

static void leave(struct walk *walk)
{
	uint32_t left = walk->path[--walk->depth];
	uint32_t node = left & ~NO_ROOT;

	if (left & NO_ROOT)
		walk->graph->order[walk->open++] = node;
	else
		complete(walk, node);
	if (walk->depth > 0)
		see(walk, node);
}

static void walk_from(struct walk *walk, uint32_t start)
{
	const struct lr_graph *graph = walk->graph;

	enter(walk, start);
	while (walk->depth > 0) {
		uint32_t node = walk->path[walk->depth - 1] & ~NO_ROOT;
		uint32_t *next = &walk->next[walk->depth - 1];
		uint32_t to;

		if (*next >= graph->nodes[node + 1].first) {
			leave(walk);
			continue;
		}
		to = graph->targets[(*next)++];
		if (graph->nodes[to].component == 0)
			enter(walk, to);
		else
			see(walk, to);
	}
}

static void find_components(struct lr_graph *graph)
{
	struct walk walk = {
		.graph = graph,
		.path = graph->labels,
		.next = graph->scratch,
		.index = 1,
		.complete = graph->node_count,
		.placed = graph->node_count,
	};

	/*
	 * The last found is the first in the order: so without edges the order is that of the
	 * nodes.
	 */
	for (uint32_t i = graph->node_count; i > 0; i--) {
		if (graph->nodes[i - 1].component == 0)
			walk_from(&walk, i - 1);
	}
	/* One for each component is used, and they are at most as many as the nodes. */
	for (uint32_t i = 0; i <= graph->node_count; i++)
		graph->labels[i] = 0;
}

void lr_graph_connect(struct lr_graph *graph)
{
	take_looks(graph);
	sort_edges(graph);
	find_components(graph);
}

struct lr_component lr_graph_component_at(const struct lr_graph *graph, uint32_t at)
{
	struct lr_component component = { .members = graph->order + at, .count = 1 };

	while (at + component.count < graph->node_count &&
	       !(component.members[component.count] & LR_FIRST_MEMBER))
		component.count++;
	component.number = graph->nodes[lr_component_member(&component, 0)].component;
	return component;
}

/* The order is sorted by component. */
struct lr_component lr_graph_component_of(const struct lr_graph *graph, uint32_t node)
{
	uint32_t number = graph->nodes[node].component;
	uint32_t low = 0;
	uint32_t high = graph->node_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (graph->nodes[graph->order[middle] & ~LR_FIRST_MEMBER].component < number)
			low = middle + 1;
		else
			high = middle;
	}
	return lr_graph_component_at(graph, low);
}
