/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memfs bench: the CPU time of one thread for births, lookups, renames and unlinks, with a real tree in memory.
 *
 * All paths are made before the clock runs. Run with checking off and on, and compare: bench/memfs_overhead.sh
 * does.
 */
#include "memfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_DIRECTORIES 64

/**
 * struct bench - the files that are made, moved and unlinked
 * @created: their paths at first
 * @moved: their paths after the rename; every tenth takes that of the one before, which is replaced
 */
struct bench {
	struct memfs memfs;
	char **created;
	char **moved;
	size_t n;
};

static char **make_paths(size_t n, size_t shift, bool replace)
{
	char **paths = calloc(n + 1, sizeof(char *));

	if (!paths)
		out_of_memory();
	for (size_t i = 0; i < n; i++) {
		size_t k = replace && i % 10 == 9 ? i - 1 : i;
		char path[80];

		snprintf(path, sizeof(path), "/bench%zu/%s%zu.h", (k + shift) % N_DIRECTORIES,
			 replace ? "moved" : "file", k);
		paths[i] = strdup(path);
		if (!paths[i])
			out_of_memory();
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
	for (size_t i = 0; i < bench->n; i++) {
		LASTREF_AUTO(file) struct file *file = NULL;
		int r = fs_create_file(bench->memfs.root, bench->created[i], &file);

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

static void unlink_all(struct bench *bench)
{
	for (size_t i = 0; i < bench->n; i++) {
		if (i % 10 == 9)
			continue;
		memfs_expect(&bench->memfs, "unlink", bench->moved[i],
			     fs_unlink(bench->memfs.root, bench->moved[i]), 0);
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
		LASTREF_AUTO(dentry) struct dentry *dentry = NULL;
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
	double since;

	bench->created = make_paths(bench->n, 0, false);
	bench->moved = make_paths(bench->n, 1, true);

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
	free_paths(paths, bench->memfs.tree.n);
}

static void make_directories(struct memfs *memfs)
{
	for (size_t i = 0; i < N_DIRECTORIES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "bench%zu", i);
		memfs_mkdir(memfs, name);
	}
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
	make_directories(&bench.memfs);
	printf("bench    %zu names in memory, %zu lookups, %zu files made\n", bench.memfs.tree.n,
	       options->n_lookups, options->n_files);
	measure(&bench);
	return memfs_end(&bench.memfs);
}
