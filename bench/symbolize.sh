#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What does it cost to name addresses? Sends addresses spread evenly over the code of a program to `lastref symbolize`, to
# addr2line and, where they are installed, to llvm-addr2line and eu-addr2line, in turn, with inlined frames. Each is started
# anew for each round, so that opening the file and its debug information is in the figure. Prints the median and the range of
# the wall times. The goal is 1 s or less for 10,000 addresses of a large program with debug information.
#
# Use: bench/symbolize.sh [PROGRAM [ADDRESSES [ROUNDS]]]        LASTREF_CMD=command, or build/lastref
#      PROGRAM is the command itself if it is not given; the figures of a large one say more.
# Exit status: 0 if the goal is met, 1 if not.

set -euo pipefail
export LC_ALL=C
unset LASTREF DEBUGINFOD_URLS

here=$(cd "$(dirname "$0")/.." && pwd)
lastref=${LASTREF_CMD:-${LASTREF_BUILD:-$here/build}/lastref}
program=$(realpath "${1:-$lastref}")
count=${2:-10000}
rounds=${3:-9}
goal=1000

folder=$(mktemp -d "${TMPDIR:-/tmp}/symbolize.XXXXXX")
trap 'rm -rf "$folder"' EXIT

read -r start size < <(readelf -SW "$program" |
	sed -n 's/.* \.text  *PROGBITS  *\([0-9a-f]*\) [0-9a-f]* \([0-9a-f]*\) .*/\1 \2/p')
for ((i = 0; i < count; i++)); do
	printf '%x\n' $((16#$start + 16#$size * i / count))
done >"$folder/addresses"
sed "s|\$| - ${program//[\\&|]/\\&}|" "$folder/addresses" >"$folder/queries"

# measure NAME INPUT CMD...: append its wall time in ms to the file of that name.
measure()
{
	local name=$1 input=$2 begin=$EPOCHREALTIME
	shift 2
	"$@" <"$folder/$input" >"$folder/$name.out"
	local end=$EPOCHREALTIME
	echo $(((${end/./} - ${begin/./}) / 1000)) >>"$folder/$name"
}

tools=(lastref addr2line)
for tool in llvm-addr2line eu-addr2line; do
	if command -v "$tool" >/dev/null; then
		tools+=("$tool")
	fi
done

for ((round = 0; round < rounds; round++)); do
	for tool in "${tools[@]}"; do
		case $tool in
		lastref) measure lastref queries "$lastref" symbolize ;;
		*) measure "$tool" addresses "$tool" -a -i -f -e "$program" ;;
		esac
	done
done

frames=$(grep -c . "$folder/lastref.out" || true)
places=$(awk -F '\t' '$3 > 0' "$folder/lastref.out" | wc -l)
echo "$count addresses of $program, $frames frames, $places of them with a line; $rounds rounds"
echo "on $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(date +%F)"
for tool in "${tools[@]}"; do
	sort -n "$folder/$tool" | awk -v tool="$tool" '{ ms[NR] = $1 }
		END { printf "%-16s %6d ms  (%d to %d)\n", tool, ms[int((NR + 1) / 2)], ms[1], ms[NR] }'
done

median=$(sort -n "$folder/lastref" | sed -n "$(((rounds + 1) / 2))p")
if [ "$median" -le "$goal" ]; then
	echo "goal met: $median ms of $goal"
else
	echo "goal missed: $median ms of $goal"
	exit 1
fi
