/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files. No locks: a handle does not change after its birth.
 */
#include "file.h"

#include "dentry.h"
#include "inode.h"

#include <stdlib.h>

struct file *file_new(struct dentry *dentry)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	dentry_ref_set(&file->dentry, dentry);
	inode_ref_set(&file->inode, dentry->inode);
	file_ref_init(file);
	return file;
}

void file_destroy(struct file *file)
{
	inode_ref_clear(&file->inode);
	dentry_put_slot(&file->dentry);
	free(file);
}

int file_describe(const void *object, char *buf, size_t size)
{
	return dentry_describe(((const struct file *)object)->dentry, buf, size);
}

ssize_t file_read(struct file *file, void *buf, size_t size, size_t offset)
{
	return inode_read(file->inode, buf, size, offset);
}

ssize_t file_write(struct file *file, const void *buf, size_t size, size_t offset)
{
	return inode_write(file->inode, buf, size, offset);
}
