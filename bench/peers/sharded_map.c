/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 256 maps, each with a spinlock, in cache lines of their own. The shard is taken from other bits of the hash than the place in it.
 */
#include "bench/peers/map.h"
#include "bench/peers/peer.h"

#include <sched.h>

#define SHARDS 256u
#define SPINS 100

struct shard {
	int locked;
	struct map map; /* guarded by locked */
} __attribute__((aligned(64)));

static struct shard shards[SHARDS];

static inline struct shard *lock_shard(const void *object)
{
	struct shard *shard = &shards[(map_hash((uintptr_t)object) >> 24) % SHARDS];
	int spins = 0;

	/* Whoever holds it may have lost its core, so it is not spun on for ever. */
	while (__atomic_exchange_n(&shard->locked, 1, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&shard->locked, __ATOMIC_RELAXED)) {
			if (++spins % SPINS == 0)
				sched_yield();
		}
	}
	return shard;
}

/* Pairs with the acquire in lock_shard(). */
static inline void unlock_shard(struct shard *shard)
{
	__atomic_store_n(&shard->locked, 0, __ATOMIC_RELEASE);
}

static inline void add(struct object *object)
{
	struct shard *shard = lock_shard(object);

	map_add(&shard->map, object, object->site);
	unlock_shard(shard);
}

static inline void remove_one(struct object *object)
{
	struct shard *shard = lock_shard(object);

	map_remove(&shard->map, object);
	unlock_shard(shard);
}

static void start(void)
{
	for (uint32_t i = 0; i < SHARDS; i++)
		map_start(&shards[i].map, 4);
}

PEER_LOOPS

const struct peer peer_sharded_map = {
	.name = "256 spinlock shards",
	.start = start,
	.enter = peer_nothing,
	.leave = peer_nothing,
	PEER_FUNCTIONS,
};
