/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rename.
 *
 * Locks: fs_tree_lock for writing from the first look to the last change, so that nobody else
 * changes anything meanwhile; around the change itself also the two directories' locks, so that no
 * lookup sees half of it. What the tables say decides; the dentries of the two names may be in the
 * cache or not.
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
 * @new: the link of the new name, until it is in the table
 * @old: the link of the old name, when it is in no table any more
 * @replaced: the target that was there, likewise
 * @text: the new name's bytes; after the change those that the dentry had
 */
struct renaming {
	struct dentry *from_dir;
	struct dentry *to_dir;
	struct name from;
	struct name to;
	struct link *new;
	struct link *old;
	struct link *replaced;
	char *text;
};

static struct inode *find(const struct dentry *directory, const struct name *name)
{
	struct link **at = dir_find(&directory->inode->dir, name);

	return at ? (*at)->inode : NULL;
}

/* Whoever holds a dentry holds all that are above it. */
static bool is_within(const struct dentry *dentry, const struct inode *ancestor)
{
	while (dentry && dentry->inode != ancestor)
		dentry = dentry->parent;
	return dentry != NULL;
}

/* May @source replace @target? */
static int check_target(const struct inode *source, const struct inode *target)
{
	bool directory = source->kind == INODE_DIRECTORY;

	if (target->kind != INODE_DIRECTORY)
		return directory ? -ENOTDIR : 0;
	if (!directory)
		return -EISDIR;
	return target->dir.n_links > 0 ? -ENOTEMPTY : 0;
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
static void change_tables(struct renaming *r)
{
	struct dir *from = &r->from_dir->inode->dir;
	struct dir *to = &r->to_dir->inode->dir;
	struct link **target = dir_find(to, &r->to);

	if (target) {
		r->replaced = dir_take(to, target);
		if (r->replaced->inode->kind == INODE_DIRECTORY)
			r->replaced->inode->dir.removed = true;
	}
	r->old = dir_take(from, dir_find(from, &r->from));
	inode_ref_move(&r->new->inode, &r->old->inode);
	dir_add(to, r->new);
	r->new = NULL;
}

static int change(struct renaming *r)
{
	struct inode *from = r->from_dir->inode;
	struct inode *to = r->to_dir->inode;
	int result;

	lock_both(from, to);
	result = dir_reserve(&to->dir);
	if (result == 0) {
		change_tables(r);
		dcache_rename(r->from_dir, &r->from, r->to_dir, &r->to, &r->text);
	}
	unlock_both(from, to);
	return result;
}

static int rename_locked(struct renaming *r)
{
	const struct inode *source = find(r->from_dir, &r->from);
	const struct inode *target = find(r->to_dir, &r->to);
	int result = 0;

	if (!source)
		return -ENOENT;
	if (is_within(r->to_dir, source))
		return -EINVAL;
	if (target == source)
		return 0;
	if (target)
		result = check_target(source, target);
	return result < 0 ? result : change(r);
}

static int prepare(struct renaming *r, struct dentry *base, const char *from, const char *to)
{
	int result = walk_to_parent(base, from, &r->from_dir, &r->from);

	if (result < 0)
		return result;
	result = walk_to_parent(base, to, &r->to_dir, &r->to);
	if (result < 0)
		return result;
	r->new = link_new(&r->to, NULL);
	r->text = strndup(r->to.text, r->to.length);
	return r->new && r->text ? 0 : -ENOMEM;
}

int fs_rename(struct dentry *base, const char *from, const char *to)
{
	struct fs *fs = base->inode->fs;
	struct renaming r = { .text = NULL };
	int result = prepare(&r, base, from, to);

	if (result == 0) {
		pthread_rwlock_wrlock(&fs_tree_lock);
		result = rename_locked(&r);
		pthread_rwlock_unlock(&fs_tree_lock);
	}
	if (r.replaced)
		inode_drop_link(r.replaced->inode);
	link_free(r.replaced);
	link_free(r.old);
	link_free(r.new);
	free(r.text);
	dcache_shrink(&fs->dcache);
	dentry_put_slot(&r.to_dir);
	dentry_put_slot(&r.from_dir);
	return result;
}
