/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dentry cache of the in-memory file system: what rests, what is revived, and what is evicted.
 */
#include "memfs_fixture.h"

#include <errno.h>
#include <stdio.h>

TestSuite(memfs_cache, .init = begin, .fini = end);

static struct dcache_info cache_info(void)
{
	struct dcache_info info;

	dcache_stat(&fs->dcache, &info);
	return info;
}

Test(memfs_cache, a_dentry_rests_in_the_cache_when_nobody_holds_it)
{
	struct dentry *dentry = NULL;

	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_lookup(root, "a", &dentry), 0);
	cr_assert_eq(cache_info().n_entries, 1);
	cr_assert_eq(cache_info().n_resting, 0);
	dentry_put(dentry);
	cr_assert_eq(cache_info().n_entries, 1);
	cr_assert_eq(cache_info().n_resting, 1);
}

Test(memfs_cache, a_lookup_revives_the_dentry_that_rests)
{
	DENTRY_AUTO struct dentry *again = NULL;
	struct dentry *dentry = NULL;

	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_lookup(root, "a", &dentry), 0);
	dentry_put(dentry);
	cr_assert_eq(fs_lookup(root, "a", &again), 0);
	cr_assert_eq(again, dentry);
	cr_assert_eq(dentry_ref_count(again), 1);
	cr_assert_eq(cache_info().n_entered, 1);
	cr_assert_eq(cache_info().n_resting, 0);
}

Test(memfs_cache, of_too_many_that_rest_the_one_that_rested_longest_is_evicted)
{
	make("a", "");
	make("b", "");
	make("c", "");
	cr_assert_eq(lookup("a"), 0);
	dcache_set_limit(&fs->dcache, 2);
	cr_assert_eq(cache_info().n_entries, 2);
	cr_assert_eq(cache_info().n_evicted, 1);
	cr_assert_eq(lookup("a"), 0);
	cr_assert_eq(lookup("c"), 0);
	cr_assert_eq(cache_info().n_entered, 3, "those are cached still");
	cr_assert_eq(lookup("b"), 0);
	cr_assert_eq(cache_info().n_entered, 4);
	cr_assert_eq(cache_info().n_evicted, 2);
}

Test(memfs_cache, what_a_name_means_does_not_change_when_its_dentry_is_evicted)
{
	uint64_t number;

	cr_assert_eq(fs_mkdir(root, "dir"), 0);
	make("dir/a", "text");
	number = stat_of("dir/a").number;
	dcache_set_limit(&fs->dcache, 0);
	cr_assert_eq(cache_info().n_entries, 0);
	expect_file("dir/a", "text");
	cr_assert_eq(stat_of("dir/a").number, number);
	cr_assert_eq(lookup("dir/b"), -ENOENT);
}

Test(memfs_cache, a_parent_rests_only_when_none_of_its_children_is_cached)
{
	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_mkdir(root, "a/b"), 0);
	cr_assert_eq(lookup("a/b"), 0);
	cr_assert_eq(cache_info().n_entries, 2);
	cr_assert_eq(cache_info().n_resting, 1, "b, which holds a");
	dcache_set_limit(&fs->dcache, 0);
	cr_assert_eq(cache_info().n_entries, 0);
	cr_assert_eq(dentry_ref_count(root), 2, "the mount's and ours");
}

Test(memfs_cache, a_dentry_that_is_held_is_not_evicted)
{
	DENTRY_AUTO struct dentry *dentry = NULL;

	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_mkdir(root, "a/b"), 0);
	cr_assert_eq(fs_lookup(root, "a/b", &dentry), 0);
	dcache_set_limit(&fs->dcache, 0);
	cr_assert_eq(cache_info().n_entries, 2);
	cr_assert_eq(cache_info().n_evicted, 0);
}

Test(memfs_cache, a_dentry_at_rest_goes_with_its_name)
{
	uint64_t number;

	make("a", "");
	number = stat_of("a").number;
	cr_assert_eq(cache_info().n_resting, 1);
	cr_assert_eq(fs_unlink(root, "a"), 0);
	cr_assert_eq(cache_info().n_entries, 0);
	cr_assert_eq(cache_info().n_resting, 0);
	cr_assert_eq(find_number(number), -ESTALE);
}

Test(memfs_cache, a_dentry_without_a_name_goes_when_nobody_holds_it)
{
	struct dentry *dentry = NULL;
	uint64_t number;

	make("a", "");
	cr_assert_eq(fs_lookup(root, "a", &dentry), 0);
	number = dentry->inode->number;
	cr_assert_eq(fs_unlink(root, "a"), 0);
	cr_assert_eq(cache_info().n_entries, 0);
	cr_assert_eq(find_number(number), 0);
	dentry_put(dentry);
	cr_assert_eq(find_number(number), -ESTALE);
}

Test(memfs_cache, a_name_that_is_made_anew_does_not_find_the_old_dentry)
{
	DENTRY_AUTO struct dentry *old = NULL;

	make("a", "old");
	cr_assert_eq(fs_lookup(root, "a", &old), 0);
	cr_assert_eq(fs_unlink(root, "a"), 0);
	make("a", "new");
	expect_file("a", "new");
	cr_assert_neq(stat_of("a").number, old->inode->number);
}

Test(memfs_cache, a_rename_takes_the_dentry_along)
{
	DENTRY_AUTO struct dentry *before = NULL;
	DENTRY_AUTO struct dentry *after = NULL;

	make("a", "");
	cr_assert_eq(fs_mkdir(root, "dir"), 0);
	cr_assert_eq(fs_lookup(root, "a", &before), 0);
	cr_assert_eq(fs_rename(root, "a", "dir/b"), 0);
	cr_assert_eq(fs_lookup(root, "dir/b", &after), 0);
	cr_assert_eq(before, after);
	cr_assert_eq(before->parent, after->parent);
	cr_assert_eq(lookup("a"), -ENOENT);
}

Test(memfs_cache, a_rename_of_names_that_are_not_cached_replaces_as_well)
{
	make("a", "new");
	make("b", "old");
	dcache_set_limit(&fs->dcache, 0);
	cr_assert_eq(fs_rename(root, "a", "b"), 0);
	cr_assert_eq(lookup("a"), -ENOENT);
	expect_file("b", "new");
}

Test(memfs_cache, a_rename_into_a_subtree_that_is_held_is_refused_with_an_empty_cache)
{
	DENTRY_AUTO struct dentry *below = NULL;

	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_mkdir(root, "a/b"), 0);
	cr_assert_eq(fs_lookup(root, "a/b", &below), 0);
	dcache_set_limit(&fs->dcache, 0);
	cr_assert_eq(fs_rename(below, "../../a", "x"), -EINVAL);
	cr_assert_eq(fs_rename(root, "a", "a/b/x"), -EINVAL);
}

Test(memfs_cache, an_unmount_empties_the_cache_but_for_what_is_held)
{
	DENTRY_AUTO struct dentry *held = NULL;

	cr_assert_eq(fs_mkdir(root, "a"), 0);
	cr_assert_eq(fs_mkdir(root, "a/b"), 0);
	make("a/c", "");
	cr_assert_eq(lookup("a/b"), 0);
	cr_assert_eq(fs_lookup(root, "a", &held), 0);
	cr_assert_eq(fs_unmount(fs, "test"), 0);
	cr_assert_eq(cache_info().n_entries, 0);
	cr_assert_eq(cache_info().n_resting, 0);
	cr_assert_eq(dentry_ref_count(held), 1);
	cr_assert_eq(lookup("a"), -ENOENT);
}

Test(memfs_cache, an_unmount_leaves_the_cache_of_other_mounts)
{
	LASTREF_AUTO(mount) struct mount *other = NULL;

	make("a", "");
	cr_assert_eq(fs_mount(fs, "other", &other), 0);
	cr_assert_eq(fs_mkdir(other->root, "b"), 0);
	cr_assert_eq(fs_rename(other->root, "b", "c"), 0);
	cr_assert_eq(fs_unmount(fs, "other"), 0);
	cr_assert_eq(cache_info().n_entries, 1);
	expect_file("a", "");
}

Test(memfs_cache, ten_thousand_dentries_in_the_cache_are_all_found)
{
	char name[32];

	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		make(name, "");
	}
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		cr_assert_eq(lookup(name), 0);
	}
	cr_assert_eq(cache_info().n_entered, 10000);
	cr_assert_geq(fs->dcache.n_buckets, 10000);
}
