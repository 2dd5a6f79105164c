/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ours, in three ways: the registry alone, as the others are; and what a user calls, each time with two stacks taken (of the birth
 * and of the death), which the others do not have.
 */
#include "bench/peers/lastref.h"

#include "runtime/registry.h"
#include "runtime/start.h"
#include "runtime/types.h"

#include <stdlib.h>

static struct lr_type_info *info;

static const struct lastref_type object_type = LASTREF_TYPE("bench.object", struct object);

static inline void add(struct object *object)
{
	object->index = lr_registry_add(lr_thread_self(), info->id, object, object->site);
}

static inline void remove_one(struct object *object)
{
	struct lr_record *record = lr_registry_find(object->index, object);

	if (!record || !lr_registry_begin_death(record, object->site))
		abort();
	lr_registry_end_death(lr_thread_self(), object->index);
}

void peer_lastref_start(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	info = lr_type_find(lr_thread_self(), &object_type);
	if (!info)
		abort();
}

PEER_LOOPS

const struct peer peer_registry = {
	.name = "lastref: index in the word",
	.start = peer_lastref_start,
	.enter = peer_nothing,
	.leave = peer_nothing,
	PEER_FUNCTIONS,
};
