/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What causes keep.
 *
 * Layer: analyze. Locks: none.
 *
 * Ids of types are those of one image. So a type has a name here, with a hash by which it is found
 * again; the first image that has it must stay for its text. Most processes of a test suite add no
 * name.
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
	if (!lr_spots_grow(&keeps->names, &keeps->name_room, keeps->name_count + 1,
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
	if (!lr_spots_grow(&keeps->lists, &keeps->list_room, keeps->list_count + 1,
			   sizeof(*keeps->lists)))
		return NULL;
	memset(&keeps->lists[keeps->list_count], 0, sizeof(*keeps->lists));
	*list = (uint32_t)++keeps->list_count;
	return &keeps->lists[*list - 1];
}

static void add(const struct lr_keeps *keeps, struct lr_keep_list *list, const struct lr_keep *keep)
{
	const struct lr_keep_name *name = &keeps->names[keep->name];

	for (uint32_t i = 0; i < list->count; i++) {
		struct lr_keep *have = &list->all[i];

		if (keeps->names[have->name].type_hash != name->type_hash)
			continue;
		have->objects += keep->objects;
		have->bytes += keep->bytes;
		if (keeps->names[have->name].owner == 0)
			have->name = keep->name;
		return;
	}
	if (list->count < LR_KEPT_MAX)
		list->all[list->count++] = *keep;
	else
		list->others += keep->objects;
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
	list->others += detail->kept_others;
	for (uint32_t i = 0; i < detail->kept_count; i++) {
		const struct lr_keep_name name = make_name(image, &detail->kept[i]);
		const struct lr_keep keep = {
			.name = find_or_add_name(keeps, &name, ret_refers),
			.objects = detail->kept[i].objects,
			.bytes = detail->kept[i].bytes,
		};

		if (keep.name == LR_SPOT_NONE)
			return false;
		add(keeps, list, &keep);
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
	list->others += keeps->lists[from - 1].others;
	for (uint32_t i = 0; i < keeps->lists[from - 1].count; i++)
		add(keeps, list, &keeps->lists[from - 1].all[i]);
	return true;
}

static int compare(const void *keeps_, const void *a_, const void *b_)
{
	const struct lr_keeps *keeps = keeps_;
	const struct lr_keep *a = a_;
	const struct lr_keep *b = b_;
	const struct lr_keep_name *first = &keeps->names[a->name];
	const struct lr_keep_name *second = &keeps->names[b->name];
	int order;

	if (a->objects != b->objects)
		return a->objects > b->objects ? -1 : 1;
	order = strcmp(type_name(first->image, first->type), type_name(second->image, second->type));
	return order ? order :
		       (first->type_hash > second->type_hash) -
			       (first->type_hash < second->type_hash);
}

void lr_keeps_sort(struct lr_keeps *keeps, uint32_t number)
{
	struct lr_keep_list *list = &keeps->lists[number - 1];

	lr_sort(list->all, list->count, sizeof(*list->all), compare, keeps);
	for (; list->count > LR_KEEPS_SHOWN; list->count--)
		list->others += list->all[list->count - 1].objects;
}
