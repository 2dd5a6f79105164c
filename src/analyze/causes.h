/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Causes: which of the leaked objects are roots, which of these are one cause, and what each cause
 * keeps.
 *
 * Layer: analyze.
 */
#ifndef LR_ANALYZE_CAUSES_H
#define LR_ANALYZE_CAUSES_H

#include "analyze/findings.h"
#include "analyze/graph.h"
#include "analyze/types.h"

/*
 * Labels of components, at last of their nodes: the number of the cause that alone keeps it, from 1; or one of the values
 * at the end of the range. Those of roots have LR_LABEL_ROOT.
 */
#define LR_LABEL_ROOT (UINT32_C(1) << 31)
#define LR_LABEL_ALSO_HELD (UINT32_C(1) << 30) /* a root that another cause holds besides */
#define LR_LABEL_VALUE (LR_LABEL_ALSO_HELD - 1)
#define LR_LABEL_NONE 0u
#define LR_LABEL_SHARED LR_LABEL_VALUE	      /* kept by several causes together */
#define LR_LABEL_LOST (LR_LABEL_VALUE - 1)    /* there was no memory for its cause */
#define LR_LABEL_IGNORED (LR_LABEL_VALUE - 2) /* it is no leak: what the program ignores holds it */
#define LR_LABEL_UNWANTED                                                                          \
	(LR_LABEL_VALUE - 3) /* of a node: shared, but it is old, or no pattern matches its type */
#define LR_LABEL_RESTING                                                                           \
	(LR_LABEL_VALUE - 4) /* it is no leak: it rests in a cache, or what does so holds it */
#define LR_LABEL_GONE (LR_LABEL_VALUE - 5) /* it died while we were at work; above it is no cause */

static inline uint32_t lr_label_value(const struct lr_graph *graph, uint32_t node)
{
	return graph->nodes[node].label & LR_LABEL_VALUE;
}

static inline bool lr_label_is_root(const struct lr_graph *graph, uint32_t node)
{
	return graph->nodes[node].label & LR_LABEL_ROOT;
}

/* While causes are made. */
struct lr_causes {
	struct lr_findings *findings;
	struct lr_types *types;
	uint32_t *table; /* cause number + 1, hashed by what makes them equal; later: old number -> new one */
	uint64_t table_mask;
	size_t room;
};

/** lr_causes_init() - findings->incomplete is set without memory */
void lr_causes_init(struct lr_causes *causes, struct lr_findings *findings, struct lr_types *types);
void lr_causes_finish(struct lr_causes *causes);

/**
 * lr_causes_find() - the cause of this kind, type and site, or shape; made if there is none. NULL
 * without memory.
 */
struct lr_cause *lr_causes_find(struct lr_causes *causes, const struct lr_cause *like);

/** lr_causes_add_alone() - where there is no graph: an object that is a root and keeps nothing */
void lr_causes_add_alone(struct lr_causes *causes, const struct lr_live *live);

/** lr_causes_of_graph() - findings->causes, sorted, and the labels of findings->graph */
void lr_causes_of_graph(struct lr_causes *causes);

/** lr_causes_sort() - and join those that read alike */
void lr_causes_sort(struct lr_causes *causes);

/** lr_causes_add_example() - keep the first born */
void lr_causes_add_example(const struct lr_types *types, struct lr_cause *cause,
			   const struct lr_live *live);

#endif
