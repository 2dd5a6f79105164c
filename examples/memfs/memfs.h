/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program memfs: what its parts share.
 */
#ifndef MEMFS_MEMFS_H
#define MEMFS_MEMFS_H

#include "tree.h"

#include <time.h>

/** The exit statuses. */
enum {
	MEMFS_VERIFIED = 0,
	MEMFS_WRONG = 1,
	MEMFS_USAGE = 2,
	MEMFS_NOT_RESTORED = 3,
	MEMFS_NOT_SAVED = 4,
};

/**
 * struct memfs_options - the command line
 * @dir: the real directory
 * @restore: the file of a saved tree, which is taken instead of @dir; or NULL
 * @save: the file to which import saves the tree at its end; or NULL
 * @fault: a mistake to be made
 * @cache_limit: how many dentries may rest in the cache
 * @n_threads: how many look up paths while import works
 * @seed: of everything random
 * @n_lookups: of bench
 * @n_files: made by bench
 */
struct memfs_options {
	const char *dir;
	const char *restore;
	const char *save;
	enum fs_fault fault;
	size_t cache_limit;
	unsigned n_threads;
	uint64_t seed;
	size_t n_lookups;
	size_t n_files;
};

/**
 * struct memfs - one run
 * @mount: the name of the only mount
 * @root: slot: where all paths start
 * @tree: the names that are in the file system
 * @n_skipped: real files that were not loaded
 * @n_wrong: what did not verify
 */
struct memfs {
	const struct memfs_options *options;
	struct fs *fs;
	const char *mount;
	struct dentry *root;
	struct tree tree;
	size_t n_skipped;
	size_t n_wrong;
};

/** random_next() - splitmix64: a good generator in one word of state. */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/** seconds_now() - the time of a clock, in seconds. */
static inline double seconds_now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/** memfs_begin() - a file system with one empty mount; with none if a tree is to be restored. */
void memfs_begin(struct memfs *memfs, const struct memfs_options *options);

/** memfs_end() - destroys it, and prints how many objects leaked. Return: the exit status. */
int memfs_end(struct memfs *memfs);

/**
 * memfs_expect() - counts, and says, a result that is not the expected one; 0 or a negative errno
 * each.
 */
void memfs_expect(struct memfs *memfs, const char *what, const char *path, int result, int expected);

/**
 * memfs_load() - load the real directory as "/tree". Return: 0, or the negative errno of opening
 * it.
 */
int memfs_load(struct memfs *memfs);

/** memfs_restore() - restore a saved tree; says why not. Return: 0 or a negative errno. */
int memfs_restore(struct memfs *memfs);

/** memfs_save() - save the tree; says why not. Return: 0 or a negative errno. */
int memfs_save(struct memfs *memfs);

/** memfs_mkdir() - make a directory at the top. Return: its entry. */
size_t memfs_mkdir(struct memfs *memfs, const char *name);

/** memfs_number() - the inode number of a path, 0 if it is not there. */
uint64_t memfs_number(struct memfs *memfs, const char *path);

/** memfs_verify() - read every byte back. Return: how many there were. */
uint64_t memfs_verify(struct memfs *memfs);

/** memfs_verify_errors() - what must be refused is. */
void memfs_verify_errors(struct memfs *memfs);

/** memfs_verify_open() - read an open file to its end and compare. */
void memfs_verify_open(struct memfs *memfs, const char *path, struct file *file,
		       const struct sum *expected);

/**
 * memfs_verify_names() - exactly the names that should be there are, and no inode without one.
 *
 * Return: how many.
 */
size_t memfs_verify_names(struct memfs *memfs);

struct lookers;

/**
 * lookers_start() - threads that look up what is in the tree now, whatever becomes of it; all are
 * at work then.
 */
struct lookers *lookers_start(struct memfs *memfs);

/** lookers_stop() - ends them, and counts what they found wrong. */
void lookers_stop(struct lookers *lookers);

/** memfs_import() - the command `memfs import`. Return: the exit status. */
int memfs_import(const struct memfs_options *options);

/** memfs_bench() - the command `memfs bench`. Return: the exit status. */
int memfs_bench(const struct memfs_options *options);

#endif
