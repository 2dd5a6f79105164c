#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: tests/abi/sizes.sh
#
# Prints, as a table for docs/guide/choosing-a-count.md, how many bytes of code each operation becomes, inlined in a function that does
# nothing else: of the count alone, and of the template. What is out of line and cold is not in them.

set -euo pipefail

SRC=${SRC:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# object NUMBER COMPILER FLAG
object()
{
	"$2" -std=gnu11 -O2 -fPIE "$3" -I"$SRC/include" -c -o "$folder/paths.$1" "$SRC/tests/abi/paths.c"
	"$2" -std=gnu11 -O2 -fPIE "$3" -I"$SRC/include" -c -o "$folder/hot_path.$1" "$SRC/tests/abi/hot_path.c"
}

# row LABEL FILE FUNCTION
row()
{
	local number

	printf '| %s' "$1"
	for number in 1 2 3 4; do
		printf ' | %d' "0x$(nm -S "$folder/$2.$number" | awk -v name="$3" '$4 == name { print $2 }')"
	done
	printf ' |\n'
}

object 1 gcc -ULASTREF_PORTABLE
object 2 gcc -DLASTREF_PORTABLE
object 3 clang -ULASTREF_PORTABLE
object 4 clang -DLASTREF_PORTABLE

echo '| bytes | gcc | gcc, portable | clang | clang, portable |'
echo '|---|---:|---:|---:|---:|'
for count in count hot cache; do
	for operation in ref tryref unref; do
		row "bare_${count/#count/standard}_$operation" paths "${count}_$operation"
	done
done
for operation in ref tryref unref; do
	row "standard_$operation" hot_path "hot_$operation"
	row "hot_$operation" hot_path "plaza_${operation}_"
	row "cache_$operation" hot_path "entry_${operation}_"
done
