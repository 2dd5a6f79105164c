/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory's table: name to inode, a hash table that grows with its links. All tables together
 * are what the file system has stored; the dentries are a cache of it.
 *
 * A link holds its inode, which is what keeps a file alive while nobody uses it. Links themselves
 * are not counted: each has one owner, a table or whoever took it out of one.
 */
#ifndef MEMFS_DIR_H
#define MEMFS_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inode;
struct name;

/**
 * struct link - a name, and what it names
 * @inode: slot
 * @next: in the bucket, or in a list
 * @hash: of the name
 * @length: of the name
 * @name: ended by a NUL
 */
struct link {
	struct inode *inode;
	struct link *next;
	uint32_t hash;
	uint32_t length;
	char name[];
};

/**
 * struct dir - the table; all zero is an empty directory
 * @buckets: chains of links
 * @n_buckets: a power of two, or 0
 * @n_links: how many names
 * @removed: by rmdir, rename or unmount: nothing may be added any more. Guarded by fs_tree_lock
 *
 * Who holds which lock when is said in walk.c.
 */
struct dir {
	struct link **buckets;
	size_t n_buckets;
	size_t n_links;
	bool removed;
};

/**
 * link_new() - a link that is in no table, with a reference of its own to @inode (or NULL); NULL
 * without memory.
 */
struct link *link_new(const struct name *name, struct inode *inode);

/** link_free() - free a link that is in no table, and give up its inode; NULL is fine. */
void link_free(struct link *link);

/** dir_find() - where the link of this name is, or NULL. It is valid until the table changes. */
struct link **dir_find(const struct dir *dir, const struct name *name);

/**
 * dir_reserve() - make room for one link more. Return: 0, -ENOENT if the directory was removed,
 * -ENOMEM.
 */
int dir_reserve(struct dir *dir);

/**
 * dir_add() - enter a link, which is the table's now, after a dir_reserve(); its name is not there
 * yet.
 */
void dir_add(struct dir *dir, struct link *link);

/** dir_take() - take a link out, found by dir_find(). Return: it, the caller's now. */
struct link *dir_take(struct dir *dir, struct link **at);

/**
 * dir_remove() - take all links out, to the front of @list, linked by .next, and let none come
 * after.
 */
void dir_remove(struct dir *dir, struct link **list);

/** dir_finish() - give back the memory of a table without links. */
void dir_finish(struct dir *dir);

#endif
