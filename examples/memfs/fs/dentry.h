/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dentries: a name in a directory. A file with three hard links is one inode and three dentries.
 *
 * A dentry holds its parent, so that whoever holds a dentry can go up to the root. The parent's table holds the
 * dentry for as long as the name is there. That is a cycle, and unlink, or unmount for all that is left, is
 * what breaks it.
 */
#ifndef MEMFS_DENTRY_H
#define MEMFS_DENTRY_H

#include "name.h"

#include <lastref/lastref.h>
#include <pthread.h>

struct inode;

/**
 * struct dentry - a name, where it is, and what it names
 * @refs: the directory's table, each child, each open file, and whoever looks at it
 * @hash: of the name
 * @length: of the name
 * @name: ended by a NUL; empty for a root
 * @parent: slot; NULL for a root. Changes, as the name does, with fs_tree_lock and the locks of both
 *	directories held for writing
 * @inode: slot; never changes
 * @sibling: slot of the directory's table: the next in this bucket. Guarded as the table is
 */
struct dentry {
	struct lastref_count refs;
	uint32_t hash;
	uint32_t length;
	char *name;
	struct dentry *parent;
	struct inode *inode;
	struct dentry *sibling;
};

/**
 * fs_tree_lock - who may change the tree (walk.c)
 *
 * One lock for all trees of the process, as it must outlive them: a leaked dentry is described when its file
 * system is gone.
 */
extern pthread_rwlock_t fs_tree_lock;

void dentry_destroy(struct dentry *dentry);
int dentry_describe(const void *object, char *buf, size_t size);
LASTREF_DEFINE(dentry, struct dentry, refs, dentry_destroy, .describe = dentry_describe);

/**
 * dentry_new() - a dentry that is in no table yet, with one reference; NULL without memory. @parent is NULL for
 * a root.
 */
struct dentry *dentry_new(struct dentry *parent, const struct name *name, struct inode *inode);

/** dentry_has_name() - is this its name? */
bool dentry_has_name(const struct dentry *dentry, const struct name *name);

/**
 * dentry_rename() - another name and another parent; it is in no table meanwhile
 * @text: the bytes of @name, ended by a NUL; swapped with those that it had, which the caller frees
 */
void dentry_rename(struct dentry *dentry, struct dentry *parent, const struct name *name,
		   char **text);

/** dentry_parent() - a reference to the parent; a root is its own. */
struct dentry *dentry_parent(struct dentry *dentry);

#endif
