# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A harness for tests written in bash, with TAP on standard output. A test file looks like this:
#
#	#!/usr/bin/env bash
#	# SPDX-License-Identifier: Apache-2.0
#	. "$(dirname "$0")/../support/tap.sh"
#
#	test_a_leak_gives_exit_status_23()
#	{
#		compile prog prog.c                       # or: compile prog - <<'C' ... C
#		run "$LASTREF_CMD" run -- ./prog
#		expect_status 23
#		expect_text stderr '1 leaked object'
#	}
#
#	run_tests "$@"
#
# Every function called test_* is a test, run in the order of the file, and its name without that prefix is the sentence it
# proves. Each runs in a subshell of its own, in a new empty folder, under `set -euE -o pipefail`: a test fails at the first
# command that fails, and the harness names that command and its line. With arguments, run_tests runs the tests named. A function
# called after_all, if the file has one, is run at the end. A test that takes longer than TEST_SECONDS (60) is ended, with all that
# it started, and has failed: a test that waits for what never comes must not take the others along.
#
# Variables (from meson; with defaults when a file is run by hand):
#	SRC		the source tree
#	LASTREF_BUILD	the build folder: liblastref.so, liblastref.a, the examples
#	LASTREF_CMD	the `lastref` command
#	CC, CXX		compilers, gcc and g++ if unset
#	TEST_SECONDS	how long one test may take
#
# The environment of a test has no LASTREF* settings of the caller, LC_ALL=C, and LD_LIBRARY_PATH set to the build folder. No signal is
# ignored.
#
# Functions for tests:
#	run CMD [ARG...]	run CMD without stdin; its output goes to the files `stdout` and `stderr`, its exit status to $status.
#				Never fails itself.
#	expect_status N		the last run ended with status N; else its output is shown
#	expect_text FILE TEXT	FILE has a line that contains TEXT, literally
#	expect_match FILE RE	FILE has a line that matches the extended regular expression RE
#	expect_no_text FILE TEXT	FILE has no line that contains TEXT
#	expect_empty FILE	FILE is empty
#	expect_equal A B	the strings A and B are equal
#	fail MESSAGE		fail this test
#	skip REASON		end this test; counted as skipped
#	need_terminal		skip this test where script(1) can make no terminal
#	compile OUT SOURCE [FLAG...]
#				build SOURCE (`-` reads C from stdin) against include/ and liblastref.so as -std=gnu11 -g, no warnings
#				allowed. FLAGs come last.
#	compile_static OUT SOURCE [FLAG...]
#				the same with liblastref.a in place of the shared library

# A shell cannot trap what was ignored when it started, and what it starts ignores it too: SIGHUP under nohup, SIGQUIT and SIGINT in the
# background of a script. Tests of signals need those of a program that is started at a terminal.
if [ -z "${TAP_STARTED_ANEW-}" ] && [ -n "$(trap -p)" ] && env --default-signal true 2>/dev/null; then
	TAP_STARTED_ANEW=1 exec env --default-signal bash "$0" "$@"
fi
unset TAP_STARTED_ANEW

set -u

SRC=${SRC:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
LASTREF_BUILD=${LASTREF_BUILD:-$SRC/build}
LASTREF_CMD=${LASTREF_CMD:-$LASTREF_BUILD/lastref}
CC=${CC:-gcc}
CXX=${CXX:-g++}
TEST_SECONDS=${TEST_SECONDS:-60}
LC_ALL=C
LD_LIBRARY_PATH=$LASTREF_BUILD
# What script(1) starts: not every shell makes way for the command that it is given, and then it gets the terminal's signals too.
SHELL=$(command -v bash)
export SRC LASTREF_BUILD LASTREF_CMD CC CXX LC_ALL LD_LIBRARY_PATH SHELL
unset MAKEFLAGS MAKELEVEL LASTREF LASTREF_RUN_DIR LASTREF_RUN_FD LASTREF_COMMAND NO_COLOR CLICOLOR_FORCE DEBUGINFOD_URLS

# What `skip` ends a test with: no shell or signal gives this status by itself.
tap_skip_status=77
tap_group=
status=0

fail()
{
	echo "$*" >&2
	exit 1
}

skip()
{
	printf '%s\n' "$*" >"$tap_skip_file"
	exit "$tap_skip_status"
}

need_terminal()
{
	# A folder /dev without devpts has no pseudo-terminals, and script then ends at once, with a message and without CMD.
	[ "$(timeout 10 script -qec 'echo made' /dev/null </dev/null 2>&1 | tr -d '\r\n')" = made ] ||
		skip "needs a pseudo-terminal, and script(1) can make none here (is devpts mounted?)"
}

run()
{
	status=0
	"$@" </dev/null >stdout 2>stderr || status=$?
}

expect_status()
{
	[ "$status" -eq "$1" ] && return
	echo "--- stdout"
	tap_head stdout
	echo "--- stderr"
	tap_head stderr
	fail "exit status $status instead of $1"
}

expect_text()
{
	grep -qF -e "$2" -- "$1" && return
	tap_show "$1"
	fail "no line of $1 contains: $2"
}

expect_match()
{
	grep -qE -e "$2" -- "$1" && return
	tap_show "$1"
	fail "no line of $1 matches: $2"
}

expect_no_text()
{
	grep -qF -e "$2" -- "$1" || return 0
	tap_show "$1"
	fail "a line of $1 contains: $2"
}

expect_empty()
{
	[ -e "$1" ] || fail "there is no file $1"
	[ -s "$1" ] || return 0
	tap_show "$1"
	fail "$1 is not empty"
}

expect_equal()
{
	[ "$1" = "$2" ] || fail "'$1' is not equal to '$2'"
}

compile()
{
	tap_compile "$1" "$2" -L"$LASTREF_BUILD" -l:liblastref.so.0 "${@:3}"
}

compile_static()
{
	tap_compile "$1" "$2" "$LASTREF_BUILD/liblastref.a" "${@:3}"
}

# tap_compile OUT SOURCE LINK-ARG...
tap_compile()
{
	"$CC" -std=gnu11 -g -O1 -Wall -Wextra -Werror -I"$SRC/include" -pthread -o "$1" -x c "$2" -x none "${@:3}"
}

tap_show()
{
	echo "--- $1"
	tap_head "$1"
}

# The first lines of a file, so that a test that fails on a huge output stays readable.
tap_head()
{
	head -c 4000 -- "$1" 2>&1 | head -n 60
	echo
}

tap_on_error()
{
	echo "line ${BASH_LINENO[0]} of $(basename "$0"): status $1 from: $2" >&2
}

# The names of the test functions, in the order in which the file has them.
tap_test_names()
{
	shopt -s extdebug
	declare -F | sed -n 's/^declare -f \(test_.*\)$/\1/p' | while read -r name; do
		declare -F "$name"
	done | sort -k2,2n | cut -d' ' -f1
}

# tap_end GROUP: end a group of processes.
tap_end()
{
	[ -z "$1" ] || kill -KILL -- "-$1" 2>/dev/null
}

# tap_watch NAME GROUP LOG: end the group of a test when its time is over.
tap_watch()
{
	sleep "$TEST_SECONDS"
	echo "$1 was not over after $TEST_SECONDS seconds" >>"$3"
	tap_end "$2"
}

# tap_run_one NAME LOG: run one test in a folder and a group of processes of its own. Return: its status.
tap_run_one()
{
	local result=0 watch

	set -m
	(
		set +m
		set -eE -o pipefail
		trap - EXIT
		trap 'tap_on_error $? "$BASH_COMMAND"' ERR
		mkdir -- "$tap_folder/$1"
		cd -- "$tap_folder/$1"
		"$1"
	) >"$2" 2>&1 </dev/null &
	tap_group=$!
	tap_watch "$1" "$tap_group" "$2" >/dev/null 2>&1 </dev/null &
	watch=$!
	set +m
	disown "$watch"
	wait "$tap_group" 2>/dev/null || result=$?
	tap_end "$watch"
	tap_group=
	return "$result"
}

# tap_result NUMBER NAME STATUS LOG: print the line of one test, and what it printed if it failed.
tap_result()
{
	case $3 in
	0)
		echo "ok $1 - ${2#test_}"
		;;
	"$tap_skip_status")
		echo "ok $1 - ${2#test_} # SKIP $(cat "$tap_skip_file")"
		;;
	*)
		echo "not ok $1 - ${2#test_}"
		sed 's/^/# /' "$4"
		return 1
		;;
	esac
}

tap_clean_up()
{
	tap_end "$tap_group"
	chmod -R u+rwX "$tap_folder" 2>/dev/null
	rm -rf "$tap_folder"
	! declare -F after_all >/dev/null || after_all
}

run_tests()
{
	local names=("$@") name number=0 failed=0

	[ "${#names[@]}" -gt 0 ] || mapfile -t names < <(tap_test_names)
	if [ "${#names[@]}" -eq 0 ]; then
		echo "Bail out! no tests in $0"
		exit 1
	fi

	tap_folder=$(mktemp -d "${TMPDIR:-/tmp}/lastref-test.XXXXXX")
	tap_skip_file=$tap_folder/skip
	trap tap_clean_up EXIT

	echo "1..${#names[@]}"
	for name in "${names[@]}"; do
		number=$((number + 1))
		[ "${name#test_}" != "$name" ] || name=test_$name
		tap_run_one "$name" "$tap_folder/log"
		tap_result "$number" "$name" $? "$tap_folder/log" || failed=$((failed + 1))
	done
	[ "$failed" -eq 0 ]
}
