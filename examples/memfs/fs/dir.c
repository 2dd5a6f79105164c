/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory's table. The callers lock (walk.c says what).
 *
 * Nothing here changes a count but dir_add(), which takes the table's reference: to grow, and to take an entry
 * out, references only move from slot to slot. So no destructor ever runs under a directory's lock.
 */
#include "dir.h"

#include "dentry.h"
#include "name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 8

static struct dentry **bucket_of(const struct dir *dir, uint32_t hash)
{
	return &dir->buckets[hash & (dir->n_buckets - 1)];
}

/* Takes the first dentry of a chain out of it; its reference is the caller's. */
static struct dentry *chain_pop(struct dentry **chain)
{
	struct dentry *first = dentry_ref_steal(chain);

	dentry_ref_move(chain, &first->sibling);
	return first;
}

/* Puts a dentry in front of a chain, which takes over the caller's reference. */
static void chain_push(struct dentry **chain, struct dentry *dentry)
{
	dentry_ref_move(&dentry->sibling, chain);
	dentry_ref_adopt(chain, dentry);
}

struct dentry **dir_find(const struct dir *dir, const struct name *name)
{
	if (dir->n_buckets == 0)
		return NULL;
	for (struct dentry **slot = bucket_of(dir, name->hash); *slot; slot = &(*slot)->sibling)
		if (dentry_has_name(*slot, name))
			return slot;
	return NULL;
}

/* Without memory the table stays as it is: slower, but right. */
static void grow(struct dir *dir)
{
	struct dir bigger = { .n_buckets = dir->n_buckets ? 2 * dir->n_buckets : BUCKETS_MIN };

	bigger.buckets = calloc(bigger.n_buckets, sizeof(*bigger.buckets));
	if (!bigger.buckets)
		return;
	for (size_t i = 0; i < dir->n_buckets; i++) {
		while (dir->buckets[i]) {
			struct dentry *dentry = chain_pop(&dir->buckets[i]);

			chain_push(bucket_of(&bigger, dentry->hash), dentry);
		}
	}
	free(dir->buckets);
	dir->buckets = bigger.buckets;
	dir->n_buckets = bigger.n_buckets;
}

int dir_reserve(struct dir *dir)
{
	if (dir->removed)
		return -ENOENT;
	if (dir->n_entries >= dir->n_buckets)
		grow(dir);
	return dir->n_buckets ? 0 : -ENOMEM;
}

void dir_add(struct dir *dir, struct dentry *dentry)
{
	chain_push(bucket_of(dir, dentry->hash), dentry_ref(dentry));
	dir->n_entries++;
}

struct dentry *dir_take(struct dir *dir, struct dentry **slot)
{
	dir->n_entries--;
	return chain_pop(slot);
}

void dir_remove(struct dir *dir, struct dentry **list)
{
	for (size_t i = 0; i < dir->n_buckets; i++)
		while (dir->buckets[i])
			chain_push(list, chain_pop(&dir->buckets[i]));
	dir->n_entries = 0;
	dir->removed = true;
	dir_finish(dir);
}

void dir_finish(struct dir *dir)
{
	free(dir->buckets);
	dir->buckets = NULL;
	dir->n_buckets = 0;
}
