/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rename.
 *
 * Locks: fs_tree_lock for writing from the first look to the last change, so that nobody else changes anything
 * meanwhile; around the change itself also the two directories' locks, so that no lookup sees half of it.
 */
#include "fs.h"
#include "walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/**
 * struct renaming - one rename: where from, where to
 * @from_dir: slot
 * @to_dir: slot
 * @replaced: slot: the target that was there, to be given up when the locks are
 * @text: the new name's bytes; after the change those of the old name
 */
struct renaming {
	struct dentry *from_dir;
	struct dentry *to_dir;
	struct dentry *replaced;
	struct name from;
	struct name to;
	char *text;
};

static struct dentry *find(const struct dentry *directory, const struct name *name)
{
	struct dentry **slot = dir_find(&directory->inode->dir, name);

	return slot ? *slot : NULL;
}

static bool is_within(const struct dentry *dentry, const struct dentry *ancestor)
{
	while (dentry && dentry != ancestor)
		dentry = dentry->parent;
	return dentry != NULL;
}

/* May @source replace @target? */
static int check_target(const struct dentry *source, const struct dentry *target)
{
	bool directory = source->inode->kind == INODE_DIRECTORY;

	if (target->inode->kind != INODE_DIRECTORY)
		return directory ? -ENOTDIR : 0;
	if (!directory)
		return -EISDIR;
	return target->inode->dir.n_entries > 0 ? -ENOTEMPTY : 0;
}

static void lock_both(struct inode *a, struct inode *b)
{
	struct inode *first = a->number < b->number ? a : b;
	struct inode *second = first == a ? b : a;

	pthread_rwlock_wrlock(&first->lock);
	if (second != first)
		pthread_rwlock_wrlock(&second->lock);
}

static void unlock_both(struct inode *a, struct inode *b)
{
	pthread_rwlock_unlock(&a->lock);
	if (b != a)
		pthread_rwlock_unlock(&b->lock);
}

/* The target is taken out before the source is looked for: they may be neighbors in one chain. */
static int change(struct renaming *r)
{
	struct inode *from = r->from_dir->inode;
	struct inode *to = r->to_dir->inode;
	struct dentry **target;
	int result;

	lock_both(from, to);
	result = dir_reserve(&to->dir);
	if (result == 0) {
		struct dentry *moved;

		target = dir_find(&to->dir, &r->to);
		if (target)
			dentry_ref_adopt(&r->replaced, dir_take(&to->dir, target));
		moved = dir_take(&from->dir, dir_find(&from->dir, &r->from));
		dentry_rename(moved, r->to_dir, &r->to, &r->text);
		dir_add(&to->dir, moved);
		dentry_unref(moved);
	}
	unlock_both(from, to);
	return result;
}

static int rename_locked(struct renaming *r)
{
	struct dentry *source = find(r->from_dir, &r->from);
	struct dentry *target = find(r->to_dir, &r->to);
	int result = 0;

	if (!source)
		return -ENOENT;
	if (is_within(r->to_dir, source))
		return -EINVAL;
	if (target && target->inode == source->inode)
		return 0;
	if (target)
		result = check_target(source, target);
	if (result == 0)
		result = change(r);
	if (r->replaced && r->replaced->inode->kind == INODE_DIRECTORY)
		r->replaced->inode->dir.removed = true;
	return result;
}

static int prepare(struct renaming *r, struct dentry *base, const char *from, const char *to)
{
	int result = walk_to_parent(base, from, &r->from_dir, &r->from);

	if (result < 0)
		return result;
	result = walk_to_parent(base, to, &r->to_dir, &r->to);
	if (result < 0)
		return result;
	r->text = strndup(r->to.text, r->to.length);
	return r->text ? 0 : -ENOMEM;
}

int fs_rename(struct dentry *base, const char *from, const char *to)
{
	struct renaming r = { .text = NULL };
	int result = prepare(&r, base, from, to);

	if (result == 0) {
		pthread_rwlock_wrlock(&fs_tree_lock);
		result = rename_locked(&r);
		pthread_rwlock_unlock(&fs_tree_lock);
	}
	if (r.replaced)
		inode_drop_link(r.replaced->inode);
	dentry_ref_clear(&r.replaced);
	dentry_ref_clear(&r.to_dir);
	dentry_ref_clear(&r.from_dir);
	free(r.text);
	return result;
}
