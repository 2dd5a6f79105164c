/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of leaked objects: who holds whom, and which of them hold each other.
 *
 * A node is a leaked object; its number is its place among them, in the order of their records.
 * Nodes that reach each other are one component; a component is cyclic if it has several nodes, or
 * one that holds itself.
 *
 * Some nodes may be old: an earlier check told of them. They hold whom they hold, but are not told again.
 *
 * Layer: analyze. Memory from mmap, in one piece: 36 bytes and two bits a node, 4 an edge, and a
 * quarter of a byte a record.
 */
#ifndef LR_ANALYZE_GRAPH_H
#define LR_ANALYZE_GRAPH_H

#include "analyze/records.h"

#define LR_NO_NODE UINT32_MAX

struct lr_node {
	uint32_t record : 28;	 /* ordinal */
	uint32_t is_held : 1;	 /* by a node of another component */
	uint32_t is_loop : 1;	 /* it holds itself */
	uint32_t is_ignored : 1; /* no leak: the program said so, or spares_resting */
	uint32_t is_looked : 1;	 /* a check looked at it; else it has no edges */
	union {
		int32_t surplus; /* its count less the references that nodes hold, or LR_SURPLUS_* */
		uint32_t label;	 /* after lr_causes_of_graph(): see causes.h */
	};
	uint32_t first;	    /* of its targets; they end where those of the next node begin */
	uint32_t component; /* 1 and up; who holds has a smaller number than who is held */
};

/* Not numbers: less than any surplus can be. */
#define LR_SURPLUS_UNKNOWN (INT32_MIN + 2)
#define LR_SURPLUS_GONE (INT32_MIN + 1) /* unknown too: freed without its last unref */
#define LR_SURPLUS_DYING INT32_MIN

/* Of 64 records: which have nodes, and how many nodes there are before them. */
struct lr_rank {
	uint64_t is_node;
	uint32_t before;
	uint32_t unused;
};

struct lr_graph {
	const struct lr_image *image;
	uint32_t node_count;
	uint32_t room;	  /* for nodes */
	uint64_t records; /* that there were when the graph was made */
	uint32_t edge_count;
	uint32_t cyclic_count; /* components */
	uint32_t label_limit;  /* larger than any label; see causes.c */
	uint32_t old_count;
	uint32_t unbelieved; /* edges of entries at rest that are spared: see is_believed() */
	bool spares_resting; /* set by the caller, before lr_graph_connect(): entries at rest are ignored */
	size_t mapped;

	struct lr_rank *ranks; /* record -> node */
	struct lr_node *nodes; /* and one more, where the last one's targets end */
	uint32_t *births;  /* by node: type and the low bits of the number, see lr_graph_type() */
	uint32_t *sizes;   /* by node, of those a check looked at: bytes of the object */
	uint32_t *targets; /* nodes; but for those that are ignored */
	uint64_t *old;	   /* a bit a node: see lr_graph_is_old() */
	uint64_t *resting; /* a bit a node: see lr_graph_is_resting() */
	uint32_t *order; /* all nodes, by component; at the first of each component LR_FIRST_MEMBER is set */
	uint32_t *labels;  /* by component. While components are looked for: the path */
	uint32_t *scratch; /* one a node. While components are looked for: how far each node on the path is; while roots are: of each component, see causes.c */
};

#define LR_FIRST_MEMBER (UINT32_C(1) << 31)

struct lr_component {
	const uint32_t *members; /* the first has LR_FIRST_MEMBER set; see lr_component_member() */
	uint32_t count;
	uint32_t number;
};

/**
 * lr_graph_create() - room for @live nodes and the image's edges; without any yet
 *
 * Return: NULL without memory.
 */
struct lr_graph *lr_graph_create(const struct lr_image *image, uint64_t live);
void lr_graph_destroy(struct lr_graph *graph);

/**
 * lr_graph_add() - a node. Records come in ascending order; what does not fit any more is left out:
 * it is newer than the count of them.
 */
void lr_graph_add(struct lr_graph *graph, const struct lr_live *live, bool is_old);

/**
 * lr_graph_connect() - when all nodes are there: take the looks and the edges of the image, and
 * find the components
 *
 * Looks and edges of what is no node, and those of another object that had the record before, are
 * left out.
 */
void lr_graph_connect(struct lr_graph *graph);

/** lr_graph_take() - the object of a node, if its record is still that object's */
bool lr_graph_take(const struct lr_graph *graph, uint32_t node, struct lr_live *ret);

/**
 * lr_graph_component_at() - the component that begins at @at in the order; the one after it begins
 * at @at + count
 */
struct lr_component lr_graph_component_at(const struct lr_graph *graph, uint32_t at);

/** lr_graph_component_of() - that of a node */
struct lr_component lr_graph_component_of(const struct lr_graph *graph, uint32_t node);

/* Bits that are set. The compiler's own is a call where the processor may lack the instruction. */
static inline uint32_t lr_bits(uint64_t word)
{
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

/* The node of a record (ordinal + 1, as looks and edges have it), or LR_NO_NODE. */
static inline uint32_t lr_graph_find(const struct lr_graph *graph, uint32_t record_id)
{
	uint64_t ordinal = (uint64_t)record_id - 1;
	const struct lr_rank *rank;
	uint64_t bit;

	/* Also of 0, and of a record that was added since the graph was made. */
	if (ordinal >= graph->records)
		return LR_NO_NODE;
	rank = &graph->ranks[ordinal / 64];
	bit = UINT64_C(1) << ordinal % 64;
	return rank->is_node & bit ? rank->before + lr_bits(rank->is_node & (bit - 1)) : LR_NO_NODE;
}

static inline bool lr_graph_is_old(const struct lr_graph *graph, uint32_t node)
{
	return graph->old_count > 0 && graph->old[node / 64] >> node % 64 & 1;
}

/* Is it an entry of a cache that nobody holds? Known when looks are taken. */
static inline bool lr_graph_is_resting(const struct lr_graph *graph, uint32_t node)
{
	return graph->resting[node / 64] >> node % 64 & 1;
}

static inline uint32_t lr_graph_type(const struct lr_graph *graph, uint32_t node)
{
	return graph->births[node] >> 16;
}

/* For who goes through the order and is at @at: the nodes in it lie anywhere. */
static inline void lr_graph_prefetch(const struct lr_graph *graph, uint32_t at)
{
	uint32_t soon = at + 12 < graph->node_count ? at + 12 : at;

	__builtin_prefetch(&graph->nodes[graph->order[soon] & ~LR_FIRST_MEMBER]);
}

static inline uint32_t lr_component_member(const struct lr_component *component, uint32_t i)
{
	return component->members[i] & ~LR_FIRST_MEMBER;
}

static inline bool lr_component_is_cyclic(const struct lr_graph *graph,
					  const struct lr_component *component)
{
	return component->count > 1 || graph->nodes[lr_component_member(component, 0)].is_loop;
}

/**
 * lr_graph_each_edge() - call @look_at for all edges of the image that join two nodes, in its order
 */
void lr_graph_each_edge(const struct lr_graph *graph,
			void (*look_at)(void *context, const struct lr_edge *edge, uint32_t from,
					uint32_t to),
			void *context);

#endif
