/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the in-memory file system share: one mount, and the ways to ask it. Each test ends with everything
 * released: nothing is live.
 */
#ifndef TEST_MEMFS_FIXTURE_H
#define TEST_MEMFS_FIXTURE_H

#include "../../examples/memfs/fs/fs.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fs *fs;
static struct dentry *root;

static inline void begin(void)
{
	struct mount *mount = NULL;

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	fs = fs_create(NULL);
	cr_assert_not_null(fs);
	cr_assert_eq(fs_mount(fs, "test", &mount), 0);
	root = dentry_ref(mount->root);
	mount_unref(mount);
}

static inline void end(void)
{
	dentry_put_slot(&root);
	cr_assert_eq(fs_destroy(fs), 0);
}

static inline void make(const char *path, const char *content)
{
	LASTREF_AUTO(file) struct file *file = NULL;

	cr_assert_eq(fs_create_file(root, path, &file), 0);
	cr_assert_eq(file_write(file, content, strlen(content), 0), (ssize_t)strlen(content));
}

static inline void expect_content(struct file *file, const char *content)
{
	char text[64] = "";

	cr_assert_eq(file_read(file, text, sizeof(text) - 1, 0), (ssize_t)strlen(content));
	cr_assert_str_eq(text, content);
}

static inline void expect_file(const char *path, const char *content)
{
	LASTREF_AUTO(file) struct file *file = NULL;

	cr_assert_eq(fs_open(root, path, &file), 0, "%s", path);
	expect_content(file, content);
}

static inline int lookup(const char *path)
{
	DENTRY_AUTO struct dentry *dentry = NULL;

	return fs_lookup(root, path, &dentry);
}

static inline struct inode_info stat_of(const char *path)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	struct inode_info info = { 0 };

	cr_assert_eq(fs_lookup(root, path, &dentry), 0, "%s", path);
	inode_stat(dentry->inode, &info);
	return info;
}

static inline int find_number(uint64_t number)
{
	LASTREF_AUTO(inode) struct inode *inode = NULL;

	return fs_find_inode(fs, number, &inode);
}

#endif
