/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory's table: name to dentry, a hash table that grows with its entries.
 *
 * Each bucket is a chain of slots: the bucket holds the first dentry, its .sibling holds the next. So an entry
 * in the table holds one reference, which is what keeps a linked file alive while nobody uses it.
 */
#ifndef MEMFS_DIR_H
#define MEMFS_DIR_H

#include <stdbool.h>
#include <stddef.h>

struct dentry;
struct name;

/**
 * struct dir - the table; all zero is an empty directory
 * @buckets: chains of slots
 * @n_buckets: a power of two, or 0
 * @n_entries: how many names
 * @removed: by rmdir, rename or unmount: nothing may be added any more
 *
 * Who holds which lock when is said in walk.c.
 */
struct dir {
	struct dentry **buckets;
	size_t n_buckets;
	size_t n_entries;
	bool removed;
};

/** dir_find() - the slot that holds the entry of this name, or NULL. It is valid until the table changes. */
struct dentry **dir_find(const struct dir *dir, const struct name *name);

/** dir_reserve() - make room for one entry more. Return: 0, -ENOENT if the directory was removed, -ENOMEM. */
int dir_reserve(struct dir *dir);

/**
 * dir_add() - enter a dentry, with a reference of the table's own, after a dir_reserve(); its name is not there
 * yet.
 */
void dir_add(struct dir *dir, struct dentry *dentry);

/** dir_take() - take an entry out. Return: it, with the reference that was the table's. */
struct dentry *dir_take(struct dir *dir, struct dentry **slot);

/** dir_remove() - take all entries out, to the front of @list, linked by .sibling, and let none come after. */
void dir_remove(struct dir *dir, struct dentry **list);

/** dir_finish() - give back the memory of a table without entries. */
void dir_finish(struct dir *dir);

#endif
