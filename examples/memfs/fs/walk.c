/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to a dentry; and the argument of who locks what.
 *
 * Locks, in the order in which they are taken
 *      fs_tree_lock        reading: I change one directory. Writing: I change several, or the shape of the tree
 *      an inode's lock     of a directory: its table, and the names and parents of its entries.
 *                          Two directories are locked by rename alone, the lower number first
 * What they guard
 *      a table             is read with the directory's lock, or with fs_tree_lock for writing (when nobody else
 *                          changes anything); changed with the directory's lock for writing and fs_tree_lock
 *      a name, a parent    is read with either lock; changed with the directory's lock and fs_tree_lock for writing
 * All other locks (a file's content, inode numbers, mounts) are taken alone.
 *
 * Why lookup is right beside rename and unlink. A walk holds a reference on where it is and no lock; only for a
 * step it locks the directory. The child that it finds there is held by the directory's table, and a table
 * gives its reference up only to somebody who has the lock for writing. So under the lock the child is alive,
 * dentry_ref() is enough (no tryref), and after the unlock the walk's own reference keeps it:
 *      lookup                                  unlink
 *      lock the directory for reading
 *      find the child, ref  1 -> 2
 *      unlock
 *                                              lock for writing, take the child out of the table, unlock
 *                                              unref  2 -> 1: the name is gone, the dentry is not
 *      look at the child
 *      unref  1 -> 0: the lookup destroys it
 * The directory itself may be removed or moved between two steps. It stays a valid directory, by the walk's
 * reference: removed, it is empty, and the answer is ENOENT; moved, the walk goes on inside it. Each step was
 * true at its instant, and this is what POSIX asks of a path.
 *
 * Why nothing is destroyed under a lock: whoever takes an entry out of a table gets the table's reference, and
 * gives it up after the unlock. What is given up under a lock is never the last reference.
 *
 * Why nobody waits in a circle: no lock is taken twice, and each of the above is taken in the order given; two
 * directories at once in the order of their numbers.
 */
#include "walk.h"

#include "fs.h"

#include <errno.h>
#include <string.h>

static struct dentry *find_child(struct inode *directory, const struct name *name)
{
	struct dentry **slot;
	struct dentry *child = NULL;

	pthread_rwlock_rdlock(&directory->lock);
	slot = dir_find(&directory->dir, name);
	if (slot)
		child = dentry_ref(*slot);
	pthread_rwlock_unlock(&directory->lock);
	return child;
}

static int step(struct dentry *at, const struct name *name, struct dentry **ret_next)
{
	struct dentry *next;

	if (at->inode->kind != INODE_DIRECTORY)
		return -ENOTDIR;
	if (name_is(name, "."))
		next = dentry_ref(at);
	else if (name_is(name, ".."))
		next = dentry_parent(at);
	else
		next = find_child(at->inode, name);
	if (!next)
		return -ENOENT;
	*ret_next = next;
	return 0;
}

/*
 * Counts by hand: the reference goes from step to step, and each way out must give it up. With
 * LASTREF_AUTO(dentry) on @at, and dentry_ref_steal() for the result, the mistake below could not be made.
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
				dentry_unref(at);
			return -ENAMETOOLONG;
		}
		r = step(at, &name, &next);
		dentry_unref(at);
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
		dentry_unref(directory);
		return -ENOTDIR;
	}
	*ret_directory = directory;
	*ret_name = name;
	return 0;
}
