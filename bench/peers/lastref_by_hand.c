/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref for objects that count by hand: from the address to the record by the radix table.
 */
#include "bench/peers/lastref.h"

static const struct lastref_type by_hand_type = LASTREF_TYPE("bench.by_hand", struct object);

static inline void add(struct object *object)
{
	lastref_register(&by_hand_type, object);
}

static inline void remove_one(struct object *object)
{
	lastref_unregister(&by_hand_type, object);
}

PEER_LOOPS

const struct peer peer_by_hand = {
	.name = "  by hand, 2 stacks",
	.start = peer_lastref_start,
	.enter = peer_nothing,
	.leave = peer_nothing,
	PEER_FUNCTIONS,
};
