/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dentry cache.
 *
 * Locks: the cache's own, with nothing taken while it is held. walk.c says which others are held
 * around it.
 *
 * Why the last reference is given up under the lock
 *      thread A: dentry_unref  1 -> 0: at rest          (suppose, without the lock)
 *      thread B: too many rest: evicts it, frees it
 *      thread A: puts it on the list of those at rest   <- freed memory
 * So dentry_put() tries dentry_unref_unless_last(), which needs no lock: it is not A's reference
 * that others wait for. Only who has the last one takes the lock, and then gives it up, whether it
 * is the last one still or not. dcache_find() revives under the lock, and evict runs under it. So
 * three things are true whenever somebody has the lock:
 *      a dentry is on one of the two lists if and only if its count is 0
 *      one that is on a list stays at rest, so evict succeeds
 *      one in the table is alive, so tryref succeeds
 * Counts above 0 change without the lock, and nobody here asks for them.
 *
 * Why the cache tells no lies. The tables are the truth, and what is in the cache is in the tables:
 * an entry is made with its directory locked, and leaves while the directory is locked for writing,
 * both beside the change of the table. So a lookup that finds an entry needs no other lock, and one
 * that finds none asks the table, under the directory's lock. That the cache has no entry means
 * nothing.
 *
 * Why destruction is no recursion, although a dentry that is evicted gives up its parent, and may
 * so bring it to rest: the parent comes onto a list then, and dcache_shrink() takes from the lists
 * one by one. A path of 100,000 names is as many rounds.
 *
 * Why inodes are given up after the lock: it may be the last reference to an unlinked file, and to
 * free a large one takes its time.
 */
#include "dcache.h"

#include "fs.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN 1024

int dcache_init(struct dcache *cache, size_t limit)
{
	cache->buckets = calloc(BUCKETS_MIN, sizeof(*cache->buckets));
	if (!cache->buckets)
		return -ENOMEM;
	cache->n_buckets = BUCKETS_MIN;
	cache->limit = limit;
	TAILQ_INIT(&cache->resting);
	TAILQ_INIT(&cache->doomed);
	pthread_mutex_init(&cache->lock, NULL);
	return 0;
}

void dcache_finish(struct dcache *cache)
{
	pthread_mutex_destroy(&cache->lock);
	free(cache->buckets);
}

static struct dcache *cache_of(const struct dentry *dentry)
{
	return &dentry->inode->fs->dcache;
}

static struct dentry_chain *bucket_of(const struct dcache *cache, const struct dentry *parent,
				      uint32_t hash)
{
	/* The multiplier is odd and random: it spreads the parent's address over the upper bits. */
	uint64_t mixed = ((uintptr_t)parent ^ hash) * 0x9e3779b97f4a7c15u;

	return &cache->buckets[(mixed >> 32) & (cache->n_buckets - 1)];
}

/* Without memory the table stays as it is: slower, but right. */
static void grow(struct dcache *cache)
{
	struct dcache bigger = { .n_buckets = 2 * cache->n_buckets };

	bigger.buckets = calloc(bigger.n_buckets, sizeof(*bigger.buckets));
	if (!bigger.buckets)
		return;
	for (size_t i = 0; i < cache->n_buckets; i++) {
		struct dentry *dentry;

		while ((dentry = LIST_FIRST(&cache->buckets[i]))) {
			LIST_REMOVE(dentry, chain);
			LIST_INSERT_HEAD(bucket_of(&bigger, dentry->parent, dentry->hash), dentry,
					 chain);
		}
	}
	free(cache->buckets);
	cache->buckets = bigger.buckets;
	cache->n_buckets = bigger.n_buckets;
}

static struct dentry *find(const struct dcache *cache, const struct dentry *parent,
			   const struct name *name)
{
	struct dentry *dentry;

	LIST_FOREACH(dentry, bucket_of(cache, parent, name->hash), chain)
	{
		if (dentry_is(dentry, parent, name))
			return dentry;
	}
	return NULL;
}

static void insert(struct dcache *cache, struct dentry *dentry)
{
	if (cache->info.n_entries >= cache->n_buckets)
		grow(cache);
	LIST_INSERT_HEAD(bucket_of(cache, dentry->parent, dentry->hash), dentry, chain);
	dentry->cached = true;
	cache->info.n_entries++;
}

/* Called by the unref that brings it to rest. That is one under the lock. */
void dentry_at_rest(void *object)
{
	struct dentry *dentry = object;
	struct dcache *cache = cache_of(dentry);

	if (dentry->cached) {
		TAILQ_INSERT_TAIL(&cache->resting, dentry, rest);
		cache->info.n_resting++;
	} else {
		TAILQ_INSERT_TAIL(&cache->doomed, dentry, rest);
	}
}

static void take_from_rest(struct dcache *cache, struct dentry *dentry)
{
	TAILQ_REMOVE(&cache->resting, dentry, rest);
	cache->info.n_resting--;
}

/* Takes a dentry out of the table; the count tells whether it is on the list. */
static void take_out(struct dcache *cache, struct dentry *dentry)
{
	LIST_REMOVE(dentry, chain);
	dentry->cached = false;
	cache->info.n_entries--;
	if (dentry_ref_count(dentry) > 0)
		return;
	take_from_rest(cache, dentry);
	TAILQ_INSERT_TAIL(&cache->doomed, dentry, rest);
}

static struct dentry *revive(struct dcache *cache, struct dentry *dentry)
{
	if (dentry_ref_count(dentry) == 0)
		take_from_rest(cache, dentry);
	return dentry_tryref(dentry);
}

struct dentry *dcache_find(struct dentry *parent, const struct name *name)
{
	struct dcache *cache = cache_of(parent);
	struct dentry *dentry;

	pthread_mutex_lock(&cache->lock);
	dentry = find(cache, parent, name);
	if (dentry) {
		dentry = revive(cache, dentry);
		cache->info.n_found++;
	}
	pthread_mutex_unlock(&cache->lock);
	return dentry;
}

struct dentry *dcache_peek(struct dentry *parent, const struct name *name)
{
	struct dcache *cache = cache_of(parent);
	struct dentry *dentry;

	pthread_mutex_lock(&cache->lock);
	dentry = find(cache, parent, name);
	pthread_mutex_unlock(&cache->lock);
	return dentry;
}

void dcache_restore(struct dentry *dentry, int64_t count)
{
	struct dcache *cache = cache_of(dentry);

	inode_ref_adopt(&dentry->inode, dentry->inode);
	pthread_mutex_lock(&cache->lock);
	dentry_ref_restore(dentry, count);
	if (dentry->parent) {
		dentry_ref_adopt(&dentry->parent, dentry->parent);
		insert(cache, dentry);
	}
	if (count == 0)
		dentry_at_rest(dentry);
	pthread_mutex_unlock(&cache->lock);
}

struct dentry *dcache_enter(struct dentry *dentry)
{
	struct dcache *cache = cache_of(dentry);
	const struct name name = { dentry->name, dentry->length, dentry->hash };
	struct dentry *before;

	pthread_mutex_lock(&cache->lock);
	before = find(cache, dentry->parent, &name);
	if (before) {
		before = revive(cache, before);
		/* Doomed: whoever shrinks the cache next evicts it. */
		dentry_unref(dentry);
	} else {
		insert(cache, dentry);
		cache->info.n_entered++;
	}
	pthread_mutex_unlock(&cache->lock);
	return before ? before : dentry;
}

struct dentry *dcache_get(struct dentry *parent, const struct link *link)
{
	const struct name name = { link->name, link->length, link->hash };
	struct dentry *dentry = dcache_find(parent, &name);

	if (dentry)
		return dentry;
	dentry = dentry_new(parent, &name, link->inode);
	return dentry ? dcache_enter(dentry) : NULL;
}

void dcache_remove(struct dentry *parent, const struct name *name)
{
	struct dcache *cache = cache_of(parent);
	struct dentry *dentry;

	pthread_mutex_lock(&cache->lock);
	dentry = find(cache, parent, name);
	if (dentry)
		take_out(cache, dentry);
	pthread_mutex_unlock(&cache->lock);
}

void dcache_rename(struct dentry *from_dir, const struct name *from, struct dentry *to_dir,
		   const struct name *to, char **text)
{
	struct dcache *cache = cache_of(from_dir);
	struct dentry *replaced, *dentry;

	pthread_mutex_lock(&cache->lock);
	replaced = find(cache, to_dir, to);
	if (replaced)
		take_out(cache, replaced);
	dentry = find(cache, from_dir, from);
	if (dentry) {
		LIST_REMOVE(dentry, chain);
		dentry_rename(dentry, to_dir, to, text);
		LIST_INSERT_HEAD(bucket_of(cache, to_dir, to->hash), dentry, chain);
	}
	pthread_mutex_unlock(&cache->lock);
}

/* Under fs_tree_lock, which guards .removed; an entry's parent is alive, as the entry holds it. */
static void take_out_removed(struct dcache *cache, struct dentry_chain *bucket)
{
	struct dentry *dentry, *next;

	for (dentry = LIST_FIRST(bucket); dentry; dentry = next) {
		next = LIST_NEXT(dentry, chain);
		if (dentry->parent->inode->dir.removed)
			take_out(cache, dentry);
	}
}

void dcache_remove_tree(struct dcache *cache)
{
	pthread_rwlock_rdlock(&fs_tree_lock);
	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < cache->n_buckets; i++)
		take_out_removed(cache, &cache->buckets[i]);
	pthread_mutex_unlock(&cache->lock);
	pthread_rwlock_unlock(&fs_tree_lock);
	dcache_shrink(cache);
}

static bool has_victim(const struct dcache *cache)
{
	return !TAILQ_EMPTY(&cache->doomed) || cache->info.n_resting > cache->limit;
}

/* The next one to be evicted, which is on no list any more. */
static struct dentry *take_victim(struct dcache *cache)
{
	struct dentry *victim;

	if (TAILQ_EMPTY(&cache->doomed)) {
		take_out(cache, TAILQ_FIRST(&cache->resting));
		cache->info.n_evicted++;
	}
	victim = TAILQ_FIRST(&cache->doomed);
	TAILQ_REMOVE(&cache->doomed, victim, rest);
	return victim;
}

/* Return: true if there was one to be evicted. */
static bool evict_one(struct dcache *cache)
{
	LASTREF_AUTO(inode) struct inode *inode = NULL;
	bool found;

	pthread_mutex_lock(&cache->lock);
	found = has_victim(cache);
	if (found) {
		struct dentry *victim = take_victim(cache);

		inode_ref_move(&inode, &victim->inode);
		dentry_ref_evict(victim);
	}
	pthread_mutex_unlock(&cache->lock);
	return found;
}

void dcache_shrink(struct dcache *cache)
{
	while (evict_one(cache))
		;
}

void dcache_set_limit(struct dcache *cache, size_t limit)
{
	pthread_mutex_lock(&cache->lock);
	cache->limit = limit;
	pthread_mutex_unlock(&cache->lock);
	dcache_shrink(cache);
}

void dcache_stat(struct dcache *cache, struct dcache_info *ret_info)
{
	pthread_mutex_lock(&cache->lock);
	*ret_info = cache->info;
	pthread_mutex_unlock(&cache->lock);
}

void dentry_put(struct dentry *dentry)
{
	struct dcache *cache;
	bool shrink;

	if (!dentry || dentry_unref_unless_last(dentry))
		return;
	cache = cache_of(dentry);
	pthread_mutex_lock(&cache->lock);
	/* What --fault over shows: a reference that is given up twice. */
	if (fs_makes_mistake(dentry->inode->fs, FS_FAULT_OVER))
		dentry_unref(dentry);
	dentry_unref(dentry);
	shrink = has_victim(cache);
	pthread_mutex_unlock(&cache->lock);
	if (shrink)
		dcache_shrink(cache);
}
