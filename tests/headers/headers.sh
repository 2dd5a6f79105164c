#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The public headers must not be the reason why somebody's build warns: each compiles alone, and so do the macros, in every
# language and with both compilers.

. "$(dirname "$0")/../support/tap.sh"

c_standards=(c11 c17 c2x)
cxx_standards=(c++17 c++20)

# strict COMPILER LANGUAGE STANDARD FILE [FLAG...]
strict()
{
	"$1" -x "$2" "-std=$3" -Wall -Wextra -pedantic -Wshadow -Wconversion -Werror -I"$SRC/include" -O1 -c -o /dev/null "$4" "${@:5}" ||
		fail "$1 -std=$3 ${*:5} does not take $4"
}

# each_header_alone COMPILER LANGUAGE STANDARD...
each_header_alone()
{
	local compiler=$1 language=$2 header standard
	shift 2
	for header in "$SRC"/include/lastref/*.h; do
		# A file with no declaration of its own is not ISO C.
		printf '#include <lastref/%s>\nextern int alone;\n' "$(basename "$header")" >alone.c
		for standard in "$@"; do
			strict "$compiler" "$language" "$standard" alone.c
		done
	done
}

# each_standard COMPILER LANGUAGE FILE STANDARD...
each_standard()
{
	local standard
	for standard in "${@:4}"; do
		strict "$1" "$2" "$standard" "$SRC/tests/headers/$3"
	done
}

test_each_header_compiles_alone_as_c_with_gcc()
{
	each_header_alone gcc c "${c_standards[@]}"
}

test_each_header_compiles_alone_as_c_with_clang()
{
	each_header_alone clang c "${c_standards[@]}"
}

test_each_header_compiles_alone_as_cxx_with_gcc()
{
	each_header_alone g++ c++ "${cxx_standards[@]}"
}

test_each_header_compiles_alone_as_cxx_with_clang()
{
	each_header_alone clang++ c++ "${cxx_standards[@]}"
}

test_macros_without_options_compile_as_c_with_gcc()
{
	each_standard gcc c macros.c "${c_standards[@]}"
}

test_macros_without_options_compile_as_c_with_clang()
{
	each_standard clang c macros.c "${c_standards[@]}"
}

test_macros_without_options_compile_as_cxx_with_gcc()
{
	each_standard g++ c++ macros.c "${cxx_standards[@]}"
}

test_macros_without_options_compile_as_cxx_with_clang()
{
	each_standard clang++ c++ macros.c "${cxx_standards[@]}"
}

test_macros_with_options_compile_as_c()
{
	each_standard gcc c options.c "${c_standards[@]}"
	each_standard clang c options.c "${c_standards[@]}"
}

test_macros_with_options_compile_as_cxx20()
{
	each_standard g++ c++ options.c c++20
	each_standard clang++ c++ options.c c++20
}

test_classes_with_virtual_functions_compile()
{
	each_standard g++ c++ classes.cpp "${cxx_standards[@]}"
	each_standard clang++ c++ classes.cpp "${cxx_standards[@]}"
}

# linked_as WAY: in what is built so, each header compiles alone, and all macros compile.
linked_as()
{
	local header standard compiler

	for header in "$SRC"/include/lastref/*.h; do
		printf '#include <lastref/%s>\nextern int alone;\n' "$(basename "$header")" >alone.c
		strict gcc c c11 alone.c "-D$1"
		strict clang++ c++ c++20 alone.c "-D$1"
	done
	for compiler in gcc clang; do
		for standard in "${c_standards[@]}"; do
			strict "$compiler" c "$standard" "$SRC/tests/headers/macros.c" "-D$1"
		done
		strict "$compiler" c c11 "$SRC/tests/headers/options.c" "-D$1"
	done
	for compiler in g++ clang++; do
		for standard in "${cxx_standards[@]}"; do
			strict "$compiler" c++ "$standard" "$SRC/tests/headers/macros.c" "-D$1"
			strict "$compiler" c++ "$standard" "$SRC/tests/headers/classes.cpp" "-D$1"
		done
		strict "$compiler" c++ c++20 "$SRC/tests/headers/options.c" "-D$1"
	done
}

test_without_checking_headers_and_macros_compile()
{
	linked_as LASTREF_NO_CHECKING
}

test_freestanding_headers_and_macros_compile()
{
	linked_as LASTREF_FREESTANDING
}

test_portable_headers_and_macros_compile()
{
	linked_as LASTREF_PORTABLE
}

test_a_header_included_twice_is_included_once()
{
	for header in "$SRC"/include/lastref/*.h "$SRC"/include/lastref/*.h; do
		echo "#include <lastref/$(basename "$header")>"
	done >twice.c
	strict gcc c c11 twice.c
}

run_tests "$@"
