/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a real tree: directories, files with their content, symbolic links with their target. One
 * thread, no recursion: the list of entries is also the list of directories still to be read.
 * Sorted by name, so that every run does the same.
 */
#include "memfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_NAME "tree"

static char chunk[256 * 1024];

/* Copies what is left in @fd. Return: 0, or the negative errno of reading it. */
static int copy_content(struct memfs *memfs, int fd, struct file *file, struct sum *sum)
{
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		ssize_t written;

		if (n <= 0)
			return n < 0 ? -errno : 0;
		written = file_write(file, chunk, (size_t)n, sum->size);
		if (written < 0)
			out_of_memory();
		memfs_expect(memfs, "write", "", written == n ? 0 : -EIO, 0);
		sum_add(sum, chunk, (size_t)n);
	}
}

static int load_file(struct memfs *memfs, const char *real, const char *path, struct sum *sum)
{
	LASTREF_AUTO(file) struct file *file = NULL;
	int fd = open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = fs_create_file(memfs->root, path, &file);
	if (r == 0) {
		r = copy_content(memfs, fd, file, sum);
		if (r < 0)
			fs_unlink(memfs->root, path);
	}
	close(fd);
	return r;
}

static int load_symlink(struct memfs *memfs, const char *real, const char *path, struct sum *sum)
{
	char target[PATH_MAX + 1];
	ssize_t n = readlink(real, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	sum_add(sum, target, (size_t)n);
	return fs_symlink(memfs->root, target, path);
}

/* Return: 0, or why this one is skipped. */
static int load_any(struct memfs *memfs, const char *real, const char *path,
		    enum inode_kind *ret_kind, struct sum *sum)
{
	struct stat st;

	if (lstat(real, &st) < 0)
		return -errno;
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		*ret_kind = INODE_DIRECTORY;
		return fs_mkdir(memfs->root, path);
	case S_IFREG:
		*ret_kind = INODE_FILE;
		return load_file(memfs, real, path, sum);
	case S_IFLNK:
		*ret_kind = INODE_SYMLINK;
		return load_symlink(memfs, real, path, sum);
	default:
		return -ENOTSUP;
	}
}

static void load_entry(struct memfs *memfs, size_t parent, const char *real_dir, const char *dir,
		       const char *name)
{
	char *real = path_join(real_dir, name);
	char *path = path_join(dir, name);
	struct sum sum = SUM_EMPTY;
	enum inode_kind kind = INODE_FILE;

	if (load_any(memfs, real, path, &kind, &sum) == 0) {
		size_t entry = tree_add(&memfs->tree, parent, name, kind);

		memfs->tree.entries[entry].sum = sum;
		memfs->tree.entries[entry].number = memfs_number(memfs, path);
	} else {
		memfs->n_skipped++;
	}
	free(path);
	free(real);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int load_directory(struct memfs *memfs, size_t entry)
{
	char *path = tree_path(&memfs->tree, entry);
	char *real = path_join(memfs->options->dir, path + strlen("/" TREE_NAME));
	struct dirent **names = NULL;
	int n = scandir(real, &names, no_dots, by_name);
	int r = n < 0 ? -errno : 0;

	for (int i = 0; i < n; i++) {
		load_entry(memfs, entry, real, path, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	free(real);
	free(path);
	return r;
}

int memfs_load(struct memfs *memfs)
{
	size_t top = memfs_mkdir(memfs, TREE_NAME);
	int r = load_directory(memfs, top);

	for (size_t i = top + 1; i < memfs->tree.n; i++)
		if (memfs->tree.entries[i].kind == INODE_DIRECTORY && load_directory(memfs, i) < 0)
			memfs->n_skipped++;
	return r;
}
