/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to a dentry; and the argument of who locks what.
 *
 * Locks, in the order in which they are taken
 *      fs_tree_lock        reading: I change one directory. Writing: I change several, or the shape
 *                          of the tree
 *      an inode's lock     of a directory: its table. Two directories are locked by rename alone,
 *                          the lower number first
 *      the cache's lock    the dentry cache (dcache.c)
 * What they guard
 *      a table             is read with the directory's lock, or with fs_tree_lock for writing (when
 *                          nobody else changes anything); changed with the directory's lock for
 *                          writing and fs_tree_lock
 *      a dentry's name     and parent are read with the cache's lock or fs_tree_lock; changed with
 *                          both, the latter for writing, and the locks of both directories
 * All other locks (a file's content, inode numbers, mounts) are taken alone.
 *
 * Why lookup is right beside rename and unlink. A walk holds a reference on where it is and no
 * lock. For a step it asks the cache; if that has no entry it locks the directory for reading,
 * looks into the table and makes an entry. Who changes the table has the directory's lock for
 * writing, and tells the cache before the unlock. So an entry is made of a name only while it is in
 * the table, and found only until the change that takes it away. The walk's own reference keeps
 * what it found:
 *      lookup                                  unlink
 *                                              lock the directory for writing
 *      find the dentry in the cache, ref
 *                                              take the name out of the table,
 *                                              the dentry out of the cache
 *                                              unlock: from here on nobody finds it
 *      look at the dentry
 *      put: it comes to rest without a name
 *      and is evicted, its inode destroyed
 * The directory itself may be removed or moved between two steps. It stays a valid directory, by
 * the walk's reference: removed, it is empty, and the answer is ENOENT; moved, the walk goes on
 * inside it. Each step was true at its instant, and this is what POSIX asks of a path.
 *
 * Why a rename is never seen half: lookups that the cache answers see it happen when
 * dcache_rename() has the cache's lock; all others wait for the directories.
 *
 * Why nothing is destroyed under these locks: whoever takes a link out of a table frees it after
 * the unlock, and dentry_put() and dcache_shrink() are called with no lock held.
 *
 * Why nobody waits in a circle: no lock is taken twice, and each of the above is taken in the order
 * given; two directories at once in the order of their numbers.
 */
#include "walk.h"

#include "fs.h"

#include <errno.h>
#include <string.h>

/* Makes an entry of what the directory's table says. */
static int read_child(struct dentry *at, const struct name *name, struct dentry **ret_child)
{
	struct inode *directory = at->inode;
	struct link **link;
	int r = -ENOENT;

	pthread_rwlock_rdlock(&directory->lock);
	link = dir_find(&directory->dir, name);
	if (link) {
		*ret_child = dcache_get(at, *link);
		r = *ret_child ? 0 : -ENOMEM;
	}
	pthread_rwlock_unlock(&directory->lock);
	return r;
}

static int find_child(struct dentry *at, const struct name *name, struct dentry **ret_child)
{
	struct dentry *child = dcache_find(at, name);

	if (!child) {
		int r = read_child(at, name, &child);

		if (r < 0)
			return r;
	}
	/* What --fault cycle shows: the parent remembers the child, which holds the parent. */
	if (fs_makes_mistake(at->inode->fs, FS_FAULT_CYCLE))
		dentry_ref_set(&at->latest, child);
	*ret_child = child;
	return 0;
}

static int step(struct dentry *at, const struct name *name, struct dentry **ret_next)
{
	if (at->inode->kind != INODE_DIRECTORY)
		return -ENOTDIR;
	if (name_is(name, "."))
		*ret_next = dentry_ref(at);
	else if (name_is(name, ".."))
		*ret_next = dentry_parent(at);
	else
		return find_child(at, name, ret_next);
	return 0;
}

/*
 * Counts by hand: the reference goes from step to step, and each way out must give it up. With
 * DENTRY_AUTO on @at, and dentry_ref_steal() for the result, the mistake below could not be made.
 */
static int walk(struct dentry *base, const char *path, const char *end, struct dentry **ret_dentry)
{
	enum fs_fault fault = base->inode->fs->options.fault;
	struct dentry *at = dentry_ref(base);
	struct name name;

	while (name_next(&path, end, &name)) {
		struct dentry *next;
		int r;

		if (name.length > FS_NAME_MAX) {
			/* What --fault lookup shows: this way out forgets the reference. */
			if (fault != FS_FAULT_LOOKUP)
				dentry_put(at);
			return -ENAMETOOLONG;
		}
		r = step(at, &name, &next);
		dentry_put(at);
		if (r < 0)
			return r;
		at = next;
	}
	*ret_dentry = at;
	return 0;
}

int fs_lookup(struct dentry *base, const char *path, struct dentry **ret_dentry)
{
	if (!*path)
		return -ENOENT;
	return walk(base, path, path + strlen(path), ret_dentry);
}

int walk_to_parent(struct dentry *base, const char *path, struct dentry **ret_directory,
		   struct name *ret_name)
{
	struct dentry *directory;
	struct name name;
	const char *start;
	int r;

	if (!name_last(path, &start, &name))
		return -EEXIST;
	if (name_is(&name, ".") || name_is(&name, ".."))
		return -EINVAL;
	if (name.length > FS_NAME_MAX)
		return -ENAMETOOLONG;
	r = walk(base, path, start, &directory);
	if (r < 0)
		return r;
	if (directory->inode->kind != INODE_DIRECTORY) {
		dentry_put(directory);
		return -ENOTDIR;
	}
	*ret_directory = directory;
	*ret_name = name;
	return 0;
}
