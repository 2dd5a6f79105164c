#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What does leak checking cost a program that does real work? Runs `memfs bench` in turn with checking off and on, and prints per
# phase the thread's CPU time: median and spread of each, and the median of the pairs' ratios. "work" is lookup, rename and unlink
# together, and the goal is 1.15 or less for that; create, where objects are born and each birth takes a stack, is printed beside it.
#
# Use: bench/memfs_overhead.sh [ROUNDS [DIR]]        MEMFS=program, or build/examples/memfs/memfs
# Exit status: 0 if the goal is met, 1 if not.

set -euo pipefail
export LC_ALL=C
unset LASTREF

here=$(cd "$(dirname "$0")/.." && pwd)
memfs=${MEMFS:-${LASTREF_BUILD:-$here/build}/examples/memfs/memfs}
rounds=${1:-9}
dir=${2:-/usr/include}

folder=$(mktemp -d "${TMPDIR:-/tmp}/memfs-overhead.XXXXXX")
trap 'rm -rf "$folder"' EXIT

# measure NAME: append one line a phase to the file of that name: PHASE SECONDS.
measure()
{
	"$memfs" bench "$dir" >"$folder/out"
	awk '/^cpu / { print $2, $3; if ($2 != "create") work += $3 } END { print "work", work }' "$folder/out" >>"$folder/$1"
}

measure warm-up
sed -n 's/^bench  *//p' "$folder/out"
for ((i = 0; i < rounds; i++)); do
	# Which comes first changes, so that neither always finds the caches warm.
	if ((i % 2)); then
		LASTREF=leaks=warn measure on
		measure off
	else
		measure off
		LASTREF=leaks=warn measure on
	fi
done

echo "$rounds rounds on $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(date +%F)"
paste -d ' ' "$folder/off" "$folder/on" | awk '
	function sort(a, n,	i, j, v) {
		for (i = 2; i <= n; i++) {
			v = a[i]
			for (j = i - 1; j >= 1 && a[j] > v; j--)
				a[j + 1] = a[j]
			a[j + 1] = v
		}
	}
	function median(a, n) {
		return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
	}
	!($1 in count) { order[++n_phases] = $1 }
	{
		k = ++count[$1]
		off[$1, k] = $2
		on[$1, k] = $4
	}
	END {
		printf "%-8s %-30s %-30s %s\n", "phase", "off: median (min .. max) ms", "on: median (min .. max) ms",
			"on/off (min .. max)"
		for (p = 1; p <= n_phases; p++) {
			phase = order[p]
			n = count[phase]
			for (k = 1; k <= n; k++) {
				a[k] = 1000 * off[phase, k]
				b[k] = 1000 * on[phase, k]
				r[k] = on[phase, k] / off[phase, k]
			}
			sort(a, n); sort(b, n); sort(r, n)
			printf "%-8s %-30s %-30s %s\n", phase,
				sprintf("%.1f (%.1f .. %.1f)", median(a, n), a[1], a[n]),
				sprintf("%.1f (%.1f .. %.1f)", median(b, n), b[1], b[n]),
				sprintf("%.3f (%.3f .. %.3f)", median(r, n), r[1], r[n])
			work = median(r, n)
		}
		print "work costs " sprintf("%.1f", 100 * (work - 1)) " % more with checking on; the goal is 15 %"
		exit work > 1.15
	}'
