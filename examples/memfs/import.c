/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memfs import: a real tree goes in, is read back, linked, renamed and half unlinked, and goes
 * away.
 *
 * What it prints is the same in every run on the same tree, but for the lines that start with
 * "time".
 */
#include "memfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINK_EVERY 10
#define RENAME_EVERY 7
#define OPEN_EVERY 50

static void print_time(const char *phase, double *since)
{
	double now = seconds_now(CLOCK_MONOTONIC);

	printf("time %s %.3f s\n", phase, now - *since);
	fflush(stdout);
	*since = now;
}

static void print_loaded(const struct memfs *memfs)
{
	unsigned long long n[3] = { 0 };
	unsigned long long bytes = 0;

	for (size_t i = 0; i < memfs->tree.n; i++) {
		n[memfs->tree.entries[i].kind]++;
		if (memfs->tree.entries[i].kind == INODE_FILE)
			bytes += memfs->tree.entries[i].sum.size;
	}
	printf("%-8s %llu directories, %llu files, %llu symbolic links, %llu bytes; %zu skipped\n",
	       memfs->options->restore ? "restore" : "load", n[INODE_DIRECTORY], n[INODE_FILE],
	       n[INODE_SYMLINK], bytes, memfs->n_skipped);
}

static void verify(struct memfs *memfs)
{
	unsigned long long bytes = memfs_verify(memfs);

	printf("verify   %llu bytes read back\n", bytes);
}

/* A directory at the top: of this name, or with a number after it, if a restored tree has that. */
static size_t make_directory(struct memfs *memfs, const char *name)
{
	char other[64];

	snprintf(other, sizeof(other), "%s", name);
	for (unsigned n = 2; memfs_number(memfs, other) != 0; n++)
		snprintf(other, sizeof(other), "%s.%u", name, n);
	return memfs_mkdir(memfs, other);
}

/* Each LINK_EVERY-th file gets a second name in another directory. */
static void link_files(struct memfs *memfs)
{
	struct tree *tree = &memfs->tree;
	size_t directory = make_directory(memfs, "links");
	size_t n_loaded = tree->n;
	size_t n_files = 0;
	size_t n_links = 0;

	for (size_t i = 0; i < n_loaded; i++) {
		char *from, *to;
		char name[32];
		size_t entry;

		if (tree->entries[i].kind != INODE_FILE || n_files++ % LINK_EVERY != 0)
			continue;
		snprintf(name, sizeof(name), "%zu", i);
		entry = tree_add(tree, directory, name, INODE_FILE);
		tree->entries[entry].sum = tree->entries[i].sum;
		tree->entries[entry].number = tree->entries[i].number;
		from = tree_path(tree, i);
		to = tree_path(tree, entry);
		memfs_expect(memfs, "link", from, fs_link(memfs->root, from, to), 0);
		free(to);
		free(from);
		n_links++;
	}
	printf("link     %zu hard links\n", n_links);
}

/* Moves an entry, in the file system and in our list of what is where. */
static void rename_entry(struct memfs *memfs, size_t i, size_t directory, const char *name)
{
	char *from = tree_path(&memfs->tree, i);
	char *to;

	tree_move(&memfs->tree, i, directory, name);
	to = tree_path(&memfs->tree, i);
	memfs_expect(memfs, "rename", from, fs_rename(memfs->root, from, to), 0);
	if (memfs_number(memfs, from) != 0)
		memfs_expect(memfs, "old name", from, 0, -ENOENT);
	free(to);
	free(from);
}

static void make_target(struct memfs *memfs, size_t directory, const char *name)
{
	LASTREF_AUTO(file) struct file *file = NULL;
	char *parent = tree_path(&memfs->tree, directory);
	char *path = path_join(parent, name);

	memfs_expect(memfs, "create", path, fs_create_file(memfs->root, path, &file), 0);
	free(parent);
	free(path);
}

static bool is_used(const struct tree *tree, const char *suffix)
{
	size_t length = strlen(suffix);

	for (size_t i = 0; i < tree->n; i++) {
		const char *name = tree->entries[i].name;

		if (strlen(name) >= length && strcmp(name + strlen(name) - length, suffix) == 0)
			return true;
	}
	return false;
}

/* A suffix that no loaded name has, so that no new name is one that the lookups know. */
static void choose_suffix(const struct tree *tree, char *suffix, size_t size)
{
	unsigned n = 0;

	snprintf(suffix, size, ".renamed");
	while (is_used(tree, suffix))
		snprintf(suffix, size, ".renamed%u", ++n);
}

/*
 * In turn: to another name in its directory, to another directory, and there over a file.
 * Directories never stay.
 */
static void rename_nth(struct memfs *memfs, size_t n, size_t i, size_t moved, const char *suffix)
{
	const struct entry *entry = &memfs->tree.entries[i];
	char name[64];

	snprintf(name, sizeof(name), "%zu%s", i, suffix);
	if (n % 3 == 0 && entry->kind != INODE_DIRECTORY) {
		rename_entry(memfs, i, entry->parent, name);
		return;
	}
	if (n % 3 == 2 && entry->kind != INODE_DIRECTORY)
		make_target(memfs, moved, name);
	rename_entry(memfs, i, moved, name);
}

/* Each RENAME_EVERY-th of what was loaded; the top directory stays. */
static void rename_entries(struct memfs *memfs, size_t n_loaded)
{
	size_t moved = make_directory(memfs, "moved");
	size_t n[3] = { 0 };
	size_t n_renamed = 0;
	char suffix[32];

	choose_suffix(&memfs->tree, suffix, sizeof(suffix));
	for (size_t i = RENAME_EVERY; i < n_loaded; i += RENAME_EVERY) {
		n[memfs->tree.entries[i].kind]++;
		rename_nth(memfs, n_renamed++, i, moved, suffix);
	}
	printf("rename   %zu files, %zu directories, %zu symbolic links\n", n[INODE_FILE],
	       n[INODE_DIRECTORY], n[INODE_SYMLINK]);
}

static void unlink_entry(struct memfs *memfs, size_t i, bool open)
{
	LASTREF_AUTO(file) struct file *file = NULL;
	struct entry *entry = &memfs->tree.entries[i];
	char *path = tree_path(&memfs->tree, i);

	if (open)
		memfs_expect(memfs, "open", path, fs_open(memfs->root, path, &file), 0);
	memfs_expect(memfs, "unlink", path, fs_unlink(memfs->root, path), 0);
	if (memfs_number(memfs, path) != 0)
		memfs_expect(memfs, "lookup after unlink", path, 0, -ENOENT);
	if (file)
		memfs_verify_open(memfs, path, file, &entry->sum);
	entry->gone = true;
	free(path);
}

static size_t count_files_and_links(const struct tree *tree)
{
	size_t n = 0;

	for (size_t i = 0; i < tree->n; i++)
		n += tree->entries[i].kind != INODE_DIRECTORY;
	return n;
}

/*
 * Half of all names but directories, chosen at random: each of those that are left is as likely as
 * the next.
 */
static void unlink_half(struct memfs *memfs)
{
	uint64_t random = memfs->options->seed;
	size_t left = count_files_and_links(&memfs->tree);
	size_t wanted = left / 2;
	size_t n_unlinked = 0;
	size_t n_open = 0;

	for (size_t i = 0; left > 0; i++) {
		enum inode_kind kind = memfs->tree.entries[i].kind;
		bool open;

		if (kind == INODE_DIRECTORY || random_next(&random) % left-- >= wanted)
			continue;
		open = kind == INODE_FILE && n_unlinked % OPEN_EVERY == 0;
		unlink_entry(memfs, i, open);
		n_unlinked++;
		n_open += open;
		wanted--;
	}
	printf("unlink   %zu names, %zu of open files\n", n_unlinked, n_open);
}

static void print_cache(const struct memfs *memfs)
{
	struct dcache_info info;

	dcache_stat(&memfs->fs->dcache, &info);
	printf("time cache: %llu found, %llu made, %llu evicted; %zu entries, %zu at rest\n",
	       (unsigned long long)info.n_found, (unsigned long long)info.n_entered,
	       (unsigned long long)info.n_evicted, info.n_entries, info.n_resting);
}

static void work(struct memfs *memfs, double *since)
{
	struct lookers *lookers = lookers_start(memfs);
	size_t n_loaded = memfs->tree.n;

	verify(memfs);
	print_time("verify", since);
	link_files(memfs);
	print_time("link", since);
	rename_entries(memfs, n_loaded);
	print_time("rename", since);
	verify(memfs);
	memfs_verify_errors(memfs);
	print_time("verify", since);
	unlink_half(memfs);
	print_time("unlink", since);
	lookers_stop(lookers);
	print_cache(memfs);
}

static int begin(struct memfs *memfs, const struct memfs_options *options)
{
	int r;

	memfs_begin(memfs, options);
	if (options->restore)
		return memfs_restore(memfs) < 0 ? MEMFS_NOT_RESTORED : 0;
	r = memfs_load(memfs);
	if (r < 0) {
		fprintf(stderr, "memfs: cannot read the directory %s: %s\n", options->dir,
			strerror(-r));
		return MEMFS_USAGE;
	}
	return 0;
}

/* Return: the exit status. */
static int end(struct memfs *memfs)
{
	bool saved = !memfs->options->save || memfs_save(memfs) == 0;
	int status;

	printf("result   %s, %zu wrong\n", memfs->n_wrong ? "DIFFERENT" : "verified", memfs->n_wrong);
	status = memfs_end(memfs);
	return saved ? status : MEMFS_NOT_SAVED;
}

int memfs_import(const struct memfs_options *options)
{
	struct memfs memfs;
	double since = seconds_now(CLOCK_MONOTONIC);
	int status;

	status = begin(&memfs, options);
	if (status != 0) {
		memfs_end(&memfs);
		return status;
	}
	print_loaded(&memfs);
	print_time("load", &since);
	work(&memfs, &since);
	verify(&memfs);
	printf("names    %zu are left\n", memfs_verify_names(&memfs));
	print_time("verify", &since);
	status = end(&memfs);
	print_time("destroy", &since);
	return status;
}
