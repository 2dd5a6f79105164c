# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts share. Sourced first; goes to the top of the source tree.

set -eu -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The build folder, relative to the source tree. The others (sanitizers, clang) get this name and a suffix.
BUILD=${BUILD:-build}

# One line a step, so that a reader of a log knows where it is.
say()
{
	echo "== $*"
}

# build FOLDER: run ninja; its output is shown only if it fails.
build()
{
	say "building $1"
	if ! ninja -C "$1" >"$1/ninja.out" 2>&1; then
		# What was built before the first failure is of no interest; what meson says when it runs anew stands there too.
		if grep -q '^FAILED' "$1/ninja.out" && ! grep -q '^FAILED: build.ninja' "$1/ninja.out"; then
			sed -n '/^FAILED/,$p' "$1/ninja.out" >&2
		else
			tail -n 30 "$1/ninja.out" >&2
		fi
		echo "$(basename "$0"): building $1 failed" >&2
		exit 1
	fi
	# Warnings do not fail a build outside CI, but nobody should have to look for them.
	grep -A12 'warning:' "$1/ninja.out" >&2 || true
}

# run_suites FOLDER NAME ARG...: run `meson test ARG...`, one line a test; the results go to FOLDER/meson-logs/NAME.json.
run_suites()
{
	local folder=$1 name=$2
	shift 2
	rm -f "$folder/meson-logs/$name.json"
	say "running tests in $folder: $name"
	meson test -C "$folder" --no-rebuild --logbase "$name" "$@" 2>&1 </dev/null |
		grep --line-buffered -E '^ *[0-9]+/[0-9]+ |^ERROR|^No ' || true
}
