/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes or reads one directory: create, link, unlink, rmdir, list; and open.
 *
 * Locks: as walk.c says. Every reference that a function takes is in a LASTREF_AUTO variable, so that no way
 * out forgets one, and is given up after the locks.
 */
#include "fs.h"
#include "walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void lock_for_change(struct inode *directory)
{
	pthread_rwlock_rdlock(&fs_tree_lock);
	pthread_rwlock_wrlock(&directory->lock);
}

static void unlock(struct inode *directory)
{
	pthread_rwlock_unlock(&directory->lock);
	pthread_rwlock_unlock(&fs_tree_lock);
}

/* A dentry for a path, which is in no table yet and so known to nobody else. */
static int new_dentry(struct dentry *base, const char *path, struct inode *inode,
		      struct dentry **ret_dentry)
{
	LASTREF_AUTO(dentry) struct dentry *parent = NULL;
	struct dentry *dentry;
	struct name name;
	int r = walk_to_parent(base, path, &parent, &name);

	if (r < 0)
		return r;
	dentry = dentry_new(parent, &name, inode);
	if (!dentry)
		return -ENOMEM;
	*ret_dentry = dentry;
	return 0;
}

/* Enters it in its parent's table: now it has a name that others find. */
static int enter(struct dentry *dentry)
{
	struct inode *parent = dentry->parent->inode;
	const struct name name = name_of(dentry->name, dentry->length);
	int r;

	lock_for_change(parent);
	r = dir_reserve(&parent->dir);
	if (r == 0 && dir_find(&parent->dir, &name))
		r = -EEXIST;
	if (r == 0)
		dir_add(&parent->dir, dentry);
	unlock(parent);
	return r;
}

static int add_name(struct dentry *base, const char *path, struct inode *inode)
{
	LASTREF_AUTO(dentry) struct dentry *dentry = NULL;
	int r = new_dentry(base, path, inode, &dentry);

	return r < 0 ? r : enter(dentry);
}

/* An inode whose first name is about to be made. */
static struct inode *new_linked_inode(struct dentry *base, enum inode_kind kind)
{
	struct inode *inode = inode_new(base->inode->fs, kind);

	if (inode)
		inode->links = 1;
	return inode;
}

int fs_create_file(struct dentry *base, const char *path, struct file **ret_file)
{
	LASTREF_AUTO(inode) struct inode *inode = new_linked_inode(base, INODE_FILE);
	LASTREF_AUTO(dentry) struct dentry *dentry = NULL;
	LASTREF_AUTO(file) struct file *file = NULL;
	int r;

	if (!inode)
		return -ENOMEM;
	r = new_dentry(base, path, inode, &dentry);
	if (r < 0)
		return r;
	file_ref_adopt(&file, file_new(dentry));
	if (!file)
		return -ENOMEM;
	r = enter(dentry);
	if (r < 0)
		return r;
	*ret_file = file_ref_steal(&file);
	return 0;
}

int fs_mkdir(struct dentry *base, const char *path)
{
	LASTREF_AUTO(inode) struct inode *inode = new_linked_inode(base, INODE_DIRECTORY);

	return inode ? add_name(base, path, inode) : -ENOMEM;
}

int fs_symlink(struct dentry *base, const char *target, const char *path)
{
	LASTREF_AUTO(inode) struct inode *inode = new_linked_inode(base, INODE_SYMLINK);
	ssize_t n;

	if (!inode)
		return -ENOMEM;
	n = inode_write(inode, target, strlen(target), 0);
	return n < 0 ? (int)n : add_name(base, path, inode);
}

int fs_link(struct dentry *base, const char *from, const char *to)
{
	LASTREF_AUTO(dentry) struct dentry *dentry = NULL;
	int r = fs_lookup(base, from, &dentry);

	if (r < 0)
		return r;
	if (dentry->inode->kind == INODE_DIRECTORY)
		return -EPERM;
	r = inode_add_link(dentry->inode);
	if (r < 0)
		return r;
	r = add_name(base, to, dentry->inode);
	if (r < 0)
		inode_drop_link(dentry->inode);
	return r;
}

int fs_open(struct dentry *base, const char *path, struct file **ret_file)
{
	LASTREF_AUTO(dentry) struct dentry *dentry = NULL;
	struct file *file;
	int r = fs_lookup(base, path, &dentry);

	if (r < 0)
		return r;
	if (dentry->inode->kind == INODE_SYMLINK)
		return -ELOOP;
	file = file_new(dentry);
	if (!file)
		return -ENOMEM;
	*ret_file = file;
	return 0;
}

/* Takes the name of a file out of a locked directory. */
static int take_file(struct dir *dir, const struct name *name, struct dentry **ret_dentry)
{
	struct dentry **slot = dir_find(dir, name);

	if (!slot)
		return -ENOENT;
	if ((*slot)->inode->kind == INODE_DIRECTORY)
		return -EISDIR;
	*ret_dentry = dir_take(dir, slot);
	return 0;
}

int fs_unlink(struct dentry *base, const char *path)
{
	LASTREF_AUTO(dentry) struct dentry *parent = NULL;
	LASTREF_AUTO(dentry) struct dentry *dentry = NULL;
	struct name name;
	int r = walk_to_parent(base, path, &parent, &name);

	if (r < 0)
		return r;
	lock_for_change(parent->inode);
	r = take_file(&parent->inode->dir, &name, &dentry);
	unlock(parent->inode);
	if (r < 0)
		return r;
	inode_drop_link(dentry->inode);
	return 0;
}

/* Under fs_tree_lock for writing, so the child cannot get entries between the test and its end. */
static int take_directory(struct inode *parent, const struct name *name, struct dentry **ret_dentry)
{
	struct dentry **slot = dir_find(&parent->dir, name);

	if (!slot)
		return -ENOENT;
	if ((*slot)->inode->kind != INODE_DIRECTORY)
		return -ENOTDIR;
	if ((*slot)->inode->dir.n_entries > 0)
		return -ENOTEMPTY;
	(*slot)->inode->dir.removed = true;
	pthread_rwlock_wrlock(&parent->lock);
	*ret_dentry = dir_take(&parent->dir, slot);
	pthread_rwlock_unlock(&parent->lock);
	return 0;
}

int fs_rmdir(struct dentry *base, const char *path)
{
	LASTREF_AUTO(dentry) struct dentry *parent = NULL;
	LASTREF_AUTO(dentry) struct dentry *dentry = NULL;
	struct name name;
	int r = walk_to_parent(base, path, &parent, &name);

	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&fs_tree_lock);
	r = take_directory(parent->inode, &name, &dentry);
	pthread_rwlock_unlock(&fs_tree_lock);
	if (r < 0)
		return r;
	inode_drop_link(dentry->inode);
	return 0;
}

/* Under the directory's lock. */
static size_t ref_all(const struct dir *dir, struct dentry **entries)
{
	size_t n = 0;

	for (size_t i = 0; i < dir->n_buckets; i++)
		for (struct dentry *dentry = dir->buckets[i]; dentry; dentry = dentry->sibling)
			entries[n++] = dentry_ref(dentry);
	return n;
}

int fs_list(struct dentry *directory, struct dentry ***ret_entries, size_t *ret_n)
{
	struct inode *inode = directory->inode;
	struct dentry **entries;

	if (inode->kind != INODE_DIRECTORY)
		return -ENOTDIR;
	pthread_rwlock_rdlock(&inode->lock);
	entries = calloc(inode->dir.n_entries + 1, sizeof(struct dentry *));
	if (entries)
		*ret_n = ref_all(&inode->dir, entries);
	pthread_rwlock_unlock(&inode->lock);
	if (!entries)
		return -ENOMEM;
	*ret_entries = entries;
	return 0;
}

void fs_list_free(struct dentry **entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dentry_ref_clear(&entries[i]);
	free(entries);
}
