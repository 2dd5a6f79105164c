/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system's beginning and end.
 */
#include "fs.h"

#include <stdlib.h>

struct fs *fs_create(const struct fs_options *options)
{
	struct fs *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return NULL;
	fs->options = options ? *options : (struct fs_options){ .cache_limit = FS_CACHE_LIMIT };
	if (dcache_init(&fs->dcache, fs->options.cache_limit) < 0) {
		free(fs);
		return NULL;
	}
	pthread_mutex_init(&fs->lock, NULL);
	pthread_mutex_init(&fs->inodes.lock, NULL);
	return fs;
}

bool fs_makes_mistake(struct fs *fs, enum fs_fault fault)
{
	return fs->options.fault == fault &&
	       !__atomic_exchange_n(&fs->has_erred, true, __ATOMIC_RELAXED);
}

/*
 * Nobody else is there any more, so the list needs no lock. Leaked objects do not follow their
 * pointers to the file system.
 */
size_t fs_destroy(struct fs *fs)
{
	while (fs->mounts)
		fs_unmount(fs, fs->mounts->name);
	dcache_finish(&fs->dcache);
	pthread_mutex_destroy(&fs->inodes.lock);
	pthread_mutex_destroy(&fs->lock);
	free(fs->inodes.buckets);
	free(fs);
	return lastref_leak_check();
}
