#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Forks at any moment of eight threads: tests/stress/forks.c, and what its children reported.
#
# STRIDE: the larger, the fewer children.

. "$(dirname "$0")/../support/tap.sh"

CHILDREN=$((1000 / ${STRIDE:-1} + 20))

build_forks()
{
	compile forks "$SRC/tests/stress/forks.c" -D_GNU_SOURCE
}

# Each child that leaked an object was heard of once, and nobody else has such objects.
expect_each_leak_once()
{
	expect_equal "$(grep -ac '^LEAK .*  1 leaked  ' stderr)" "$(cat stdout)"
	expect_equal "$(grep -ac '^LEAK .* leaked  ' stderr)" "$(cat stdout)"
}

test_a_child_of_any_moment_reports_its_own_objects_once()
{
	build_forks
	LASTREF=leaks=warn LASTREF_COMMAND='' run ./forks "$CHILDREN"
	expect_status 0
	expect_each_leak_once
}

test_a_child_of_any_moment_reports_its_own_objects_once_under_lastref_run()
{
	build_forks
	run "$LASTREF_CMD" run -- ./forks $((CHILDREN / 4))
	expect_status 23
	expect_each_leak_once
}

# A lock that is taken for the first time is one that no handler of fork() may know yet.
test_a_child_of_the_first_moments_does_not_hang()
{
	local i

	build_forks
	for ((i = 0; i < CHILDREN / 10; i++)); do
		LASTREF=leaks=warn LASTREF_COMMAND='' run timeout 20 ./forks 8
		expect_status 0
	done
}

run_tests "$@"
