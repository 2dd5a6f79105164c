#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# --suppressions, of lastref run and lastref report.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/suite.sh"

# suppress LINE...: a file of these lines, with which the images are reported.
suppress()
{
	printf '%s\n' "$@" >supp
	run "$LASTREF_CMD" report --suppressions supp images
}

test_a_leak_is_suppressed_by_type_function_file_module_or_fingerprint()
{
	local pattern fingerprint

	net_suite
	run_suite images t_open
	run "$LASTREF_CMD" report images
	fingerprint=$(sed -n 's/^LEAK .*\[\(lr-[0-9a-f]*\)\].*/\1/p' stdout)
	[ -n "$fingerprint" ]
	for pattern in conn '^conn$' conn_open 'c*n_op?en' 'c*n_op*en$' net.c '^net.c$' "$PWD/net.c" t_open '/t_open$' "$fingerprint"; do
		suppress "leak:$pattern"
		case $pattern in
		*\?*)
			expect_status 1
			expect_text stderr "supp:1: leak:$pattern suppressed nothing"
			;;
		*)
			expect_status 0
			expect_empty stderr
			expect_text stdout 'lastref: no leaks but suppressed ones'
			expect_text stdout 'note: 2 leaked objects are suppressed'
			expect_no_text stdout 'LEAK'
			;;
		esac
	done
}

test_what_does_not_match_is_reported_and_unused_lines_are_said()
{
	net_suite
	run_suite images
	suppress '# of the vendor' 'leak:packet' '' 'leak:nobody' 'leak:^pack$'
	expect_status 1
	expect_match stdout '^LEAK 1 of 1 .* 3 conn '
	expect_text stdout 'note: 1 leaked object is suppressed'
	expect_text stderr 'supp:4: leak:nobody suppressed nothing; remove it'
	expect_text stderr "supp:5: leak:^pack$ suppressed nothing"
	expect_no_text stderr 'supp:2'
}

test_a_file_of_leak_sanitizer_works()
{
	net_suite
	run_suite images
	printf '# LSan suppressions\r\n\r\n  leak:conn_open\r\nleak:packet_*\r\n' >lsan.supp
	run "$LASTREF_CMD" report --suppressions lsan.supp images
	expect_status 0
	expect_empty stderr
}

test_a_wrong_line_gives_2_before_anything_runs()
{
	printf '# fine\nleak:ok\nrace:other\n' >supp
	run "$LASTREF_CMD" run --suppressions supp -- touch started
	expect_status 2
	expect_equal "$(cat stderr)" "lastref: supp:3: expected leak:PATTERN, and in PATTERN more than ^, \$ and *, found 'race:other'"
	[ ! -e started ]
	run "$LASTREF_CMD" report --suppressions supp missing
	expect_status 2
	expect_no_text stderr missing
	printf 'leak:\n' >supp
	run "$LASTREF_CMD" report --suppressions supp missing
	expect_text stderr "supp:1: expected leak:PATTERN, and in PATTERN more than ^, \$ and *, found 'leak:'"
	expect_status 2
	printf 'leak:a\n\nleak:*\n' >supp
	run "$LASTREF_CMD" report --suppressions supp missing
	expect_text stderr "supp:3: expected leak:PATTERN, and in PATTERN more than ^, \$ and *, found 'leak:*'"
	expect_status 2
	printf 'leak:a\0b\n' >supp
	run "$LASTREF_CMD" report --suppressions supp missing
	expect_text stderr "supp:1: expected leak:PATTERN, and in PATTERN more than ^, \$ and *, found 'leak:a\\x00b'"
	expect_status 2
}

test_a_file_of_suppressions_that_cannot_be_read_gives_2()
{
	run "$LASTREF_CMD" report --suppressions missing missing
	expect_status 2
	expect_text stderr 'cannot read the suppressions missing: No such file or directory'
	run "$LASTREF_CMD" run --suppressions . -- touch started
	expect_status 2
	expect_text stderr 'cannot read the suppressions .: it is a folder'
	[ ! -e started ]
}

test_a_run_of_which_all_is_suppressed_ends_as_its_command()
{
	net_suite
	printf 'leak:conn_open\nleak:packet\n' >supp
	run "$LASTREF_CMD" run --suppressions supp -- ./t_open
	expect_status 0
	expect_text stderr 'lastref: no leaks but suppressed ones'
	expect_text stderr 'supp:2: leak:packet suppressed nothing'
	run "$LASTREF_CMD" run --suppressions supp -- sh -c './t_open; ./t_send; ./t_clean'
	expect_status 0
	expect_equal "$(cat stderr)" 'lastref: no leaks but suppressed ones in 3 processes'
	run "$LASTREF_CMD" run --quiet --suppressions supp -- ./t_open
	expect_status 0
	expect_empty stderr
	printf 'leak:packet\n' >supp
	run "$LASTREF_CMD" run --suppressions supp -- sh -c './t_open; ./t_send'
	expect_status 23
	expect_match stderr '1 object leaked, .* process 2 of 2'
}

test_what_a_check_of_the_program_reported_can_be_suppressed()
{
	net_library
	net_program t_checks <<-'C'
		conn_open(1);
		lastref_leak_check();
	C
	printf 'leak:conn_open\n' >supp
	run "$LASTREF_CMD" run -- ./t_checks
	expect_status 23
	run "$LASTREF_CMD" run --suppressions supp -- ./t_checks
	expect_status 0
}

test_what_only_suppressed_leaks_keep_together_is_suppressed_with_them()
{
	net_library
	net_program t_shared <<-'C'
		struct conn *conn = conn_open(1);

		packet_new(conn);
		packet_new(conn);
		conn_close(conn);
		conn_open(2);
	C
	mkdir images
	"$LASTREF_CMD" run --quiet --leak-exit 0 -o images/t_shared -- ./t_shared
	suppress 'leak:^packet_new$'
	expect_status 1
	expect_text stdout 'lastref: 1 object leaked, 12 B, 1 cause'
	expect_text stdout 'note: 3 leaked objects are suppressed'
	expect_match stdout '^LEAK 1 of 1 .* 1 conn '
	suppress 'leak:^packet$' 'leak:^conn$'
	expect_status 0
	expect_empty stderr
}

test_misuse_is_never_suppressed()
{
	net_library
	net_program t_misuse <<-'C'
		static struct lastref_count none;
		lastref_set_misuse_handler((void (*)(const struct lastref_misuse *, void *))(void (*)(void))getpid, NULL);
		lastref_count_ref(&none);
		conn_open(1);
	C
	printf 'leak:conn\n' >supp
	run "$LASTREF_CMD" run -o image --suppressions supp -- ./t_misuse
	expect_status 23
	expect_text stderr '1 misuse'
	run "$LASTREF_CMD" report --suppressions supp image
	expect_status 1
}

test_a_suppression_far_up_the_stack_works()
{
	net_library
	{
		echo '#include "net.c"'
		echo 'volatile int one = 1;'
		echo 'static __attribute__((noinline)) void f0(void) { conn_open(1); one++; }'
		for i in $(seq 1 60); do
			echo "static __attribute__((noinline)) void f$i(void) { f$((i - 1))(); one++; }"
		done
		echo 'int main(void) { f60(); return 0; }'
	} >deep.c
	compile deep deep.c
	mkdir images
	"$LASTREF_CMD" run --quiet --leak-exit 0 --stack-depth 128 -o images/deep -- ./deep
	suppress 'leak:^f59$'
	expect_status 0
	suppress 'leak:^f61$'
	expect_status 1
}

test_each_process_is_compared_by_its_own_stack()
{
	local name

	mkdir images
	for name in one two; do
		cat >$name.c <<-'C'
			#include <lastref/lastref.h>
			#include <stdlib.h>
			struct box { struct lastref_count refs; };
			LASTREF_DEFINE(box, struct box, refs, NULL);
			static __attribute__((noinline)) void work(void) { box_ref_init(calloc(1, sizeof(struct box))); }
			int main(void) { work(); return 0; }
		C
		compile $name $name.c -O0
		"$LASTREF_CMD" run --quiet --leak-exit 0 -o images/$name -- ./$name
	done
	run "$LASTREF_CMD" report images
	expect_match stdout '^LEAK 1 of 1 .* 2 box .* in 2 processes'
	for name in one two; do
		suppress "leak:^$name.c$"
		expect_status 1
		expect_empty stderr
		expect_text stdout 'lastref: 1 object leaked, 8 B, 1 cause in 1 of 2 processes'
		expect_match stdout '^LEAK 1 of 1 .* 1 box .* in 1 process'
		expect_no_text stdout "$name.c"
		expect_text stdout 'note: 1 leaked object is suppressed'
	done
	suppress 'leak:^one.c$' 'leak:^two.c$'
	expect_status 0
	expect_empty stderr
}

test_a_second_file_of_suppressions_is_refused()
{
	local command

	echo 'leak:ok' >one
	cp one two
	for command in 'run -- touch started' 'report missing' 'diff missing missing'; do
		# shellcheck disable=SC2086 # a command and its arguments
		set -- $command
		run "$LASTREF_CMD" "$1" --suppressions one --suppressions two "${@:2}"
		expect_status 2
		expect_text stderr '--suppressions is given twice; put all lines into one file'
	done
	[ ! -e started ]
}

run_tests "$@"
