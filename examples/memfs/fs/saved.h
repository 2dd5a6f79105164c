/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a saved tree: its layout, and what save.c and restore.c share. All numbers are
 * little-endian.
 *
 *	header, 40 bytes
 *		8 bytes	SAVED_MAGIC
 *		u64	SAVED_VERSION
 *		u64	how many inodes
 *		u64	size of the body
 *		u64	checksum of the body: saved_sum()
 *	body
 *		u64	the last inode number that was given
 *		dentry	of the root
 *		inode	of the root
 *		of each directory, in the order in which their inodes come:
 *			u64	how many links
 *			links, sorted by name
 *	link
 *		u8	length of the name
 *		bytes	the name
 *		dentry
 *		u64	which inode, in the order in which they come, from 0. One that came before
 *			is a hard link; the next one follows here
 *	dentry
 *		u8	is it in the cache? If 1:
 *		u32	its count
 *	inode
 *		u64	number
 *		u32	count
 *		u32	links
 *		u8	enum inode_kind
 *		u64	unless it is a directory: size
 *		bytes	its content
 *
 * Equal trees are equal files, but for which names are in the cache. So that a file cannot describe
 * what is no tree, a directory comes where its only name is. The counts are those that the objects
 * have, and add up: saved_adds_up().
 */
#ifndef MEMFS_SAVED_H
#define MEMFS_SAVED_H

#include "fs.h"

#define SAVED_MAGIC "memfs\n\x1a" /* with its NUL 8 bytes */
#define SAVED_VERSION 1
#define SAVED_HEADER 40
#define SAVED_INODE_MIN 17 /* the shortest inode has so many bytes */
#define SAVED_SUM 14695981039346656037u

/**
 * struct saved_inode - an inode that is being saved or restored
 * @dentry: of a directory, if it is in the cache
 * @count: of the inode
 * @dentry_count: of @dentry
 * @n_names: links to it that were met
 * @n_dentries: dentries of it that were met
 * @n_children: of a directory, those of its children that are in the cache
 */
struct saved_inode {
	struct inode *inode;
	struct dentry *dentry;
	int64_t count;
	int64_t dentry_count;
	int64_t n_names;
	int64_t n_dentries;
	int64_t n_children;
};

/** saved_sum() - go on with a checksum, FNV-1a, that starts as SAVED_SUM. */
static inline uint64_t saved_sum(uint64_t sum, const void *bytes, size_t n)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < n; i++)
		sum = (sum ^ byte[i]) * 1099511628211u;
	return sum;
}

/**
 * saved_adds_up() - are its counts those of a tree that nobody uses?
 *
 * Then links and dentries hold an inode; children hold a directory's dentry, and a mount its root.
 * (Dentries of all else are at rest, or not in the cache.)
 */
static inline bool saved_adds_up(const struct saved_inode *saved, bool is_root)
{
	return saved->count == saved->n_names + saved->n_dentries &&
	       saved->inode->links == saved->n_names + is_root &&
	       (!saved->dentry || saved->dentry_count == saved->n_children + is_root);
}

#endif
