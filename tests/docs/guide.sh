#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The guide, taken at its word: each C block of docs/guide is compiled and run, and what each command in a `text` block
# prints is what the block says.
#
# How a block is marked: the info string is the language, a file name, and `wrong` for a program with a bug.
#
#	```c NAME.c			a program, if it has a main(); else a file of the next program on the page, also for .h
#	```c NAME.c wrong		the same; the blocks that follow must show a leak, a misuse or a crash
#	```c NAME.c -lFOO		a program that is linked with more, which may have the main(); may be wrong, too
#	```cpp NAME.cc			C++, built as C++20, or as C++17 if NAME ends with 17
#	```sh NAME.sh			a script for the texts that follow
#	```yaml				of another program's; that a step which uploads a file waits for the file is all that is tested
#	```text				lines that begin with `$ ` are commands, run by bash where the page's programs are; the lines
#					after each are its output, standard output and error together
#
# Addresses in outputs are not compared.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/blocks.sh"

PATH=$LASTREF_BUILD:$PATH
# For commands of a page that compile, as if lastref were installed.
export CPATH=$SRC/include LIBRARY_PATH=$LASTREF_BUILD

# build NAME LANGUAGE FILE... [-lFOO]...: the program NAME of these files.
build()
{
	local name=$1 language=$2 standard=c++20
	shift 2

	if [ "$language" = c ]; then
		"$CC" -std=gnu11 -g -Wall -Wextra -Werror -I"$SRC/include" -pthread -o "$name" -L"$LASTREF_BUILD" "$@" \
			-l:liblastref.so.0
		return
	fi
	[ "${name%17}" = "$name" ] || standard=c++17
	"$CXX" -std="$standard" -pedantic -g -Wall -Wextra -Werror -I"$SRC/include" -pthread -o "$name" \
		-L"$LASTREF_BUILD" "$@" -l:liblastref.so.0
}

# Does a page's wrong program show what is wrong with it?
shows_a_fault()
{
	grep -qE '(LEAK|CYCLE|GREW) [0-9]+ of|MISUSE|exit status (9|23|1[0-9][0-9])$' "$1"
}

# unguarded FILE: the files that a step of a GitHub workflow uploads as SARIF though they may not be there, which is an error of the step.
unguarded()
{
	awk '
		/^ *- / { guard = "" }
		/^ *(- )?if:/ { guard = $0 }
		match($0, /sarif_file: *[^ }]+/) {
			file = substr($0, RSTART, RLENGTH)
			sub(/sarif_file: */, "", file)
			if (!index(guard, "always() && hashFiles(\047" file "\047)"))
				print file
		}
	' "$1"
}

# page NAME: everything in docs/guide/NAME.md.
page()
{
	local info body language file marks sources=() libraries program='' wrong='' programs=0 texts=0

	split "$SRC/docs/guide/$1.md"
	for info in *.info; do
		body=${info%.info}.body
		read -r language file marks <"$info" || true
		case $language in
		c | cpp)
			[ -n "$file" ] || fail "a block of C has no file name"
			cp "$body" "$file"
			[ "${file%.h}" != "$file" ] || sources+=("$file")
			read -r -a libraries <<<"${marks#wrong}"
			if [ "${#libraries[@]}" -gt 0 ] || grep -q '^int main(' "$file"; then
				[ -z "$wrong" ] || fail "$wrong is called wrong, but no text shows why"
				program=${file%.*}
				build "$program" "$language" "${sources[@]}" "${libraries[@]}"
				sources=()
				programs=$((programs + 1))
				if [ "${marks%% *}" = wrong ]; then
					wrong=$program
				else
					"./$program" >out 2>&1 || fail "$program fails"
					lastref run --quiet -- "./$program" >out 2>&1 || fail "$program leaks"
				fi
			fi
			;;
		text)
			compare "$body" "${program:-the top}"
			if [ -n "$wrong" ] && shows_a_fault "$body"; then
				wrong=''
			fi
			texts=$((texts + 1))
			;;
		sh)
			[ -n "$file" ] || fail "a script has no file name"
			cp "$body" "$file"
			;;
		yaml)
			unguarded "$body" >steps
			expect_empty steps
			;;
		*)
			fail "a block has the unknown mark '$language'"
			;;
		esac
	done
	[ -z "$wrong" ] || fail "$wrong is called wrong, but no text shows why"
	[ "${#sources[@]}" -eq 0 ] || fail "${sources[*]} belongs to no program"
	[ "$programs" -gt 0 ] && [ "$texts" -gt 0 ]
}

test_getting_started_compiles_and_prints_what_it_says()
{
	page getting-started
}

test_each_wrong_program_of_the_three_rules_gives_its_report()
{
	page rules
}

test_slots_and_cleanup_leak_nothing()
{
	page slots
}

test_types_by_hand_compile_and_one_forgets_to_register()
{
	page by-hand
}

test_leak_checks_report_what_the_page_says()
{
	page leak-checks
}

test_a_framework_fails_the_test_that_leaked_with_the_report()
{
	echo '#include <gtest/gtest.h>' | "$CXX" -E -x c++ - >includes 2>&1 || skip "needs libgtest-dev"
	page test-frameworks
}

test_a_program_that_goes_on_is_checked_from_inside_and_outside()
{
	page long-running
}

test_the_loop_destroys_a_chain_that_recursion_cannot()
{
	page long-chains
}

test_an_opaque_type_is_used_without_its_struct()
{
	page opaque-types
}

test_the_cxx_page_compiles_as_cxx20_and_cxx17()
{
	page cxx
}

test_the_three_counts_are_used_as_the_page_says()
{
	page choosing-a-count
}

test_without_the_library_programs_run_and_need_no_symbol()
{
	page without-the-library
}

test_the_analyzer_finds_what_the_page_says()
{
	page static-analysis
}

test_the_report_page_shows_the_real_report()
{
	page report
}

test_one_cause_is_told_for_all_that_it_keeps()
{
	page causes
}

test_the_environment_page_shows_what_each_key_does()
{
	page environment
}

test_the_log_page_shows_every_event_and_each_stack_once()
{
	page event-log
}

test_the_page_of_ci_works_as_it_says()
{
	page ci
}

# A page that no test above names would go untested.
test_every_page_of_the_guide_is_tested()
{
	local file name

	for file in "$SRC"/docs/guide/*.md; do
		name=$(basename "$file" .md)
		grep -qE "^	page $name\$" "$SRC/tests/docs/guide.sh" || fail "no test has: page $name"
	done
}

run_tests "$@"
