/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memfs bench: the CPU time of one thread for births, lookups, renames and unlinks, with a real
 * tree in memory.
 *
 * All paths are made before the clock runs. Run with checking off and on, and compare:
 * bench/memfs_overhead.sh does.
 */
#include "memfs.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE 256

/**
 * struct bench - the files that are made, moved and unlinked, all in the directories of the
 *	loaded tree, in turn
 * @created: their paths at first
 * @moved: their paths after the rename, each in the next directory; every tenth takes the
 *	path of one that is there
 * @n: how many
 * @n_directories: how many directories were loaded
 */
struct bench {
	struct memfs memfs;
	char **created;
	char **moved;
	size_t n;
	size_t n_directories;
};

/* The directories of the tree; at least the one that was loaded. */
static char **directory_paths(const struct tree *tree, size_t *ret_n)
{
	char **paths = calloc(tree->n, sizeof(char *));
	size_t n = 0;

	if (!paths)
		out_of_memory();
	for (size_t i = 0; i < tree->n; i++)
		if (tree->entries[i].kind == INODE_DIRECTORY)
			paths[n++] = tree_path(tree, i);
	*ret_n = n;
	return paths;
}

/* Which file's place the i-th takes when it moves: one of ten replaces the one before. */
static size_t place_of(size_t i)
{
	return i % 10 == 9 ? i - 1 : i;
}

static char **make_paths(const struct bench *bench, char **directories, bool moved)
{
	char **paths = calloc(bench->n + 1, sizeof(char *));

	assert(bench->n_directories > 0);
	if (!paths)
		out_of_memory();
	for (size_t i = 0; i < bench->n; i++) {
		size_t place = moved ? place_of(i) : i;
		char name[64];

		snprintf(name, sizeof(name), "%s%zu.bench", moved ? "moved" : "made", place);
		paths[i] = path_join(directories[(place + moved) % bench->n_directories], name);
	}
	return paths;
}

static void free_paths(char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}

static void create(struct bench *bench)
{
	static const char content[FILE_SIZE] = "what is in a file";

	for (size_t i = 0; i < bench->n; i++) {
		LASTREF_AUTO(file) struct file *file = NULL;
		int r = fs_create_file(bench->memfs.root, bench->created[i], &file);

		if (r == 0 && file_write(file, content, sizeof(content), 0) < 0)
			r = -ENOMEM;
		memfs_expect(&bench->memfs, "create", bench->created[i], r, 0);
	}
}

static void rename_all(struct bench *bench)
{
	for (size_t i = 0; i < bench->n; i++) {
		int r = fs_rename(bench->memfs.root, bench->created[i], bench->moved[i]);

		memfs_expect(&bench->memfs, "rename", bench->created[i], r, 0);
	}
}

/* Directory by directory, as `rm -r` does. */
static void unlink_all(struct bench *bench)
{
	for (size_t d = 0; d < bench->n_directories; d++) {
		for (size_t i = d; i < bench->n; i += bench->n_directories) {
			int r;

			if (place_of(i) != i)
				continue;
			r = fs_unlink(bench->memfs.root, bench->moved[i]);
			memfs_expect(&bench->memfs, "unlink", bench->moved[i], r, 0);
		}
	}
}

static char **loaded_paths(const struct tree *tree)
{
	char **paths = calloc(tree->n, sizeof(char *));

	if (!paths)
		out_of_memory();
	for (size_t i = 0; i < tree->n; i++)
		paths[i] = tree_path(tree, i);
	return paths;
}

static void look_up(struct memfs *memfs, char **paths)
{
	uint64_t random = memfs->options->seed;

	for (size_t i = 0; i < memfs->options->n_lookups; i++) {
		DENTRY_AUTO struct dentry *dentry = NULL;
		const char *path = paths[random_next(&random) % memfs->tree.n];

		memfs_expect(memfs, "lookup", path, fs_lookup(memfs->root, path, &dentry), 0);
	}
}

static void print_cpu(const char *phase, double *since)
{
	double now = seconds_now(CLOCK_THREAD_CPUTIME_ID);

	printf("cpu %s %.6f\n", phase, now - *since);
	*since = seconds_now(CLOCK_THREAD_CPUTIME_ID);
}

static void measure(struct bench *bench)
{
	char **paths = loaded_paths(&bench->memfs.tree);
	char **directories = directory_paths(&bench->memfs.tree, &bench->n_directories);
	double since;

	bench->created = make_paths(bench, directories, false);
	bench->moved = make_paths(bench, directories, true);

	since = seconds_now(CLOCK_THREAD_CPUTIME_ID);
	create(bench);
	print_cpu("create", &since);
	look_up(&bench->memfs, paths);
	print_cpu("lookup", &since);
	rename_all(bench);
	print_cpu("rename", &since);
	unlink_all(bench);
	print_cpu("unlink", &since);

	free_paths(bench->moved, bench->n);
	free_paths(bench->created, bench->n);
	free_paths(directories, bench->n_directories);
	free_paths(paths, bench->memfs.tree.n);
}

int memfs_bench(const struct memfs_options *options)
{
	struct bench bench = { .n = options->n_files };
	int r;

	memfs_begin(&bench.memfs, options);
	r = memfs_load(&bench.memfs);
	if (r < 0) {
		fprintf(stderr, "memfs: cannot read the directory %s: %s\n", options->dir,
			strerror(-r));
		memfs_end(&bench.memfs);
		return MEMFS_USAGE;
	}
	printf("bench    %zu names in memory, %zu lookups, %zu files made\n", bench.memfs.tree.n,
	       options->n_lookups, options->n_files);
	measure(&bench);
	return memfs_end(&bench.memfs);
}
