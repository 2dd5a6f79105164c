/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about types.
 *
 * Layer: analyze. Locks: none. Without memory for the table each question is answered from the
 * image, more slowly: nothing that is found depends on it.
 */
#include "analyze/types.h"

#include "analyze/order.h"
#include "base/globs.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/sort.h"

#include <string.h>

struct lr_type_facts lr_types_make(const struct lr_types *types, uint32_t id)
{
	const struct lr_type_entry *entry = lr_image_type(types->image, id);
	struct lr_type_facts facts = { .is_there = entry != NULL };
	const char *name;

	if (!entry)
		return facts;
	/* In the process a type may be just about to be added. Pairs with the release there. */
	name = lr_image_text(types->image, __atomic_load_n(&entry->name, __ATOMIC_ACQUIRE), NULL);
	facts.size = __atomic_load_n(&entry->size, __ATOMIC_RELAXED);
	facts.hash = lr_hash_halves(lr_hash_word(lr_hash_text(0, name)),
				    lr_hash_word(lr_hash_text(facts.size, name)));
	facts.is_wanted = !types->globs || lr_globs_match(types->globs, name);
	return facts;
}

void lr_types_init(struct lr_types *types, const struct lr_image *image, const char *globs)
{
	uint64_t count = lr_image_count(image, LR_TYPES) + 1;

	memset(types, 0, sizeof(*types));
	types->image = image;
	types->globs = globs;
	/* A birth number has no room for more. */
	types->count = (uint32_t)(count <= 65536 ? count : 65536);
	types->mapped = types->count * sizeof(*types->facts);
	types->facts = lr_pages_map(types->mapped);
	for (uint32_t id = 0; types->facts && id < types->count; id++)
		types->facts[id] = lr_types_make(types, id);
}

void lr_types_finish(struct lr_types *types)
{
	lr_pages_unmap(types->facts, types->mapped);
	types->facts = NULL;
}

static int ids_order(const void *image, const void *a, const void *b)
{
	return lr_order_types(image, *(const uint32_t *)a, *(const uint32_t *)b);
}

void lr_types_rank(struct lr_types *types)
{
	size_t size = types->count * sizeof(uint32_t);
	uint32_t *ids = types->facts && !types->is_ranked ? lr_pages_map(size) : NULL;
	uint32_t rank = 0;

	if (!ids)
		return;
	for (uint32_t id = 0; id < types->count; id++)
		ids[id] = id;
	lr_sort(ids, types->count, sizeof(*ids), ids_order, types->image);
	for (uint32_t i = 0; i < types->count; i++) {
		rank += i > 0 && ids_order(types->image, &ids[i - 1], &ids[i]) != 0;
		types->facts[ids[i]].rank = rank;
	}
	lr_pages_unmap(ids, size);
	types->is_ranked = true;
}

int lr_types_order(const struct lr_types *types, uint32_t a, uint32_t b)
{
	uint32_t first, second;

	if (!types->is_ranked || a >= types->count || b >= types->count)
		return lr_order_types(types->image, a, b);
	first = types->facts[a].rank;
	second = types->facts[b].rank;
	return (first > second) - (first < second);
}
