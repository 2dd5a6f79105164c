/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the file system with what it should contain. One thread; others may look up paths
 * meanwhile.
 */
#include "memfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char chunk[64 * 1024];

static int sum_up(struct file *file, struct sum *sum)
{
	for (;;) {
		ssize_t n = file_read(file, chunk, sizeof(chunk), sum->size);

		if (n <= 0)
			return (int)n;
		sum_add(sum, chunk, (size_t)n);
	}
}

/* The checksum of the file at a path. Return: 0, or a negative errno of opening or reading it. */
static int read_path(struct memfs *memfs, const char *path, struct sum *sum)
{
	struct file *file;
	int r = fs_open(memfs->root, path, &file);

	if (r < 0)
		return r;
	r = sum_up(file, sum);
	if (r < 0) {
		/* What --fault handle shows: after an error nobody closes the file. */
		if (memfs->options->fault != FS_FAULT_HANDLE)
			file_unref(file);
		return r;
	}
	file_unref(file);
	return 0;
}

static int read_target(struct memfs *memfs, const char *path, struct sum *sum)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	int r = fs_lookup(memfs->root, path, &dentry);
	ssize_t n;

	if (r < 0)
		return r;
	if (dentry->inode->kind != INODE_SYMLINK)
		return -EINVAL;
	n = inode_read(dentry->inode, chunk, sizeof(chunk), 0);
	if (n < 0)
		return (int)n;
	sum_add(sum, chunk, (size_t)n);
	return 0;
}

static int check_directory(struct memfs *memfs, const char *path)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	int r = fs_lookup(memfs->root, path, &dentry);

	if (r < 0)
		return r;
	return dentry->inode->kind == INODE_DIRECTORY ? 0 : -ENOTDIR;
}

static uint64_t verify_entry(struct memfs *memfs, size_t i)
{
	const struct entry *entry = &memfs->tree.entries[i];
	char *path = tree_path(&memfs->tree, i);
	struct sum sum = SUM_EMPTY;
	int r;

	if (entry->kind == INODE_FILE)
		r = read_path(memfs, path, &sum);
	else if (entry->kind == INODE_SYMLINK)
		r = read_target(memfs, path, &sum);
	else
		r = check_directory(memfs, path);
	if (r == 0 && !sum_equal(&sum, &entry->sum))
		r = -EIO;
	memfs_expect(memfs, "read back", path, r, 0);
	if (entry->number && memfs_number(memfs, path) != entry->number)
		memfs_expect(memfs, "inode number", path, -ESTALE, 0);
	free(path);
	return entry->kind == INODE_FILE ? sum.size : 0;
}

uint64_t memfs_verify(struct memfs *memfs)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < memfs->tree.n; i++)
		if (!memfs->tree.entries[i].gone)
			bytes += verify_entry(memfs, i);
	return bytes;
}

void memfs_verify_open(struct memfs *memfs, const char *path, struct file *file,
		       const struct sum *expected)
{
	struct sum sum = SUM_EMPTY;
	int r = sum_up(file, &sum);

	if (r == 0 && !sum_equal(&sum, expected))
		r = -EIO;
	memfs_expect(memfs, "read while unlinked", path, r, 0);
}

/*
 * The first directory in the loaded one that is still there, or the loaded one itself, which is the
 * first entry.
 */
static char *some_directory(const struct tree *tree)
{
	for (size_t i = 1; i < tree->n; i++)
		if (tree->entries[i].kind == INODE_DIRECTORY && tree->entries[i].parent == 0)
			return tree_path(tree, i);
	return tree_path(tree, 0);
}

static void verify_lookup_fails(struct memfs *memfs, const char *dir, const char *name, int expected)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	char *path = path_join(dir, name);

	memfs_expect(memfs, "lookup", path, fs_lookup(memfs->root, path, &dentry), expected);
	free(path);
}

void memfs_verify_errors(struct memfs *memfs)
{
	char *dir = some_directory(&memfs->tree);
	char *inside = path_join(dir, "inside");
	char too_long[FS_NAME_MAX + 2];
	struct sum sum = SUM_EMPTY;

	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	verify_lookup_fails(memfs, dir, too_long, -ENAMETOOLONG);
	memfs_expect(memfs, "read a directory", dir, read_path(memfs, dir, &sum), -EISDIR);
	memfs_expect(memfs, "rename into itself", dir, fs_rename(memfs->root, dir, inside), -EINVAL);
	memfs_expect(memfs, "link a directory", dir, fs_link(memfs->root, dir, "/link"), -EPERM);
	memfs_expect(memfs, "make again", dir, fs_mkdir(memfs->root, dir), -EEXIST);
	for (size_t i = 0; i < memfs->tree.n; i++) {
		if (memfs->tree.entries[i].kind == INODE_FILE) {
			char *file = tree_path(&memfs->tree, i);

			verify_lookup_fails(memfs, file, "inside", -ENOTDIR);
			free(file);
			break;
		}
	}
	free(inside);
	free(dir);
}

/* Counts the names below a dentry. The real tree bounds the depth: its paths could be opened. */
static size_t count_names(struct memfs *memfs, struct dentry *top)
{
	struct dentry **entries;
	size_t n = 0;
	size_t n_names;

	if (top->inode->kind != INODE_DIRECTORY)
		return 0;
	memfs_expect(memfs, "list", "", fs_list(top, &entries, &n), 0);
	n_names = n;
	for (size_t i = 0; i < n; i++)
		n_names += count_names(memfs, entries[i]);
	fs_list_free(entries, n);
	return n_names;
}

/* An unlinked file's inode is gone, unless it has another name. */
static void verify_gone(struct memfs *memfs, const struct entry *entry)
{
	LASTREF_AUTO(inode) struct inode *inode = NULL;
	struct inode_info info;

	if (fs_find_inode(memfs->fs, entry->number, &inode) < 0)
		return;
	inode_stat(inode, &info);
	if (info.links == 0)
		memfs_expect(memfs, "find the inode", entry->name, 0, -ESTALE);
}

size_t memfs_verify_names(struct memfs *memfs)
{
	size_t n_names = count_names(memfs, memfs->root);
	size_t n_expected = 0;

	for (size_t i = 0; i < memfs->tree.n; i++) {
		if (memfs->tree.entries[i].gone)
			verify_gone(memfs, &memfs->tree.entries[i]);
		else
			n_expected++;
	}
	if (n_names != n_expected)
		memfs_expect(memfs, "number of names", "", -EIO, 0);
	return n_names;
}
