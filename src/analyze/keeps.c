/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What causes keep.
 *
 * Layer: analyze. Locks: none.
 *
 * Ids of types are those of one image. So a type has a name here, with a hash by which it is found
 * again; the first image that has it must stay for its text. Most processes of a test suite add no
 * name.
 *
 * Which types are the largest is known only when all causes are added, and so is who holds the most
 * of a type. So a list has all names until it is sorted.
 */
#include "analyze/keeps.h"

#include "analyze/spots.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/sort.h"

#include <string.h>

void lr_keeps_finish(struct lr_keeps *keeps)
{
	lr_pages_unmap(keeps->names, keeps->name_room * sizeof(*keeps->names));
	lr_pages_unmap(keeps->lists, keeps->list_room * sizeof(*keeps->lists));
	lr_pages_unmap(keeps->items, keeps->item_room * sizeof(*keeps->items));
	lr_pages_unmap(keeps->scratch, keeps->scratch_room * sizeof(*keeps->scratch));
	memset(keeps, 0, sizeof(*keeps));
}

static const char *type_name(const struct lr_image *image, uint32_t id)
{
	const struct lr_type_entry *type = lr_image_type(image, id);

	return type ? lr_image_text(image, type->name, NULL) : "";
}

static uint64_t hash_type(const struct lr_image *image, uint32_t id)
{
	const struct lr_type_entry *type = lr_image_type(image, id);
	uint64_t hash = lr_hash_text(0, type_name(image, id));

	return type ? lr_hash_word(hash ^ type->size) ^ type->name_hash : hash;
}

static struct lr_keep_name make_name(const struct lr_image *image, const struct lr_kept *kept)
{
	struct lr_keep_name name = {
		.image = image,
		.type_hash = hash_type(image, kept->type),
		.type = kept->type,
		.owner = kept->owner,
		.member = kept->member,
	};

	name.hash = name.type_hash;
	if (kept->owner != 0)
		name.hash = lr_hash_text(lr_hash_word(name.hash + hash_type(image, kept->owner)),
					 lr_image_text(image, kept->member.name, NULL)) +
			    kept->member.offset;
	return name;
}

/* Return: the ordinal of a name; LR_SPOT_NONE without memory. */
static uint32_t find_or_add_name(struct lr_keeps *keeps, const struct lr_keep_name *name,
				 bool *ret_refers)
{
	for (size_t i = 0; i < keeps->name_count; i++) {
		if (keeps->names[i].hash == name->hash)
			return (uint32_t)i;
	}
	if (!lr_pages_grow(&keeps->names, &keeps->name_room, keeps->name_count + 1,
			   sizeof(*keeps->names)))
		return LR_SPOT_NONE;
	keeps->names[keeps->name_count] = *name;
	*ret_refers = true;
	return (uint32_t)keeps->name_count++;
}

/* Return: NULL without memory. */
static struct lr_keep_list *find_or_add_list(struct lr_keeps *keeps, uint32_t *list)
{
	if (*list != 0)
		return &keeps->lists[*list - 1];
	if (!lr_pages_grow(&keeps->lists, &keeps->list_room, keeps->end.lists + 1,
			   sizeof(*keeps->lists)))
		return NULL;
	memset(&keeps->lists[keeps->end.lists], 0, sizeof(*keeps->lists));
	*list = (uint32_t)++keeps->end.lists;
	return &keeps->lists[*list - 1];
}

/* Return: false without memory. */
static bool add(struct lr_keeps *keeps, struct lr_keep_list *list, const struct lr_keep_item *item)
{
	uint32_t *link = &list->first;

	for (; *link != 0; link = &keeps->items[*link - 1].next) {
		struct lr_keep_item *have = &keeps->items[*link - 1];

		if (have->name != item->name)
			continue;
		have->objects += item->objects;
		have->bytes += item->bytes;
		return true;
	}
	if (keeps->end.items >= UINT32_MAX - 1 ||
	    !lr_pages_grow(&keeps->items, &keeps->item_room, keeps->end.items + 1,
			   sizeof(*keeps->items)))
		return false;
	keeps->items[keeps->end.items] = *item;
	keeps->items[keeps->end.items++].next = list->first;
	list->first = (uint32_t)keeps->end.items;
	list->item_count++;
	return true;
}

bool lr_keeps_add(struct lr_keeps *keeps, uint32_t *list_number, const struct lr_image *image,
		  const struct lr_detail *detail, bool *ret_refers)
{
	struct lr_keep_list *list;

	if (!detail || (detail->kept_count == 0 && detail->kept_others == 0))
		return true;
	list = find_or_add_list(keeps, list_number);
	if (!list)
		return false;
	list->unnamed += detail->kept_others;
	for (uint32_t i = 0; i < detail->kept_count; i++) {
		const struct lr_keep_name name = make_name(image, &detail->kept[i]);
		const struct lr_keep_item item = {
			.name = find_or_add_name(keeps, &name, ret_refers),
			.objects = detail->kept[i].objects,
			.bytes = detail->kept[i].bytes,
		};

		if (item.name == LR_SPOT_NONE || !add(keeps, list, &item))
			return false;
	}
	return true;
}

bool lr_keeps_join(struct lr_keeps *keeps, uint32_t *list_number, uint32_t from)
{
	struct lr_keep_list *list;

	if (from == 0)
		return true;
	list = find_or_add_list(keeps, list_number);
	if (!list)
		return false;
	list->unnamed += keeps->lists[from - 1].unnamed;
	for (uint32_t at = keeps->lists[from - 1].first; at != 0; at = keeps->items[at - 1].next) {
		const struct lr_keep_item item = keeps->items[at - 1];

		if (!add(keeps, list, &item))
			return false;
	}
	return true;
}

static int compare_types(const struct lr_keep_name *a, const struct lr_keep_name *b)
{
	int order = strcmp(type_name(a->image, a->type), type_name(b->image, b->type));

	return order ? order : (a->type_hash > b->type_hash) - (a->type_hash < b->type_hash);
}

static int compare_owners(const struct lr_keep_name *a, const struct lr_keep_name *b)
{
	int order = strcmp(type_name(a->image, a->owner), type_name(b->image, b->owner));

	if (order == 0)
		order = strcmp(lr_image_text(a->image, a->member.name, NULL),
			       lr_image_text(b->image, b->member.name, NULL));
	return order ? order : (a->hash > b->hash) - (a->hash < b->hash);
}

/* By type, and of each the owner first that is told. */
static int compare(const void *keeps_, const void *a_, const void *b_)
{
	const struct lr_keeps *keeps = keeps_;
	const struct lr_keep_item *a = a_;
	const struct lr_keep_item *b = b_;
	const struct lr_keep_name *first = &keeps->names[a->name];
	const struct lr_keep_name *second = &keeps->names[b->name];
	int order = compare_types(first, second);

	if (order == 0)
		order = (first->owner == 0) - (second->owner == 0);
	if (order == 0)
		order = (a->objects < b->objects) - (a->objects > b->objects);
	return order ? order : compare_owners(first, second);
}

/* Types come by name: of those with as many objects, the first ones stay in front. */
static void insert(struct lr_keep_list *list, const struct lr_keep *keep)
{
	uint32_t at = list->count;

	if (at == LR_KEEPS_SHOWN) {
		at--;
		if (keep->objects <= list->all[at].objects) {
			list->others += keep->objects;
			return;
		}
		list->others += list->all[at].objects;
	} else {
		list->count++;
	}
	for (; at > 0 && keep->objects > list->all[at - 1].objects; at--)
		list->all[at] = list->all[at - 1];
	list->all[at] = *keep;
}

/* @items: sorted */
static void choose(const struct lr_keeps *keeps, struct lr_keep_list *list,
		   const struct lr_keep_item *items)
{
	uint32_t next;

	for (uint32_t i = 0; i < list->item_count; i = next) {
		uint64_t type_hash = keeps->names[items[i].name].type_hash;
		struct lr_keep keep = { .name = items[i].name };

		for (next = i; next < list->item_count &&
			       keeps->names[items[next].name].type_hash == type_hash;
		     next++) {
			keep.objects += items[next].objects;
			keep.bytes += items[next].bytes;
		}
		insert(list, &keep);
	}
}

/* Return: false without memory. */
static bool gather(struct lr_keeps *keeps, const struct lr_keep_list *list)
{
	size_t count = 0;

	if (!lr_pages_grow(&keeps->scratch, &keeps->scratch_room, list->item_count,
			   sizeof(*keeps->scratch)))
		return false;
	for (uint32_t at = list->first; at != 0; at = keeps->items[at - 1].next)
		keeps->scratch[count++] = keeps->items[at - 1];
	return true;
}

bool lr_keeps_sort(struct lr_keeps *keeps, uint32_t number)
{
	struct lr_keep_list *list = &keeps->lists[number - 1];

	list->count = 0;
	list->others = list->unnamed;
	if (!gather(keeps, list)) {
		for (uint32_t at = list->first; at != 0; at = keeps->items[at - 1].next)
			list->others += keeps->items[at - 1].objects;
		return false;
	}
	lr_sort(keeps->scratch, list->item_count, sizeof(*keeps->scratch), compare, keeps);
	choose(keeps, list, keeps->scratch);
	return true;
}
