#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a program sees of the libraries before it runs: symbols, relocations, dependencies, and the code that the template becomes.

. "$(dirname "$0")/../support/tap.sh"

library=$LASTREF_BUILD/liblastref.so.0
archive=$LASTREF_BUILD/liblastref.a

# Symbols that the dynamic loader offers to programs, one a line.
exported_symbols()
{
	readelf --dyn-syms -W "$1" | awk '$5 != "LOCAL" && $7 != "UND" && $7 != "ABS" && NR > 3 { sub(/@.*/, "", $8); print $8 }' |
		grep -v '^$' | sort -u
}

map_symbols()
{
	sed -n '/^global:/,/^local:/s/^	\([a-z_0-9]*\);$/\1/p' "$SRC/liblastref.map" | sort
}

# Names that the headers declare with LASTREF_API.
header_symbols()
{
	gcc -std=gnu11 -E -P -I"$SRC/include" -x c - <<<'#include <lastref/lastref.h>' | tr '\n' ' ' |
		grep -o '__attribute__((visibility("default")))[^;]*;' | grep -oE 'lastref_[a-z_0-9]+[(;]' | tr -d '(;' | sort -u
}

needed_libraries()
{
	readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort
}

# straight_path COMPILER FUNCTION >path
straight_path()
{
	"$1" -std=gnu11 -O2 -I"$SRC/include" -c -o hot.o "$SRC/tests/abi/hot_path.c"
	objdump -dr --no-show-raw-insn --disassemble="$2" hot.o | awk -f "$SRC/tests/abi/straight_path.awk"
}

# no_call COMPILER FUNCTION ATOMICS: the straight path calls nothing, stays in the function and has so many atomic operations.
no_call()
{
	straight_path "$1" "$2" >path
	expect_match path '^ret'
	expect_no_text path call
	expect_no_text path leaves
	expect_equal "$2 has $(grep -c '^lock ' path) atomics" "$2 has $3 atomics"
}

no_calls_with()
{
	no_call "$1" hot_ref 1
	no_call "$1" hot_tryref 1
	no_call "$1" hot_unref 1
	no_call "$1" hot_set 2
	no_call "$1" hot_clear 1
	no_call "$1" plaza_ref_ 1
	no_call "$1" plaza_tryref_ 1
	no_call "$1" plaza_unref_ 1
	no_call "$1" entry_ref_ 1
	no_call "$1" entry_tryref_ 1
	no_call "$1" entry_unref_ 1
}

test_the_exported_symbols_are_those_of_the_map()
{
	exported_symbols "$library" >exported
	map_symbols >map
	[ -s map ] || fail "no symbol was read from the map"
	diff map exported
}

test_the_map_has_what_the_headers_export_and_no_more()
{
	header_symbols >headers
	map_symbols >map
	diff headers map
}

test_the_library_needs_libc_only()
{
	needed_libraries "$library" | grep -vE '^(libc\.so\.6|ld-linux-x86-64\.so\.2)$' >others || true
	expect_empty others

	readelf --dyn-syms -W "$library" | awk '$7 == "UND" && $8 != "" { print $5, $8 }' |
		grep -vE '@GLIBC_[0-9.]+|^WEAK (_ITM_|__gmon_start__)' >undefined || true
	expect_empty undefined
}

test_the_library_has_its_soname_and_no_path()
{
	readelf -dW "$library" >dynamic
	expect_text dynamic 'Library soname: [liblastref.so.0]'
	expect_no_text dynamic RUNPATH
	expect_no_text dynamic RPATH
}

test_the_library_is_not_linked_symbolic()
{
	readelf -dW "$library" >dynamic
	expect_no_text dynamic SYMBOLIC
}

# Its handlers of fork() and of the end of threads outlive a dlclose().
test_the_library_is_never_unloaded()
{
	readelf -dW "$library" >dynamic
	expect_text dynamic NODELETE
}

test_thread_state_is_found_without_a_call()
{
	readelf --dyn-syms -W "$library" >symbols
	expect_no_text symbols __tls_get_addr
	readelf -dW "$library" >dynamic
	expect_text dynamic STATIC_TLS
}

test_lastref_watch_is_visible_to_programs()
{
	readelf --dyn-syms -W "$library" >symbols
	expect_match symbols 'OBJECT +GLOBAL +DEFAULT +[0-9]+ lastref_watch(@|$)'
}

# The linker moves lastref_watch into such a program; a library that wrote to its own would silently be off.
test_checking_works_through_a_copy_relocation()
{
	compile prog "$SRC/tests/abi/live.c" -no-pie -fno-pie -fno-pic
	readelf -rW prog >relocations
	expect_match relocations 'R_X86_64_COPY.*lastref_watch'
	run ./prog
	expect_status 0
	expect_text stdout 'live 2'
}

test_checking_works_in_a_pie()
{
	compile prog "$SRC/tests/abi/live.c" -pie -fPIE
	run ./prog
	expect_status 0
	expect_text stdout 'live 2'
}

test_the_archive_links_alone()
{
	compile_static prog "$SRC/tests/abi/live.c"
	needed_libraries prog | grep -vE '^(libc\.so\.6|ld-linux-x86-64\.so\.2)$' >others || true
	expect_empty others
	run ./prog
	expect_status 0
	expect_text stdout 'live 2'
}

test_the_archive_links_into_a_static_program()
{
	compile_static prog "$SRC/tests/abi/live.c" -static -Wl,--eh-frame-hdr
	run ./prog
	expect_status 0
	expect_text stdout 'live 2'
}

# In a static program our names share one space with the user's.
test_the_archive_defines_prefixed_names_only()
{
	nm -g --defined-only "$archive" | awk 'NF == 3 { print $3 }' >names
	[ -s names ] || fail "no symbol was read from the archive"
	grep -vE '^(lr_|lastref_)' names >others || true
	expect_empty others
}

test_the_archive_exports_what_the_library_exports()
{
	map_symbols >map
	nm -g --defined-only "$archive" | awk 'NF == 3 { print $3 }' | grep '^lastref_' | sort -u >names
	diff map names
}

test_with_checking_off_gcc_makes_no_call_on_the_hot_path()
{
	no_calls_with gcc
}

test_with_checking_off_clang_makes_no_call_on_the_hot_path()
{
	no_calls_with clang
}

# decisions COMPILER FUNCTION FLAG...: what its straight path does and decides, on one line.
decisions()
{
	"$1" -std=gnu11 -O2 -I"$SRC/include" "${@:3}" -c -o paths.o "$SRC/tests/abi/paths.c"
	objdump -dr --no-show-raw-insn --disassemble="$2" paths.o | awk -f "$SRC/tests/abi/straight_path.awk" >path
	awk -f "$SRC/tests/abi/decision.awk" path | tr '\n' ';'
}

# decides FUNCTION WORDS: by both compilers, with inline assembly and without.
decides()
{
	local compiler flag words
	for compiler in gcc clang; do
		for flag in -ULASTREF_PORTABLE -DLASTREF_PORTABLE; do
			words=$(decisions "$compiler" "$1" "$flag")
			if [ "$words" != "$2" ]; then
				cat path
				fail "$1, $compiler $flag: $words instead of $2"
			fi
		done
	done
}

test_assembly_and_builtins_become_the_same_atomic_and_the_same_branch()
{
	decides count_ref 'add32 1;slow if old <= 0;'
	decides count_tryref 'slow if old <= 0;one more;cmpxchg32;again if another was faster;'
	decides count_unref 'add32 -1;slow if old <= 1;'
	decides hot_ref 'add64 1;slow if old >= -1;'
	decides hot_tryref 'add64 1;slow if old >= 0;'
	decides hot_unref 'add64 -1;slow if old >= 0 or lowest;'
	decides cache_ref 'add32 1;slow if old <= 1;'
	decides cache_tryref 'slow if old <= 0;one more;cmpxchg32;again if another was faster;'
	decides cache_unref 'add32 -1;slow if old <= 2;'
}

# What the words stand for: each condition holds for a number if the jump that was replaced would be taken.
test_the_branch_conditions_are_the_same_for_all_words()
{
	compile prog "$SRC/tests/abi/conditions.c"
	run ./prog
	expect_status 0
}

# The table of docs/guide/choosing-a-count.md is made by it.
test_the_table_of_sizes_has_every_operation()
{
	bash "$SRC/tests/abi/sizes.sh" >table
	expect_equal "$(grep -cE '^\| [a-z_]+_(ref|tryref|unref)( \| [0-9]+){4} \|$' table)" 18
}

test_a_count_is_eight_bytes()
{
	compile prog - <<-'C'
		#include <lastref/lastref.h>
		_Static_assert(sizeof(struct lastref_count) == 8, "the count's size is ABI");
		_Static_assert(_Alignof(struct lastref_count) == 4, "and so is its alignment");
		int main(void) { return 0; }
	C
}

# A program that is not position-independent has a copy of lastref_watch of its own, made by the loader, at which its inline functions
# look. The library must look there too. With -Bsymbolic, or a hidden symbol, it would switch a byte that nobody reads.
test_the_library_looks_for_lastref_watch_where_the_program_has_it()
{
	readelf -dW "$library" >dynamic
	expect_no_text dynamic SYMBOLIC
	readelf --dyn-syms -W "$library" >symbols
	expect_match symbols ' 1 OBJECT +GLOBAL +DEFAULT +[0-9]+ lastref_watch'
	readelf -rW "$library" >relocations
	expect_match relocations 'R_X86_64_GLOB_DAT .* lastref_watch'
}

switching_program()
{
	cat >switch.c <<-'C'
		#include <lastref/lastref.h>
		#include <stdio.h>

		int main(void)
		{
			printf("%d", lastref_watch);
			lastref_set_leak_mode(LASTREF_LEAKS_WARN);
			printf(" %d", lastref_watch);
			lastref_set_leak_mode(LASTREF_LEAKS_OFF);
			printf(" %d\n", lastref_watch);
			return 0;
		}
	C
	compile switch switch.c -no-pie -fno-pie
	readelf -rW switch >relocations
	expect_match relocations 'R_X86_64_COPY .* lastref_watch'
}

test_checking_is_switched_in_a_program_with_a_copy_relocation()
{
	switching_program
	run ./switch
	expect_equal "$(cat stdout)" '0 1 0'
}

# That the test above can fail: the same objects, linked as they must not be.
test_a_library_linked_with_bsymbolic_would_switch_nothing_there()
{
	switching_program
	mkdir wrong
	gcc -shared -o wrong/liblastref.so.0 -Wl,-Bsymbolic -Wl,--whole-archive "$archive" -Wl,--no-whole-archive \
		-Wl,-soname,liblastref.so.0 -Wl,--version-script="$SRC/liblastref.map"
	run env LD_LIBRARY_PATH="$PWD/wrong" ./switch
	expect_status 0
	[ "$(cat stdout)" != '0 1 0' ] || fail "the wrong library works"
}

run_tests "$@"
