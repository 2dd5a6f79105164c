/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts, and the end of a tree.
 *
 * Locks: the file system's for its list of mounts, with no other held.
 */
#include "mount.h"

#include "dentry.h"
#include "fs.h"
#include "inode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A root has no name and no parent, and is held by its mount alone. */
static struct dentry *new_root(struct fs *fs)
{
	LASTREF_AUTO(inode) struct inode *inode = inode_new(fs, INODE_DIRECTORY);
	struct name none = name_of("", 0);

	if (!inode)
		return NULL;
	inode->links = 1;
	return dentry_new(NULL, &none, inode);
}

struct mount *mount_new(const char *name)
{
	size_t length = strlen(name);
	struct mount *mount = calloc(1, sizeof(*mount) + length + 1);

	if (!mount)
		return NULL;
	memcpy(mount->name, name, length);
	mount_ref_init(mount);
	return mount;
}

void mount_destroy(struct mount *mount)
{
	dentry_put_slot(&mount->root);
	free(mount);
}

int mount_describe(const void *object, char *buf, size_t size)
{
	return snprintf(buf, size, "\"%s\"", ((const struct mount *)object)->name);
}

size_t mount_size(const void *object)
{
	return sizeof(struct mount) + strlen(((const struct mount *)object)->name) + 1;
}

/* The slot that holds the mount of this name, or the empty one at the end of the list. */
static struct mount **find(struct fs *fs, const char *name)
{
	struct mount **slot = &fs->mounts;

	while (*slot && strcmp((*slot)->name, name) != 0)
		slot = &(*slot)->next;
	return slot;
}

int mount_enter(struct fs *fs, struct mount *mount)
{
	struct mount **slot;
	bool exists;

	pthread_mutex_lock(&fs->lock);
	slot = find(fs, mount->name);
	exists = *slot != NULL;
	if (!exists)
		mount_ref_set(slot, mount);
	pthread_mutex_unlock(&fs->lock);
	return exists ? -EEXIST : 0;
}

int fs_mount(struct fs *fs, const char *name, struct mount **ret_mount)
{
	LASTREF_AUTO(mount) struct mount *mount = mount_new(name);
	int r;

	if (!mount)
		return -ENOMEM;
	dentry_ref_adopt(&mount->root, new_root(fs));
	if (!mount->root)
		return -ENOMEM;
	r = mount_enter(fs, mount);
	if (r < 0)
		return r;
	*ret_mount = mount_ref_steal(&mount);
	return 0;
}

int fs_find_mount(struct fs *fs, const char *name, struct mount **ret_mount)
{
	struct mount *mount;

	pthread_mutex_lock(&fs->lock);
	mount = *find(fs, name);
	if (mount)
		mount_ref(mount);
	pthread_mutex_unlock(&fs->lock);
	if (!mount)
		return -ENOENT;
	*ret_mount = mount;
	return 0;
}

/* Moves all links of a directory to the list. */
static void empty(struct inode *inode, struct link **list)
{
	if (inode->kind != INODE_DIRECTORY)
		return;
	pthread_rwlock_wrlock(&fs_tree_lock);
	pthread_rwlock_wrlock(&inode->lock);
	dir_remove(&inode->dir, list);
	pthread_rwlock_unlock(&inode->lock);
	pthread_rwlock_unlock(&fs_tree_lock);
}

/* Takes every name out of its table. A list instead of recursion, as a tree may be deep. */
static void tear_down(struct inode *root)
{
	struct link *list = NULL;

	empty(root, &list);
	while (list) {
		struct link *link = list;

		list = link->next;
		empty(link->inode, &list);
		link_free(link);
	}
}

int fs_unmount(struct fs *fs, const char *name)
{
	LASTREF_AUTO(mount) struct mount *mount = NULL;
	struct mount **slot;

	pthread_mutex_lock(&fs->lock);
	slot = find(fs, name);
	mount_ref_move(&mount, slot);
	if (mount)
		mount_ref_move(slot, &mount->next);
	pthread_mutex_unlock(&fs->lock);
	if (!mount)
		return -ENOENT;
	tear_down(mount->root->inode);
	dcache_remove_tree(&fs->dcache);
	return 0;
}
