/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory's table. The callers lock (walk.c says what).
 *
 * Nothing here changes a count but link_new() and link_free(), which have to do with no table. So
 * no destructor ever runs under a directory's lock.
 */
#include "dir.h"

#include "inode.h"
#include "name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 8

struct link *link_new(const struct name *name, struct inode *inode)
{
	struct link *link = calloc(1, sizeof(*link) + name->length + 1);

	if (!link)
		return NULL;
	memcpy(link->name, name->text, name->length);
	link->length = (uint32_t)name->length;
	link->hash = name->hash;
	inode_ref_set(&link->inode, inode);
	return link;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	inode_ref_clear(&link->inode);
	free(link);
}

static struct link **bucket_of(const struct dir *dir, uint32_t hash)
{
	return &dir->buckets[hash & (dir->n_buckets - 1)];
}

static struct link *chain_pop(struct link **chain)
{
	struct link *first = *chain;

	*chain = first->next;
	first->next = NULL;
	return first;
}

static void chain_push(struct link **chain, struct link *link)
{
	link->next = *chain;
	*chain = link;
}

static bool has_name(const struct link *link, const struct name *name)
{
	return link->hash == name->hash && link->length == name->length &&
	       memcmp(link->name, name->text, name->length) == 0;
}

struct link **dir_find(const struct dir *dir, const struct name *name)
{
	if (dir->n_buckets == 0)
		return NULL;
	for (struct link **at = bucket_of(dir, name->hash); *at; at = &(*at)->next)
		if (has_name(*at, name))
			return at;
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
			struct link *link = chain_pop(&dir->buckets[i]);

			chain_push(bucket_of(&bigger, link->hash), link);
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
	if (dir->n_links >= dir->n_buckets)
		grow(dir);
	return dir->n_buckets ? 0 : -ENOMEM;
}

void dir_add(struct dir *dir, struct link *link)
{
	chain_push(bucket_of(dir, link->hash), link);
	dir->n_links++;
}

struct link *dir_take(struct dir *dir, struct link **at)
{
	dir->n_links--;
	return chain_pop(at);
}

void dir_remove(struct dir *dir, struct link **list)
{
	for (size_t i = 0; i < dir->n_buckets; i++)
		while (dir->buckets[i])
			chain_push(list, chain_pop(&dir->buckets[i]));
	dir->n_links = 0;
	dir->removed = true;
	dir_finish(dir);
}

void dir_finish(struct dir *dir)
{
	free(dir->buckets);
	dir->buckets = NULL;
	dir->n_buckets = 0;
}
