/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Births and deaths: what the template calls, and what types that count by hand call.
 *
 * Layer: runtime. Locks: none here.
 *
 * An object of the template carries its index beside its count, and that index is written once, at birth, by the thread that still has
 * the object to itself. The runtime never follows the object's pointer after the destructor began: from then on it has the index.
 */
#include "base/attributes.h"
#include "runtime/addresses.h"
#include "runtime/arena.h"
#include "runtime/copies.h"
#include "runtime/event_log.h"
#include "runtime/misuse.h"
#include "runtime/registry.h"
#include "runtime/start.h"
#include "runtime/types.h"

#include <errno.h>

/* For a birth: the calling thread and the type of @type; false if there is nothing to do (no memory, or `types=` leaves the type out). */
static bool prepare(const struct lastref_type *type, struct lr_thread **ret_thread,
		    struct lr_type_info **ret_info)
{
	*ret_thread = lr_thread_self();
	*ret_info = *ret_thread ? lr_type_find(*ret_thread, type) : NULL;
	if (!*ret_info) {
		lr_arena_count(lr_types_are_too_many() ? LR_LOST_TYPES : LR_LOST_OBJECTS, 1);
		return false;
	}
	return (*ret_info)->checked;
}

/* A site that could not be had is counted, so that the report can say why it names none. */
static uint32_t capture(struct lr_stack_thread *memo, const struct lr_stack_start *start)
{
	uint32_t site = lr_stack_capture(memo, start);

	if (LR_UNLIKELY(site == 0))
		lr_arena_count(LR_LOST_SITES, 1);
	return site;
}

void lastref_object_born(const struct lastref_type *type, const void *object, uint32_t *index,
			 int64_t count)
{
	struct lr_stack_start start = LR_STACK_HERE();
	struct lr_thread *thread;
	struct lr_type_info *info;
	uint32_t site;

	if (LR_UNLIKELY(!lr_start_checking()) || !prepare(type, &thread, &info))
		return;
	site = capture(lr_thread_stack(thread, info->id, false), &start);
	*index = lr_registry_add(thread, info->id, object, site);
	if (LR_UNLIKELY(info->logged))
		lr_log_event(info, "registered", object, *index, count, site);
}

/* The site of a last unref, logged. A death needs neither memory nor a type: without them its site is not known. */
static uint32_t death_site(struct lr_thread *thread, const struct lastref_type *type,
			   const void *object, uint32_t index, const struct lr_stack_start *start)
{
	struct lr_type_info *info = thread ? lr_type_find(thread, type) : NULL;
	uint32_t site;

	if (LR_UNLIKELY(!info)) {
		lr_arena_count(LR_LOST_SITES, 1);
		return 0;
	}
	site = capture(lr_thread_stack(thread, info->id, true), start);
	if (LR_UNLIKELY(info->logged))
		lr_log_event(info, "unregistered", object, index, 0, site);
	return site;
}

uint32_t lastref_object_dying(const struct lastref_type *type, const void *object, uint32_t index)
{
	struct lr_stack_start start = LR_STACK_HERE();
	const struct lr_copy *first = lr_copies_first();
	struct lr_thread *thread;
	struct lr_record *record;

	/* No index is of this copy of the library. */
	if (LR_UNLIKELY(first))
		return first->dying(type, object, index);
	/* The child of a fork must notice that before it writes to its parent's records. */
	lr_start_checking();
	thread = lr_thread_self();
	/* The record was written at birth, long ago: it comes from memory while the stack is captured. */
	lr_registry_prefetch(index);
	record = lr_registry_find(index, object);
	if (!record ||
	    !lr_registry_begin_death(record, death_site(thread, type, object, index, &start)))
		return 0;
	return index;
}

void lastref_object_died(uint32_t index)
{
	const struct lr_copy *first = lr_copies_first();

	if (LR_UNLIKELY(first)) {
		first->died(index);
		return;
	}
	lr_registry_end_death(lr_thread_self(), index);
}

static void registered_twice(const struct lastref_type *type, const void *object, uint32_t index,
			     const struct lr_stack_start *start)
{
	struct lr_misuse misuse = {
		.kind = LASTREF_MISUSE_REGISTERED_TWICE,
		.type = type,
		.object = object,
		.index = index,
		.start = *start,
	};

	lr_misuse_report(&misuse);
}

static bool is_registered(uint32_t index)
{
	return index != 0 && !(index & LR_ADDRESS_REMOVED);
}

void lastref_register(const struct lastref_type *type, const void *object)
{
	struct lr_stack_start start = LR_STACK_HERE();
	struct lr_thread *thread;
	struct lr_type_info *info;
	uint32_t index;
	uint32_t site;

	if (!lr_start_checking() || !prepare(type, &thread, &info))
		return;
	index = lr_address_find(object);
	/* The parent's object was there; in this process its memory, a stack perhaps, has come to another use. */
	if (LR_UNLIKELY(lr_registry_is_inherited(index)))
		lr_address_remove(object, index);
	else if (LR_UNLIKELY(is_registered(index))) {
		registered_twice(type, object, index, &start);
		return;
	}
	site = capture(lr_thread_stack(thread, info->id, false), &start);
	index = lr_registry_add(thread, info->id, object, site);
	if (index == 0)
		return;
	if (LR_UNLIKELY(lr_address_add(object, index) != 0)) {
		/* Without a cell nobody could find the record again; or another thread registered it meanwhile. */
		lr_registry_begin_death(lr_registry_find(index, object), 0);
		lr_registry_end_death(thread, index);
		if (is_registered(lr_address_find(object)))
			registered_twice(type, object, lr_address_find(object), &start);
		else
			lr_arena_count(LR_LOST_OBJECTS, 1);
		return;
	}
	if (LR_UNLIKELY(info->logged))
		lr_log_event(info, "registered", object, index, -1, site);
}

/* Was the object, or may it have been, born where this registry does not reach? Then an unknown unregister is no misuse. */
static bool may_be_unknown(uint32_t index)
{
	const struct lr_image_header *header = lr_arena_header();

	return lr_registry_is_inherited(index) || lr_image_counter(header, LR_BORN_UNCHECKED) ||
	       lr_image_counter(header, LR_OTHER_COPIES) ||
	       lr_image_counter(header, LR_LOST_OBJECTS) || lr_image_counter(header, LR_LOST_TYPES);
}

static void not_registered(const struct lastref_type *type, const void *object, uint32_t index,
			   const struct lr_stack_start *start)
{
	struct lr_misuse misuse = {
		.kind = LASTREF_MISUSE_NOT_REGISTERED,
		.type = type,
		.object = object,
		.index = index & ~LR_ADDRESS_REMOVED,
		.start = *start,
	};

	if (may_be_unknown(misuse.index))
		lr_arena_count(LR_UNKNOWN_UNREGISTERED, 1);
	else
		lr_misuse_report(&misuse);
}

/* Return: false if another thread was faster. */
static bool unregister_known(const struct lastref_type *type, const void *object, uint32_t index,
			     const struct lr_stack_start *start)
{
	struct lr_thread *thread = lr_thread_self();
	struct lr_record *record;

	if (!lr_address_remove(object, index))
		return false;
	record = lr_registry_find(index, object);
	if (record && lr_registry_begin_death(record, death_site(thread, type, object, index, start)))
		lr_registry_end_death(thread, index);
	else if (!record)
		lr_arena_count(LR_UNKNOWN_UNREGISTERED, 1);
	return true;
}

void lastref_unregister(const struct lastref_type *type, const void *object)
{
	struct lr_stack_start start = LR_STACK_HERE();
	bool checking = lr_start_checking();
	const struct lr_copy *first = lr_copies_first();
	uint32_t index = lr_address_find(object);
	struct lr_thread *thread;
	struct lr_type_info *info;

	if (LR_UNLIKELY(first)) {
		first->unregister(type, object);
		return;
	}

	/* What was registered leaves also when checking has been switched off since. */
	if (is_registered(index) && unregister_known(type, object, index, &start))
		return;
	if (!checking)
		return;
	thread = lr_thread_self();
	info = thread ? lr_type_find(thread, type) : NULL;
	/* Without memory or a number for its type it could not be registered either. */
	if (!info)
		lr_arena_count(LR_UNKNOWN_UNREGISTERED, 1);
	else if (info->checked)
		not_registered(type, object, index, &start);
}

void lr_copies_unregister(const struct lastref_type *type, const void *object)
{
	struct lr_stack_start start = LR_STACK_HERE();
	uint32_t index;

	lr_start_checking();
	index = lr_address_find(object);
	if (is_registered(index))
		unregister_known(type, object, index, &start);
}
