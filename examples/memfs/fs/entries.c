/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes or reads one directory: create, link, unlink, rmdir, list; and open.
 *
 * Locks: as walk.c says. Every reference that a function takes is in a DENTRY_AUTO or LASTREF_AUTO
 * variable, so that no way out forgets one, and is given up after the locks.
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

/*
 * Enters a link in a directory: now it has a name that others find.
 * @dentry: the new one of that name, if there is one already
 */
static int enter(struct dentry *parent, struct link *link, struct dentry *dentry)
{
	const struct name name = { link->name, link->length, link->hash };
	struct dir *dir = &parent->inode->dir;
	int r;

	lock_for_change(parent->inode);
	r = dir_reserve(dir);
	if (r == 0 && dir_find(dir, &name))
		r = -EEXIST;
	if (r == 0) {
		dir_add(dir, link);
		/* The cache has no other: it has none whose name is not in the table. */
		if (dentry)
			dcache_enter(dentry);
	}
	unlock(parent->inode);
	return r;
}

static int add_link(struct dentry *parent, const struct name *name, struct inode *inode,
		    struct dentry *dentry)
{
	struct link *link = link_new(name, inode);
	int r;

	if (!link)
		return -ENOMEM;
	r = enter(parent, link, dentry);
	if (r < 0)
		link_free(link);
	return r;
}

/* A name whose dentry is made when it is looked up. */
static int add_name(struct dentry *base, const char *path, struct inode *inode)
{
	DENTRY_AUTO struct dentry *parent = NULL;
	struct name name;
	int r = walk_to_parent(base, path, &parent, &name);

	return r < 0 ? r : add_link(parent, &name, inode, NULL);
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
	DENTRY_AUTO struct dentry *parent = NULL;
	DENTRY_AUTO struct dentry *dentry = NULL;
	LASTREF_AUTO(file) struct file *file = NULL;
	struct name name;
	int r;

	if (!inode)
		return -ENOMEM;
	r = walk_to_parent(base, path, &parent, &name);
	if (r < 0)
		return r;
	dentry_ref_adopt(&dentry, dentry_new(parent, &name, inode));
	if (dentry)
		file_ref_adopt(&file, file_new(dentry));
	if (!file)
		return -ENOMEM;
	r = add_link(parent, &name, inode, dentry);
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
	DENTRY_AUTO struct dentry *dentry = NULL;
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
	DENTRY_AUTO struct dentry *dentry = NULL;
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
static int take_file(struct dentry *parent, const struct name *name, struct link **ret_link)
{
	struct dir *dir = &parent->inode->dir;
	struct link **at = dir_find(dir, name);

	if (!at)
		return -ENOENT;
	if ((*at)->inode->kind == INODE_DIRECTORY)
		return -EISDIR;
	*ret_link = dir_take(dir, at);
	dcache_remove(parent, name);
	return 0;
}

/* What follows after the locks when a link was taken out. */
static void drop(struct link *link)
{
	struct fs *fs = link->inode->fs;

	inode_drop_link(link->inode);
	link_free(link);
	dcache_shrink(&fs->dcache);
}

int fs_unlink(struct dentry *base, const char *path)
{
	DENTRY_AUTO struct dentry *parent = NULL;
	struct link *link;
	struct name name;
	int r = walk_to_parent(base, path, &parent, &name);

	if (r < 0)
		return r;
	lock_for_change(parent->inode);
	r = take_file(parent, &name, &link);
	unlock(parent->inode);
	if (r < 0)
		return r;
	drop(link);
	return 0;
}

/* Under fs_tree_lock for writing, so the child cannot get entries between the test and its end. */
static int take_directory(struct dentry *parent, const struct name *name, struct link **ret_link)
{
	struct inode *inode = parent->inode;
	struct link **at = dir_find(&inode->dir, name);

	if (!at)
		return -ENOENT;
	if ((*at)->inode->kind != INODE_DIRECTORY)
		return -ENOTDIR;
	if ((*at)->inode->dir.n_links > 0)
		return -ENOTEMPTY;
	(*at)->inode->dir.removed = true;
	pthread_rwlock_wrlock(&inode->lock);
	*ret_link = dir_take(&inode->dir, at);
	dcache_remove(parent, name);
	pthread_rwlock_unlock(&inode->lock);
	return 0;
}

int fs_rmdir(struct dentry *base, const char *path)
{
	DENTRY_AUTO struct dentry *parent = NULL;
	struct link *link;
	struct name name;
	int r = walk_to_parent(base, path, &parent, &name);

	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&fs_tree_lock);
	r = take_directory(parent, &name, &link);
	pthread_rwlock_unlock(&fs_tree_lock);
	if (r < 0)
		return r;
	drop(link);
	return 0;
}

/* Under the directory's lock. */
static int get_all(struct dentry *directory, struct dentry **entries, size_t *n)
{
	const struct dir *dir = &directory->inode->dir;

	for (size_t i = 0; i < dir->n_buckets; i++) {
		for (const struct link *link = dir->buckets[i]; link; link = link->next) {
			entries[*n] = dcache_get(directory, link);
			if (!entries[*n])
				return -ENOMEM;
			++*n;
		}
	}
	return 0;
}

int fs_list(struct dentry *directory, struct dentry ***ret_entries, size_t *ret_n)
{
	struct inode *inode = directory->inode;
	struct dentry **entries;
	size_t n = 0;
	int r = -ENOMEM;

	if (inode->kind != INODE_DIRECTORY)
		return -ENOTDIR;
	pthread_rwlock_rdlock(&inode->lock);
	entries = calloc(inode->dir.n_links + 1, sizeof(struct dentry *));
	if (entries)
		r = get_all(directory, entries, &n);
	pthread_rwlock_unlock(&inode->lock);
	if (r < 0) {
		fs_list_free(entries, n);
		return r;
	}
	*ret_entries = entries;
	*ret_n = n;
	return 0;
}

void fs_list_free(struct dentry **entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dentry_put_slot(&entries[i]);
	free(entries);
}
