/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dentries by themselves; dcache.c has them in the cache.
 *
 * Locks: fs_tree_lock for reading, where a parent or a name is read without the cache's lock.
 */
#include "dentry.h"

#include "fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pthread_rwlock_t fs_tree_lock = PTHREAD_RWLOCK_INITIALIZER;

struct dentry *dentry_make(const struct name *name)
{
	struct dentry *dentry = calloc(1, sizeof(*dentry));

	if (!dentry)
		return NULL;
	dentry->name = strndup(name->text, name->length);
	if (!dentry->name) {
		free(dentry);
		return NULL;
	}
	dentry->length = (uint32_t)name->length;
	dentry->hash = name->hash;
	return dentry;
}

void dentry_discard(struct dentry *dentry)
{
	if (!dentry)
		return;
	free(dentry->name);
	free(dentry);
}

struct dentry *dentry_new(struct dentry *parent, const struct name *name, struct inode *inode)
{
	struct dentry *dentry = dentry_make(name);

	if (!dentry)
		return NULL;
	dentry_ref_set(&dentry->parent, parent);
	inode_ref_set(&dentry->inode, inode);
	dentry_ref_init(dentry);
	return dentry;
}

/*
 * Run by evict, so with the cache's lock held: the parent may come to rest here. The inode was
 * taken from the dentry before, to be given up after the lock.
 */
void dentry_destroy(struct dentry *dentry)
{
	dentry_ref_clear(&dentry->parent);
	dentry_discard(dentry);
}

void dentry_put_slot(struct dentry **slot)
{
	dentry_put(dentry_ref_steal(slot));
}

bool dentry_is(const struct dentry *dentry, const struct dentry *parent, const struct name *name)
{
	return dentry->hash == name->hash && dentry->parent == parent &&
	       dentry->length == name->length && memcmp(dentry->name, name->text, name->length) == 0;
}

/* The caller holds the old parent, so it does not come to rest here. */
void dentry_rename(struct dentry *dentry, struct dentry *parent, const struct name *name, char **text)
{
	char *before = dentry->name;

	dentry->name = *text;
	*text = before;
	dentry->length = (uint32_t)name->length;
	dentry->hash = name->hash;
	/* What --fault rename shows: the new parent is held, and the old one never given up. */
	if (fs_makes_mistake(dentry->inode->fs, FS_FAULT_RENAME))
		dentry->parent = dentry_ref(parent);
	else
		dentry_ref_set(&dentry->parent, parent);
}

struct dentry *dentry_parent(struct dentry *dentry)
{
	struct dentry *parent;

	pthread_rwlock_rdlock(&fs_tree_lock);
	parent = dentry_ref(dentry->parent ? dentry->parent : dentry);
	pthread_rwlock_unlock(&fs_tree_lock);
	return parent;
}

static size_t path_length(const struct dentry *dentry)
{
	size_t length = 0;

	for (; dentry->parent; dentry = dentry->parent)
		length += 1 + dentry->length;
	return length;
}

/* Writes one byte of a text that is cut at @size. */
static void put(char *buf, size_t size, size_t at, char byte)
{
	if (at + 1 < size)
		buf[at] = byte;
}

/* Writes the path in quotes, from its end to its front. */
static int write_path(const struct dentry *dentry, char *buf, size_t size)
{
	size_t length = path_length(dentry);
	size_t at = 1 + length;

	if (length == 0)
		return snprintf(buf, size, "\"/\"");
	length += 2;
	if (size > 0)
		buf[length < size ? length : size - 1] = '\0';
	put(buf, size, 0, '"');
	put(buf, size, length - 1, '"');
	for (; dentry->parent; dentry = dentry->parent) {
		at -= dentry->length;
		for (size_t i = 0; i < dentry->length; i++)
			put(buf, size, at + i, dentry->name[i]);
		put(buf, size, --at, '/');
	}
	return (int)length;
}

/*
 * Never waits: a log line may describe a dentry in the middle of a rename of this very thread. The
 * parents live as long as the dentry, which holds them.
 */
int dentry_describe(const void *object, char *buf, size_t size)
{
	int length;

	if (pthread_rwlock_tryrdlock(&fs_tree_lock) != 0)
		return snprintf(buf, size, "(being renamed)");
	length = write_path(object, buf, size);
	pthread_rwlock_unlock(&fs_tree_lock);
	return length;
}
