/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dentry cache: (directory, name) to dentry. What it does not know is looked up in the
 * directory's table.
 *
 * It holds no references. An entry that nobody holds is at rest; of those there is a limit, and the
 * one that has rested longest is evicted first. An entry that has lost its name is not found any
 * more, and goes as soon as it rests.
 */
#ifndef MEMFS_DCACHE_H
#define MEMFS_DCACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct dentry;
struct fs;
struct link;
struct name;

LIST_HEAD(dentry_chain, dentry);
TAILQ_HEAD(dentry_list, dentry);

/**
 * struct dcache_info - what the cache has, and has done so far
 * @n_entries: in the cache, held and at rest
 * @n_resting: of these, at rest
 * @n_found: lookups that the cache answered
 * @n_entered: entries that were made, as the cache did not have them
 * @n_evicted: entries that had rested longest when there were too many
 */
struct dcache_info {
	size_t n_entries;
	size_t n_resting;
	uint64_t n_found;
	uint64_t n_entered;
	uint64_t n_evicted;
};

/**
 * struct dcache - the cache
 * @lock: guards the rest; no other lock is taken while it is held
 * @buckets: a hash table of all entries
 * @n_buckets: a power of two
 * @resting: entries that nobody holds, the one that has rested longest first
 * @doomed: dentries without a name that nobody holds: not in the table, and about to be evicted
 * @limit: how many entries may be at rest
 */
struct dcache {
	pthread_mutex_t lock;
	struct dentry_chain *buckets;
	size_t n_buckets;
	struct dentry_list resting;
	struct dentry_list doomed;
	size_t limit;
	struct dcache_info info;
};

/** dcache_init() - an empty cache. Return: 0, -ENOMEM. */
int dcache_init(struct dcache *cache, size_t limit);

/** dcache_finish() - the end of a cache of which nothing is used any more. */
void dcache_finish(struct dcache *cache);

/**
 * dcache_find() - a reference to the entry of this name, which is revived if it rests; NULL if
 * there is none.
 */
struct dentry *dcache_find(struct dentry *parent, const struct name *name);

/**
 * dcache_peek() - as dcache_find(), without a reference, and without a change
 *
 * For whoever knows that nobody else uses the file system.
 */
struct dentry *dcache_peek(struct dentry *parent, const struct name *name);

/**
 * dcache_restore() - a dentry comes back as it was saved: with its count, or at rest; in the cache,
 * unless it is a root
 * @dentry: made by dentry_make()
 *
 * Its slots come by plain assignment; the references in them are theirs now.
 */
void dcache_restore(struct dentry *dentry, int64_t count);

/**
 * dcache_enter() - enter a new dentry, unless there is one of its name already
 *
 * The directory is locked, and its table has the name, so that the cache says nothing that the
 * table does not.
 *
 * Return: @dentry, or a reference to the one that was there; then that to @dentry is given up.
 */
struct dentry *dcache_enter(struct dentry *dentry);

/**
 * dcache_get() - the entry of a link of a locked directory, made if it is not there; NULL without
 * memory.
 */
struct dentry *dcache_get(struct dentry *parent, const struct link *link);

/**
 * dcache_remove() - a name is gone from a directory, which is locked; dcache_shrink() is to follow.
 */
void dcache_remove(struct dentry *parent, const struct name *name);

/**
 * dcache_rename() - what was one name is another now, and what that was is gone: at once, for
 *	whoever looks
 * @text: as for dentry_rename()
 *
 * All locks are held that a rename needs (walk.c); dcache_shrink() is to follow.
 */
void dcache_rename(struct dentry *from_dir, const struct name *from, struct dentry *to_dir,
		   const struct name *to, char **text);

/**
 * dcache_remove_tree() - remove all entries whose directory was removed, and evict those that
 * nobody holds.
 */
void dcache_remove_tree(struct dcache *cache);

/**
 * dcache_shrink() - evict the doomed, and what rests above the limit. No lock of the file system is
 * held.
 */
void dcache_shrink(struct dcache *cache);

/** dcache_set_limit() - so many entries may rest from now on. As dcache_shrink(). */
void dcache_set_limit(struct dcache *cache, size_t limit);

/** dcache_stat() - what there is to know about it. */
void dcache_stat(struct dcache *cache, struct dcache_info *ret_info);

#endif
