#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# memfs, the in-memory file system of examples/memfs, on real trees; and what lastref says of its faults.
#
# MEMFS is the program to test. Its verdict "verified" means that it read back every byte and found every name.

. "$(dirname "$0")/../support/tap.sh"

MEMFS=${MEMFS:-$LASTREF_BUILD/examples/memfs/memfs}

# A tree with one of everything that import knows.
make_tree()
{
	mkdir -p tree/a/b/c tree/empty
	printf 'hello' >tree/file
	printf 'deep' >tree/a/b/c/deep
	: >tree/a/nothing
	head -c 300000 /dev/zero | tr '\0' 'z' >tree/a/large
	ln tree/file tree/a/hard
	ln -s ../file tree/a/link
	ln -s /nowhere tree/dangling
}

# import [OPTION...]: load `tree` and expect that all of it verifies.
import()
{
	run "$MEMFS" import tree "$@"
	expect_status 0
	expect_text stdout 'result   verified, 0 wrong'
}

test_a_small_tree_with_links_makes_the_round_trip()
{
	make_tree
	import
	expect_text stdout 'load     5 directories, 5 files, 2 symbolic links, 300014 bytes; 0 skipped'
	expect_text stdout 'verify   300014 bytes read back'
}

test_names_of_any_bytes_make_the_round_trip()
{
	mkdir tree
	touch tree/$'new\nline' tree/$'tab\t' tree/$'\xff\xfe' tree/' ' tree/-n tree/'*' tree/'a:b'
	mkdir tree/$'\n'
	printf 'inside' >tree/$'\n'/$'\n'
	import
	expect_text stdout 'load     2 directories, 8 files, 0 symbolic links, 6 bytes; 0 skipped'
}

test_a_name_of_255_bytes_makes_the_round_trip()
{
	local name

	name=$(head -c 255 /dev/zero | tr '\0' n)
	mkdir -p "tree/$name"
	printf 'inside' >"tree/$name/$name"
	import
	expect_text stdout 'verify   6 bytes read back'
}

test_ten_thousand_entries_in_one_directory_make_the_round_trip()
{
	mkdir tree
	(cd tree && seq 10000 | xargs touch)
	import
	expect_text stdout '10000 files'
}

test_an_empty_directory_makes_the_round_trip()
{
	mkdir tree
	import
	expect_text stdout 'load     1 directories, 0 files'
}

test_names_that_import_itself_uses_may_be_in_the_tree()
{
	mkdir -p tree/links tree/moved tree/tree
	(cd tree && for i in $(seq 40); do printf '%s' "$i" >"$i.renamed"; done)
	import
}

test_what_is_no_file_directory_or_link_is_skipped_and_counted()
{
	make_tree
	mkfifo tree/pipe
	import
	expect_text stdout '; 1 skipped'
}

test_unreadable_files_are_skipped_and_counted()
{
	[ "$(id -u)" -ne 0 ] || skip 'root reads everything'
	make_tree
	chmod 0 tree/file tree/empty # tree/file has a second name
	import
	expect_text stdout '; 3 skipped'
}

test_two_runs_print_the_same_but_for_times()
{
	make_tree
	import
	grep -v '^time' stdout >first
	import --threads 2
	grep -v '^time' stdout >second
	cmp first second
}

test_half_of_the_names_are_unlinked_some_while_open()
{
	mkdir tree
	(cd tree && seq 200 | xargs touch)
	import
	expect_text stdout 'link     20 hard links'
	expect_text stdout 'unlink   110 names, 3 of open files'
}

test_it_works_without_threads()
{
	make_tree
	import --threads 0
	expect_text stdout 'time lookups: 0 threads, 0 found, 0 gone'
}

test_threads_find_files_meanwhile()
{
	mkdir tree
	(cd tree && seq 3000 | xargs touch)
	import --threads 3
	expect_match stdout '^time lookups: 3 threads, [1-9][0-9]* found'
}

test_a_directory_that_is_not_there_is_named()
{
	run "$MEMFS" import none
	expect_status 2
	expect_text stderr 'memfs: cannot read the directory none: No such file or directory'
}

test_a_usage_error_is_named()
{
	run "$MEMFS"
	expect_status 2
	expect_text stderr 'say what to do'
	run "$MEMFS" sing
	expect_status 2
	expect_text stderr "no such command: 'sing'; there are import and bench"
	run "$MEMFS" import a b
	expect_status 2
	expect_text stderr "one argument too many: 'b'"
	run "$MEMFS" import --fault=bad
	expect_status 2
	expect_text stderr "no such fault: 'bad'; there are lookup, handle, rename, cycle and over"
	run "$MEMFS" import --threads=-1
	expect_status 2
	expect_text stderr "not a number from 0 to 1024: '-1'"
}

test_a_full_disk_is_an_error()
{
	mkdir tree
	status=0
	"$MEMFS" import tree >/dev/full 2>stderr || status=$?
	expect_equal "$status" 1
	expect_text stderr 'cannot write to standard output: No space left on device'
}

test_without_checking_it_says_that_leaks_are_not_checked()
{
	make_tree
	import
	expect_text stdout 'destroy  leaks are not checked'
}

test_without_a_fault_nothing_leaks()
{
	make_tree
	run "$LASTREF_CMD" run -- "$MEMFS" import tree
	expect_status 0
	expect_text stdout 'destroy  0 objects leaked'
}

test_the_lookup_fault_is_reported_by_type_path_and_line_of_birth()
{
	make_tree
	run "$LASTREF_CMD" run -- "$MEMFS" import tree --fault lookup
	expect_status 23
	expect_text stdout 'result   verified, 0 wrong'
	expect_text stdout 'destroy  6 objects leaked'
	expect_text stderr '1 leaked reference keeps 6 objects'
	expect_match stderr 'ROOT     dentry#[0-9]+ "/tree/a"'
	expect_match stderr 'dentry\.c:[0-9]+ dentry_new'
	expect_text stderr 'KEEPS    3 inode, through dentry.inode'
	expect_no_text stderr 'file.c:'
}

test_the_handle_fault_is_reported_by_type_path_and_line_of_birth()
{
	make_tree
	run "$LASTREF_CMD" run -- "$MEMFS" import tree --fault handle
	expect_status 23
	expect_text stdout 'destroy  7 objects leaked'
	expect_text stderr '1 leaked reference keeps 7 objects'
	expect_match stderr 'ROOT     file#[0-9]+ "/tree/a"'
	expect_match stderr 'file\.c:[0-9]+ file_new'
}

test_a_tree_larger_than_the_cache_makes_the_round_trip()
{
	mkdir -p tree/a/b tree/c
	(cd tree/a && seq 300 | xargs touch && cd ../c && seq 300 | xargs touch)
	import --cache 7
	expect_match stdout '^time cache: .* [1-9][0-9]* evicted; [0-9]+ entries, [1-7] at rest$'
	grep -v '^time' stdout >small
	import
	expect_match stdout '^time cache: .* 0 evicted;'
	grep -v '^time' stdout >large
	cmp small large
}

test_without_room_in_the_cache_nothing_rests()
{
	make_tree
	import --cache 0
	expect_match stdout '^time cache: .*; 0 entries, 0 at rest$'
}

test_nothing_leaks_when_dentries_are_evicted_all_the_time()
{
	make_tree
	run "$LASTREF_CMD" run -- "$MEMFS" import tree --cache 1
	expect_status 0
	expect_text stdout 'destroy  0 objects leaked'
}

test_the_rename_fault_is_reported_with_the_directory_that_is_kept()
{
	make_tree
	run "$LASTREF_CMD" run -- "$MEMFS" import tree --fault rename
	expect_status 23
	expect_text stdout 'result   verified, 0 wrong'
	expect_text stdout 'destroy  6 objects leaked'
	expect_text stderr '1 leaked reference keeps 6 objects'
	expect_match stderr 'ROOT     dentry#[0-9]+ "/tree/a"'
	expect_match stderr 'dentry\.c:[0-9]+ dentry_new'
}

test_the_cycle_fault_is_reported_with_parent_and_child()
{
	make_tree
	run "$LASTREF_CMD" run -- "$MEMFS" import tree --fault cycle
	expect_status 23
	expect_text stdout 'result   verified, 0 wrong'
	expect_text stdout 'destroy  4 objects leaked'
	expect_match stderr '^CYCLE 1 of 1 .* 2 objects hold each other and nobody else holds them$'
	expect_match stderr '^  dentry#1 \.latest --> dentry#2$'
	expect_match stderr '^  dentry#2 \.parent --> dentry#1   <- closes the cycle$'
	expect_match stderr 'dentry#1 "/"'
	expect_match stderr 'dentry#2 "/tree"'
	expect_text stderr '  also keeps 2 inode'
}

test_the_over_fault_is_reported_where_it_is_made()
{
	make_tree
	run "$LASTREF_CMD" run -- "$MEMFS" import tree --fault over
	expect_status 134
	expect_match stderr 'ONE UNREF TOO MANY \(the object is at rest\): dentry#[0-9]+'
	expect_match stderr 'AT .*dcache\.c:[0-9]+ dentry_put'
}

# The line of the last run that says what the whole tree is.
digest()
{
	grep '^tree ' stdout
}

test_a_saved_tree_is_restored_and_verifies()
{
	make_tree
	import --save saved
	expect_match stdout '^time save: [0-9]+ dentries, [1-9][0-9]* at rest$'
	digest >before
	run "$MEMFS" import --restore saved --save again
	expect_status 0
	expect_text stdout 'result   verified, 0 wrong'
	digest | head -n 1 >after
	cmp before after
	digest | tail -n 1 >before
	run "$MEMFS" import --restore again
	expect_status 0
	digest >after
	cmp before after
}

test_a_restored_tree_is_counted_and_checked_as_any_other()
{
	make_tree
	import --save saved
	run "$LASTREF_CMD" run -- "$MEMFS" import --restore saved
	expect_status 0
	expect_text stdout 'destroy  0 objects leaked'
	expect_match stderr '^  dentry  +[1-9][0-9]* +[1-9][0-9]* +0$'
	run "$LASTREF_CMD" run -- "$MEMFS" import --restore saved --fault rename
	expect_status 23
	expect_match stderr 'dentry\.c:[0-9]+ dentry_new|dcache\.c:[0-9]+ dcache_restore'
}

test_a_full_disk_leaves_the_old_saved_tree()
{
	make_tree
	import --save saved
	cp saved old
	for name in 1 2 3 4 5 6; do head -c 20000 /dev/zero >"tree/$name"; done
	status=0
	(
		trap '' XFSZ
		ulimit -f 8
		"$MEMFS" import tree --save saved >stdout 2>stderr
	) || status=$?
	expect_equal "$status" 4
	expect_text stderr 'memfs: cannot save the tree to saved: File too large'
	cmp saved old
	expect_equal "$(find . -name 'saved*' | wc -l)" 1
}

test_a_disk_without_room_for_a_byte_leaves_the_old_saved_tree()
{
	make_tree
	import --save saved
	cp saved old
	# Both outputs are files otherwise, to which the limit would apply.
	(
		trap '' XFSZ
		ulimit -f 0
		"$MEMFS" import tree --save saved 2>&1 >/dev/null || echo "status $?"
	) | cat >out
	expect_text out 'memfs: cannot save the tree to saved: File too large'
	expect_text out 'status 4'
	cmp saved old
}

test_a_tree_that_leaks_is_not_saved()
{
	make_tree
	run "$MEMFS" import tree --save saved --fault rename
	expect_status 4
	expect_text stderr 'cannot save the tree to saved: some of it is still held, by somebody who forgot to let go'
	[ ! -e saved ]
}

# refused MESSAGE: what is in the file `saved` is not restored.
refused()
{
	run "$MEMFS" import --restore saved
	expect_status 3
	expect_text stderr "memfs: cannot restore a tree from saved: $1"
	expect_no_text stdout 'verify'
}

test_a_file_that_is_no_saved_tree_is_refused()
{
	make_tree
	import --save good
	refused 'No such file or directory'
	: >saved
	refused 'it is empty'
	cp /bin/true saved
	refused 'it is no tree that memfs saved'
	head -c 100 good >saved
	refused 'it is cut'
	(cat good && echo) >saved
	refused 'it is longer than it says'
	sed 's/nothing/Nothing/' good >saved
	refused 'it is damaged: its checksum is another'
	(head -c 8 good && printf '\002' && tail -c +10 good) >saved
	refused 'it is of a version that this memfs does not know'
	rm saved
	mkdir saved
	refused 'Is a directory'
	rmdir saved
	mkfifo saved
	refused 'Operation not supported'
}

test_save_and_restore_are_for_import()
{
	run "$MEMFS" bench --save saved
	expect_status 2
	expect_text stderr '--save and --restore are for import'
	run "$MEMFS" import tree --restore saved
	expect_status 2
	expect_text stderr 'the tree comes from DIR or from --restore, not from both'
}

test_bench_prints_the_cpu_time_of_each_phase()
{
	make_tree
	run "$MEMFS" bench tree --files 1000 --lookups 1000
	expect_status 0
	for phase in create lookup rename unlink; do
		expect_match stdout "^cpu $phase [0-9]+\.[0-9]{6}\$"
	done
}

run_tests "$@"
