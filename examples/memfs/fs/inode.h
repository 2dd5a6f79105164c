/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inodes: what a file is, whatever its names. An inode lives as long as a name, a dentry or an open
 * file holds it, so a file that was unlinked while open dies with its last handle.
 */
#ifndef MEMFS_INODE_H
#define MEMFS_INODE_H

#include "dir.h"

#include <lastref/lastref.h>
#include <pthread.h>
#include <sys/types.h>

struct fs;

enum inode_kind { INODE_FILE, INODE_DIRECTORY, INODE_SYMLINK };

/**
 * struct inode - a file, directory or symbolic link
 * @refs: one a link, one a dentry, one an open file
 * @kind: never changes
 * @fs: whose it is; not a reference, the file system outlives its inodes
 * @number: never reused
 * @next: in the file system's table of numbers; not a reference. Guarded by the table's lock
 * @lock: guards what follows, except that @dir has rules of its own (walk.c)
 * @links: names; 0 once unlinked
 * @dir: of a directory
 * @bytes: of a file, its content; of a symbolic link, its target
 */
struct inode {
	struct lastref_count refs;
	enum inode_kind kind;
	struct fs *fs;
	uint64_t number;
	struct inode *next;
	pthread_rwlock_t lock;
	unsigned links;
	union {
		struct dir dir;
		struct {
			char *bytes;
			size_t size;
			size_t capacity;
		};
	};
};

/** struct inode_info - what inode_stat() tells; the members are those of struct inode. */
struct inode_info {
	uint64_t number;
	enum inode_kind kind;
	unsigned links;
	size_t size;
};

void inode_destroy(struct inode *inode);
int inode_describe(const void *object, char *buf, size_t size);
void inode_visit(const void *object, lastref_visitor visitor, void *context);
LASTREF_DEFINE(inode, struct inode, refs, inode_destroy, .describe = inode_describe,
	       .visit = inode_visit);

/**
 * struct inode_table - finds an inode by its number; all zero but the lock is an empty one
 *
 * It holds no references, or no inode would ever die: it is told by inode_destroy().
 */
struct inode_table {
	pthread_mutex_t lock; /* guards the rest */
	struct inode **buckets;
	size_t n_buckets;
	size_t n_inodes;
	uint64_t last_number;
};

/**
 * inode_table_reserve() - make room for another inode; more than one may follow. Return: 0,
 * -ENOMEM.
 */
int inode_table_reserve(struct inode_table *table);

/**
 * inode_make() - for fs_restore(): an inode that has no count yet, and is not in the table; NULL
 * without memory
 */
struct inode *inode_make(struct fs *fs, enum inode_kind kind, uint64_t number);

/** inode_discard() - free one that has no count, and is not in the table; NULL is fine. */
void inode_discard(struct inode *inode);

/**
 * inode_restore() - such an inode comes back as it was saved: with its count, and found by its
 * number
 */
void inode_restore(struct inode *inode, int64_t count);

/** inode_new() - an empty inode with one reference and no link yet, or NULL without memory. */
struct inode *inode_new(struct fs *fs, enum inode_kind kind);

/** inode_add_link() - one name more. Return: 0; -ENOENT if the last one is gone; -EMLINK. */
int inode_add_link(struct inode *inode);

/** inode_drop_link() - one name less. */
void inode_drop_link(struct inode *inode);

/** inode_stat() - what there is to know about it. */
void inode_stat(struct inode *inode, struct inode_info *ret_info);

/** inode_read() - bytes of the content, from @offset. Return: how many, 0 at the end; -EISDIR. */
ssize_t inode_read(struct inode *inode, void *buf, size_t size, size_t offset);

/**
 * inode_write() - replace or append bytes; a gap before @offset is filled with zeros
 *
 * Return: @size; -EISDIR; -EFBIG; -ENOMEM.
 */
ssize_t inode_write(struct inode *inode, const void *buf, size_t size, size_t offset);

#endif
