/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that look up paths, and inodes by number, while the tree changes under them.
 *
 * Each knows the paths and numbers as they were at the start. A path is found, and then names the
 * same inode as then, or it is not there any more: nothing else may happen. No locks: what is
 * shared and changes is atomic.
 */
#include "memfs.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/**
 * struct looker - one thread
 * @n_found: lookups that found their file
 * @n_missing: that found it gone
 * @wrong: the first result that cannot be, and @wrong_path where; 0 if none
 * @n_wrong: how many such
 */
struct looker {
	struct lookers *lookers;
	pthread_t thread;
	uint64_t random;
	uint64_t n_found;
	uint64_t n_missing;
	uint64_t n_wrong;
	int wrong;
	const char *wrong_path;
};

/**
 * struct lookers - all of them
 * @stop: they are asked to end; atomic
 * @n_running: how many have looked something up; atomic
 * @n: paths and numbers that they know
 */
struct lookers {
	struct memfs *memfs;
	bool stop;
	unsigned n_running;
	char **paths;
	uint64_t *numbers;
	size_t n;
	unsigned n_threads;
	struct looker threads[];
};

static int look_up_path(const struct lookers *lookers, size_t i)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	int r = fs_lookup(lookers->memfs->root, lookers->paths[i], &dentry);

	if (r == 0 && dentry->inode->number != lookers->numbers[i])
		return -EIO;
	return r;
}

static int look_up_number(const struct lookers *lookers, size_t i)
{
	LASTREF_AUTO(inode) struct inode *inode = NULL;
	int r = fs_find_inode(lookers->memfs->fs, lookers->numbers[i], &inode);

	if (r == 0 && inode->number != lookers->numbers[i])
		return -EIO;
	return r == -ESTALE ? -ENOENT : r;
}

static void look_up_once(struct looker *looker)
{
	const struct lookers *lookers = looker->lookers;
	uint64_t random = random_next(&looker->random);
	size_t i = (random >> 8) % lookers->n;
	int r = random % 8 == 0 ? look_up_number(lookers, i) : look_up_path(lookers, i);

	if (r == 0) {
		looker->n_found++;
	} else if (r == -ENOENT) {
		looker->n_missing++;
	} else if (looker->n_wrong++ == 0) {
		looker->wrong = r;
		looker->wrong_path = lookers->paths[i];
	}
}

static void look_up_some(struct looker *looker)
{
	for (int i = 0; i < 64; i++)
		look_up_once(looker);
	sched_yield();
}

static void *look(void *context)
{
	struct looker *looker = context;

	look_up_some(looker);
	__atomic_fetch_add(&looker->lookers->n_running, 1, __ATOMIC_RELAXED);
	while (!__atomic_load_n(&looker->lookers->stop, __ATOMIC_RELAXED))
		look_up_some(looker);
	return NULL;
}

static void start_threads(struct lookers *lookers, const struct memfs_options *options)
{
	for (unsigned i = 0; i < options->n_threads; i++) {
		struct looker *looker = &lookers->threads[i];

		*looker = (struct looker){ .lookers = lookers, .random = options->seed + i };
		if (pthread_create(&looker->thread, NULL, look, looker) != 0) {
			fprintf(stderr, "memfs: only %u of %u threads could be started\n", i,
				options->n_threads);
			return;
		}
		lookers->n_threads++;
	}
}

struct lookers *lookers_start(struct memfs *memfs)
{
	const struct memfs_options *options = memfs->options;
	struct lookers *lookers =
		calloc(1, sizeof(*lookers) + options->n_threads * sizeof(struct looker));

	if (!lookers)
		out_of_memory();
	lookers->memfs = memfs;
	lookers->n = memfs->tree.n;
	lookers->paths = calloc(lookers->n, sizeof(char *));
	lookers->numbers = calloc(lookers->n, sizeof(uint64_t));
	if (!lookers->paths || !lookers->numbers)
		out_of_memory();
	for (size_t i = 0; i < lookers->n; i++) {
		lookers->paths[i] = tree_path(&memfs->tree, i);
		lookers->numbers[i] = memfs->tree.entries[i].number;
	}
	start_threads(lookers, options);
	while (__atomic_load_n(&lookers->n_running, __ATOMIC_RELAXED) < lookers->n_threads)
		sched_yield();
	return lookers;
}

void lookers_stop(struct lookers *lookers)
{
	uint64_t n_found = 0;
	uint64_t n_missing = 0;

	__atomic_store_n(&lookers->stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < lookers->n_threads; i++) {
		struct looker *looker = &lookers->threads[i];

		pthread_join(looker->thread, NULL);
		n_found += looker->n_found;
		n_missing += looker->n_missing;
		if (looker->n_wrong)
			memfs_expect(lookers->memfs, "lookup meanwhile", looker->wrong_path,
				     looker->wrong, -ENOENT);
	}
	printf("time lookups: %u threads, %llu found, %llu gone\n", lookers->n_threads,
	       (unsigned long long)n_found, (unsigned long long)n_missing);
	for (size_t i = 0; i < lookers->n; i++)
		free(lookers->paths[i]);
	free(lookers->paths);
	free(lookers->numbers);
	free(lookers);
}
