/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From components to causes.
 *
 * Layer: analyze. Locks: none.
 *
 * When is a component a root? If mending all that holds it would not free it:
 *   - the count of one of its objects says that somebody outside forgot a reference: the surplus is
 *     above 0;
 *   - or no other leaked object holds it;
 *   - or it is cyclic and the counts of all its objects are explained by the references that were
 *     found: either they hold each other, or for each pointer that is no reference somebody forgot
 *     one. Both stay when those go that hold it. But where a surplus is below 0 there are pointers
 *     that are no references, of a child to its parent most likely, and then it is kept by who
 *     holds it. And what the program ignores never goes: a cycle that it holds is no leak.
 *
 * A component that is no root is kept by the cause of those that hold it, if that is one. "One"
 * means after the causes that read alike were joined. So first the roots are put into causes, these
 * are sorted and joined, and then the labels go from holders to held.
 */
#include "analyze/causes.h"

#include "analyze/order.h"
#include "analyze/shapes.h"
#include "analyze/shared.h"
#include "base/hash.h"
#include "base/pages.h"

#include <string.h>

static uint64_t cause_hash(const struct lr_causes *causes, const struct lr_cause *cause)
{
	uint64_t key = cause->kind == LR_CAUSE_CYCLE ? cause->shape :
						       (uint64_t)cause->type << 32 | cause->site;

	return lr_hash_word(key) & causes->table_mask;
}

static bool is_same(const struct lr_cause *a, const struct lr_cause *b)
{
	if (a->kind != b->kind || a->is_old != b->is_old || a->is_at_rest != b->is_at_rest)
		return false;
	if (a->kind == LR_CAUSE_CYCLE)
		return a->shape == b->shape;
	return a->type == b->type && a->site == b->site;
}

/* Twice the room, and the table anew. */
static bool grow(struct lr_causes *causes)
{
	struct lr_findings *findings = causes->findings;
	size_t room = causes->room ? 2 * causes->room : 256;
	struct lr_cause *array = lr_pages_map(room * sizeof(*array));
	uint32_t *table = lr_pages_map(4 * room * sizeof(*table));

	/* Labels have no room for more. */
	if (!array || !table || room >= LR_LABEL_GONE) {
		lr_pages_unmap(array, room * sizeof(*array));
		lr_pages_unmap(table, 4 * room * sizeof(*table));
		return false;
	}
	if (findings->causes)
		memcpy(array, findings->causes, findings->cause_count * sizeof(*array));
	lr_pages_unmap(findings->causes, findings->mapped_causes);
	lr_pages_unmap(causes->table, (causes->table_mask + 1) * sizeof(*table));
	findings->causes = array;
	findings->mapped_causes = room * sizeof(*array);
	causes->room = room;
	causes->table = table;
	causes->table_mask = 4 * room - 1;
	for (size_t i = 0; i < findings->cause_count; i++) {
		uint64_t at = cause_hash(causes, &array[i]);

		while (table[at] != 0)
			at = (at + 1) & causes->table_mask;
		table[at] = (uint32_t)i + 1;
	}
	return true;
}

void lr_causes_init(struct lr_causes *causes, struct lr_findings *findings, struct lr_types *types)
{
	memset(causes, 0, sizeof(*causes));
	causes->findings = findings;
	causes->types = types;
	if (!grow(causes))
		findings->incomplete = true;
}

void lr_causes_finish(struct lr_causes *causes)
{
	lr_pages_unmap(causes->table, (causes->table_mask + 1) * sizeof(*causes->table));
	causes->table = NULL;
}

struct lr_cause *lr_causes_find(struct lr_causes *causes, const struct lr_cause *like)
{
	struct lr_findings *findings = causes->findings;
	struct lr_cause *cause;
	uint64_t at;

	if (findings->cause_count == causes->room && !grow(causes)) {
		findings->incomplete = true;
		return NULL;
	}
	at = cause_hash(causes, like);
	for (; causes->table[at] != 0; at = (at + 1) & causes->table_mask) {
		cause = &findings->causes[causes->table[at] - 1];
		if (is_same(cause, like))
			return cause;
	}
	cause = &findings->causes[findings->cause_count++];
	*cause = *like;
	cause->label = (uint32_t)findings->cause_count;
	causes->table[at] = cause->label;
	return cause;
}

static int compare_births(const struct lr_types *types, uint64_t a, uint64_t b)
{
	uint64_t first = lr_birth_number(a);
	uint64_t second = lr_birth_number(b);
	int order = lr_types_order(types, lr_birth_type(a), lr_birth_type(b));

	return order ? order : (first > second) - (first < second);
}

/* Sorted by type, of which only those of a cycle have several, then by number. */
static void insert_example(const struct lr_types *types, struct lr_cause *cause,
			   const struct lr_example *example)
{
	uint32_t at = cause->example_count;

	if (at == LR_EXAMPLES_MAX) {
		if (compare_births(types, cause->examples[at - 1].birth, example->birth) <= 0)
			return;
		at--;
	} else {
		cause->example_count++;
	}
	for (; at > 0; at--) {
		if (compare_births(types, cause->examples[at - 1].birth, example->birth) <= 0)
			break;
		cause->examples[at] = cause->examples[at - 1];
	}
	cause->examples[at] = *example;
}

void lr_causes_add_example(const struct lr_types *types, struct lr_cause *cause,
			   const struct lr_live *live)
{
	const struct lr_example example = {
		.birth = live->copy.birth,
		.object = ~live->copy.object,
		.record = live->ordinal,
		.dying = !lr_live_is_alive(live),
	};

	insert_example(types, cause, &example);
}

/* An object of which somebody forgot references, or nobody knows. */
static struct lr_cause *add_root(struct lr_causes *causes, const struct lr_live *live, bool is_old,
				 bool is_at_rest)
{
	const struct lr_cause like = {
		.kind = LR_CAUSE_LEAK,
		.type = lr_birth_type(live->copy.birth),
		.site = live->copy.site,
		.is_at_rest = is_at_rest,
		.is_old = is_old,
	};
	struct lr_cause *cause = lr_causes_find(causes, &like);

	if (!cause)
		return NULL;
	cause->roots += !is_old;
	cause->old_roots += is_old;
	if (!lr_live_is_alive(live)) {
		cause->dying++;
		cause->dying_site = live->copy.state & ~LR_STATE_MASK;
	}
	lr_causes_add_example(causes->types, cause, live);
	return cause;
}

void lr_causes_add_alone(struct lr_causes *causes, const struct lr_live *live)
{
	struct lr_type_facts type = lr_types_get(causes->types, lr_birth_type(live->copy.birth));
	struct lr_findings *findings = causes->findings;
	struct lr_cause *cause = add_root(causes, live, false, false);

	/* The sums are right also where there is no memory for causes. */
	findings->objects++;
	findings->bytes += type.size;
	findings->unlooked += lr_live_is_alive(live);
	if (!cause)
		return;
	cause->uncounted++;
	cause->objects++;
	cause->bytes += type.size;
	cause->is_wanted = true;
}

/*
 * Roots.
 */

struct verdict {
	bool is_root;
	bool is_ignored;
	uint64_t references; /* that somebody outside forgot */
	bool is_uncounted;   /* or there may be */
};

/*
 * While roots are looked for, graph->scratch says of each component if what the program ignores, or
 * what is spared as that is, holds it, by way of what is no root. Holders come first, so it is known when its turn comes.
 */
static bool is_held_by_ignored(const struct lr_graph *graph, uint32_t component)
{
	return graph->scratch[component];
}

static void note_held_by_ignored(const struct lr_graph *graph, const struct lr_component *component)
{
	for (uint32_t i = 0; i < component->count; i++) {
		const struct lr_node *node = &graph->nodes[lr_component_member(component, i)];

		for (uint32_t t = node[0].first; t < node[1].first; t++)
			graph->scratch[graph->nodes[graph->targets[t]].component] = 1;
	}
}

static struct verdict judge(const struct lr_graph *graph, const struct lr_component *component)
{
	bool is_held = false;
	bool is_explained = lr_component_is_cyclic(graph, component) &&
			    !is_held_by_ignored(graph, component->number);
	struct verdict verdict = { 0 };

	for (uint32_t i = 0; i < component->count; i++) {
		const struct lr_node *node = &graph->nodes[lr_component_member(component, i)];

		is_held |= node->is_held;
		verdict.is_ignored |= node->is_ignored;
		is_explained &= node->surplus >= 0;
		verdict.is_uncounted |= node->surplus <= LR_SURPLUS_UNKNOWN;
		verdict.references += node->surplus > 0 ? (uint64_t)node->surplus : 0;
	}
	verdict.is_root = verdict.is_ignored || verdict.references > 0 || !is_held || is_explained;
	return verdict;
}

static void add_verdict(struct lr_cause *cause, const struct verdict *verdict)
{
	cause->references += verdict->references;
	cause->uncounted += verdict->is_uncounted;
}

static uint32_t label_object(struct lr_causes *causes, uint32_t node, const struct verdict *verdict)
{
	const struct lr_graph *graph = causes->findings->graph;
	struct lr_live live;
	struct lr_cause *cause;

	if (!lr_graph_take(graph, node, &live))
		return LR_LABEL_GONE;
	cause = add_root(causes, &live, lr_graph_is_old(graph, node),
			 lr_graph_is_resting(graph, node));
	if (!cause)
		return LR_LABEL_LOST;
	if (!cause->is_old) {
		add_verdict(cause, verdict);
		cause->gone += graph->nodes[node].surplus == LR_SURPLUS_GONE;
	}
	return cause->label;
}

/*
 * The object of a cycle that stands for it: the first by type, then by number. Return: false if all
 * of them are gone.
 */
static bool find_head(const struct lr_causes *causes, const struct lr_component *component,
		      struct lr_live *ret_head)
{
	bool found = false;

	for (uint32_t i = 0; i < component->count; i++) {
		uint32_t member = lr_component_member(component, i);
		struct lr_live live;

		if (!lr_graph_take(causes->findings->graph, member, &live))
			continue;
		if (!found || compare_births(causes->types, live.copy.birth, ret_head->copy.birth) < 0)
			*ret_head = live;
		found = true;
	}
	return found;
}

/* One that has closed since the earlier check, by way of a new object, is not. */
static bool is_old_cycle(const struct lr_graph *graph, const struct lr_component *component)
{
	for (uint32_t i = 0; i < component->count; i++) {
		if (!lr_graph_is_old(graph, lr_component_member(component, i)))
			return false;
	}
	return true;
}

static uint32_t label_cycle(struct lr_causes *causes, const struct lr_component *component,
			    uint64_t shape, const struct verdict *verdict)
{
	struct lr_cause like = {
		.kind = LR_CAUSE_CYCLE,
		.shape = shape,
		.members = component->count,
		.is_old = is_old_cycle(causes->findings->graph, component),
	};
	struct lr_cause *cause;
	struct lr_live head;

	if (!find_head(causes, component, &head))
		return LR_LABEL_GONE;
	cause = lr_causes_find(causes, &like);
	if (!cause)
		return LR_LABEL_LOST;
	cause->roots += !cause->is_old;
	cause->old_roots += cause->is_old;
	if (!cause->is_old)
		add_verdict(cause, verdict);
	/* The first example is the head of the cycle that stands for all of this shape. */
	if (cause->example_count == 1 &&
	    compare_births(causes->types, cause->examples[0].birth, head.copy.birth) <= 0)
		return cause->label;
	cause->type = lr_birth_type(head.copy.birth);
	cause->site = head.copy.site;
	cause->example_count = 0;
	lr_causes_add_example(causes->types, cause, &head);
	return cause->label;
}

/* Nothing leads back to it, so it is a component of its own. */
static uint32_t spared_label(const struct lr_graph *graph, uint32_t node)
{
	return graph->spares_resting && lr_graph_is_resting(graph, node) ? LR_LABEL_RESTING :
									   LR_LABEL_IGNORED;
}

static uint32_t label_component(struct lr_causes *causes, const struct lr_shapes *shapes,
				const struct lr_component *component)
{
	const struct lr_graph *graph = causes->findings->graph;
	struct verdict verdict = judge(graph, component);

	if (!verdict.is_root)
		return LR_LABEL_NONE;
	if (verdict.is_ignored)
		return LR_LABEL_ROOT | spared_label(graph, lr_component_member(component, 0));
	if (!lr_component_is_cyclic(graph, component))
		return LR_LABEL_ROOT |
		       label_object(causes, lr_component_member(component, 0), &verdict);
	return LR_LABEL_ROOT |
	       label_cycle(causes, component, lr_shapes_get(shapes, component), &verdict);
}

static void label_roots(struct lr_causes *causes)
{
	struct lr_graph *graph = causes->findings->graph;
	struct lr_component component;
	struct lr_shapes shapes;
	uint32_t label;

	if (!lr_shapes_init(&shapes, graph, causes->types))
		causes->findings->incomplete = true;
	memset(graph->scratch, 0, (graph->node_count + (size_t)1) * sizeof(*graph->scratch));
	for (uint32_t at = 0; at < graph->node_count; at += component.count) {
		lr_graph_prefetch(graph, at);
		component = lr_graph_component_at(graph, at);
		label = label_component(causes, &shapes, &component);
		graph->labels[component.number] = label;
		if ((label & LR_LABEL_VALUE) == LR_LABEL_IGNORED ||
		    (label & LR_LABEL_VALUE) == LR_LABEL_RESTING ||
		    (label == LR_LABEL_NONE && is_held_by_ignored(graph, component.number)))
			note_held_by_ignored(graph, &component);
	}
	lr_shapes_finish(&shapes);
}

/* Of each cycle that stands for others, the first born objects; so far there is its head. */
static void add_cycle_examples(struct lr_causes *causes)
{
	struct lr_findings *findings = causes->findings;

	for (size_t i = 0; i < findings->cause_count; i++) {
		struct lr_cause *cause = &findings->causes[i];
		struct lr_component component;
		uint32_t head;

		if (cause->kind != LR_CAUSE_CYCLE)
			continue;
		head = lr_graph_find(findings->graph, (uint32_t)cause->examples[0].record + 1);
		component = lr_graph_component_of(findings->graph, head);
		for (uint32_t m = 0; m < component.count; m++) {
			uint32_t member = lr_component_member(&component, m);
			struct lr_live live;

			if (member != head && lr_graph_take(findings->graph, member, &live))
				lr_causes_add_example(causes->types, cause, &live);
		}
	}
}

/*
 * Sorted.
 */

static void join(const struct lr_types *types, struct lr_cause *into, const struct lr_cause *cause)
{
	into->roots += cause->roots;
	into->old_roots += cause->old_roots;
	into->references += cause->references;
	into->uncounted += cause->uncounted;
	into->gone += cause->gone;
	into->objects += cause->objects;
	into->bytes += cause->bytes;
	into->dying += cause->dying;
	if (cause->dying)
		into->dying_site = cause->dying_site;
	for (uint32_t e = 0; e < cause->example_count; e++)
		insert_example(types, into, &cause->examples[e]);
}

/*
 * The causes are sorted: those that read alike are neighbors. Leaves in the table which label each
 * label has become.
 */
static void join_equal(struct lr_causes *causes)
{
	struct lr_findings *findings = causes->findings;
	size_t kept = 0;

	for (size_t i = 0; i < findings->cause_count; i++) {
		struct lr_cause *into = &findings->causes[kept];
		const struct lr_cause *cause = &findings->causes[i];

		if (i > 0 && lr_order_causes(findings->image, into, cause) == 0) {
			causes->table[cause->label] = (uint32_t)kept + 1;
			join(causes->types, into, cause);
			continue;
		}
		kept += i > 0;
		causes->table[cause->label] = (uint32_t)kept + 1;
		if (i != kept)
			findings->causes[kept] = *cause;
		findings->causes[kept].label = (uint32_t)kept + 1;
	}
	if (findings->cause_count > 0)
		findings->cause_count = kept + 1;
}

void lr_causes_sort(struct lr_causes *causes)
{
	struct lr_findings *findings = causes->findings;

	lr_order_sort_causes(findings);
	join_equal(causes);
	for (size_t i = 0; i < findings->cause_count; i++) {
		/* The contract: 0 if a count is not known. */
		if (findings->causes[i].uncounted > 0)
			findings->causes[i].references = 0;
	}
}

/*
 * Labels.
 */

static void relabel_roots(struct lr_causes *causes)
{
	struct lr_graph *graph = causes->findings->graph;

	for (uint32_t i = 1; i <= graph->node_count; i++) {
		uint32_t value = graph->labels[i] & LR_LABEL_VALUE;

		if (value != LR_LABEL_NONE && value < LR_LABEL_GONE)
			graph->labels[i] = LR_LABEL_ROOT | causes->table[value];
	}
	graph->label_limit = (uint32_t)causes->findings->cause_count + 1;
}

/* What is held by what has these two labels. What stays for good holds it in any case. */
static uint32_t merge_labels(uint32_t first, uint32_t second)
{
	if (first == LR_LABEL_NONE || first == LR_LABEL_GONE)
		return second;
	if (first == LR_LABEL_IGNORED || second == LR_LABEL_IGNORED)
		return LR_LABEL_IGNORED;
	if (first == LR_LABEL_RESTING || second == LR_LABEL_RESTING)
		return LR_LABEL_RESTING;
	return LR_LABEL_SHARED;
}

/* A component with @label holds the one whose label is @to. */
static void pass_label(const struct lr_causes *causes, uint32_t label, uint32_t *to)
{
	uint32_t value = *to & LR_LABEL_VALUE;

	/* The dead hold nobody. */
	if (label == value || label == LR_LABEL_GONE || label == LR_LABEL_NONE)
		return;
	if (!(*to & LR_LABEL_ROOT)) {
		*to = merge_labels(value, label);
	} else if (!(*to & LR_LABEL_ALSO_HELD) && value < LR_LABEL_GONE &&
		   label != LR_LABEL_IGNORED && label != LR_LABEL_RESTING) {
		/* What is ignored or spared is nothing to be mended. */
		*to |= LR_LABEL_ALSO_HELD;
		causes->findings->causes[value - 1].also_held++;
	}
}

static void pass_labels_on(const struct lr_causes *causes)
{
	struct lr_graph *graph = causes->findings->graph;

	for (uint32_t at = 0; at < graph->node_count; at++) {
		const struct lr_node *node = &graph->nodes[graph->order[at] & ~LR_FIRST_MEMBER];
		uint32_t *label = &graph->labels[node->component];

		lr_graph_prefetch(graph, at);
		/* All who hold it are dead. */
		if (*label == LR_LABEL_NONE)
			*label = LR_LABEL_GONE;
		for (uint32_t i = node[0].first; i < node[1].first; i++) {
			uint32_t held = graph->nodes[graph->targets[i]].component;

			if (held != node->component)
				pass_label(causes, *label & LR_LABEL_VALUE, &graph->labels[held]);
		}
	}
}

/*
 * Sums.
 */

/* To the figures of the cause that keeps @node. */
static void add_to_sums(const struct lr_causes *causes, uint32_t node, uint64_t bytes, bool is_wanted)
{
	struct lr_findings *findings = causes->findings;
	uint32_t label = lr_label_value(findings->graph, node);

	if (label < LR_LABEL_GONE) {
		struct lr_cause *cause = &findings->causes[label - 1];

		cause->objects++;
		cause->bytes += bytes;
		cause->is_wanted |= is_wanted;
	} else if (label == LR_LABEL_RESTING) {
		findings->resting += is_wanted;
	} else if (label == LR_LABEL_IGNORED) {
		/* Those that the program named are counted already. */
		findings->ignored += is_wanted && !findings->graph->nodes[node].is_ignored;
	} else if (label != LR_LABEL_GONE && is_wanted) {
		findings->objects++;
		findings->bytes += bytes;
		findings->shared += label == LR_LABEL_SHARED;
		findings->shared_bytes += label == LR_LABEL_SHARED ? bytes : 0;
	}
}

static void sum_up(const struct lr_causes *causes)
{
	const struct lr_graph *graph = causes->findings->graph;

	for (uint32_t i = 0; i < graph->node_count; i++) {
		struct lr_type_facts type = lr_types_get(causes->types, lr_graph_type(graph, i));
		struct lr_node *node = &graph->nodes[i];
		bool is_dying = node->surplus == LR_SURPLUS_DYING;
		bool is_old = lr_graph_is_old(graph, i);

		node->label = graph->labels[node->component];
		if ((!type.is_wanted || is_old) && node->label == LR_LABEL_SHARED)
			node->label = LR_LABEL_UNWANTED;
		if (is_old)
			continue;
		add_to_sums(causes, i, node->is_looked ? graph->sizes[i] : type.size, type.is_wanted);
		causes->findings->unlooked += !node->is_looked && !is_dying && type.is_wanted;
	}
}

static bool has_kind_and_type(const struct lr_findings *findings, const struct lr_cause *like)
{
	size_t low = 0;
	size_t high = findings->cause_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct lr_cause *cause = &findings->causes[middle];
		int order = (cause->kind > like->kind) - (cause->kind < like->kind);

		if (order == 0)
			order = lr_order_types(findings->image, cause->type, like->type);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/*
 * Which of the @count causes behind those that are told may have the fingerprint of one of them? These
 * stay, so that its number is that of the report in which all are told.
 */
static void keep_silent(struct lr_findings *findings, size_t count)
{
	struct lr_cause *silent = &findings->causes[findings->cause_count];

	for (size_t i = 0; i < count; i++) {
		if (has_kind_and_type(findings, &silent[i]))
			silent[findings->silent_count++] = silent[i];
	}
}

/*
 * With patterns, causes in which no object matches were only needed to know who holds whom; and so were
 * those that an earlier check told of and that keep nothing new. They go behind the others.
 */
static void drop_unwanted(const struct lr_causes *causes)
{
	struct lr_findings *findings = causes->findings;
	size_t count = findings->cause_count;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		const struct lr_cause cause = findings->causes[i];

		if (!cause.is_wanted)
			continue;
		findings->objects += cause.objects;
		findings->bytes += cause.bytes;
		if (i != kept) {
			findings->causes[i] = findings->causes[kept];
			findings->causes[kept] = cause;
		}
		kept++;
	}
	findings->cause_count = kept;
	keep_silent(findings, count - kept);
}

void lr_causes_of_graph(struct lr_causes *causes)
{
	struct lr_findings *findings = causes->findings;

	if (findings->graph->cyclic_count > 0)
		lr_types_rank(causes->types);
	label_roots(causes);
	add_cycle_examples(causes);
	lr_causes_sort(causes);
	relabel_roots(causes);
	pass_labels_on(causes);
	sum_up(causes);
	/* Without patterns, and where all is new, all are. */
	if (findings->shared > 0 && (findings->is_filtered || findings->graph->old_count > 0))
		lr_shared_want_causes(findings);
	drop_unwanted(causes);
}
