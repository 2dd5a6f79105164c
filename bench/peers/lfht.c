/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cds_lfht of userspace-rcu: a lock-free hash table that resizes by itself. A node is freed when no reader can be at it any more.
 */
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-memb.h>
#include <urcu/rculfhash.h>

#include "bench/peers/map.h"
#include "bench/peers/peer.h"

struct node {
	struct cds_lfht_node links; /* first, so that a pointer to it is one to the node */
	uintptr_t key;
	uint32_t site;
	uint32_t number;
	struct rcu_head rcu;
};

static struct cds_lfht *table;
static __thread uint32_t numbers;

static int matches(struct cds_lfht_node *links, const void *key)
{
	return ((const struct node *)links)->key == (uintptr_t)key;
}

static void free_node(struct rcu_head *rcu)
{
	free((char *)rcu - offsetof(struct node, rcu));
}

static void add(struct object *object)
{
	struct node *node = malloc(sizeof(*node));

	if (!node)
		abort();
	cds_lfht_node_init(&node->links);
	node->key = (uintptr_t)object;
	node->site = object->site;
	node->number = ++numbers;
	urcu_memb_read_lock();
	cds_lfht_add(table, map_hash((uintptr_t)object) >> 16, &node->links);
	urcu_memb_read_unlock();
}

static void remove_one(struct object *object)
{
	struct cds_lfht_iter place;

	urcu_memb_read_lock();
	cds_lfht_lookup(table, map_hash((uintptr_t)object) >> 16, matches, object, &place);
	if (cds_lfht_del(table, cds_lfht_iter_get_node(&place)) != 0)
		abort();
	urcu_memb_call_rcu(&((struct node *)place.node)->rcu, free_node);
	urcu_memb_read_unlock();
}

static void start(void)
{
	urcu_memb_register_thread();
	table = cds_lfht_new_flavor(1024, 1024, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING,
				    &urcu_memb_flavor, NULL);
	if (!table)
		abort();
}

static void enter(void)
{
	urcu_memb_register_thread();
}

static void leave(void)
{
	urcu_memb_unregister_thread();
}

PEER_LOOPS

const struct peer peer_lfht = {
	.name = "userspace-rcu cds_lfht",
	.start = start,
	.enter = enter,
	.leave = leave,
	PEER_FUNCTIONS,
};
