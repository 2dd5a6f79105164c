#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# lastref diff, and the baselines that it compares with.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/suite.sh"

# baseline_of FILE...: what these images leak, in the file `leaks.baseline`.
baseline_of()
{
	"$LASTREF_CMD" report --format baseline -o leaks.baseline "$@" || [ $? -eq 1 ]
}

test_a_baseline_is_a_line_a_cause_without_lines_of_sources()
{
	net_suite
	run_suite images
	baseline_of images
	expect_equal "$(grep -c '^#' leaks.baseline)" 2
	expect_match leaks.baseline '^lr-[0-9a-f]{8} leak conn 3 net\.c: conn_open < main$'
	expect_match leaks.baseline '^lr-[0-9a-f]{8} leak packet 1 net\.c: packet_new < main$'
	grep -v '^#' leaks.baseline >causes
	sort -c causes
	expect_equal "$(wc -l <causes)" 2
}

test_what_the_baseline_has_is_not_new()
{
	net_suite
	run_suite images
	baseline_of images
	run "$LASTREF_CMD" diff leaks.baseline images
	expect_status 0
	expect_text stdout 'lastref: 0 new, 0 gone, 2 stay'
	expect_text stdout 'lastref: no new leaks in 3 processes'
	expect_text stdout 'note: 4 leaked objects are known to the baseline'
	expect_no_text stdout LEAK
	run "$LASTREF_CMD" diff --fail-on any leaks.baseline images
	expect_status 1
	run "$LASTREF_CMD" diff --fail-on new leaks.baseline images
	expect_status 0
}

test_a_new_leak_gives_1_and_its_block_and_the_rest_is_told()
{
	net_suite
	run_suite before t_open
	run_suite after t_send
	baseline_of before
	echo 'lr-00000001 leak gone 7 gone.c: gone' >>leaks.baseline
	run "$LASTREF_CMD" diff leaks.baseline after
	expect_status 1
	expect_text stdout 'lastref: 1 new, 1 gone, 1 stays'
	expect_match stdout '^LEAK 1 of 1  \[lr-[0-9a-f]{8}\]  1 packet '
	expect_no_text stdout '1 conn '
	expect_text stdout 'Gone, so that the baseline can do without them:'
	expect_text stdout '  lr-00000001 leak gone 7 gone.c: gone'
	expect_match stdout '^  lr-[0-9a-f]{8} leak conn 1 net.c: conn_open < main$'
}

test_images_folders_and_baselines_can_be_either_side()
{
	local base new

	net_suite
	run_suite before t_open
	run_suite after t_open t_send
	baseline_of after
	mv leaks.baseline after.baseline
	baseline_of before
	for base in before before/t_open leaks.baseline; do
		for new in after after.baseline; do
			run "$LASTREF_CMD" diff "$base" "$new"
			expect_status 1
			expect_text stdout 'lastref: 1 new, 0 gone, 1 stays'
			expect_text stdout ' packet'
		done
		run "$LASTREF_CMD" diff "$base" after/t_open
		expect_status 0
	done
	run "$LASTREF_CMD" diff after.baseline before
	expect_status 0
	expect_text stdout 'lastref: 0 new, 1 gone, 1 stays'
}

test_an_empty_baseline_knows_nothing()
{
	net_suite
	run_suite images t_open
	run_suite clean t_clean
	: >empty
	run "$LASTREF_CMD" diff empty images
	expect_status 1
	expect_text stdout 'lastref: 1 new, 0 gone, 0 stay'
	run "$LASTREF_CMD" diff empty clean
	expect_status 0
	baseline_of clean
	expect_equal "$(grep -vc '^#' leaks.baseline)" 0
	run "$LASTREF_CMD" diff leaks.baseline images
	expect_status 1
}

test_a_wrong_line_of_a_baseline_gives_3_and_its_place()
{
	net_suite
	run_suite images t_open
	printf '# fine\n<<<<<<< HEAD\n' >leaks.baseline
	run "$LASTREF_CMD" diff leaks.baseline images
	expect_status 3
	expect_equal "$(cat stderr)" \
		"lastref: leaks.baseline:2: expected a fingerprint such as lr-1c0ffee5, or # and a comment, found '<<<<<<< HEAD'"
	expect_empty stdout
}

test_merged_baselines_may_have_a_cause_twice()
{
	net_suite
	run_suite images t_open
	baseline_of images
	cat leaks.baseline leaks.baseline >twice
	run "$LASTREF_CMD" diff twice images
	expect_status 0
	expect_text stdout 'lastref: 0 new, 0 gone, 1 stays'
	run "$LASTREF_CMD" diff twice leaks.baseline
	expect_text stdout 'lastref: 0 new, 0 gone, 1 stays'
}

test_what_cannot_be_read_gives_3_on_either_side()
{
	net_suite
	run_suite images t_open
	mkdir empty
	for other in missing empty; do
		run "$LASTREF_CMD" diff "$other" images
		expect_status 3
		expect_text stderr "$other"
		run "$LASTREF_CMD" diff images "$other"
		expect_status 3
	done
	head -c $(($(stat -c %s images/t_open) - 8)) images/t_open >part
	run "$LASTREF_CMD" diff part images
	expect_status 4
	run "$LASTREF_CMD" diff images part
	expect_status 4
}

test_suppressed_leaks_are_neither_new_nor_gone()
{
	net_suite
	run_suite before t_open
	run_suite after t_open t_send
	baseline_of before
	printf 'leak:packet\nleak:conn\n' >supp
	run "$LASTREF_CMD" diff --suppressions supp leaks.baseline after
	expect_status 0
	expect_text stdout 'lastref: 0 new, 0 gone, 0 stay'
	expect_text stdout 'note: 4 leaked objects are suppressed'
}

test_a_wrong_command_line_of_diff_gives_2()
{
	run "$LASTREF_CMD" diff
	expect_status 2
	run "$LASTREF_CMD" diff one
	expect_status 2
	expect_text stderr 'diff takes BASE and NEW'
	run "$LASTREF_CMD" diff one two three
	expect_status 2
	expect_text stderr "'three' is one too many"
	run "$LASTREF_CMD" diff --fail-on nothing one two
	expect_status 2
	expect_text stderr "--fail-on takes new or any, not 'nothing'"
}

test_an_empty_file_is_no_run_without_leaks()
{
	net_suite
	run_suite images t_open
	: >empty
	run "$LASTREF_CMD" diff images empty
	expect_status 3
	expect_text stderr 'cannot read empty: it is empty'
	expect_empty stdout
}

test_a_result_does_not_replace_the_baseline_that_it_is_about()
{
	net_suite
	run_suite images t_open
	baseline_of images
	cp leaks.baseline before
	run "$LASTREF_CMD" diff -o leaks.baseline leaks.baseline images
	expect_status 2
	expect_text stderr 'cannot write leaks.baseline: it is read, too; name another file with -o'
	cmp before leaks.baseline
}

# A library's worth of code in front changes the build-id, and no fingerprint.
rebuild()
{
	{
		echo 'int more(void) { return 1; }'
		cat t_open.c
	} >t_more.c
	mv t_more.c t_open.c
	compile t_open t_open.c
}

test_leaks_of_a_program_that_was_built_again_are_not_told_as_new()
{
	net_suite
	run_suite before t_open
	baseline_of before
	cp leaks.baseline kept
	rebuild
	run_suite after t_open
	run "$LASTREF_CMD" diff before after
	expect_status 3
	expect_empty stdout
	expect_match stderr '^lastref: cannot compare the leaks of before: names are missing in them, since the program was built again after it was written \(.*/t_open, then of build-id [0-9a-f]+\); run diff before the rebuild, or keep a baseline'
	run "$LASTREF_CMD" diff after before
	expect_status 3
	expect_text stderr 'cannot compare the leaks of before'
	run "$LASTREF_CMD" diff kept before
	expect_status 3
	run "$LASTREF_CMD" diff kept after
	expect_status 0
	expect_text stdout 'lastref: 0 new, 0 gone, 1 stays'
}

test_what_was_built_again_compares_with_itself_and_with_nothing()
{
	net_suite
	run_suite before t_open
	run_suite same t_open
	rebuild
	run_suite clean t_clean
	run "$LASTREF_CMD" diff before same
	expect_status 0
	expect_match stdout '^lastref: 0 new, 0 gone, [1-9]'
	run "$LASTREF_CMD" diff before clean
	expect_status 0
	expect_match stdout '^lastref: 0 new, [1-9] gone, 0 stay$'
	: >empty
	run "$LASTREF_CMD" diff empty before
	expect_status 1
	expect_match stdout '^lastref: [1-9] new, 0 gone, 0 stay$'
}

run_tests "$@"
