/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dentries: what the cache (dcache.h) knows of a name in a directory. A file with three hard links
 * is one inode and up to three dentries.
 *
 * The names themselves are in the directories' tables (dir.h). A dentry says again what a table
 * says, in a form that is found at once and that can be held: it knows its path. It holds its
 * parent, so that whoever holds a dentry can go up to the root, and so a parent never rests while
 * it has children in the cache.
 *
 * With its last reference a dentry comes to rest, and stays in the cache until it is wanted again
 * or evicted. So a reference is given up by dentry_put(), never by dentry_unref() alone: dcache.c
 * says why.
 */
#ifndef MEMFS_DENTRY_H
#define MEMFS_DENTRY_H

#include "name.h"

#include <lastref/lastref.h>
#include <pthread.h>
#include <sys/queue.h>

struct inode;

/**
 * struct dentry - a name, where it is, and what it names
 * @refs: each child, each open file, a mount for its root, and whoever looks at it; not the cache
 * @hash: of the name
 * @length: of the name
 * @name: ended by a NUL; empty for a root
 * @parent: slot; NULL for a root. Changes, as the name does, with fs_tree_lock for writing,
 *	the locks of both directories and the cache's
 * @inode: slot; never changes, until the end
 * @latest: slot; empty but for the mistake FS_FAULT_CYCLE
 * @chain: in the cache's table. Guarded by the cache's lock, as the rest
 * @rest: in the cache's list of those at rest, or of the doomed
 * @cached: is it in the table?
 */
struct dentry {
	struct lastref_cache_count refs;
	uint32_t hash;
	uint32_t length;
	char *name;
	struct dentry *parent;
	struct inode *inode;
	struct dentry *latest;
	LIST_ENTRY(dentry) chain;
	TAILQ_ENTRY(dentry) rest;
	bool cached;
};

/**
 * fs_tree_lock - who may change the tree (walk.c)
 *
 * One lock for all trees of the process, as it must outlive them: a leaked dentry is described when
 * its file system is gone.
 */
extern pthread_rwlock_t fs_tree_lock;

void dentry_destroy(struct dentry *dentry);
void dentry_at_rest(void *dentry);
int dentry_describe(const void *object, char *buf, size_t size);
LASTREF_DEFINE(dentry, struct dentry, refs, dentry_destroy, .describe = dentry_describe,
	       .owns = LASTREF_OWNS(struct dentry, parent, inode, latest), .at_rest = dentry_at_rest);

/**
 * dentry_new() - a dentry that is not in the cache yet, with one reference; NULL without memory.
 * @parent: NULL for a root
 */
struct dentry *dentry_new(struct dentry *parent, const struct name *name, struct inode *inode);

/**
 * dentry_make() - for fs_restore(): a dentry that has only a name, and no count; NULL without
 * memory.
 */
struct dentry *dentry_make(const struct name *name);

/** dentry_discard() - free one that has no count yet; NULL is fine. */
void dentry_discard(struct dentry *dentry);

/** dentry_put() - give up a reference; NULL is fine. No lock of the file system may be held. */
void dentry_put(struct dentry *dentry);

/** dentry_put_slot() - give up the reference that a slot holds, which is empty then. */
void dentry_put_slot(struct dentry **slot);

/** DENTRY_AUTO - as LASTREF_AUTO(dentry), by dentry_put(). */
#define DENTRY_AUTO __attribute__((cleanup(dentry_put_slot)))

/** dentry_is() - is it the entry of this name in this directory? */
bool dentry_is(const struct dentry *dentry, const struct dentry *parent, const struct name *name);

/**
 * dentry_rename() - another name and another parent; it is not in the cache's table meanwhile
 * @text: the bytes of @name, ended by a NUL; swapped with those that it had, which the caller frees
 */
void dentry_rename(struct dentry *dentry, struct dentry *parent, const struct name *name,
		   char **text);

/** dentry_parent() - a reference to the parent; a root is its own. */
struct dentry *dentry_parent(struct dentry *dentry);

#endif
