/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the in-memory file system of examples/memfs. Each test ends with everything released: nothing is live.
 */
#include "memfs_fixture.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

TestSuite(memfs, .init = begin, .fini = end);

Test(memfs, what_is_written_is_read_back)
{
	make("/a", "hello");
	expect_file("/a", "hello");
}

/* The file before leaves memory that is not zero to the one that is tested. */
Test(memfs, a_gap_before_a_write_reads_as_zeros)
{
	LASTREF_AUTO(file) struct file *file = NULL;
	const char expected[24] = { [0] = 'x', [23] = 'y' };
	char bytes[24];

	make("before", "zzzzzzzzzzzzzzzzzzzzzzzz");
	cr_assert_eq(fs_unlink(root, "before"), 0);
	cr_assert_eq(fs_create_file(root, "a", &file), 0);
	cr_assert_eq(file_write(file, "x", 1, 0), 1);
	cr_assert_eq(file_write(file, "y", 1, 23), 1);
	cr_assert_eq(file_read(file, bytes, sizeof(bytes), 0), 24);
	cr_assert_arr_eq(bytes, expected, 24);
}

Test(memfs, a_write_past_the_largest_size_is_refused)
{
	LASTREF_AUTO(file) struct file *file = NULL;

	cr_assert_eq(fs_create_file(root, "a", &file), 0);
	cr_assert_eq(file_write(file, "xy", 2, SSIZE_MAX), -EFBIG);
	cr_assert_eq(file_write(file, "xy", 2, SIZE_MAX), -EFBIG);
}

Test(memfs, a_read_past_the_end_gives_nothing)
{
	LASTREF_AUTO(file) struct file *file = NULL;
	char bytes[4];

	make("a", "abc");
	cr_assert_eq(fs_open(root, "a", &file), 0);
	cr_assert_eq(file_read(file, bytes, sizeof(bytes), 3), 0);
	cr_assert_eq(file_read(file, bytes, sizeof(bytes), SIZE_MAX), 0);
}

Test(memfs, a_directory_can_be_opened_but_not_read_or_written)
{
	LASTREF_AUTO(file) struct file *file = NULL;
	char bytes[4] = { 0 };

	cr_assert_eq(fs_open(root, "/", &file), 0);
	cr_assert_eq(file_read(file, bytes, sizeof(bytes), 0), -EISDIR);
	cr_assert_eq(file_write(file, bytes, sizeof(bytes), 0), -EISDIR);
}

Test(memfs, a_symbolic_link_keeps_its_target_and_is_not_followed)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	LASTREF_AUTO(file) struct file *file = NULL;
	char target[16] = "";

	cr_assert_eq(fs_mkdir(root, "dir"), 0);
	cr_assert_eq(fs_symlink(root, "dir", "link"), 0);
	cr_assert_eq(fs_lookup(root, "link", &dentry), 0);
	cr_assert_eq(inode_read(dentry->inode, target, sizeof(target), 0), 3);
	cr_assert_str_eq(target, "dir");
	cr_assert_eq(fs_open(root, "link", &file), -ELOOP);
	cr_assert_eq(lookup("link/x"), -ENOTDIR);
}

Test(memfs, slashes_and_dots_in_paths_mean_what_they_mean_elsewhere)
{
	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_mkdir(root, "//a//b/"), 0);
	cr_assert_eq(lookup("a/./b//"), 0);
	cr_assert_eq(stat_of("a/b/../..").number, stat_of("/").number);
	cr_assert_eq(stat_of("/..").number, stat_of("/").number);
	cr_assert_eq(lookup(""), -ENOENT);
}

Test(memfs, a_lookup_says_why_it_fails)
{
	char name[FS_NAME_MAX + 2];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	make("file", "");
	cr_assert_eq(lookup("none"), -ENOENT);
	cr_assert_eq(lookup("none/x"), -ENOENT);
	cr_assert_eq(lookup("file/x"), -ENOTDIR);
	cr_assert_eq(lookup(name), -ENAMETOOLONG);
	name[FS_NAME_MAX] = '\0';
	cr_assert_eq(lookup(name), -ENOENT);
}

Test(memfs, a_name_that_is_there_cannot_be_made_again)
{
	LASTREF_AUTO(file) struct file *file = NULL;

	make("a", "first");
	cr_assert_eq(fs_create_file(root, "a", &file), -EEXIST);
	cr_assert_eq(fs_mkdir(root, "a"), -EEXIST);
	cr_assert_eq(fs_symlink(root, "x", "a"), -EEXIST);
	cr_assert_eq(fs_mkdir(root, "/"), -EEXIST);
	cr_assert_null(file);
	expect_file("a", "first");
}

Test(memfs, the_names_dot_and_dot_dot_cannot_be_made_or_removed)
{
	cr_assert_eq(fs_mkdir(root, "."), -EINVAL);
	cr_assert_eq(fs_mkdir(root, ".."), -EINVAL);
	cr_assert_eq(fs_unlink(root, "."), -EINVAL);
	cr_assert_eq(fs_rmdir(root, ".."), -EINVAL);
	cr_assert_eq(fs_rename(root, "..", "a"), -EINVAL);
}

Test(memfs, a_hard_link_is_the_same_inode)
{
	make("a", "text");
	cr_assert_eq(fs_mkdir(root, "dir"), 0);
	cr_assert_eq(fs_link(root, "a", "dir/b"), 0);
	cr_assert_eq(stat_of("a").number, stat_of("dir/b").number);
	cr_assert_eq(stat_of("a").links, 2);
}

Test(memfs, a_file_lives_until_its_last_name_is_unlinked)
{
	uint64_t number;

	make("a", "text");
	number = stat_of("a").number;
	cr_assert_eq(fs_link(root, "a", "b"), 0);
	cr_assert_eq(fs_unlink(root, "a"), 0);
	expect_file("b", "text");
	cr_assert_eq(stat_of("b").links, 1);
	cr_assert_eq(find_number(number), 0);
	cr_assert_eq(fs_unlink(root, "b"), 0);
	cr_assert_eq(find_number(number), -ESTALE);
}

Test(memfs, a_directory_has_no_hard_links)
{
	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_link(root, "a", "b"), -EPERM);
}

Test(memfs, a_link_that_fails_leaves_the_number_of_links)
{
	make("a", "");
	make("b", "");
	cr_assert_eq(fs_link(root, "a", "b"), -EEXIST);
	cr_assert_eq(fs_link(root, "a", "none/b"), -ENOENT);
	cr_assert_eq(stat_of("a").links, 1);
}

Test(memfs, an_unlinked_file_lives_until_its_last_handle_is_closed)
{
	LASTREF_AUTO(file) struct file *first = NULL;
	LASTREF_AUTO(file) struct file *second = NULL;
	uint64_t number;

	make("a", "text");
	number = stat_of("a").number;
	cr_assert_eq(fs_open(root, "a", &first), 0);
	cr_assert_eq(fs_open(root, "a", &second), 0);
	cr_assert_eq(fs_unlink(root, "a"), 0);
	cr_assert_eq(lookup("a"), -ENOENT);
	file_ref_clear(&first);
	expect_content(second, "text");
	cr_assert_eq(find_number(number), 0);
	file_ref_clear(&second);
	cr_assert_eq(find_number(number), -ESTALE);
}

Test(memfs, unlink_refuses_a_directory_and_rmdir_all_but_an_empty_one)
{
	cr_assert_eq(fs_mkdir(root, "a"), 0);
	make("a/x", "");
	cr_assert_eq(fs_unlink(root, "a"), -EISDIR);
	cr_assert_eq(fs_rmdir(root, "a/x"), -ENOTDIR);
	cr_assert_eq(fs_rmdir(root, "a"), -ENOTEMPTY);
	cr_assert_eq(fs_unlink(root, "a/x"), 0);
	cr_assert_eq(fs_rmdir(root, "a"), 0);
	cr_assert_eq(fs_rmdir(root, "a"), -ENOENT);
}

Test(memfs, nothing_can_be_made_in_a_directory_that_was_removed)
{
	DENTRY_AUTO struct dentry *directory = NULL;

	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_lookup(root, "a", &directory), 0);
	cr_assert_eq(fs_rmdir(root, "a"), 0);
	cr_assert_eq(fs_mkdir(directory, "b"), -ENOENT);
	make("file", "");
	cr_assert_eq(fs_rename(directory, "../file", "b"), -ENOENT);
	expect_file("file", "");
}

Test(memfs, nothing_can_be_made_in_a_directory_that_a_rename_replaced)
{
	DENTRY_AUTO struct dentry *replaced = NULL;

	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_mkdir(root, "b"), 0);
	cr_assert_eq(fs_lookup(root, "b", &replaced), 0);
	cr_assert_eq(fs_rename(root, "a", "b"), 0);
	cr_assert_eq(fs_mkdir(replaced, "c"), -ENOENT);
}

Test(memfs, a_rename_keeps_the_inode)
{
	uint64_t number;

	make("a", "text");
	number = stat_of("a").number;
	cr_assert_eq(fs_mkdir(root, "dir"), 0);
	cr_assert_eq(fs_rename(root, "a", "b"), 0);
	cr_assert_eq(fs_rename(root, "b", "dir/c"), 0);
	cr_assert_eq(lookup("a"), -ENOENT);
	cr_assert_eq(lookup("b"), -ENOENT);
	cr_assert_eq(stat_of("dir/c").number, number);
}

Test(memfs, a_rename_onto_an_existing_file_replaces_it)
{
	LASTREF_AUTO(file) struct file *open = NULL;
	struct inode_info info;
	uint64_t number;

	make("a", "new");
	make("b", "old");
	number = stat_of("b").number;
	cr_assert_eq(fs_open(root, "b", &open), 0);
	cr_assert_eq(fs_rename(root, "a", "b"), 0);
	cr_assert_eq(lookup("a"), -ENOENT);
	expect_file("b", "new");
	expect_content(open, "old");
	inode_stat(open->inode, &info);
	cr_assert_eq(info.links, 0);
	file_ref_clear(&open);
	cr_assert_eq(find_number(number), -ESTALE);
}

Test(memfs, a_rename_onto_itself_does_nothing)
{
	make("a", "text");
	cr_assert_eq(fs_link(root, "a", "b"), 0);
	cr_assert_eq(fs_rename(root, "a", "a"), 0);
	cr_assert_eq(fs_rename(root, "a", "b"), 0);
	expect_file("a", "text");
	cr_assert_eq(stat_of("b").links, 2);
}

Test(memfs, a_rename_into_its_own_subtree_is_refused)
{
	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_mkdir(root, "a/b"), 0);
	cr_assert_eq(fs_rename(root, "a", "a/x"), -EINVAL);
	cr_assert_eq(fs_rename(root, "a", "a/b/x"), -EINVAL);
	cr_assert_eq(fs_rename(root, "a", "a/b"), -EINVAL);
	cr_assert_eq(lookup("a/b"), 0);
}

Test(memfs, a_rename_replaces_a_directory_only_by_a_directory_and_if_empty)
{
	make("file", "");
	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_mkdir(root, "b"), 0);
	cr_assert_eq(fs_mkdir(root, "b/full"), 0);
	cr_assert_eq(fs_rename(root, "file", "a"), -EISDIR);
	cr_assert_eq(fs_rename(root, "a", "file"), -ENOTDIR);
	cr_assert_eq(fs_rename(root, "a", "b"), -ENOTEMPTY);
	cr_assert_eq(fs_rename(root, "b/full", "b"), -ENOTEMPTY);
	cr_assert_eq(fs_rename(root, "b", "a"), 0);
	cr_assert_eq(lookup("a/full"), 0);
	cr_assert_eq(lookup("b"), -ENOENT);
}

Test(memfs, the_parent_of_a_moved_directory_is_the_new_one)
{
	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_mkdir(root, "a/dir"), 0);
	cr_assert_eq(fs_mkdir(root, "b"), 0);
	cr_assert_eq(fs_rename(root, "a/dir", "b/dir"), 0);
	cr_assert_eq(stat_of("b/dir/..").number, stat_of("b").number);
	cr_assert_eq(fs_rmdir(root, "a"), 0);
}

Test(memfs, ten_thousand_entries_in_a_directory_are_all_found)
{
	struct dentry **entries;
	char name[32];
	size_t n;

	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		make(name, name);
	}
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		expect_file(name, name);
	}
	cr_assert_eq(fs_list(root, &entries, &n), 0);
	fs_list_free(entries, n);
	cr_assert_eq(n, 10000);
}

Test(memfs, the_table_of_a_directory_grows_with_its_entries)
{
	char name[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		make(name, "");
	}
	cr_assert_geq(root->inode->dir.n_buckets, 1000);
}

static void *unmount(void *unused)
{
	(void)unused;
	fs_unmount(fs, "test");
	return NULL;
}

/* On a stack that has no room for a thousand nested calls. */
static void unmount_on_a_small_stack(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 128 * 1024);
	cr_assert_eq(pthread_create(&thread, &attributes, unmount, NULL), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

Test(memfs, a_hundred_thousand_nested_directories_are_destroyed_without_recursion)
{
	struct dentry *at = dentry_ref(root);

	for (int i = 0; i < 100000; i++) {
		struct dentry *next;

		cr_assert_eq(fs_mkdir(at, "d"), 0);
		cr_assert_eq(fs_lookup(at, "d", &next), 0);
		dentry_ref_adopt(&at, next);
	}
	dentry_put_slot(&root);
	dentry_put_slot(&at);
	unmount_on_a_small_stack();
	cr_assert_eq(lastref_live_objects(), 0);
}

static void *release(void *inode)
{
	inode_unref(inode);
	return NULL;
}

/* Its destructor waits for the table's lock, which we give back to find it there: dead, and still in the table. */
Test(memfs, an_inode_that_is_being_destroyed_is_not_found)
{
	struct inode *inode = inode_new(fs, INODE_FILE);
	uint64_t number = inode->number;
	pthread_t thread;

	pthread_mutex_lock(&fs->inodes.lock);
	cr_assert_eq(pthread_create(&thread, NULL, release, inode), 0);
	while (inode_ref_count(inode) > 0)
		sched_yield();
	pthread_mutex_unlock(&fs->inodes.lock);
	cr_assert_eq(find_number(number), -ESTALE);
	pthread_join(thread, NULL);
}

Test(memfs, what_is_open_at_unmount_stays_readable)
{
	LASTREF_AUTO(file) struct file *file = NULL;

	cr_assert_eq(fs_mkdir(root, "dir"), 0);
	make("dir/a", "text");
	cr_assert_eq(fs_open(root, "dir/a", &file), 0);
	cr_assert_eq(fs_unmount(fs, "test"), 0);
	expect_content(file, "text");
	cr_assert_eq(lookup("dir"), -ENOENT);
	cr_assert_eq(fs_mkdir(root, "new"), -ENOENT);
	cr_assert_eq(fs_unmount(fs, "test"), -ENOENT);
}

Test(memfs, a_mount_is_found_by_its_name_and_made_once)
{
	LASTREF_AUTO(mount) struct mount *mount = NULL;
	LASTREF_AUTO(mount) struct mount *other = NULL;

	cr_assert_eq(fs_find_mount(fs, "other", &mount), -ENOENT);
	cr_assert_eq(fs_mount(fs, "other", &mount), 0);
	cr_assert_eq(fs_mount(fs, "other", &other), -EEXIST);
	cr_assert_eq(fs_find_mount(fs, "other", &other), 0);
	cr_assert_eq(mount, other);
}

Test(memfs, a_dentry_is_described_by_its_path)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	char text[32];

	cr_assert_eq(fs_mkdir(root, "etc"), 0);
	make("etc/hosts", "");
	cr_assert_eq(fs_lookup(root, "etc/hosts", &dentry), 0);
	cr_assert_eq(dentry_describe(dentry, text, sizeof(text)), 12);
	cr_assert_str_eq(text, "\"/etc/hosts\"");
	dentry_describe(root, text, sizeof(text));
	cr_assert_str_eq(text, "\"/\"");
}

Test(memfs, a_path_that_does_not_fit_is_cut_as_snprintf_does)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	char text[] = "********";

	cr_assert_eq(fs_mkdir(root, "etc"), 0);
	make("etc/hosts", "");
	cr_assert_eq(fs_lookup(root, "etc/hosts", &dentry), 0);
	cr_assert_eq(dentry_describe(dentry, text, 7), 12);
	cr_assert_arr_eq(text, "\"/etc/\0*", 8);
	cr_assert_eq(dentry_describe(dentry, NULL, 0), 12);
}

Test(memfs, a_dentry_is_described_without_waiting_for_a_rename)
{
	char text[32];

	pthread_rwlock_wrlock(&fs_tree_lock);
	dentry_describe(root, text, sizeof(text));
	pthread_rwlock_unlock(&fs_tree_lock);
	cr_assert_str_eq(text, "(being renamed)");
}

/* Not in the suite above, which ends with nothing live. The pointer is what a leaking program would have forgotten. */
static struct dentry *leaked;

Test(memfs_leak, a_leaked_dentry_is_counted_with_all_that_it_holds, .init = begin)
{
	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_lookup(root, "a", &leaked), 0);
	dentry_put_slot(&root);
	cr_assert_eq(fs_destroy(fs), 4, "two dentries, two inodes");
}

Test(memfs, the_rename_fault_loses_the_reference_on_the_old_parent)
{
	make("a", "");
	cr_assert_eq(fs_mkdir(root, "dir"), 0);
	cr_assert_eq(lookup("dir"), 0);
	fs->options.fault = FS_FAULT_RENAME;
	cr_assert_eq(fs_rename(root, "a", "dir/a"), 0);
	dcache_set_limit(&fs->dcache, 0);
	cr_assert_eq(dentry_ref_count(root), 3, "the mount's, ours, and the lost one");
	dentry_put(root);
}

Test(memfs_leak, the_cycle_fault_makes_parent_and_child_hold_each_other, .init = begin)
{
	DENTRY_AUTO struct dentry *child = NULL;

	cr_assert_eq(fs_mkdir(root, "a"), 0);
	fs->options.fault = FS_FAULT_CYCLE;
	cr_assert_eq(fs_lookup(root, "a", &child), 0);
	leaked = child;
	cr_assert_eq(child->parent->latest, child);
	dentry_put_slot(&child);
	dentry_put_slot(&root);
	cr_assert_eq(fs_destroy(fs), 4, "two dentries, two inodes");
}

static void count_misuse(const struct lastref_misuse *misuse, void *count)
{
	if (misuse->kind == LASTREF_MISUSE_UNREF_AT_REST)
		++*(int *)count;
}

Test(memfs_leak, the_over_fault_gives_up_a_dentry_at_rest, .init = begin)
{
	DENTRY_AUTO struct dentry *dentry = NULL;
	int n = 0;

	lastref_set_misuse_handler(count_misuse, &n);
	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_lookup(root, "a", &dentry), 0);
	fs->options.fault = FS_FAULT_OVER;
	dentry_put_slot(&dentry);
	cr_assert_eq(n, 1);
}

Test(memfs, the_lookup_fault_loses_one_reference_on_a_directory)
{
	DENTRY_AUTO struct dentry *found = NULL;
	char name[FS_NAME_MAX + 2];
	int64_t before = dentry_ref_count(root);

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	fs->options.fault = FS_FAULT_LOOKUP;
	cr_assert_eq(fs_lookup(root, name, &found), -ENAMETOOLONG);
	cr_assert_eq(dentry_ref_count(root), before + 1);
	dentry_put(root);
}
