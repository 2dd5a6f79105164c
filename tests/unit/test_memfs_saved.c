/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved trees of examples/memfs: what comes back, and files that are not what they seem. Each test ends with everything
 * released.
 */
#include "../../examples/memfs/fs/saved.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/test_memfs_saved.XXXXXX";
static char path[64];
static char other[64];
static struct fs *fs;
static struct mount *mount;

static void begin(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/saved", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	fs = fs_create(NULL);
	cr_assert_not_null(fs);
	cr_assert_eq(fs_mount(fs, "test", &mount), 0);
}

static void end(void)
{
	mount_ref_clear(&mount);
	cr_assert_eq(fs_destroy(fs), 0);
	unlink(path);
	unlink(other);
	cr_assert_eq(rmdir(folder), 0, "no other file is left");
}

TestSuite(memfs_saved, .init = begin, .fini = end);

static void make(const char *name, const char *content)
{
	LASTREF_AUTO(file) struct file *file = NULL;

	cr_assert_eq(fs_create_file(mount->root, name, &file), 0, "%s", name);
	cr_assert_eq(file_write(file, content, strlen(content), 0), (ssize_t)strlen(content));
}

static void expect_file(const char *name, const char *content)
{
	LASTREF_AUTO(file) struct file *file = NULL;
	char text[64] = "";

	cr_assert_eq(fs_open(mount->root, name, &file), 0, "%s", name);
	cr_assert_eq(file_read(file, text, sizeof(text) - 1, 0), (ssize_t)strlen(content));
	cr_assert_str_eq(text, content);
}

static struct inode_info stat_of(const char *name)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	struct inode_info info = { 0 };

	cr_assert_eq(fs_lookup(mount->root, name, &dentry), 0, "%s", name);
	inode_stat(dentry->inode, &info);
	return info;
}

static struct dcache_info cache_info(void)
{
	struct dcache_info info;

	dcache_stat(&fs->dcache, &info);
	return info;
}

/* One of everything: names in the cache and out of it, at rest and kept by a child, hard links, links. */
static void make_tree(void)
{
	cr_assert_eq(fs_mkdir(mount->root, "a"), 0);
	cr_assert_eq(fs_mkdir(mount->root, "a/empty"), 0);
	cr_assert_eq(fs_mkdir(mount->root, "b"), 0);
	make("a/file", "text");
	make("gone", "");
	cr_assert_eq(fs_symlink(mount->root, "a/file", "b/link"), 0);
	cr_assert_eq(fs_link(mount->root, "a/file", "b/hard"), 0);
	cr_assert_eq(fs_unlink(mount->root, "gone"), 0);
	dcache_set_limit(&fs->dcache, 0);
	dcache_set_limit(&fs->dcache, FS_CACHE_LIMIT);
	stat_of("a/file");
	stat_of("b/hard");
	stat_of("a");
}

static int restore(const char *from, const char **why)
{
	*why = "";
	return fs_restore(fs, "test", from, &mount, why);
}

/* In a new file system. */
static void begin_anew(void)
{
	mount_ref_clear(&mount);
	cr_assert_eq(fs_destroy(fs), 0);
	fs = fs_create(NULL);
	cr_assert_not_null(fs);
}

static void save_and_restore(void)
{
	const char *why;

	cr_assert_eq(fs_save(mount, path), 0);
	begin_anew();
	cr_assert_eq(restore(path, &why), 0, "%s", why);
}

static size_t read_file(const char *name, unsigned char *bytes, size_t size)
{
	FILE *file = fopen(name, "r");
	size_t n;

	cr_assert_not_null(file, "%s", name);
	n = fread(bytes, 1, size, file);
	fclose(file);
	cr_assert_lt(n, size);
	return n;
}

/* Without a truncation to nothing, after which some file systems write to the disk at once. */
static void write_file(const unsigned char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
	cr_assert_eq(ftruncate(fd, (off_t)n), 0);
	close(fd);
}

static unsigned char saved[2048];
static size_t n_saved;

/* The bytes of a saved tree, and a file system for it. */
static void save_bytes(void)
{
	make_tree();
	cr_assert_eq(fs_save(mount, path), 0);
	n_saved = read_file(path, saved, sizeof(saved));
	begin_anew();
}

static void expect_refused(const unsigned char *bytes, size_t n, const char *expected)
{
	const char *why;

	write_file(bytes, n);
	cr_assert_eq(restore(path, &why), -EBADMSG);
	cr_assert_null(mount);
	cr_assert_eq(lastref_live_objects(), 0);
	cr_assert_eq(fs->inodes.n_inodes, 0);
	cr_assert_eq(cache_info().n_entries, 0);
	if (expected)
		cr_assert_str_eq(why, expected);
}

Test(memfs_saved, names_contents_numbers_and_links_come_back)
{
	uint64_t number;

	make_tree();
	number = stat_of("a/file").number;
	save_and_restore();
	expect_file("a/file", "text");
	cr_assert_eq(stat_of("a/file").number, number);
	cr_assert_eq(stat_of("b/hard").number, number);
	cr_assert_eq(stat_of("a/file").links, 2);
	cr_assert_eq(stat_of("b/link").kind, INODE_SYMLINK);
	cr_assert_eq(stat_of("a/empty").kind, INODE_DIRECTORY);
	cr_assert_eq(fs_mkdir(mount->root, "gone"), 0);
}

Test(memfs_saved, a_number_that_was_given_is_not_given_again)
{
	uint64_t number;

	make("last", "");
	number = stat_of("last").number;
	cr_assert_eq(fs_unlink(mount->root, "last"), 0);
	save_and_restore();
	make("next", "");
	cr_assert_eq(stat_of("next").number, number + 1);
}

Test(memfs_saved, the_counts_come_back_and_all_objects_are_registered_again)
{
	DENTRY_AUTO struct dentry *file = NULL;
	int64_t root_count;
	size_t n_live;

	make_tree();
	root_count = dentry_ref_count(mount->root);
	n_live = lastref_live_objects();
	save_and_restore();
	cr_assert_eq(dentry_ref_count(mount->root), root_count);
	cr_assert_eq(lastref_live_objects(), n_live);
	cr_assert_eq(fs_lookup(mount->root, "a/file", &file), 0);
	cr_assert_eq(dentry_ref_count(file), 1);
	cr_assert_eq(inode_ref_count(file->inode), 4, "two names, two dentries");
}

Test(memfs_saved, what_rested_rests_again_and_can_be_revived_and_evicted)
{
	struct dcache_info before, after;

	make_tree();
	before = cache_info();
	cr_assert_eq(before.n_resting, 2, "a/file and b/hard");
	save_and_restore();
	after = cache_info();
	cr_assert_eq(after.n_entries, before.n_entries);
	cr_assert_eq(after.n_resting, before.n_resting);
	expect_file("a/file", "text");
	cr_assert_eq(cache_info().n_entered, 0, "they were in the cache");
	dcache_set_limit(&fs->dcache, 0);
	cr_assert_eq(cache_info().n_entries, 0);
	expect_file("b/hard", "text");
}

Test(memfs_saved, a_smaller_cache_takes_what_it_has_room_for)
{
	const char *why;

	make_tree();
	cr_assert_eq(fs_save(mount, path), 0);
	begin_anew();
	dcache_set_limit(&fs->dcache, 1);
	cr_assert_eq(restore(path, &why), 0);
	cr_assert_eq(cache_info().n_resting, 1);
	expect_file("b/hard", "text");
}

Test(memfs_saved, a_restored_tree_is_saved_as_the_same_bytes)
{
	static unsigned char again[sizeof(saved)];

	make_tree();
	save_and_restore();
	n_saved = read_file(path, saved, sizeof(saved));
	cr_assert_eq(fs_save(mount, other), 0);
	cr_assert_eq(read_file(other, again, sizeof(again)), n_saved);
	cr_assert_arr_eq(again, saved, n_saved);
}

Test(memfs_saved, an_empty_tree_comes_back)
{
	save_and_restore();
	cr_assert_eq(fs_mkdir(mount->root, "a"), 0);
}

Test(memfs_saved, a_restored_tree_is_used_as_any_other)
{
	make_tree();
	save_and_restore();
	cr_assert_eq(fs_rename(mount->root, "a", "b/a"), 0);
	cr_assert_eq(fs_unlink(mount->root, "b/hard"), 0);
	expect_file("b/a/file", "text");
	cr_assert_eq(fs_rmdir(mount->root, "b/a/empty"), 0);
}

Test(memfs_saved, a_deep_tree_is_saved_and_restored_without_recursion)
{
	struct dentry *at = dentry_ref(mount->root);

	for (int i = 0; i < 20000; i++) {
		struct dentry *next;

		cr_assert_eq(fs_mkdir(at, "d"), 0);
		cr_assert_eq(fs_lookup(at, "d", &next), 0);
		dentry_put(at);
		at = next;
	}
	dentry_put(at);
	save_and_restore();
	cr_assert_eq(cache_info().n_entries, 20000);
	cr_assert_eq(cache_info().n_resting, 1);
}

Test(memfs_saved, what_is_held_is_not_saved_and_the_old_file_stays)
{
	LASTREF_AUTO(file) struct file *file = NULL;
	struct stat before, after;

	make_tree();
	cr_assert_eq(fs_save(mount, path), 0);
	cr_assert_eq(stat(path, &before), 0);
	cr_assert_eq(fs_open(mount->root, "a/file", &file), 0);
	cr_assert_eq(fs_save(mount, path), -EBUSY);
	cr_assert_eq(stat(path, &after), 0);
	cr_assert_eq(before.st_ino, after.st_ino);
}

Test(memfs_saved, a_held_directory_or_inode_is_not_saved)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	LASTREF_AUTO(inode) struct inode *inode = NULL;

	make_tree();
	cr_assert_eq(fs_lookup(mount->root, "a", &dentry), 0);
	cr_assert_eq(fs_save(mount, path), -EBUSY);
	inode_ref_set(&inode, dentry->inode);
	dentry_put_slot(&dentry);
	cr_assert_eq(fs_save(mount, path), -EBUSY);
	inode_ref_clear(&inode);
	cr_assert_eq(fs_save(mount, path), 0);
}

Test(memfs_saved, a_tree_is_not_restored_beside_another)
{
	const char *why;

	cr_assert_eq(fs_save(mount, path), 0);
	cr_assert_eq(fs_restore(fs, "other", path, &mount, &why), -EEXIST);
}

Test(memfs_saved, a_path_that_is_no_file_is_refused)
{
	const char *why;

	cr_assert_eq(fs_save(mount, folder), -EISDIR);
	cr_assert_eq(fs_save(mount, "/dev/null"), -ENOTSUP);
	cr_assert_eq(fs_save(mount, "/none/file"), -ENOENT);
	begin_anew();
	cr_assert_eq(restore(path, &why), -ENOENT);
	cr_assert_eq(restore(folder, &why), -EISDIR);
	cr_assert_eq(restore("/dev/null", &why), -ENOTSUP);
}

Test(memfs_saved, a_file_that_is_cut_anywhere_is_refused)
{
	save_bytes();
	for (size_t n = 1; n < n_saved; n++)
		expect_refused(saved, n, "it is cut");
	expect_refused(saved, 0, "it is empty");
}

Test(memfs_saved, a_file_with_any_bit_flipped_is_refused)
{
	save_bytes();
	for (size_t i = 0; i < n_saved; i++) {
		for (int bit = 0; bit < 8; bit++) {
			saved[i] ^= (unsigned char)(1 << bit);
			expect_refused(saved, n_saved, NULL);
			saved[i] ^= (unsigned char)(1 << bit);
		}
	}
}

Test(memfs_saved, a_file_that_goes_on_is_refused)
{
	save_bytes();
	expect_refused(saved, n_saved + 1, "it is longer than it says");
}

Test(memfs_saved, a_foreign_file_is_refused)
{
	save_bytes();
	expect_refused((const unsigned char *)"\177ELF", 4, "it is no tree that memfs saved");
	saved[8]++;
	expect_refused(saved, n_saved, "it is of a version that this memfs does not know");
}

static void put(unsigned char *bytes, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
}

/* The checksum is right for whatever the file says. */
static void sum_again(void)
{
	put(saved + 32, saved_sum(SAVED_SUM, saved + SAVED_HEADER, n_saved - SAVED_HEADER));
}

/* Where the bytes are in the file. */
static unsigned char *find(const char *bytes, size_t n)
{
	unsigned char *at = memmem(saved, n_saved, bytes, n);

	cr_assert_not_null(at);
	return at;
}

static void expect_lie(unsigned char *at, unsigned char value, const char *expected)
{
	unsigned char before = *at;

	*at = value;
	sum_again();
	expect_refused(saved, n_saved, expected);
	*at = before;
}

Test(memfs_saved, a_file_that_lies_with_a_right_checksum_is_refused)
{
	unsigned char *root, *empty, *hard;

	save_bytes();
	root = saved + SAVED_HEADER + 8;
	expect_lie(root, 0, "its root is not in the cache");
	expect_lie(root, 2, "a name is neither in the cache nor out of it");
	expect_lie(root + 1, 9, "its counts do not add up");
	expect_lie(root + 5, 0, "an inode has a number that was never given");
	expect_lie(root + 5, 99, "an inode has a number that was never given");
	expect_lie(root + 13, 9, "its counts do not add up");
	expect_lie(root + 17, 9, "its counts do not add up");
	expect_lie(root + 21, INODE_SYMLINK + 1, "an inode is of no known kind");
	expect_lie(root + 22, 99, "a name is none");
	empty = find("\5empty", 6);
	expect_lie(empty, 0, "a name is none");
	expect_lie(empty + 1, '/', "a name is none");
	expect_lie(empty + 1, '\0', "a name is none");
	hard = find("\4hard", 5);
	expect_lie(hard + 10, 0, "a name is one of an inode that cannot have it");
	expect_lie(hard + 10, 99, "a name is one of an inode that cannot have it");
	expect_lie(hard + 6, 1, "its counts do not add up: somebody held a file");
	memcpy(hard + 1, "link", 4);
	expect_lie(hard, 4, "a directory has a name twice");
}

static void expect_other_counts(int64_t n_inodes, const char *expected)
{
	put(saved + 16, (uint64_t)n_inodes);
	expect_refused(saved, n_saved, expected);
}

Test(memfs_saved, a_file_that_lies_about_its_size_or_its_inodes_is_refused)
{
	int64_t n_inodes;

	save_bytes();
	n_inodes = saved[16];
	expect_lie(find("\1a\1", 3) + 15, 1, "two inodes have one number");
	sum_again();
	expect_other_counts(n_inodes + 1, "it has fewer inodes than it says");
	expect_other_counts(n_inodes - 1, "it has more inodes than it says");
	expect_other_counts(0, "it has more inodes than it says");
	expect_other_counts(-1, "it says that it has more inodes than it has room for");
	put(saved + 16, (uint64_t)n_inodes);
	n_saved++;
	put(saved + 24, n_saved - SAVED_HEADER);
	sum_again();
	expect_refused(saved, n_saved, "something follows the tree");
}

/* Of the name "a", which has cached names below it, what the cache knows is taken out. */
Test(memfs_saved, a_name_in_the_cache_without_its_directory_is_refused)
{
	unsigned char *cached;

	save_bytes();
	cached = find("\1a\1", 3) + 2;
	*cached = 0;
	n_saved -= 4;
	memmove(cached + 1, cached + 5, (size_t)(saved + n_saved - cached - 1));
	put(saved + 24, n_saved - SAVED_HEADER);
	sum_again();
	expect_refused(saved, n_saved, "a name is in the cache, and its directory is not");
}

/* Some are trees all the same: another content, another name. Those can be used as any other. */
Test(memfs_saved, any_byte_with_any_of_some_values_is_refused_or_a_tree, .timeout = 60)
{
	static const unsigned char values[] = { 0, 1, 2, 3, '.', '/', 0x7f, 0x80, 0xff };
	size_t n_refused = 0;

	save_bytes();
	for (size_t i = SAVED_HEADER - 24; i < n_saved; i++) {
		for (size_t v = 0; v < sizeof(values); v++) {
			unsigned char before = saved[i];
			const char *why;
			int r;

			saved[i] = values[v];
			sum_again();
			write_file(saved, n_saved);
			r = restore(path, &why);
			cr_assert(r == 0 || r == -EBADMSG, "%zu, %u: %d", i, values[v], r);
			n_refused += r != 0;
			saved[i] = before;
			begin_anew();
			cr_assert_eq(lastref_live_objects(), 0);
		}
	}
	cr_assert_gt(n_refused, 1000);
}
