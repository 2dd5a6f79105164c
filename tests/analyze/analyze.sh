#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Static analysis, with gcc -fanalyzer: in each file of the corpus, the functions that are wrong are warned of, and no other.

. "$(dirname "$0")/../support/tap.sh"

# analyze FILE [FLAG...]: the functions that are warned of and why, sorted, in `found`.
analyze()
{
	gcc -std=gnu11 -fanalyzer -DLASTREF_ANALYZE -I"$SRC/include" -c -o "${1%.c}.o" "$SRC/tests/analyze/$1" "${@:2}" 2>warnings
	expect_no_text warnings ' error: '
	awk -F "[‘']|’" '
		/: In function / { name = $2 }
		match($0, /-Wanalyzer-[a-z-]+/) && $0 ~ /: warning: / { print name, substr($0, RSTART + 11, RLENGTH - 11) }
	' warnings | sort -u >found
}

# What the comments in FILE say.
expected()
{
	awk '
		/^\/\* finds: / { what = $3; next }
		what != "" { sub(/\(.*/, ""); print $NF, what; what = "" }
	' "$SRC/tests/analyze/$1" | sed 's/^\*//' | sort -u
}

# finds FILE [FLAG...]
finds()
{
	analyze "$@"
	expected "$1" >wanted
	[ "$(wc -l <wanted)" -eq "$(grep -c '^[a-z].* \**wrong_.*)$' "$SRC/tests/analyze/$1")" ] ||
		fail "not each wrong function says what is found"
	diff wanted found
}

test_a_path_that_forgets_a_reference_is_found()
{
	finds error_paths.c
}

test_unrefs_too_many_and_too_few_are_found()
{
	finds references.c
}

test_references_that_change_hands_are_followed()
{
	finds holders.c
}

test_the_file_of_the_constructor_is_analyzed_without_its_mark()
{
	finds constructor.c '-DLASTREF_RETURNS(name)='
}

# If one of these changes, the guide's page on static analysis has to.
test_the_limits_are_those_that_the_guide_names()
{
	analyze limits.c
	cut -d' ' -f1 found | sort -u >warned
	printf '%s\n' alarm_object_is_used_by_its_first_name alarm_value_of_ref_is_not_used >expected
	diff expected warned
	analyze constructor.c
	expect_match found '^dentry_open malloc-leak$'
}

test_what_is_analyzed_does_not_link()
{
	analyze error_paths.c
	nm -u error_paths.o >undefined
	expect_match undefined ' U dentry_unref$'
}

test_elsewhere_the_mark_is_nothing()
{
	gcc -std=c11 -Wall -Wextra -pedantic -Werror -I"$SRC/include" -c -o marked.o "$SRC/tests/analyze/references.c"
	clang -std=c11 -DLASTREF_ANALYZE -Wall -Wextra -pedantic -Werror -Wno-unused-function -I"$SRC/include" -c -o clang.o \
		"$SRC/tests/analyze/references.c"
	nm marked.o clang.o >symbols
	expect_no_text symbols 'U dentry_unref'
	g++ -x c++ -std=c++20 -DLASTREF_ANALYZE -Wall -Wextra -pedantic -Werror -I"$SRC/include" -c -o cxx.o "$SRC/tests/headers/macros.c"
	gcc -std=c11 -DLASTREF_ANALYZE -Wall -Wextra -Werror -I"$SRC/include" -c -o macros.o "$SRC/tests/headers/macros.c"
	gcc -std=c11 -DLASTREF_ANALYZE -Wall -Wextra -Werror -I"$SRC/include" -c -o options.o "$SRC/tests/headers/options.c"
}

run_tests "$@"
