/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref as a user has it: x_ref_init() registers, the last x_unref() unregisters. Two stacks, and the count's own atomic instruction.
 */
#include "bench/peers/lastref.h"

LASTREF_DEFINE(object, struct object, refs, NULL);

static inline void add(struct object *object)
{
	object_ref_init(object);
}

static inline void remove_one(struct object *object)
{
	object_unref(object);
}

PEER_LOOPS

const struct peer peer_template = {
	.name = "  the template, 2 stacks",
	.start = peer_lastref_start,
	.enter = peer_nothing,
	.leave = peer_nothing,
	PEER_FUNCTIONS,
};
