/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dentry cache of examples/memfs: threads look up, list, make, link, move and remove names in a
 * few directories, each of them all of this, while the number of dentries that may rest goes up and
 * down between nothing and all. What must hold meanwhile:
 *
 *	a name that begins with d is a directory, one that begins with f a file a file that others
 *	rename over and over is never missing, and never seen under its old name when it was under
 *	the new one no call fails with what it cannot fail with
 *
 * and at the end everything is gone.
 */
#include "../../examples/memfs/fs/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 6
#define STEPS 50000
#define DIRECTORIES 4
#define FILES 6

static struct fs *fs;
static struct dentry *root;
static int failures;

static void fail(const char *what, const char *path, int result)
{
	fprintf(stderr, "dcache: %s %s: %d\n", what, path, result);
	__atomic_store_n(&failures, 1, __ATOMIC_RELAXED);
}

/*
 * What two threads that change the same names may find: it is there, it is not, its directory is
 * not, or not empty.
 */
static void expect(const char *what, const char *path, int result)
{
	if (result != 0 && result != -ENOENT && result != -EEXIST && result != -ENOTEMPTY &&
	    result != -EINVAL)
		fail(what, path, result);
}

static void random_file(unsigned *seed, char *path, size_t size)
{
	int directory = rand_r(seed) % DIRECTORIES;
	int file = rand_r(seed) % FILES;

	snprintf(path, size, "d%d/f%d", directory, file);
}

/*
 * In one of the others; never above or below another one of these, so a rename cannot be refused
 * for that.
 */
static void random_directory(unsigned *seed, char *path, size_t size)
{
	int directory = rand_r(seed) % DIRECTORIES;

	snprintf(path, size, "d%d/d%d", directory, rand_r(seed) % 2);
}

static void look_up(const char *path, enum inode_kind kind)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	int r = fs_lookup(root, path, &dentry);

	expect("lookup", path, r);
	if (r == 0 && dentry->inode->kind != kind)
		fail("another kind", path, (int)dentry->inode->kind);
	if (r == 0 && dentry_ref_count(dentry) <= 0)
		fail("at rest while held", path, (int)dentry_ref_count(dentry));
}

static void list(const char *path)
{
	DENTRY_AUTO struct dentry *directory = NULL;
	struct dentry **entries;
	size_t n;
	int r = fs_lookup(root, path, &directory);

	if (r == 0)
		r = fs_list(directory, &entries, &n);
	expect("list", path, r);
	if (r == 0)
		fs_list_free(entries, n);
}

static void create(const char *path)
{
	LASTREF_AUTO(file) struct file *file = NULL;
	int r = fs_create_file(root, path, &file);

	expect("create", path, r);
	if (r == 0 && file_write(file, path, 1, 0) != 1)
		fail("write", path, 0);
}

static void change_files(unsigned *seed, int what)
{
	char from[32], to[32];

	random_file(seed, from, sizeof(from));
	random_file(seed, to, sizeof(to));
	switch (what) {
	case 0:
		expect("rename", from, fs_rename(root, from, to));
		break;
	case 1:
		expect("link", from, fs_link(root, from, to));
		break;
	case 2:
		expect("unlink", from, fs_unlink(root, from));
		break;
	default:
		create(from);
	}
}

static void change_directories(unsigned *seed, int what)
{
	char from[32], to[32];

	random_directory(seed, from, sizeof(from));
	random_directory(seed, to, sizeof(to));
	switch (what) {
	case 0:
		expect("rename", from, fs_rename(root, from, to));
		break;
	case 1:
		expect("rmdir", from, fs_rmdir(root, from));
		break;
	default:
		expect("mkdir", from, fs_mkdir(root, from));
	}
}

static void read_something(unsigned *seed)
{
	char path[32];

	random_file(seed, path, sizeof(path));
	look_up(path, INODE_FILE);
	random_directory(seed, path, sizeof(path));
	look_up(path, INODE_DIRECTORY);
	if (rand_r(seed) % 4 == 0)
		list(path);
	path[2] = '\0';
	if (rand_r(seed) % 16 == 0)
		list(path);
}

/*
 * replace() moves each file from the one name to the other, so whoever has seen it there does not
 * find it here any more.
 */
static void look_up_always(void)
{
	DENTRY_AUTO struct dentry *always = NULL;
	DENTRY_AUTO struct dentry *next = NULL;
	int r = fs_lookup(root, "d0/always", &always);

	if (r != 0)
		fail("missing", "d0/always", r);
	else if (fs_lookup(root, "d1/next", &next) == 0 && next->inode == always->inode)
		fail("moved, and still there", "d1/next", 0);
}

static void *work(void *number)
{
	unsigned seed = (unsigned)(size_t)number;

	for (int i = 0; i < STEPS; i++) {
		read_something(&seed);
		if (rand_r(&seed) % 4 == 0)
			change_files(&seed, rand_r(&seed) % 4);
		if (rand_r(&seed) % 8 == 0)
			change_directories(&seed, rand_r(&seed) % 3);
		if (rand_r(&seed) % 64 == 0)
			dcache_set_limit(&fs->dcache, (size_t)(rand_r(&seed) % 3) * 16);
		look_up_always();
	}
	return NULL;
}

static bool stop;

/* The name is there all the time; the file behind it is another one each time. */
static void *replace(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		create("d1/next");
		if (fs_rename(root, "d1/next", "d0/always") != 0)
			fail("replace", "d0/always", 0);
	}
	return NULL;
}

static void begin(void)
{
	struct mount *mount = NULL;
	char path[8];

	fs = fs_create(NULL);
	if (!fs || fs_mount(fs, "test", &mount) < 0)
		abort();
	root = dentry_ref(mount->root);
	mount_unref(mount);
	for (int i = 0; i < DIRECTORIES; i++) {
		snprintf(path, sizeof(path), "d%d", i);
		fs_mkdir(root, path);
	}
	create("d0/always");
}

static void run_threads(void)
{
	pthread_t threads[THREADS];
	pthread_t replacer;

	if (pthread_create(&replacer, NULL, replace, NULL) != 0)
		abort();
	for (size_t i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, work, (void *)(i + 1)) != 0)
			abort();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(replacer, NULL);
}

/* Nobody is at work any more, so what the cache counts is what there is. */
static void check_cache(void)
{
	struct dcache_info info;

	dcache_set_limit(&fs->dcache, 0);
	dcache_stat(&fs->dcache, &info);
	if (info.n_entries != 0 || info.n_resting != 0)
		fail("entries are left", "", (int)info.n_entries);
	if (info.n_evicted == 0 || info.n_found == 0)
		fail("nothing was evicted or found", "", 0);
	if (!TAILQ_EMPTY(&fs->dcache.doomed))
		fail("doomed dentries are left", "", 0);
}

int main(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	begin();
	run_threads();
	check_cache();
	dentry_put_slot(&root);
	if (fs_destroy(fs) != 0)
		fail("leaked", "", 0);
	return failures;
}
