/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Birthplaces.
 *
 * Layer: analyze. Locks: none. A cycle may have a million members, of a few places: so first they are
 * tallied.
 */
#include "analyze/birthplaces.h"

#include "analyze/graph.h"
#include "analyze/tally.h"
#include "base/pages.h"

#include <string.h>

static bool tally_members(struct lr_tally *tally, const struct lr_findings *findings,
			  const struct lr_cause *cause)
{
	const struct lr_graph *graph = findings->graph;
	uint32_t head = lr_graph_find(graph, (uint32_t)cause->examples[0].record + 1);
	struct lr_component component;

	if (head == LR_NO_NODE)
		return false;
	component = lr_graph_component_of(graph, head);
	for (uint32_t i = 0; i < component.count; i++) {
		struct lr_live live;

		if (lr_graph_take(graph, lr_component_member(&component, i), &live) &&
		    !lr_tally_add(tally, lr_birth_type(live.copy.birth), live.copy.site, 0))
			return false;
	}
	return true;
}

static void list(struct lr_birthplaces *places, const struct lr_tally *tally)
{
	places->mapped = tally->used * sizeof(*places->list);
	places->list = places->mapped > 0 ? lr_pages_map(places->mapped) : NULL;
	if (!places->list)
		return;
	places->count = 0;
	for (size_t i = 0; i < tally->room; i++) {
		const struct lr_tally_entry *entry = &tally->entries[i];

		if (entry->objects > 0)
			places->list[places->count++] = (struct lr_birthplace){
				.type = (uint32_t)entry->key[0],
				.site = (uint32_t)entry->key[1],
			};
	}
	places->all = places->list;
}

void lr_birthplaces_find(struct lr_birthplaces *places, const struct lr_findings *findings,
			 const struct lr_cause *cause)
{
	struct lr_tally tally = { .entries = NULL };

	memset(places, 0, sizeof(*places));
	places->first = (struct lr_birthplace){ .type = cause->type, .site = cause->site };
	places->all = &places->first;
	places->count = 1;
	if (cause->kind != LR_CAUSE_CYCLE || !findings->graph)
		return;
	if (tally_members(&tally, findings, cause))
		list(places, &tally);
	lr_tally_finish(&tally);
}

void lr_birthplaces_finish(struct lr_birthplaces *places)
{
	lr_pages_unmap(places->list, places->mapped);
	places->list = NULL;
}
