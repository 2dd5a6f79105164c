#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# lastref types.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/suite.sh"

test_a_type_has_a_line_with_what_is_known_and_what_is_not_is_said()
{
	net_suite
	net_program t_both <<-'C'
		for (int i = 0; i < 5; i++)
			conn_close(conn_open(i));
		conn_open(6);
		packet_free(packet_new(NULL));
	C
	run_suite images t_both
	run "$LASTREF_CMD" types images/t_both
	expect_status 0
	expect_empty stderr
	expect_match stdout '^type +bytes each +born +died +live$'
	expect_match stdout '^conn +12 +6 +5 +1$'
	expect_match stdout '^packet +16 +1 +1 +0$'
	expect_text stdout 'not known: the most that lived at once, refs and unrefs'
	run "$LASTREF_CMD" types --type 'p*' images/t_both
	expect_no_text stdout conn
	expect_text stdout packet
}

test_the_figures_of_processes_are_added_up()
{
	net_suite
	run_suite images
	run "$LASTREF_CMD" types images
	expect_status 0
	expect_match stdout '^conn +12 +4 +1 +3 +3$'
	expect_match stdout '^packet +16 +1 +0 +1 +1$'
}

# keeper_of CALL: the program t_keeper. It ignores a packet, which holds a connection, and then
# calls a check.
keeper_of()
{
	net_program t_keeper <<-C
		struct conn *conn = conn_open(1);
		struct packet *packet = packet_new(conn);
		conn_close(conn);
		lastref_ignore(packet, "the only one");
		if ($1 != 0)
			return 9;
	C
}

test_what_the_program_ignores_lives()
{
	net_library
	keeper_of 0
	run_suite images t_keeper
	run "$LASTREF_CMD" types images/t_keeper
	expect_status 0
	expect_match stdout '^conn +12 +1 +0 +1$'
	expect_match stdout '^packet +16 +1 +0 +1$'
}

test_what_an_ignored_object_holds_was_reported_by_no_check()
{
	local check

	net_library
	for check in 'lastref_leak_check()' 'lastref_leaks_since(0)' \
		'lastref_leak_check() + lastref_leak_check()'; do
		keeper_of "$check"
		run "$LASTREF_CMD" run -- ./t_keeper
		expect_status 0
		expect_text stderr 'lastref: no leaks'
		expect_text stderr 'note: 2 live objects are ignored: the only one'
		run env LASTREF=leaks=panic ./t_keeper
		expect_status 0
		expect_empty stderr
		run env LASTREF=leaks=warn:exitcode=7 ./t_keeper
		expect_status 0
	done
}

test_what_cannot_be_read_gives_3_and_the_others_are_shown()
{
	net_suite
	run_suite images t_open
	run "$LASTREF_CMD" types images missing
	expect_status 3
	expect_text stderr 'cannot open missing: No such file or directory'
	expect_match stdout '^conn +12 +2 +0 +2$'
	mkdir empty
	run "$LASTREF_CMD" types empty
	expect_status 3
	expect_empty stdout
	head -c $(($(stat -c %s images/t_open) - 8)) images/t_open >part
	run "$LASTREF_CMD" types part
	expect_status 4
	expect_text stdout 'note: a file ends early: more may live, and fewer were born or died'
	run "$LASTREF_CMD" types
	expect_status 2
	run sh -c '"$1" types images >/dev/full' sh "$LASTREF_CMD"
	expect_status 3
	expect_text stderr 'cannot write the table: No space left on device'
}

test_help_of_every_command_has_examples_and_exit_statuses()
{
	local command

	"$LASTREF_CMD" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' >commands
	expect_text commands types
	while read -r command; do
		run "$LASTREF_CMD" "$command" --help
		expect_status 0
		expect_text stdout 'Usage: lastref'
		tr -s ' \n' ' ' <stdout >words
		run "$LASTREF_CMD" help "$command"
		expect_status 0
		expect_text stdout "Usage: lastref $command"
		expect_text words 'exit status is'
		expect_text stdout 'Examples:'
	done <commands
}

run_tests "$@"
