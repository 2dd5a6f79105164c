/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No registry at all: the loop and the memory of its objects, which every other figure contains.
 */
#include "bench/peers/peer.h"

static inline void add(struct object *object)
{
	__asm__ volatile("" : : "r"(object) : "memory");
}

static inline void remove_one(struct object *object)
{
	__asm__ volatile("" : : "r"(object) : "memory");
}

PEER_LOOPS

const struct peer peer_none = {
	.name = "(no registry)",
	.start = peer_nothing,
	.enter = peer_nothing,
	.leave = peer_nothing,
	PEER_FUNCTIONS,
};
