/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memfs import --save and --restore. What is restored is listed, so that the rest of import knows
 * what there is; that it is what was saved, the digests show that both print.
 */
#include "memfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char chunk[64 * 1024];

static void print_digest(const struct memfs *memfs)
{
	struct tree_digest digest = tree_digest(&memfs->tree);

	printf("tree     %zu names, digest %016llx\n", digest.n_names,
	       (unsigned long long)digest.hash);
}

/* Directories first, and by name: import wants to begin with a directory. */
static int in_order(const void *a, const void *b)
{
	const struct dentry *first = *(struct dentry *const *)a;
	const struct dentry *second = *(struct dentry *const *)b;
	bool is_first = first->inode->kind == INODE_DIRECTORY;
	bool is_second = second->inode->kind == INODE_DIRECTORY;

	if (is_first != is_second)
		return is_first ? -1 : 1;
	return strcmp(first->name, second->name);
}

static void sum_content(struct memfs *memfs, struct inode *inode, struct sum *sum)
{
	ssize_t n = 0;

	if (inode->kind == INODE_DIRECTORY)
		return;
	while ((n = inode_read(inode, chunk, sizeof(chunk), sum->size)) > 0)
		sum_add(sum, chunk, (size_t)n);
	memfs_expect(memfs, "read", "", (int)n, 0);
}

static void add_entry(struct memfs *memfs, size_t parent, const struct dentry *dentry)
{
	size_t i = tree_add(&memfs->tree, parent, dentry->name, dentry->inode->kind);
	struct entry *entry = &memfs->tree.entries[i];

	entry->number = dentry->inode->number;
	sum_content(memfs, dentry->inode, &entry->sum);
}

static void add_entries(struct memfs *memfs, size_t parent, struct dentry *directory)
{
	struct dentry **entries = NULL;
	size_t n = 0;

	memfs_expect(memfs, "list", directory->name, fs_list(directory, &entries, &n), 0);
	if (n > 0)
		qsort(entries, n, sizeof(struct dentry *), in_order);
	for (size_t i = 0; i < n; i++)
		add_entry(memfs, parent, entries[i]);
	fs_list_free(entries, n);
}

/* The list of entries is also the list of directories still to be listed. */
static void list_tree(struct memfs *memfs)
{
	add_entries(memfs, TREE_ROOT, memfs->root);
	for (size_t i = 0; i < memfs->tree.n; i++) {
		DENTRY_AUTO struct dentry *directory = NULL;
		char *path;

		if (memfs->tree.entries[i].kind != INODE_DIRECTORY)
			continue;
		path = tree_path(&memfs->tree, i);
		memfs_expect(memfs, "lookup", path, fs_lookup(memfs->root, path, &directory), 0);
		if (directory)
			add_entries(memfs, i, directory);
		free(path);
	}
}

int memfs_restore(struct memfs *memfs)
{
	LASTREF_AUTO(mount) struct mount *mount = NULL;
	const char *path = memfs->options->restore;
	const char *why = NULL;
	struct dcache_info info;
	int r = fs_restore(memfs->fs, memfs->mount, path, &mount, &why);

	if (r < 0) {
		fprintf(stderr, "memfs: cannot restore a tree from %s: %s\n", path,
			why ? why : strerror(-r));
		return r;
	}
	dcache_stat(&memfs->fs->dcache, &info);
	printf("time restore: %zu dentries, %zu at rest\n", info.n_entries, info.n_resting);
	dentry_ref_set(&memfs->root, mount->root);
	list_tree(memfs);
	print_digest(memfs);
	if (memfs->tree.n == 0 || memfs->tree.entries[0].kind != INODE_DIRECTORY)
		memfs_mkdir(memfs, "tree");
	return 0;
}

/* Our own reference to the root is given up first: what is saved is what the tree itself holds. */
int memfs_save(struct memfs *memfs)
{
	LASTREF_AUTO(mount) struct mount *mount = NULL;
	const char *path = memfs->options->save;
	struct dcache_info info;
	int r;

	memfs_expect(memfs, "find", memfs->mount, fs_find_mount(memfs->fs, memfs->mount, &mount), 0);
	dentry_put_slot(&memfs->root);
	r = fs_save(mount, path);
	dentry_ref_set(&memfs->root, mount->root);
	if (r < 0) {
		fprintf(stderr, "memfs: cannot save the tree to %s: %s\n", path,
			r == -EBUSY ? "some of it is still held, by somebody who forgot to let go" :
				      strerror(-r));
		return r;
	}
	dcache_stat(&memfs->fs->dcache, &info);
	printf("time save: %zu dentries, %zu at rest\n", info.n_entries, info.n_resting);
	print_digest(memfs);
	return 0;
}
