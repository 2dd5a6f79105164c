#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# lastref report with several files, and with -o: one report of a whole test suite.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/suite.sh"

test_causes_are_counted_over_processes()
{
	net_suite
	run_suite images
	run "$LASTREF_CMD" report images/t_open images/t_send images/t_clean
	expect_status 1
	expect_empty stderr
	expect_text stdout '4 objects leaked, 52 B, 2 causes in 2 of 3 processes'
	expect_match stdout '^LEAK 1 of 2  \[lr-[0-9a-f]{8}\]  3 conn  36 B  in 2 processes$'
	expect_match stdout '^LEAK 2 of 2  \[lr-[0-9a-f]{8}\]  1 packet  16 B  in 1 process$'
	expect_text stdout 'conn#1 to host 1'
}

test_a_folder_is_all_images_in_it_and_nothing_else()
{
	net_suite
	run_suite images
	: >images/stderr
	echo 'no image' >images/log
	mkfifo images/pipe
	mkdir images/deeper
	cp images/t_open images/.hidden
	run "$LASTREF_CMD" report images
	expect_status 1
	expect_empty stderr
	mv stdout of-folder
	run "$LASTREF_CMD" report images/t_clean images/t_open images/t_send
	diff stdout of-folder
	run "$LASTREF_CMD" report images/
	diff stdout of-folder
}

test_processes_without_leaks_give_0()
{
	net_suite
	run_suite images t_clean
	cp images/t_clean images/t_clean_too
	run "$LASTREF_CMD" report images
	expect_status 0
	expect_equal "$(cat stdout)" 'lastref: no leaks in 2 processes'
}

test_a_file_that_cannot_be_read_gives_3_and_the_others_are_reported()
{
	net_suite
	run_suite images t_open t_clean
	echo nonsense >other
	run "$LASTREF_CMD" report images/t_clean other missing images/t_open
	expect_status 3
	expect_text stderr "cannot read other: it was not written by \`lastref run -o\`"
	expect_text stderr 'cannot open missing: No such file or directory'
	expect_text stdout '2 objects leaked, 24 B, 1 cause in 1 of 2 processes'
	expect_text stdout 'note: 2 files could not be read; what leaked there is not above'
	run "$LASTREF_CMD" report other missing
	expect_status 3
	expect_empty stdout
}

test_a_file_that_ends_early_gives_4_and_its_name()
{
	net_suite
	run_suite images
	head -c $(($(stat -c %s images/t_clean) - 8)) images/t_clean >images/a_part
	run "$LASTREF_CMD" report images
	expect_status 4
	expect_text stderr 'images/a_part ends early; what it holds was analyzed'
	expect_text stdout 'note: 1 file ends early; what it holds was analyzed'
	echo nonsense >other
	run "$LASTREF_CMD" report images other
	expect_status 3
}

test_one_file_that_is_named_twice_counts_once()
{
	net_suite
	run_suite images t_open
	ln -s t_open images/link
	run "$LASTREF_CMD" report images/t_open images
	expect_status 1
	expect_text stderr 'images/link is the same file as images/t_open; it counts once'
	expect_text stdout '2 objects leaked'
	expect_no_text stdout 'processes'
}

test_what_is_no_image_nor_a_folder_of_them_is_said()
{
	mkdir empty locked
	run "$LASTREF_CMD" report empty
	expect_status 3
	expect_text stderr "the folder empty has no file that \`lastref run -o\` wrote"
	expect_empty stdout
	run "$LASTREF_CMD" report ''
	expect_status 2
}

test_files_and_folders_without_permission_are_said()
{
	local as_other=()

	if [ "$(id -u)" -eq 0 ]; then
		as_other=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		"${as_other[@]}" true 2>refusal || skip "$(cat refusal)"
		"${as_other[@]}" test -x "$LASTREF_CMD" || skip 'another user cannot run the command where it is'
	fi
	net_suite
	run_suite images t_clean t_open
	run_suite locked t_open
	chmod 755 . ..
	chmod 000 images/t_open locked
	run "${as_other[@]}" "$LASTREF_CMD" report images locked
	expect_status 3
	expect_text stderr 'cannot open images/t_open: Permission denied'
	expect_text stderr 'cannot read the folder locked: Permission denied'
	expect_text stdout 'no leaks'
}

test_the_report_is_written_to_a_file_or_not_at_all()
{
	net_suite
	run_suite images
	run "$LASTREF_CMD" report -o out images
	expect_status 1
	expect_empty stdout
	cp out before
	run "$LASTREF_CMD" report images
	diff before stdout
	# Messages are not limited: they go through a pipe.
	# shellcheck disable=SC2016 # the inner shell expands it
	run bash -c '(ulimit -f 0; exec "$@" 2>&1) | cat; exit "${PIPESTATUS[0]}"' bash \
		"$LASTREF_CMD" report -o out images
	expect_status 3
	expect_text stdout 'cannot write out: File too large; the report is not saved: make room, or name another file with -o'
	cmp before out
	set -- out*
	expect_equal "$*" out
	run "$LASTREF_CMD" report -o no/such/folder/out images
	expect_status 2
	expect_text stderr 'cannot write no/such/folder/out: there is no folder no/such/folder'
	mkdir folder
	run "$LASTREF_CMD" report -o folder images
	expect_status 2
	expect_text stderr 'cannot write folder: it is a folder; name a file in it with -o'
}

test_how_processes_ended_is_told_of_the_first_few()
{
	local i

	net_library
	net_program t_killed <<-'C'
		conn_open(1);
		_exit(0);
	C
	mkdir images
	for i in 01 02 03 04 05 06 07 08 09 10 11 12; do
		"$LASTREF_CMD" run --quiet --leak-exit 0 -o "images/$i" -- ./t_killed
	done
	run "$LASTREF_CMD" report images
	expect_status 1
	expect_equal "$(grep -c 't_killed ended without the check at exit' stdout)" 3
	expect_text stdout 'lastref: 9 more files are of processes without the check at exit'
	expect_text stdout '12 objects leaked, 144 B, 1 cause in 12 of 12 processes'
}

test_a_run_of_several_processes_is_one_merged_report_when_asked_for()
{
	net_suite
	run "$LASTREF_CMD" run --format text -- sh -c './t_open; ./t_send; ./t_clean'
	expect_status 23
	expect_text stderr '4 objects leaked, 52 B, 2 causes in 2 of 3 processes'
	expect_no_text stderr 'process 1 of'
	run "$LASTREF_CMD" run --report out -- sh -c './t_open; ./t_send; ./t_clean'
	expect_status 23
	expect_text out '4 objects leaked, 52 B, 2 causes in 2 of 3 processes'
	expect_text stderr 'process 1 of 3: ./t_open'
	run "$LASTREF_CMD" run --quiet --report out -- ./t_open
	expect_status 23
	expect_empty stderr
	expect_text out '2 objects leaked'
	run "$LASTREF_CMD" run --quiet --report out --leak-exit 0 -- ./t_clean
	expect_status 0
	expect_equal "$(head -n 1 out)" 'lastref: no leaks'
	run "$LASTREF_CMD" run --report no/such/out -- touch started
	expect_status 2
	[ ! -e started ]
}

test_what_is_kept_is_added_up_over_processes()
{
	local i

	compile keeper - <<-'C'
		#include <lastref/lastref.h>
		#include <stdlib.h>
		struct box { struct lastref_count refs; struct box *next; struct box *other; };
		static void box_destroy(struct box *box);
		LASTREF_DEFINE(box, struct box, refs, box_destroy, .owns = LASTREF_OWNS(struct box, next, other));
		static void box_destroy(struct box *box) { free(box); }
		static struct box *box_new(void) { struct box *box = calloc(1, sizeof(*box)); box_ref_init(box); return box; }
		int main(int argc, char **argv)
		{
			(void)argv;
			for (int i = 0; i < argc; i++)
				box_new()->next = box_new();
			for (int i = 0; i < argc; i++) {
				struct box *self = box_new();

				self->next = self;
				self->other = box_new();
			}
			return 0;
		}
	C
	mkdir images
	for i in 1 2 3; do
		# shellcheck disable=SC2046 # so many arguments
		"$LASTREF_CMD" run --quiet --leak-exit 0 -o images/$i -- ./keeper $(seq $i)
	done
	run "$LASTREF_CMD" report images
	expect_match stdout '^LEAK 1 of 2 .* 9 leaked references keep 18 objects'
	expect_match stdout '^  KEEPS    9 box, through box.next$'
	expect_match stdout '^CYCLE 2 of 2 .*\(9 times, same shape\)'
	expect_match stdout '^  also keeps 9 box$'
	run "$LASTREF_CMD" report --format json images
	tr -d ' \n' <stdout >flat
	expect_equal "$(grep -oE '"keeps":\[\{"type":"box","objects":[0-9]*' flat | sed 's/.*://' | tr '\n' ' ')" '9 9 '
}

test_a_report_does_not_replace_what_a_process_left()
{
	net_suite
	run_suite images t_open
	cp images/t_open before
	run "$LASTREF_CMD" report -o images/t_open images/t_open
	expect_status 2
	expect_text stderr "cannot write images/t_open: it is what \`lastref run -o\` wrote, and would be lost"
	run "$LASTREF_CMD" run --report images/t_open -- touch started
	expect_status 2
	run "$LASTREF_CMD" run -o both --report both -- touch started
	expect_status 2
	expect_text stderr '-o and --report cannot be the same file'
	[ ! -e started ]
	cmp before images/t_open
}

run_tests "$@"
