#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Memory, descriptors and the like fail at each place where the library or the command asks for them, one place after the other. A
# program must not notice; the report must say what it lacks. tests/support/fail_calls.c lets the calls fail, in the files that
# users get; tests/support/workload.c is the program.
#
# STRIDE: of so many places one is tried, which is enough for `make check`; 1 is all of them.

. "$(dirname "$0")/../support/tap.sh"

STRIDE=${STRIDE:-1}
# What a run of the workload prints, whatever it lacks.
ALL_WELL='destroyed 801, misuses 2, right'
LEAKED=7

build_workload()
{
	"$CC" -std=gnu11 -O1 -g -Wall -Wextra -Werror -shared -fPIC -o fail.so "$SRC/tests/support/fail_calls.c"
	compile workload "$SRC/tests/support/workload.c"
}

# failing N MANY CMD...: the call number N of the library fails, and with MANY=1 all after it.
failing()
{
	local -a many=()

	[ "$2" = 0 ] || many=(FAIL_MANY=1)
	rm -f said
	run timeout 30 "${front[@]}" env "${many[@]}" FAIL_CALLER=liblastref.so FAIL_AT="$1" FAIL_SAY="$PWD/said" \
		LD_PRELOAD="$PWD/fail.so" "${@:3}"
}

# What was lost must be said: the first check found FOUND of the LEAKED objects, and the last report tells of one more.
expect_honest_report()
{
	local found

	found=$(sed -n 's/^live [0-9]*, the check found //p' stderr)
	[ "${found:-0}" -le "$LEAKED" ] || fail "call $1: found $found"
	if [ "${found:-0}" -lt "$LEAKED" ] || ! grep -q '^lastref: 1 object leaked' stderr; then
		grep -qE '^note: .*(could not be registered|for lack of memory)' stderr || {
			tap_show stderr
			fail "call $1: the report does not say what is missing"
		}
	fi
	grep -q "^note: $found more live objects were reported by an earlier check" stderr || [ "${found:-0}" -eq 0 ] ||
		fail "call $1: the last report does not tell of the first one"
	# The boxes are all there, so nothing may say otherwise.
	expect_no_text stderr 'its memory is gone'
	grep -q 'no leaks$' stderr && fail "call $1: an object leaked"
	return 0
}

# each_call_fails MANY STATUS CMD...: as long as there is a call that can fail.
each_call_fails()
{
	local n

	for ((n = 1; ; n += STRIDE)); do
		failing "$n" "$@"
		[ -e said ] || break
		[ "$status" -eq "$wanted" ] || {
			tap_show stdout
			tap_show stderr
			fail "call $n: exit status $status instead of $wanted"
		}
		expect_equal "$(cat stdout)" "$ALL_WELL"
		expect_honest_report "$n"
	done
	[ "$n" -gt 100 ] || fail "only $n calls were tried"
}

test_a_program_does_not_notice_which_call_of_the_library_failed()
{
	local -a front=()
	local wanted=0

	build_workload
	each_call_fails 0 env LASTREF=leaks=warn LASTREF_COMMAND= ./workload
}

test_a_program_does_not_notice_that_the_library_gets_nothing_any_more()
{
	local -a front=()
	local wanted=0

	build_workload
	each_call_fails 1 env LASTREF=leaks=warn LASTREF_COMMAND= ./workload
}

test_a_logging_program_with_symbols_does_not_notice_either()
{
	local -a front=()
	local wanted=0

	STRIDE=$((4 * STRIDE))
	build_workload
	each_call_fails 0 env 'LASTREF=leaks=warn:log=*' LASTREF_COMMAND="$LASTREF_CMD" ./workload
	each_call_fails 1 env 'LASTREF=leaks=warn:log=*' LASTREF_COMMAND="$LASTREF_CMD" ./workload
}

# lastref run has its own report, so only the program's view and the exit status are compared.
test_lastref_run_gives_its_status_whatever_the_program_lacked()
{
	local -a front=("$LASTREF_CMD" run --)
	local n many

	[ "$STRIDE" -le 1 ] || STRIDE=$((4 * STRIDE))
	build_workload
	for many in 0 1; do
		for ((n = 1; ; n += STRIDE)); do
			failing "$n" "$many" ./workload
			[ -e said ] || break
			expect_equal "$n: $(cat stdout)" "$n: $ALL_WELL"
			expect_status 23
		done
		[ "$n" -gt 100 ] || fail "only $n calls were tried"
	done
}

# report N MANY: the command's own call number N fails.
report_failing()
{
	local -a many=()

	[ "$2" = 0 ] || many=(FAIL_MANY=1)
	rm -f said
	run timeout 30 env "${many[@]}" FAIL_CALLER="${3-}" FAIL_AT="$1" FAIL_SAY="$PWD/said" LD_PRELOAD="$PWD/fail.so" \
		"$LASTREF_CMD" report --type '*' image
}

test_a_report_without_memory_is_a_message_and_no_crash()
{
	local n many

	build_workload
	run "$LASTREF_CMD" run -o image -- ./workload
	expect_status 23
	for many in 0 1; do
		for ((n = 1; ; n += (STRIDE + 3) / 4)); do
			report_failing "$n" "$many"
			[ -e said ] || break
			case $status in
			1) expect_text stdout 'lastref: 8 objects leaked, 200 B' ;;
			2 | 3) expect_match stderr '^lastref: cannot .*(Cannot allocate memory|out of memory|Too many open files)' ;;
			*) fail "call $n: exit status $status" ;;
			esac
		done
		[ "$n" -gt 20 ] || fail "only $n calls were tried"
	done
}

# What there was no memory for would pass for gone, or for not there at all: with status 0.
test_a_comparison_without_memory_is_refused_and_never_clean()
{
	local n

	"$CC" -std=gnu11 -O1 -g -Wall -Wextra -Werror -shared -fPIC -o fail.so "$SRC/tests/support/fail_calls.c"
	compile leak - <<-'C'
		#include <lastref/lastref.h>

		struct box {
			struct lastref_count refs;
		};

		LASTREF_DEFINE(box, struct box, refs, NULL);

		int main(void)
		{
			static struct box box;

			box_ref_init(&box);
			return 0;
		}
	C
	run "$LASTREF_CMD" run -o image -- ./leak
	expect_status 23
	# What comes later is about symbols.
	for ((n = 1; n < 60; n += (STRIDE + 3) / 4)); do
		rm -f said
		run timeout 30 env FAIL_CALLER= FAIL_AT="$n" FAIL_SAY="$PWD/said" LD_PRELOAD="$PWD/fail.so" \
			"$LASTREF_CMD" diff /dev/null image
		[ -e said ] || fail "only $n calls were tried"
		case $status in
		1) expect_text stdout 'lastref: 1 new, 0 gone, 0 stay' ;;
		3) expect_match stderr '^lastref: .*(Cannot allocate memory|out of memory|Too many open files)' ;;
		*) fail "call $n: exit status $status" ;;
		esac
	done
}

# What reads debug information has a process to itself, and may die of it.
test_a_reader_of_symbols_without_memory_costs_the_symbols_only()
{
	local n many

	build_workload
	run "$LASTREF_CMD" run -o image -- ./workload
	for many in 0 1; do
		for ((n = 1; ; n += 4 + STRIDE)); do
			report_failing "$n" "$many" libdw
			[ -e said ] || break
			expect_status 1
			expect_text stdout 'lastref: 8 objects leaked, 200 B'
			expect_match stdout '^LEAK 1 of [0-9]'
		done
		[ "$n" -gt 20 ] || fail "only $n calls were tried"
	done
}

run_tests "$@"
