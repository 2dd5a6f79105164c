/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inodes, and the table that finds them by number.
 *
 * Locks: the inode's own for its content and links, the table's for the table; neither is held
 * while taking another.
 *
 * Why the table needs tryref
 *      thread A: inode_unref   1 -> 0, runs inode_destroy(), waits for the table's lock
 *      thread B: fs_find_inode() has the lock and finds A's inode, which is dead
 * The memory is still there, since A frees it only after it had the lock. inode_ref() would be a
 * misuse (a dead object cannot come back); inode_tryref() says that it is dead, and B answers as if
 * A had been faster.
 */
#include "inode.h"

#include "fs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64

static struct inode **bucket_of(const struct inode_table *table, uint64_t number)
{
	return &table->buckets[number & (table->n_buckets - 1)];
}

static void push(struct inode_table *table, struct inode *inode)
{
	struct inode **bucket = bucket_of(table, inode->number);

	inode->next = *bucket;
	*bucket = inode;
}

/* Without memory the table stays as it is: slower, but right. */
static void grow(struct inode_table *table)
{
	struct inode_table bigger = { .n_buckets = table->n_buckets ? 2 * table->n_buckets :
								      BUCKETS_MIN };

	bigger.buckets = calloc(bigger.n_buckets, sizeof(struct inode *));
	if (!bigger.buckets)
		return;
	for (size_t i = 0; i < table->n_buckets; i++) {
		for (struct inode *inode = table->buckets[i], *next; inode; inode = next) {
			next = inode->next;
			push(&bigger, inode);
		}
	}
	free(table->buckets);
	table->buckets = bigger.buckets;
	table->n_buckets = bigger.n_buckets;
}

static int reserve_locked(struct inode_table *table)
{
	if (table->n_inodes >= table->n_buckets)
		grow(table);
	return table->n_buckets > 0 ? 0 : -ENOMEM;
}

int inode_table_reserve(struct inode_table *table)
{
	int r;

	pthread_mutex_lock(&table->lock);
	r = reserve_locked(table);
	pthread_mutex_unlock(&table->lock);
	return r;
}

static void insert(struct inode_table *table, struct inode *inode)
{
	push(table, inode);
	table->n_inodes++;
}

/* Gives the inode the next number. */
static int table_add(struct inode_table *table, struct inode *inode)
{
	int r;

	pthread_mutex_lock(&table->lock);
	r = reserve_locked(table);
	if (r == 0) {
		inode->number = ++table->last_number;
		insert(table, inode);
	}
	pthread_mutex_unlock(&table->lock);
	return r;
}

static void table_remove(struct inode_table *table, struct inode *inode)
{
	struct inode **at;

	pthread_mutex_lock(&table->lock);
	for (at = bucket_of(table, inode->number); *at != inode;)
		at = &(*at)->next;
	*at = inode->next;
	table->n_inodes--;
	pthread_mutex_unlock(&table->lock);
}

int fs_find_inode(struct fs *fs, uint64_t number, struct inode **ret_inode)
{
	struct inode_table *table = &fs->inodes;
	struct inode *inode = NULL;

	pthread_mutex_lock(&table->lock);
	if (table->n_buckets)
		inode = *bucket_of(table, number);
	while (inode && inode->number != number)
		inode = inode->next;
	if (inode)
		inode = inode_tryref(inode);
	pthread_mutex_unlock(&table->lock);
	if (!inode)
		return -ESTALE;
	*ret_inode = inode;
	return 0;
}

/* Lookups come all the time; without this a writer could wait for ever. */
static void init_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attributes;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

struct inode *inode_make(struct fs *fs, enum inode_kind kind, uint64_t number)
{
	struct inode *inode = calloc(1, sizeof(*inode));

	if (!inode)
		return NULL;
	inode->fs = fs;
	inode->kind = kind;
	inode->number = number;
	init_lock(&inode->lock);
	return inode;
}

struct inode *inode_new(struct fs *fs, enum inode_kind kind)
{
	struct inode *inode = inode_make(fs, kind, 0);

	if (!inode)
		return NULL;
	inode_ref_init(inode);
	if (table_add(&fs->inodes, inode) < 0) {
		inode_unref_with(inode, NULL, NULL);
		inode_discard(inode);
		return NULL;
	}
	return inode;
}

void inode_restore(struct inode *inode, int64_t count)
{
	struct inode_table *table = &inode->fs->inodes;

	inode_ref_restore(inode, count);
	pthread_mutex_lock(&table->lock);
	reserve_locked(table);
	insert(table, inode);
	pthread_mutex_unlock(&table->lock);
}

void inode_discard(struct inode *inode)
{
	if (!inode)
		return;
	pthread_rwlock_destroy(&inode->lock);
	if (inode->kind == INODE_DIRECTORY)
		dir_finish(&inode->dir);
	else
		free(inode->bytes);
	free(inode);
}

void inode_destroy(struct inode *inode)
{
	table_remove(&inode->fs->inodes, inode);
	inode_discard(inode);
}

int inode_describe(const void *object, char *buf, size_t size)
{
	static const char *const kinds[] = { "file", "directory", "symbolic link" };
	const struct inode *inode = object;

	return snprintf(buf, size, "%s, number %llu", kinds[inode->kind],
			(unsigned long long)inode->number);
}

/* Never waits, and leaves its links out rather: a check may come in the middle of a change. */
void inode_visit(const void *object, lastref_visitor visitor, void *context)
{
	struct inode *inode = (struct inode *)(uintptr_t)object;

	if (inode->kind != INODE_DIRECTORY || pthread_rwlock_tryrdlock(&inode->lock) != 0)
		return;
	for (size_t i = 0; i < inode->dir.n_buckets; i++)
		for (const struct link *link = inode->dir.buckets[i]; link; link = link->next)
			visitor(context, "dir", link->inode);
	pthread_rwlock_unlock(&inode->lock);
}

int inode_add_link(struct inode *inode)
{
	int r = 0;

	pthread_rwlock_wrlock(&inode->lock);
	if (inode->links == 0)
		r = -ENOENT;
	else if (inode->links == UINT_MAX)
		r = -EMLINK;
	else
		inode->links++;
	pthread_rwlock_unlock(&inode->lock);
	return r;
}

void inode_drop_link(struct inode *inode)
{
	pthread_rwlock_wrlock(&inode->lock);
	inode->links--;
	pthread_rwlock_unlock(&inode->lock);
}

void inode_stat(struct inode *inode, struct inode_info *ret_info)
{
	pthread_rwlock_rdlock(&inode->lock);
	*ret_info = (struct inode_info){
		.number = inode->number,
		.kind = inode->kind,
		.links = inode->links,
		.size = inode->kind == INODE_DIRECTORY ? 0 : inode->size,
	};
	pthread_rwlock_unlock(&inode->lock);
}

ssize_t inode_read(struct inode *inode, void *buf, size_t size, size_t offset)
{
	size_t n = 0;

	if (inode->kind == INODE_DIRECTORY)
		return -EISDIR;
	if (size > SSIZE_MAX)
		size = SSIZE_MAX;
	pthread_rwlock_rdlock(&inode->lock);
	if (offset < inode->size) {
		n = inode->size - offset < size ? inode->size - offset : size;
		memcpy(buf, inode->bytes + offset, n);
	}
	pthread_rwlock_unlock(&inode->lock);
	return (ssize_t)n;
}

/*
 * Makes room for @size bytes. The first time exactly so many: most files are written at once and
 * never grow.
 */
static int reserve(struct inode *inode, size_t size)
{
	size_t capacity = inode->capacity + inode->capacity / 2;
	char *bytes;

	if (size <= inode->capacity)
		return 0;
	if (capacity < size)
		capacity = size;
	bytes = realloc(inode->bytes, capacity);
	if (!bytes)
		return -ENOMEM;
	inode->bytes = bytes;
	inode->capacity = capacity;
	return 0;
}

ssize_t inode_write(struct inode *inode, const void *buf, size_t size, size_t offset)
{
	int r;

	if (inode->kind == INODE_DIRECTORY)
		return -EISDIR;
	if (offset > SSIZE_MAX || size > SSIZE_MAX - offset)
		return -EFBIG;
	if (size == 0)
		return 0;
	pthread_rwlock_wrlock(&inode->lock);
	r = reserve(inode, offset + size);
	if (r == 0) {
		if (offset > inode->size)
			memset(inode->bytes + inode->size, 0, offset - inode->size);
		memcpy(inode->bytes + offset, buf, size);
		if (offset + size > inode->size)
			inode->size = offset + size;
	}
	pthread_rwlock_unlock(&inode->lock);
	return r < 0 ? r : (ssize_t)size;
}
