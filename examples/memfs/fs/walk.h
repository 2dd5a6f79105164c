/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to a dentry.
 */
#ifndef MEMFS_WALK_H
#define MEMFS_WALK_H

struct dentry;
struct name;

/**
 * walk_to_parent() - the directory in which a path's last name is, and that name
 *
 * Return: 0; -EEXIST for a path without a name; -EINVAL if it is "." or ".."; as fs_lookup(), also
 * for the last name's length.
 */
int walk_to_parent(struct dentry *base, const char *path, struct dentry **ret_directory,
		   struct name *ret_name);

#endif
