#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: mutate.sh HEADER OUT MUTANT.sed
#
# Writes OUT, a copy of HEADER that the sed script has broken. A script that changes nothing is an error: the header has moved on, and
# a mutant that is the original proves nothing.

set -eu

sed -E -f "$3" "$1" >"$2"
if cmp -s "$1" "$2"; then
	rm -f "$2"
	echo "mutate.sh: $3 changes nothing in $1" >&2
	exit 1
fi
