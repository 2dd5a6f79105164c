/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edges of one object: whom it holds.
 *
 * Layer: runtime. Locks: none, but for members.c's and the arena's when a name or a segment is new.
 *
 * A type with .owns or .visit says which of its pointers are references. Of any other, each word that points into another object may be one. A
 * word belongs to the innermost object that it is in, so that one word is never two edges; and the words of the count are no pointers.
 *
 * What an object's own pointers into itself are: one to its begin may be a reference to itself, which never ends. One into its inside is a
 * member's (an empty list's, mostly). A list whose head is the first member has pointers to the object's begin that mean
 * the head, when it is empty; so of a scanned object the first two words, if they point to it, are none.
 */
#include "runtime/looking.h"

#include "base/pages.h"
#include "runtime/members.h"

#include <string.h>

/* Worth to be read along rather than to be skipped by another call. */
#define GAP 2048u
#define WORD sizeof(uint64_t)
#define LIST_HEAD_SIZE (2 * WORD)

static const struct lr_extent *extent_at(const struct lr_looking *looking, uint32_t number)
{
	return &looking->extents.all[number];
}

/* How much of an object is read. */
static uint32_t reach_of(const struct lr_looking *looking, uint32_t number)
{
	uint32_t size = extent_at(looking, number)->size;
	uint32_t reach = lr_looking_plan(looking, number)->reach;

	return reach < size ? reach : size;
}

/* Up to where it is worth while to read, if [begin, end) of @number is. */
static uint64_t end_of_span(const struct lr_looking *looking, uint32_t number, uint64_t begin,
			    uint64_t end)
{
	for (uint32_t i = number + 1; i < looking->extents.count; i++) {
		uint64_t address = lr_extent_address(extent_at(looking, i));
		uint64_t its_end = address + reach_of(looking, i);

		if (address > end + GAP || its_end - begin > LR_SPAN_MAX)
			break;
		end = its_end > end ? its_end : end;
	}
	return end;
}

/* Some bytes of an object, LR_SPAN_MAX at the most. Return: as lr_spans_read(). */
static int get(struct lr_looking *looking, uint32_t number, uint64_t offset, size_t size,
	       const char **ret)
{
	uint64_t begin = lr_extent_address(extent_at(looking, number)) + offset;

	*ret = lr_spans_find(&looking->spans, begin, size);
	if (*ret)
		return 1;
	return lr_spans_read(&looking->spans, begin, size,
			     end_of_span(looking, number, begin, begin + size), ret);
}

/* Return: @there. */
static int note_if_missing(struct lr_looking *looking, uint32_t number, int there)
{
	struct lr_look *look = lr_looking_look(looking, number);
	uint32_t record = extent_at(looking, number)->record - 1;

	if (there < 0)
		look->count = LR_LOOK_UNREAD;
	if (there != 0)
		return there;
	if (look->count != LR_LOOK_DEAD)
		look->count = LR_LOOK_GONE;
	looking->extents.all[number].size = 0;
	looking->bad[record / 8] |= (uint8_t)(1u << record % 8);
	looking->any_bad = true;
	return 0;
}

static int look_at_count(struct lr_looking *looking, uint32_t number, const struct lr_plan *plan)
{
	struct lr_look *look = lr_looking_look(looking, number);
	union lr_any_count copy;
	const char *bytes;
	int64_t count;
	int there =
		get(looking, number, plan->count_begin, plan->count_end - plan->count_begin, &bytes);

	if (there <= 0)
		return there;
	memcpy(&copy, bytes, plan->count_end - plan->count_begin);
	count = lr_count_judge(&plan->info, &copy, extent_at(looking, number)->record - 1);
	if (count == LR_COUNT_DEAD)
		look->count = LR_LOOK_DEAD;
	if (count < 0)
		return 0;
	look->count = count < INT32_MAX ? (int32_t)count : INT32_MAX;
	/* A hot count between two steps of its last unref has none either. */
	if (count == 0 && plan->info.count_kind == LASTREF_KIND_CACHE_)
		look->count = LR_LOOK_AT_REST;
	return 1;
}

/* Is all memory there that will be read, and is the object in it? Return: as lr_spans_read(). */
static int is_there(struct lr_looking *looking, uint32_t number, uint64_t size)
{
	const struct lr_plan *plan = lr_looking_plan(looking, number);
	uint64_t address = lr_extent_address(extent_at(looking, number));
	const char *unused;
	int there = 1;

	if (size <= LR_SPAN_MAX)
		there = get(looking, number, 0, size, &unused);
	else
		there = lr_pages_readable((const void *)(uintptr_t)address, size);
	if (there > 0 && plan->count_end != 0)
		return look_at_count(looking, number, plan);
	if (there > 0 && lr_looking_look(looking, number)->count == LR_LOOK_UNREAD)
		lr_looking_look(looking, number)->count = LR_LOOK_UNKNOWN;
	return there;
}

bool lr_look_verify(struct lr_looking *looking, uint32_t number)
{
	uint32_t size = extent_at(looking, number)->size;

	return note_if_missing(looking, number, is_there(looking, number, size)) > 0;
}

static void add(struct lr_looking *looking, uint32_t from, uint32_t to, uint32_t offset, uint32_t how)
{
	struct lr_edge *edge = lr_elements_add(&looking->edges);

	if (!edge) {
		looking->failed = true;
		return;
	}
	*edge = (struct lr_edge){
		.from = extent_at(looking, from)->record,
		.to = extent_at(looking, to)->record,
		.offset = offset,
		.how = how,
	};
}

/* Does the word at @offset of @number belong to an object within it? */
static bool is_of_another(struct lr_looking *looking, uint32_t number, uint64_t offset)
{
	uint64_t address = lr_extent_address(extent_at(looking, number)) + offset;

	return looking->extents.outer && lr_extents_find(&looking->extents, address) != number + 1;
}

static void follow(struct lr_looking *looking, const struct lr_pointer *pointer)
{
	uint32_t target = lr_extents_find(&looking->extents, pointer->pointer);
	uint32_t number = pointer->number;

	if (target == 0 || is_of_another(looking, number, pointer->offset))
		return;
	if (target == number + 1) {
		bool may_be_list = (pointer->how & LR_EDGE_HOW) == LR_EDGE_FOUND &&
				   pointer->offset < LIST_HEAD_SIZE;

		if (pointer->pointer != lr_extent_address(extent_at(looking, number)) || may_be_list)
			return;
	}
	add(looking, number, target - 1, pointer->offset, pointer->how);
}

/* Objects lie all over the memory, and to follow one pointer after the other would be to wait for each. */
void lr_edges_follow(struct lr_looking *looking)
{
	for (uint32_t i = 0; i < looking->pointer_count; i++)
		lr_extents_approach(&looking->extents, looking->pointers[i].pointer);
	for (uint32_t i = 0; i < looking->pointer_count; i++)
		follow(looking, &looking->pointers[i]);
	looking->pointer_count = 0;
}

/* A word of an object that points somewhere into the objects. */
static void add_pointer(struct lr_looking *looking, uint32_t number, uint64_t offset,
			uint64_t pointer, uint32_t how)
{
	if (looking->pointer_count == LR_POINTERS_AT_ONCE)
		lr_edges_follow(looking);
	lr_extents_prepare_find(&looking->extents, pointer);
	looking->pointers[looking->pointer_count++] = (struct lr_pointer){
		.number = number,
		.offset = (uint32_t)offset,
		.how = how,
		.pointer = pointer,
	};
}

static bool is_near(const struct lr_looking *looking, uint64_t pointer)
{
	return pointer - looking->extents.begin < looking->extents.length;
}

void lr_edges_add_visited(struct lr_looking *looking, uint32_t number, const char *member,
			  uint64_t target)
{
	uint32_t found = lr_extents_find(&looking->extents, target);

	if (found == 0 ||
	    (found == number + 1 && target != lr_extent_address(extent_at(looking, number))))
		return;
	add(looking, number, found - 1, UINT32_MAX, LR_EDGE_DECLARED | lr_member_name(member));
}

/* Is [offset, offset + 8) or a part of it in one of the first @members that .owns names? */
static bool is_owned(const struct lr_type_info *info, uint64_t offset, uint32_t members)
{
	for (uint32_t i = 0; i < members; i++) {
		if (offset + WORD > info->owns[i].offset &&
		    offset < (uint64_t)info->owns[i].offset + info->owns[i].size)
			return true;
	}
	return false;
}

/* One piece of the member number @member. */
static void add_owned_words(struct lr_looking *looking, uint32_t number, uint32_t member,
			    uint64_t offset, const char *bytes, size_t size)
{
	const struct lr_type_info *info = &lr_looking_plan(looking, number)->info;

	for (size_t at = 0; at + WORD <= size; at += WORD) {
		uint64_t word;

		memcpy(&word, bytes + at, WORD);
		if (is_near(looking, word) && !is_owned(info, offset + at, member))
			add_pointer(looking, number, offset + at, word,
				    LR_EDGE_DECLARED | info->owns[member].name);
	}
}

/* Bytes in a piece of an object that are read at once, where @left are left. A word is never in two pieces. */
static size_t piece_of(uint64_t left)
{
	return left < LR_SPAN_MAX ? (size_t)left : LR_SPAN_MAX;
}

/* Return: as lr_spans_read(). */
static int read_owned(struct lr_looking *looking, uint32_t number, uint32_t member)
{
	const struct lr_owned_member *owned = &lr_looking_plan(looking, number)->info.owns[member];
	uint64_t end = (uint64_t)owned->offset + owned->size;
	uint32_t size = extent_at(looking, number)->size;
	int there = 1;

	/* An object of variable size may end before its type does. */
	end = end < size ? end : size;
	for (uint64_t at = owned->offset; at < end && there > 0;) {
		size_t piece = piece_of(end - at);
		const char *bytes;

		there = get(looking, number, at, piece, &bytes);
		if (there > 0)
			add_owned_words(looking, number, member, at, bytes, piece);
		at += piece;
	}
	return there;
}

static void scan_words(struct lr_looking *looking, uint32_t number, uint64_t offset,
		       const char *bytes, size_t size)
{
	const struct lr_plan *plan = lr_looking_plan(looking, number);

	for (size_t at = 0; at + WORD <= size; at += WORD) {
		uint64_t word;

		memcpy(&word, bytes + at, WORD);
		/* Most words are not even near. */
		if (!is_near(looking, word))
			continue;
		if (offset + at + WORD > plan->count_begin && offset + at < plan->count_end)
			continue;
		if (!is_owned(&plan->info, offset + at, plan->info.owned))
			add_pointer(looking, number, offset + at, word, LR_EDGE_FOUND);
	}
}

/* Return: as lr_spans_read(). */
static int read_all(struct lr_looking *looking, uint32_t number)
{
	uint64_t size = extent_at(looking, number)->size;
	int there = 1;

	for (uint64_t at = -lr_extent_address(extent_at(looking, number)) % WORD;
	     at < size && there > 0;) {
		size_t piece = piece_of(size - at);
		const char *bytes;

		there = get(looking, number, at, piece, &bytes);
		if (there > 0)
			scan_words(looking, number, at, bytes, piece);
		at += piece;
	}
	return there;
}

static void read_edges(struct lr_looking *looking, uint32_t number, bool scans)
{
	const struct lr_plan *plan = lr_looking_plan(looking, number);
	int there = 1;

	for (uint32_t i = 0; i < plan->info.owned && there > 0; i++)
		there = read_owned(looking, number, i);
	if (scans && there > 0)
		there = read_all(looking, number);
	note_if_missing(looking, number, there);
}

void lr_edges_read(struct lr_looking *looking, uint32_t number)
{
	uint32_t reach = reach_of(looking, number);

	if (note_if_missing(looking, number, is_there(looking, number, reach)) > 0)
		read_edges(looking, number, lr_looking_plan(looking, number)->scans);
}

void lr_edges_scan(struct lr_looking *looking, uint32_t number)
{
	/* It may have died since. */
	if (lr_look_verify(looking, number))
		note_if_missing(looking, number, read_all(looking, number));
	lr_edges_follow(looking);
}
