#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/comparison.md, taken at its word: what each of the three tools prints of the same bugs. A tool that is not here, or cannot work here, is skipped.
#
# The blocks of the page are marked `text lastref`, `text lsan` and `text valgrind`; lines that begin with `$ ` are commands, run where the programs are.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/blocks.sh"

PATH=$LASTREF_BUILD:$PATH
# For the commands of the page that compile, as if lastref were installed.
export CPATH=$SRC/include LIBRARY_PATH=$LASTREF_BUILD

# compare_all TOOL: the blocks of this tool.
compare_all()
{
	local info blocks=0

	cp "$SRC"/docs/comparison/* .
	split "$SRC/docs/comparison.md"
	for info in *.info; do
		[ "$(cat "$info")" = "text $1" ] || continue
		compare "${info%.info}.body" "$(head -n 1 "${info%.info}.body")"
		blocks=$((blocks + 1))
	done
	# To build, and the six programs.
	[ "$blocks" -ge 7 ] || fail "the page has $blocks blocks of $1 only"
}

# says TOOL BUG TEXT: so says the page of this tool, of this program.
says()
{
	local body

	for body in *.body; do
		[ "$(cat "${body%.body}.info")" = "text $1" ] && grep -qF "./$2" "$body" && grep -qF "$3" "$body" && return
	done
	fail "the page does not show that $1 says of $2: $3"
}

# It cannot stop the process where ptrace(2) is forbidden, as in some containers.
needs_leaksanitizer()
{
	echo 'int main(void) { __builtin_malloc(1); return 0; }' >leaks.c
	gcc -fsanitize=leak leaks.c -o leaks 2>/dev/null || skip "gcc has no LeakSanitizer"
	run ./leaks
	grep -qF 'detected memory leaks' stderr || skip "LeakSanitizer does not work here: $(grep -m 1 . stderr)"
}

test_lastref_tells_the_cause_of_each_of_the_five_bugs()
{
	compare_all lastref
	says lastref lost 'message#61803 number 61803'
	says lastref five 'number 141 of producer 3'
	says lastref reachable 'exit status 23'
	says lastref root '10,000 dentry, through mount.children'
	says lastref cycle '2 objects hold each other'
	says lastref memory 'exit status 0'
}

test_leaksanitizer_tells_of_allocations_and_of_nothing_that_is_reachable()
{
	needs_leaksanitizer
	compare_all lsan
	says lsan lost 'in message_new lost.c'
	says lsan reachable 'exit status 0'
	says lsan root '10000 object(s)'
	says lsan cycle 'Indirect leak'
	says lsan memory 'in lose memory.c'
}

test_lastref_and_leaksanitizer_report_in_one_program()
{
	needs_leaksanitizer
	gcc -g -fsanitize=leak "$SRC/docs/comparison/root.c" -o both -llastref
	LASTREF=leaks=warn run env LSAN_OPTIONS=exitcode=0 ./both
	expect_text stderr '1 leaked reference keeps 10,001 objects'
	expect_match stderr '^Indirect leak of .* in 10000 object'
}

test_valgrind_tells_of_allocations_and_of_reads_of_freed_memory()
{
	valgrind true >/dev/null 2>&1 || skip "needs valgrind"
	compare_all valgrind
	says valgrind lost 'message_new (lost.c'
	says valgrind reachable 'exit status 0'
	says valgrind root '280,000 indirect'
	says valgrind cycle 'definitely lost in'
	says valgrind memory 'Invalid read'
}

run_tests "$@"
