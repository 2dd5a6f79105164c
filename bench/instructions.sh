#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How many instructions is a pair? Under callgrind, so the figure is the same on every run and on a busy machine; it says nothing of
# what an instruction costs. Each loop runs twice, the second time with more pairs: the difference has nothing of the start.
#
# Use: bench/instructions.sh        LASTREF_BUILD=folder, or build

set -euo pipefail
export LC_ALL=C
unset LASTREF

bench=${LASTREF_BUILD:-$(cd "$(dirname "$0")/.." && pwd)/build}/bench

# count PROGRAM LOOP PAIRS: the instructions of the whole run.
count()
{
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench/$1" --count "$2" "$3" 2>&1 |
		sed -n 's/^.*Collected : \([0-9]*\)$/\1/p'
}

printf '%-44s %s\n' 'instructions a pair' ''
while read -r program loop title; do
	few=$(count "$program" "$loop" 100000)
	many=$(count "$program" "$loop" 300000)
	awk -v title="$title" -v n="$((many - few))" 'BEGIN { printf "  %-42s %8.1f\n", title, n / 200000 }'
done <<'LOOPS'
hot_path bare lock xadd + lock xadd, with the loop
hot_path template ref + unref
hot_path bare-try lock cmpxchg + lock xadd, with the loop
hot_path template-try tryref + unref
registry none (no registry)
registry registry lastref: index in the word
registry template the template, 2 stacks
registry by-hand by hand, 2 stacks
registry mutex-map mutex + hash map
registry sharded-map 256 spinlock shards
LOOPS
