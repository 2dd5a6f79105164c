/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Details.
 *
 * Layer: analyze. Locks: none.
 *
 * Two passes for all causes that are shown together. The first, over the nodes, counts what each
 * keeps, by type. The second, over the edges, counts which members hold those of the types that are
 * told, and finds the members of the links of rings.
 */
#include "analyze/details.h"

#include "analyze/causes.h"
#include "analyze/graph.h"
#include "analyze/order.h"
#include "analyze/rings.h"
#include "analyze/tally.h"
#include "base/pages.h"

#include <string.h>

/* What is made for one cause. */
struct slot {
	struct lr_cause *cause;
	struct lr_detail *detail;
	struct lr_ring ring;	    /* of a cycle */
	uint32_t linked;	    /* bits: links whose member was found */
	uint64_t most[LR_KEPT_MAX]; /* references by which the owner holds them that kept[] has so far */
};

struct work {
	struct lr_findings *findings;
	const struct lr_image *image;
	struct lr_graph *graph;
	struct slot *slots;
	uint32_t slot_count;
	uint32_t *slot_of_label; /* + 1 */
	struct lr_tally kept;	 /* slot and type -> objects */
	struct lr_tally owners;	 /* slot and kept type, owner and member -> references */
	bool lacks_memory;
};

static bool has_detail(const struct lr_cause *cause)
{
	return cause->shown && (cause->kind == LR_CAUSE_CYCLE || cause->objects > cause->roots);
}

static struct slot *slot_of(const struct work *work, uint32_t node)
{
	uint32_t label = lr_label_value(work->graph, node);
	uint32_t slot = label < work->graph->label_limit ? work->slot_of_label[label] : 0;

	return slot != 0 ? &work->slots[slot - 1] : NULL;
}

static uint64_t number_of(const struct work *work, const struct slot *slot)
{
	return (uint64_t)(slot - work->slots);
}

/*
 * What is kept, by type.
 */

static void count_kept(struct work *work)
{
	const struct lr_graph *graph = work->graph;

	for (uint32_t node = 0; node < graph->node_count; node++) {
		const struct slot *slot = graph->nodes[node].is_looked ? slot_of(work, node) : NULL;

		if (slot && !lr_label_is_root(graph, node) && !lr_graph_is_old(graph, node) &&
		    !lr_tally_add(&work->kept, number_of(work, slot), lr_graph_type(graph, node),
				  graph->sizes[node]))
			work->lacks_memory = true;
	}
}

static bool keeps_more(const struct work *work, const struct lr_kept *a, const struct lr_kept *b)
{
	if (a->objects != b->objects)
		return a->objects > b->objects;
	return lr_order_types(work->image, a->type, b->type) < 0;
}

static void insert_kept(const struct work *work, struct lr_detail *detail, const struct lr_kept *kept)
{
	uint32_t at = detail->kept_count;

	if (at == LR_KEPT_MAX) {
		at--;
		if (keeps_more(work, &detail->kept[at], kept)) {
			detail->kept_others += kept->objects;
			return;
		}
		detail->kept_others += detail->kept[at].objects;
	} else {
		detail->kept_count++;
	}
	for (; at > 0 && keeps_more(work, kept, &detail->kept[at - 1]); at--)
		detail->kept[at] = detail->kept[at - 1];
	detail->kept[at] = *kept;
}

static void choose_kept(struct work *work)
{
	for (size_t i = 0; i < work->kept.room; i++) {
		const struct lr_tally_entry *entry = &work->kept.entries[i];
		const struct lr_kept kept = {
			.type = (uint32_t)entry->key[1],
			.objects = entry->objects,
			.bytes = entry->bytes,
		};

		if (entry->objects > 0)
			insert_kept(work, work->slots[entry->key[0]].detail, &kept);
	}
}

/*
 * Who holds it.
 */

static struct lr_member member_of(const struct lr_edge *edge)
{
	struct lr_member member = { .name = edge->how & ~LR_EDGE_HOW, .offset = edge->offset };

	return member;
}

/* As a key: of a name, or of an offset. */
static uint64_t pack_owner(uint32_t type, const struct lr_edge *edge)
{
	lr_text_ref name = edge->how & ~LR_EDGE_HOW;

	return (uint64_t)type << 33 | (name != 0 ? UINT64_C(1) << 32 | name : edge->offset);
}

static void unpack_owner(uint64_t key, struct lr_kept *kept)
{
	bool is_name = key >> 32 & 1;

	kept->owner = (uint32_t)(key >> 33);
	kept->member.name = is_name ? (uint32_t)key : 0;
	kept->member.offset = is_name ? UINT32_MAX : (uint32_t)key;
}

static void count_owner(struct work *work, const struct slot *slot, const struct lr_edge *edge,
			uint32_t from, uint32_t to)
{
	uint64_t key = pack_owner(lr_graph_type(work->graph, from), edge);

	for (uint32_t i = 0; i < slot->detail->kept_count; i++) {
		if (slot->detail->kept[i].type == lr_graph_type(work->graph, to) &&
		    !lr_tally_add(&work->owners, number_of(work, slot) * LR_KEPT_MAX + i, key, 0))
			work->lacks_memory = true;
	}
}

static int compare_owners(const struct work *work, const struct lr_kept *a, const struct lr_kept *b)
{
	int order = lr_order_types(work->image, a->owner, b->owner);

	if (order == 0)
		order = strcmp(lr_image_text(work->image, a->member.name, NULL),
			       lr_image_text(work->image, b->member.name, NULL));
	if (order == 0)
		order = (a->member.offset > b->member.offset) - (a->member.offset < b->member.offset);
	return order;
}

/*
 * If @entry says of more references than the best so far. The tally has no order of its own that
 * would be the same in the next run.
 */
static void choose_owner(struct work *work, const struct lr_tally_entry *entry)
{
	struct slot *slot = &work->slots[entry->key[0] / LR_KEPT_MAX];
	struct lr_kept *kept = &slot->detail->kept[entry->key[0] % LR_KEPT_MAX];
	uint64_t *most = &slot->most[entry->key[0] % LR_KEPT_MAX];
	struct lr_kept owner = { 0 };

	unpack_owner(entry->key[1], &owner);
	if (entry->objects < *most ||
	    (entry->objects == *most && compare_owners(work, kept, &owner) <= 0))
		return;
	*most = entry->objects;
	kept->owner = owner.owner;
	kept->member = owner.member;
}

static void choose_owners(struct work *work)
{
	for (size_t i = 0; i < work->owners.room; i++) {
		if (work->owners.entries[i].objects > 0)
			choose_owner(work, &work->owners.entries[i]);
	}
}

/*
 * Links.
 */

static void find_ring(struct work *work, struct slot *slot)
{
	struct lr_detail *detail = slot->detail;
	uint32_t head = lr_graph_find(work->graph, (uint32_t)slot->cause->examples[0].record + 1);
	struct lr_live from, to;

	if (!lr_ring_find(work->graph, head, &slot->ring)) {
		work->lacks_memory = true;
		return;
	}
	for (uint32_t i = 0; i < slot->ring.shown; i++) {
		if (!lr_graph_take(work->graph, slot->ring.nodes[i], &from) ||
		    !lr_graph_take(work->graph, slot->ring.nodes[i + 1], &to))
			break;
		detail->links[i].from = from.copy.birth;
		detail->links[i].to = to.copy.birth;
		detail->link_count = i + 1;
	}
	detail->links_left_out = slot->ring.references - detail->link_count;
}

/* The first edge between two nodes that has not been told. */
static void fill_link(const struct work *work, struct slot *slot, const struct lr_edge *edge,
		      uint32_t from, uint32_t to)
{
	const struct lr_ring *ring = &slot->ring;

	if (slot->cause->kind != LR_CAUSE_CYCLE ||
	    work->graph->nodes[from].component != ring->component)
		return;
	for (uint32_t i = 0; i < slot->detail->link_count; i++) {
		if (ring->nodes[i] != from || ring->nodes[i + 1] != to || slot->linked & 1u << i)
			continue;
		slot->detail->links[i].member = member_of(edge);
		slot->detail->links[i].is_found = (edge->how & LR_EDGE_HOW) == LR_EDGE_FOUND;
		slot->linked |= 1u << i;
	}
}

static void look_at_edge(void *context, const struct lr_edge *edge, uint32_t from, uint32_t to)
{
	struct work *work = context;
	struct slot *slot = slot_of(work, to);

	if (!slot)
		return;
	if (lr_label_is_root(work->graph, to))
		fill_link(work, slot, edge, from, to);
	else if (!lr_graph_is_old(work->graph, to))
		count_owner(work, slot, edge, from, to);
}

/*
 * All together.
 */

static bool map(struct work *work, uint32_t count)
{
	struct lr_findings *findings = work->findings;

	findings->mapped_details = count * sizeof(*findings->details);
	findings->details = lr_pages_map(findings->mapped_details);
	work->slots = lr_pages_map(count * sizeof(*work->slots));
	work->slot_of_label = lr_pages_map(work->graph->label_limit * sizeof(uint32_t));
	return findings->details && work->slots && work->slot_of_label;
}

static void unmap(const struct work *work, uint32_t count)
{
	lr_pages_unmap(work->slots, count * sizeof(*work->slots));
	lr_pages_unmap(work->slot_of_label, work->graph->label_limit * sizeof(uint32_t));
}

static void assign_slots(struct work *work)
{
	struct lr_findings *findings = work->findings;

	for (size_t i = 0; i < findings->cause_count; i++) {
		struct lr_cause *cause = &findings->causes[i];
		struct slot *slot = &work->slots[work->slot_count];

		if (!has_detail(cause))
			continue;
		slot->cause = cause;
		slot->detail = &findings->details[work->slot_count];
		cause->detail = slot->detail;
		work->slot_of_label[cause->label] = ++work->slot_count;
	}
}

static void fill(struct work *work)
{
	assign_slots(work);
	count_kept(work);
	choose_kept(work);
	for (uint32_t i = 0; i < work->slot_count; i++) {
		if (work->slots[i].cause->kind == LR_CAUSE_CYCLE)
			find_ring(work, &work->slots[i]);
	}
	lr_graph_each_edge(work->graph, look_at_edge, work);
	choose_owners(work);
	lr_tally_finish(&work->kept);
	lr_tally_finish(&work->owners);
}

static void forget(struct lr_findings *findings)
{
	for (size_t i = 0; i < findings->cause_count; i++)
		findings->causes[i].detail = NULL;
	lr_pages_unmap(findings->details, findings->mapped_details);
	findings->details = NULL;
}

void lr_details_make(struct lr_findings *findings)
{
	struct work work = {
		.findings = findings,
		.image = findings->image,
		.graph = findings->graph,
	};
	uint32_t count = 0;

	forget(findings);
	for (size_t i = 0; i < findings->cause_count; i++)
		count += has_detail(&findings->causes[i]);
	if (count == 0 || !findings->graph)
		return;
	if (map(&work, count))
		fill(&work);
	else
		work.lacks_memory = true;
	unmap(&work, count);
	findings->incomplete |= work.lacks_memory;
}
