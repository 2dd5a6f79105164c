#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The ways to link: LASTREF_FREESTANDING, LASTREF_NO_CHECKING, LASTREF_PORTABLE, and processes in which objects cross from one to another.

. "$(dirname "$0")/../support/tap.sh"

# Programs that are meant to abort leave no core.
ulimit -Sc 0

here=$SRC/tests/link
warnings=(-Wall -Wextra -pedantic -Werror)

# alone COMPILER LANGUAGE STANDARD FILE FLAG...: the program `prog`, without the library.
alone()
{
	"$1" -x "$2" -std="$3" "${warnings[@]}" -I"$SRC/include" -o prog "$here/$4" "${@:5}"
}

# each_alone FILE FLAG...: as alone, and run it, for both compilers, optimized and not.
each_alone()
{
	local compiler optimize
	for optimize in -O0 -O2; do
		for compiler in gcc clang; do
			alone "$compiler" c gnu11 "$1" "$optimize" "${@:2}"
			run ./prog
			expect_status 0
		done
	done
}

no_symbol_of_ours()
{
	nm -u prog >undefined
	expect_no_text undefined lastref
}

# Names that a user may call: what check.h declares, without what the template calls.
public_functions()
{
	gcc -std=gnu11 -E -P -I"$SRC/include" -x c - <<<'#include <lastref/lastref.h>' | tr '\n' ' ' |
		grep -o '__attribute__((visibility("default")))[^;]*;' | grep -oE 'lastref_[a-z_0-9]+\(' | tr -d '(' |
		grep -vE '^lastref_(misuse|object|watched)_' | sort -u
}

# freestanding COMPILER FLAG...: the program `prog` without a libc.
freestanding()
{
	"$1" -std=gnu11 -Wall -Wextra -Werror -ffreestanding -nostdlib -I"$SRC/include" "${@:2}" -o prog "$here/freestanding.c"
}

# freestanding_runs COMPILER: optimized and not, at a fixed address and not; and traps at a misuse.
freestanding_runs()
{
	local optimize

	[ "$(uname -m)" = x86_64 ] || skip "its system calls are those of x86_64"
	for optimize in -O0 -O2; do
		freestanding "$1" "$optimize" -static -fno-pie
		run ./prog
		expect_status 0
		freestanding "$1" "$optimize" -static-pie -fPIE
		run ./prog
		expect_status 0
		nm -u prog >undefined
		expect_empty undefined
		freestanding "$1" "$optimize" -static -fno-pie -D'MISUSE=box_ref(&misused)'
		run ./prog
		expect_status 132 # SIGILL
	done
}

# crossing WAY: `cross`, which is built with checking, and what it crosses to, `libcross.so`, without. WAY is how lastref is linked.
crossing()
{
	local library=("$LASTREF_BUILD/liblastref.a")

	gcc -std=gnu11 "${warnings[@]}" -O1 -g -fPIC -shared -DLASTREF_NO_CHECKING -I"$SRC/include" -o libcross.so "$here/library.c"
	nm -uD libcross.so >undefined
	expect_no_text undefined lastref
	[ "$1" != shared ] || library=(-L"$LASTREF_BUILD" -l:liblastref.so.0)
	[ "$1" != exporting ] || library+=(-rdynamic)
	if [ "$1" = static ]; then
		gcc -std=gnu11 -O1 -g -c -DLASTREF_NO_CHECKING -I"$SRC/include" -o library.o "$here/library.c"
		cross library.o "${library[@]}" -static -Wl,--eh-frame-hdr
	elif [ "$1" = plugin ]; then
		cross -DPLUGIN "${library[@]}"
	else
		cross ./libcross.so "${library[@]}"
	fi
}

cross()
{
	gcc -std=gnu11 -Wall -Wextra -Werror -O1 -g -pthread -I"$SRC/include" -o cross "$here/cross.c" "$@"
}

# crosses WHAT LIVE: no leak is reported, and so many objects are registered at the end.
crosses()
{
	run env LASTREF=leaks=warn:exitcode=23 ./cross "$1" ./libcross.so
	expect_status 0
	expect_text stdout "live $2"
	expect_empty stderr
}

everything_crosses()
{
	crossing "$1"
	crosses born_there 0 # it leaks, and nobody can know
	crosses made_there 0
	crosses freed_there 0
	crosses freed_there_often 0
	crosses evicted_there 0
	run env LASTREF=leaks=warn:exitcode=23 ./cross leaked_there ./libcross.so
	expect_status 23
	expect_match stderr '^LEAK 1 of 1  \[lr-[0-9a-f]{8}\]  1 box'
}

test_gcc_freestanding_runs_without_a_libc()
{
	freestanding_runs gcc
}

test_clang_freestanding_runs_without_a_libc()
{
	freestanding_runs clang
}

test_without_checking_every_function_is_there_and_does_nothing()
{
	public_functions >functions
	[ -s functions ] || fail "no function was read from the headers"
	while read -r name; do
		cat "$here/everything.c" "$here/everything.h" >source
		expect_match source "\\b$name\\("
	done <functions
	each_alone everything.c -DLASTREF_NO_CHECKING
}

test_without_checking_no_symbol_of_the_library_is_needed()
{
	local compiler optimize
	for optimize in -O0 -O2; do
		for compiler in gcc clang; do
			alone "$compiler" c gnu11 everything.c "$optimize" -DLASTREF_NO_CHECKING
			no_symbol_of_ours
		done
		for compiler in g++ clang++; do
			alone "$compiler" c++ c++17 everything.c "$optimize" -DLASTREF_NO_CHECKING
			no_symbol_of_ours
			run ./prog
			expect_status 0
		done
	done
}

test_without_checking_a_static_program_runs()
{
	each_alone everything.c -DLASTREF_NO_CHECKING -static -Wl,--fatal-warnings
	no_symbol_of_ours
}

test_portable_counts_the_same()
{
	each_alone everything.c -DLASTREF_NO_CHECKING -DLASTREF_PORTABLE
}

# Compiled against the library too: what an object looks like is ABI.
test_the_layout_is_the_same_in_all_ways()
{
	compile prog "$here/layout.c" -DLASTREF_PORTABLE
	./prog >portable
	compile prog "$here/layout.c"
	./prog >checking
	alone gcc c gnu11 layout.c -DLASTREF_NO_CHECKING
	./prog >without
	alone clang c gnu11 layout.c -DLASTREF_FREESTANDING
	./prog >freestanding
	expect_text checking 'struct lastref_count 8 4'
	diff checking portable
	diff checking without
	diff checking freestanding
}

# misuse_says HOW LINE
misuse_says()
{
	run bash -c './prog "$0"; exit $?' "$1"
	expect_status 134
	expect_match stderr "^lastref: MISUSE  $2 at 0x[0-9a-f]+\$"
}

test_without_checking_a_misuse_says_a_line_and_aborts()
{
	local compiler optimize
	for compiler in gcc clang; do
		for optimize in -O0 -O2; do
			alone "$compiler" c gnu11 misuse.c -DLASTREF_NO_CHECKING "$optimize"
			misuse_says bare_ref 'REF ON AN OBJECT THAT WAS NEVER INITIALIZED: \(bare count\)'
			misuse_says ref_uninitialized 'REF ON AN OBJECT THAT WAS NEVER INITIALIZED: box'
			misuse_says unref_uninitialized 'UNREF ON AN OBJECT THAT WAS NEVER INITIALIZED: box'
			misuse_says ref_dead 'REF ON A DEAD OBJECT: box'
			misuse_says unref_dead 'ONE UNREF TOO MANY \(the object is dead\): box'
			misuse_says ref_at_rest 'REF ON AN OBJECT AT REST \(only tryref revives it\): entry'
			misuse_says unref_at_rest 'ONE UNREF TOO MANY \(the object is at rest\): entry'
			misuse_says overflow 'MORE THAN 2,147,483,647 REFERENCES \(the object is immortal from now on\): box'
			misuse_says restore_negative 'RESTORED WITH A NEGATIVE COUNT: box'
			misuse_says no_function 'THE TYPE HAS NO SUCH FUNCTION \(.ref, .tryref or .unref\): none'
		done
	done
}

test_freestanding_a_misuse_in_a_program_with_a_libc_traps()
{
	alone gcc c gnu11 misuse.c -DLASTREF_FREESTANDING
	run ./prog unref_dead
	expect_status 132
	expect_empty stderr
}

test_objects_cross_where_the_library_is_shared()
{
	everything_crosses shared
}

test_objects_cross_where_the_program_exports_the_library()
{
	everything_crosses exporting
}

# Nothing of the library is in the program's dynamic symbols then.
test_objects_cross_where_the_program_has_the_library_to_itself()
{
	everything_crosses hidden
	nm -D cross >symbols
	expect_no_text symbols lastref
}

test_objects_cross_within_a_static_program()
{
	everything_crosses static
}

test_objects_cross_to_a_plugin()
{
	everything_crosses plugin
}

# The linker may drop what nothing refers to; by its note the library is still found.
test_objects_cross_where_unused_sections_were_dropped()
{
	crossing hidden
	cross ./libcross.so "$LASTREF_BUILD/liblastref.a" -ffunction-sections -Wl,--gc-sections
	crosses freed_there 0
}

# The other way round: only the plugin checks, and it tells no one its symbols.
test_objects_cross_from_a_plugin_that_checks()
{
	gcc -std=gnu11 -g -fPIC -shared -I"$SRC/include" -o libcross.so "$here/library.c" "$LASTREF_BUILD/liblastref.a" \
		-pthread -Wl,--exclude-libs,ALL
	cross -DPLUGIN -DLASTREF_NO_CHECKING
	crosses made_there 0
}

test_a_misuse_in_code_without_checking_is_that_codes_own()
{
	crossing shared
	run bash -c './cross misused_there; exit $?'
	expect_status 134
	expect_match stderr '^lastref: MISUSE  ONE UNREF TOO MANY \(the object is dead\): box at 0x'
}

# Such an object has no name in the registry.
test_the_event_log_has_an_object_that_was_born_without_checking()
{
	crossing shared
	run env LASTREF=leaks=warn:log=box ./cross born_there
	expect_status 0
	expect_match stderr '^lastref: \[box 0x[0-9a-f]+\] ref to 2 '
	expect_match stderr '^lastref: \[box 0x[0-9a-f]+\] unref to 1 '
	expect_no_text stderr LEAK
}

run_tests "$@"
