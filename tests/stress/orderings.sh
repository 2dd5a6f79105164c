#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# counts.c fails without any of the memory orderings of the headers: a copy of them with one taken away, under ThreadSanitizer. So
# if counts.c passes, each of them is there and is enough. Whether two threads meet is chance: each copy gets forty runs.

. "$(dirname "$0")/../support/tap.sh"

# counts NAME COUNT [ARGUMENT...]: a program NAME for the count, from the headers in ./include.
counts()
{
	gcc -std=gnu11 -O1 -g -fsanitize=thread -DLASTREF_NO_CHECKING "-D$2" -Iinclude -o "$1" "$SRC/tests/stress/counts.c" -pthread
}

# weakened HEADER FUNCTION FROM TO: the headers, with FROM replaced in FUNCTION, which is a pattern of the line where it begins.
weakened()
{
	rm -rf include
	cp -r "$SRC/include" include
	sed -i "/^$2/,/^}/s/$3/$4/" "include/lastref/$1"
	! cmp -s "$SRC/include/lastref/$1" "include/lastref/$1" || fail "$1 has no $3 in $2"
}

# expect_races COUNT: the program for the count finds a data race, or what it checks itself.
expect_races()
{
	counts prog "$1"
	for ((run = 0; run < 40; run++)); do
		TSAN_OPTIONS=halt_on_error=1:exitcode=66 ./prog 1000 >out 2>&1 || return 0
	done
	fail "forty runs without a failure"
}

test_with_all_orderings_there_is_no_race()
{
	cp -r "$SRC/include" include
	for count in STANDARD HOT CACHE; do
		counts prog "$count"
		./prog 500 || fail "$count fails"
	done
}

test_standard_unref_releases()
{
	weakened count.h 'LASTREF_INLINE_ bool lastref_count_unref_begin_' RELEASE RELAXED
	expect_races STANDARD
}

test_standard_last_unref_acquires()
{
	weakened zones.h 'LASTREF_INLINE_ void lastref_zone_acquire_' 'word, __ATOMIC_ACQUIRE' 'word, __ATOMIC_RELAXED'
	expect_races STANDARD
}

test_standard_unref_unless_last_releases()
{
	weakened count.h 'LASTREF_INLINE_ bool lastref_count_unref_unless_last_as_' RELEASE RELAXED
	expect_races STANDARD
}

test_standard_tryref_acquires()
{
	weakened count.h 'LASTREF_INLINE_ bool lastref_count_tryref_as_' ACQUIRE RELAXED
	expect_races STANDARD
}

test_standard_is_unique_acquires()
{
	weakened count.h 'LASTREF_INLINE_ bool lastref_count_is_unique' ACQUIRE RELAXED
	expect_races STANDARD
}

test_hot_unref_releases()
{
	weakened hot_count.h 'LASTREF_INLINE_ bool lastref_hot_count_unref_begin_' RELEASE RELAXED
	expect_races HOT
}

test_hot_last_unref_acquires()
{
	weakened hot_count.h 'LASTREF_OUTLINE_ bool lastref_hot_count_unref_end_' ACQUIRE RELAXED
	expect_races HOT
}

# Without it, who was in the gap last touches the object while another thread frees it.
test_hot_unref_that_leaves_the_gap_releases()
{
	weakened hot_count.h 'LASTREF_COLD_ int lastref_hot_count_leave_' RELEASE RELAXED
	expect_races HOT
}

test_hot_unref_unless_last_releases()
{
	weakened hot_count.h 'LASTREF_INLINE_ bool lastref_hot_count_unref_unless_last_as_' RELEASE RELAXED
	expect_races HOT
}

test_hot_tryref_acquires()
{
	weakened hot_count.h 'LASTREF_INLINE_ bool lastref_hot_count_tryref_as_' ACQUIRE RELAXED
	expect_races HOT
}

test_hot_is_unique_acquires()
{
	weakened hot_count.h 'LASTREF_INLINE_ bool lastref_hot_count_is_unique' ACQUIRE RELAXED
	expect_races HOT
}

test_cache_unref_releases()
{
	weakened cache_count.h '#define LASTREF_CACHE_COUNT_UNREF_' ACQ_REL ACQUIRE
	expect_races CACHE
}

test_cache_unref_that_brings_to_rest_acquires()
{
	weakened cache_count.h '#define LASTREF_CACHE_COUNT_UNREF_' ACQ_REL RELEASE
	expect_races CACHE
}

test_cache_evict_acquires()
{
	weakened cache_count.h 'LASTREF_INLINE_ bool lastref_cache_count_evict' ACQUIRE RELAXED
	expect_races CACHE
}

test_cache_unref_unless_last_releases()
{
	weakened cache_count.h 'LASTREF_INLINE_ bool lastref_cache_count_unref_unless_last_as_' RELEASE RELAXED
	expect_races CACHE
}

test_cache_tryref_acquires()
{
	weakened cache_count.h 'LASTREF_INLINE_ bool lastref_cache_count_tryref_as_' ACQUIRE RELAXED
	expect_races CACHE
}

test_cache_is_unique_acquires()
{
	weakened cache_count.h 'LASTREF_INLINE_ bool lastref_cache_count_is_unique' ACQUIRE RELAXED
	expect_races CACHE
}

run_tests "$@"
