/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files: a handle on an inode, by the name it was opened by. Closed by giving up its last
 * reference.
 */
#ifndef MEMFS_FILE_H
#define MEMFS_FILE_H

#include <lastref/lastref.h>
#include <sys/types.h>

struct dentry;
struct inode;

/**
 * struct file - an open file
 * @refs: whoever has it open
 * @dentry: slot: the name, for messages
 * @inode: slot: the content, which lives on if the name goes
 */
struct file {
	struct lastref_count refs;
	struct dentry *dentry;
	struct inode *inode;
};

void file_destroy(struct file *file);
int file_describe(const void *object, char *buf, size_t size);
LASTREF_DEFINE(file, struct file, refs, file_destroy, .describe = file_describe,
	       .owns = LASTREF_OWNS(struct file, dentry, inode));

/** file_new() - a handle on what @dentry names, or NULL without memory. */
struct file *file_new(struct dentry *dentry);

/** file_read() - as inode_read(). */
ssize_t file_read(struct file *file, void *buf, size_t size, size_t offset);

/** file_write() - as inode_write(). */
ssize_t file_write(struct file *file, const void *buf, size_t size, size_t offset);

#endif
