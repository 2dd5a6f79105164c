#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Libraries with counted types that are unloaded, come back, or make room for others: tests/support/host.c loads those that
# make_library makes here. A library at the place of another is met only if the loader puts it there, which it does with one of the same
# size; where it does not, the host says so and the test is skipped.
#
# STRIDE: the larger, the fewer rounds of loading and unloading.

. "$(dirname "$0")/../support/tap.sh"

TURNS=$((4000 / ${STRIDE:-1} + 1000))
NOT_DESCRIBED='(not described: other threads run, its library is gone, or the system does not say if its memory is there)'

# make_library OUT TYPE [FLAG...]: types whose names are equally long give libraries of one layout, address by address.
#	-DFRAME=N	the size of the stack frame of TYPE_new(): the code stays as long as it is, its CFI differs
#	-DBY_HAND	the object is registered by hand
#	-DBARE		the same, and its type has no functions
#	-DOWNS		an object holds the one that was made before it
#	-DLONGER	the code before the birth is longer, so all return addresses differ
make_library()
{
	cat >"$1.c" <<-C
		#include <lastref/lastref.h>
		#include <stdio.h>
		#include <stdlib.h>

		#ifndef FRAME
		#define FRAME 1024
		#endif

		struct $2 {
			struct lastref_count refs;
			char text[32];
			struct $2 *other;
		};

		#ifdef OWNS
		#define HOLDS(object, held) ((object)->other = (held))
		#define OPTIONS , .owns = LASTREF_OWNS(struct $2, other)
		#else
		#define HOLDS(object, held) ((void)(held))
		#define OPTIONS
		#endif

		static int say(const void *object, char *buf, size_t size)
		{
			(void)object;
			return snprintf(buf, size, "said by $2");
		}

		static size_t measure(const void *object)
		{
			(void)object;
			return 48;
		}

		/* The memory stays: whoever misuses the object does so where it was. */
		static void destroy(struct $2 *object)
		{
			object->text[0] = 'd';
		}

		LASTREF_DEFINE($2, struct $2, refs, destroy, .describe = say, .size_of = measure OPTIONS);

		#ifdef BY_HAND
		static int64_t count(const void *object)
		{
			(void)object;
			return 1;
		}

		static const struct lastref_type by_hand = LASTREF_TYPE(
			"$2", struct $2, .count = count, .unref = $2_unref_any, .leak_message = say, .size_of = measure);
		#elif defined(BARE)
		static const struct lastref_type by_hand = LASTREF_TYPE("$2", struct $2);
		#endif

		void *make(void);
		void drop(void *object);

		__attribute__((noinline)) static struct $2 *$2_new(void)
		{
			volatile char frame[FRAME];
			static struct $2 *last;
			struct $2 *object = calloc(1, sizeof(*object));

			if (!object)
				abort();
			HOLDS(object, last);
			last = object;
		#ifdef LONGER
			for (int i = 0; i < 8; i++)
				frame[i * 3] = (char)(i ^ 5);
		#endif
			frame[0] = 1;
		#if defined(BY_HAND) || defined(BARE)
			lastref_register(&by_hand, object);
		#else
			$2_ref_init(object);
		#endif
			frame[1] = frame[0];
			return object;
		}

		void *make(void)
		{
			void *object = $2_new();

			__asm__ volatile("" : "+r"(object));
			return object;
		}

		void drop(void *object)
		{
			$2_unref(object);
			__asm__ volatile("");
		}
	C
	compile "$1" "$1.c" -shared -fPIC "${@:3}"
}

build_host()
{
	compile host "$SRC/tests/support/host.c" -ldl
}

# host ARG...: the program alone, its report on standard error; names come from the command COMMAND, if that is not empty.
host()
{
	LASTREF=leaks=warn LASTREF_COMMAND="${COMMAND-$LASTREF_CMD}" run ./host "$@"
	[ "$status" -ne 77 ] || skip "the second library is not put where the first one was"
}

# expect_left: two objects of the type apple, whose library is gone, were told of, and nobody asked them.
expect_left()
{
	expect_text stderr '2 objects leaked'
	expect_match stderr '^LEAK 1 of 1  \[lr-[0-9a-f]{8}\]  2 apple '
	expect_match stderr 'BORN AT  apple\.so\.c:[0-9]+ apple_new < apple\.so\.c:[0-9]+ make < .* main'
	expect_text stderr "$NOT_DESCRIBED"
	expect_no_text stderr 'said by'
	expect_no_text stderr 'fault'
}

test_what_an_unloaded_library_left_is_reported_and_not_described()
{
	make_library apple.so apple
	build_host
	host left ./apple.so
	expect_status 0
	expect_left
}

test_what_an_unloaded_library_left_is_reported_among_threads()
{
	make_library apple.so apple
	build_host
	host left-among-threads ./apple.so
	expect_status 0
	expect_left
}

test_what_an_unloaded_library_left_is_not_asked_if_it_counts_by_hand()
{
	make_library apple.so apple -DBY_HAND
	build_host
	host left ./apple.so
	expect_status 0
	expect_left
	expect_no_text stderr 'reference count'
}

test_what_an_unloaded_library_left_is_reported_on_demand()
{
	make_library apple.so apple
	build_host
	host left-and-checked ./apple.so
	expect_status 0
	expect_equal "$(cat stdout)" 'found 2'
	expect_left
}

test_what_an_unloaded_library_left_is_reported_under_lastref_run()
{
	make_library apple.so apple
	build_host
	run "$LASTREF_CMD" run -- ./host left ./apple.so
	expect_status 23
	expect_left
}

# The library took the names of members along.
test_what_an_unloaded_library_left_is_told_with_the_names_of_members()
{
	make_library apple.so apple -DOWNS
	build_host
	host left ./apple.so
	expect_status 0
	expect_match stderr '^LEAK 1 of 1  .* 1 leaked reference keeps 2 objects'
	expect_match stderr 'KEEPS +1 apple, through apple\.other$'
	expect_no_text stderr 'said by'
}

# expect_places: one object of each type, born in its own library.
expect_places()
{
	expect_status 0
	expect_text stderr '2 objects leaked'
	expect_match stderr '^LEAK [12] of 2  \[lr-[0-9a-f]{8}\]  1 apple '
	expect_match stderr '^LEAK [12] of 2  \[lr-[0-9a-f]{8}\]  1 grape '
	expect_match stderr 'BORN AT  apple\.so\.c:[0-9]+ apple_new < apple\.so\.c:[0-9]+ make < .* main$'
	expect_match stderr 'BORN AT  grape\.so\.c:[0-9]+ grape_new < grape\.so\.c:[0-9]+ make < .* main$'
}

# expect_twins: and grape's alone is asked, whose library is there.
expect_twins()
{
	expect_places
	expect_match stderr 'grape#1 .*said by grape'
	expect_no_text stderr 'said by apple'
	expect_equal "$(grep -c 'said by grape' stderr)" 1
}

test_a_type_of_another_name_at_the_same_address_is_another_type()
{
	make_library apple.so apple
	make_library grape.so grape
	build_host
	host twins ./apple.so ./grape.so
	expect_twins
}

test_a_type_without_functions_at_the_same_address_is_another_type()
{
	make_library apple.so apple -DBARE
	make_library grape.so grape -DBARE
	build_host
	host twins ./apple.so ./grape.so
	expect_places
}

test_a_stack_through_a_library_with_other_frames_at_the_same_address_is_right()
{
	make_library apple.so apple
	make_library grape.so grape -DFRAME=2048
	build_host
	host twins ./apple.so ./grape.so
	expect_twins
}

# Without the command, names come from the loader, which knows only the library that is there now.
test_an_address_of_an_unloaded_library_is_not_named_by_the_one_at_its_place()
{
	make_library apple.so apple
	make_library grape.so grape
	build_host
	COMMAND='' host twins ./apple.so ./grape.so
	expect_status 0
	expect_match stderr 'BORN AT  apple\.so\+0x[0-9a-f]+ \(build-id [0-9a-f]+\) < apple\.so\+0x[0-9a-f]+ < host'
	expect_match stderr 'BORN AT  grape\.so\+0x[0-9a-f]+ \(build-id [0-9a-f]+\) < make < host'
}

test_a_library_without_a_build_id_is_told_from_another_at_its_place()
{
	make_library apple.so apple -Wl,--build-id=none
	make_library grape.so grape -DLONGER -Wl,--build-id=none
	build_host
	host twins ./apple.so ./grape.so
	expect_twins
}

test_the_same_type_in_another_library_at_the_same_address_is_one_type_with_two_sites()
{
	make_library first.so apple
	make_library other.so apple -DLONGER
	build_host
	host twins ./first.so ./other.so
	expect_status 0
	expect_text stderr '2 objects leaked'
	expect_match stderr 'apple#1 '
	expect_match stderr 'apple#2 '
	expect_match stderr 'BORN AT  first\.so\.c:[0-9]+ apple_new < first\.so\.c:[0-9]+ make < .* main$'
	expect_match stderr 'BORN AT  other\.so\.c:[0-9]+ apple_new < other\.so\.c:[0-9]+ make < .* main$'
}

test_a_library_that_comes_back_is_asked_again()
{
	make_library apple.so apple
	build_host
	host twins ./apple.so ./apple.so
	expect_status 0
	expect_match stderr '^LEAK 1 of 1  \[lr-[0-9a-f]{8}\]  2 apple '
	expect_equal "$(grep -c 'said by apple' stderr)" 2
}

# image_size FILE TURNS: what the process keeps of so many rounds with two libraries that take turns at one place.
image_size()
{
	run "$LASTREF_CMD" run -o "$1" -- ./host rounds "$2" ./apple.so ./grape.so
	expect_status 0
	expect_equal "$(cat stdout)" 'live 0'
	stat -c %s "$1"
}

test_two_libraries_may_come_and_go_for_ever()
{
	local few many

	make_library apple.so apple
	make_library grape.so grape -DFRAME=2048
	build_host
	few=$(image_size few 20)
	many=$(image_size many "$TURNS")
	# Two threads meet the libraries at more places in more rounds, but not at one more for each round.
	[ $((many - few)) -lt 32768 ] || fail "the image grew from $few to $many bytes in $TURNS rounds"
}

test_a_misuse_of_an_object_whose_library_is_gone_is_told_with_its_life()
{
	make_library apple.so apple
	build_host
	host misuse ./apple.so
	expect_status 134
	expect_match stderr '^lastref: MISUSE  .*apple#1 at 0x'
	expect_match stderr '^  AT +host\.c:[0-9]+ .*main$'
	expect_match stderr '^  BORN AT +apple\.so\.c:[0-9]+ apple_new < apple\.so\.c:[0-9]+ make < '
	expect_match stderr '^  LAST UNREF AT +apple\.so\.c:[0-9]+ .*drop < '
	expect_no_text stderr 'said by'
}

run_tests "$@"
