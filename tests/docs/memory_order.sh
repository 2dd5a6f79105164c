#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/memory-order.md promises every ordering that is not relaxed. Whoever adds one, or takes one away, comes past here.

. "$(dirname "$0")/../support/tap.sh"

orderings='__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST|CONSUME)'

test_every_file_with_an_ordering_is_in_the_table_with_as_many()
{
	(cd "$SRC" && grep -rcE "$orderings" include src) | grep -v ':0$' | tr ':' ' ' | sort >code
	sed -n 's/^| \([a-z/_]*\.[ch]\) | \([0-9]*\) |.*/\1 \2/p' "$SRC/docs/memory-order.md" | sort >table
	[ -s code ] || fail "no ordering was found in the sources"
	diff table code
}

test_the_sources_use_no_atomics_but_the_builtins()
{
	(cd "$SRC" && grep -rnE '_Atomic|stdatomic|__sync_[a-z]' include src) >others || true
	expect_empty others
}

run_tests "$@"
