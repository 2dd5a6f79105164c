/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts: a tree with a name. A file system has any number of them; no path leads from one to
 * another.
 */
#ifndef MEMFS_MOUNT_H
#define MEMFS_MOUNT_H

#include <lastref/lastref.h>

struct dentry;
struct fs;

/**
 * struct mount - a tree
 * @refs: the file system's list, and whoever found it there
 * @root: slot; never changes
 * @next: slot of the file system's list, guarded by the file system's lock
 * @name: as given to fs_mount()
 */
struct mount {
	struct lastref_count refs;
	struct dentry *root;
	struct mount *next;
	char name[];
};

void mount_destroy(struct mount *mount);
int mount_describe(const void *object, char *buf, size_t size);
size_t mount_size(const void *object);
LASTREF_DEFINE(mount, struct mount, refs, mount_destroy, .describe = mount_describe,
	       .owns = LASTREF_OWNS(struct mount, root, next), .size_of = mount_size);

/** mount_new() - a mount that has no root yet, and is in no list; NULL without memory. */
struct mount *mount_new(const char *name);

/** mount_enter() - enter it in the list. Return: 0; -EEXIST if there is one of this name. */
int mount_enter(struct fs *fs, struct mount *mount);

/**
 * fs_mount() - make an empty tree
 *
 * Return: 0, and the caller gets a reference; -EEXIST if there is one of this name; -ENOMEM.
 */
int fs_mount(struct fs *fs, const char *name, struct mount **ret_mount);

/** fs_find_mount() - find a tree by its name. Return: 0; -ENOENT. The caller gets a reference. */
int fs_find_mount(struct fs *fs, const char *name, struct mount **ret_mount);

/**
 * fs_unmount() - take a tree away, with all its names
 *
 * What is still open stays readable until it is closed; nothing can be looked up or created there
 * any more.
 *
 * Return: 0; -ENOENT.
 */
int fs_unmount(struct fs *fs, const char *name);

#endif
