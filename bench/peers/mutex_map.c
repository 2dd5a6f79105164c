/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One map behind one mutex: what Go programs do with a map and a sync.Mutex, in C.
 */
#include "bench/peers/map.h"
#include "bench/peers/peer.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map map; /* guarded by lock */

static inline void add(struct object *object)
{
	pthread_mutex_lock(&lock);
	map_add(&map, object, object->site);
	pthread_mutex_unlock(&lock);
}

static inline void remove_one(struct object *object)
{
	pthread_mutex_lock(&lock);
	map_remove(&map, object);
	pthread_mutex_unlock(&lock);
}

static void start(void)
{
	map_start(&map, 10);
}

PEER_LOOPS

const struct peer peer_mutex_map = {
	.name = "mutex + hash map",
	.start = start,
	.enter = peer_nothing,
	.leave = peer_nothing,
	PEER_FUNCTIONS,
};
