#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fingerprints of real programs: what they survive, and what tells two causes apart.

. "$(dirname "$0")/../support/tap.sh"

# program NAME FLAG...: build stdin, a program whose functions are not inlined where they say so.
program()
{
	local name=$1
	shift

	{
		cat <<-'C'
			#include <lastref/lastref.h>
			#include <stdlib.h>
			struct box { struct lastref_count refs; };
			struct crate { struct lastref_count refs; };
			LASTREF_DEFINE(box, struct box, refs, NULL);
			LASTREF_DEFINE(crate, struct crate, refs, NULL);
			#define APART __attribute__((noinline))
			volatile int touched; /* behind each call, so that none is the last of its function */
		C
		cat
	} >"$name.c"
	compile "$name" "$name.c" "$@"
}

# fingerprints NAME: of what the program leaks, each with its objects and type, sorted.
fingerprints()
{
	"$LASTREF_CMD" run --leak-exit 0 -- "./$1" 2>&1 >/dev/null |
		sed -n 's/^\(LEAK\|CYCLE\) .*\[\(lr-[0-9a-f]*\)\]  \([0-9]* [a-z]*\).*/\2 \3/p' | sort
}

body='
	static APART void make_box(void) { box_ref_init(calloc(1, sizeof(struct box))); touched++; }
	static APART void fill(int n) { for (int i = 0; i < n; i++) { make_box(); touched++; } }
	static APART void pack(void) { crate_ref_init(calloc(1, sizeof(struct crate))); touched++; fill(2); touched++; }
	int main(void) { pack(); touched++; return 0; }
'

test_they_stay_over_runs_with_random_addresses()
{
	program one <<<"$body"
	fingerprints one >first
	expect_equal "$(wc -l <first)" 2
	for _ in 1 2 3; do
		fingerprints one >again
		diff first again
	done
}

test_they_stay_when_lines_are_inserted_and_functions_moved()
{
	program one <<<"$body"
	fingerprints one >first
	program moved <<-'C'
		/* Three
		 * more
		 * lines. */
		static void make_box(void);
		static void fill(int n);
		static APART int something_new(int a) { touched += a; return a; }
		static APART void pack(void)
		{
			crate_ref_init(calloc(1, sizeof(struct crate)));

			touched++;
			fill(2);
			touched++;
		}
		int main(void)
		{
			something_new(1);
			pack();
			touched++;
			return 0;
		}
		static APART void fill(int n)
		{
			for (int i = 0; i < n; i++) {
				something_new(i);
				make_box();
				touched++;
			}
		}
		static APART void make_box(void)
		{
			something_new(2);

			box_ref_init(calloc(1, sizeof(struct box)));
			touched++;
		}
	C
	fingerprints moved >second
	diff first second
}

test_they_stay_at_other_levels_of_optimization_and_with_another_compiler()
{
	local level

	program one <<<"$body"
	fingerprints one >first
	for level in -O0 -O2 -O3 -Os; do
		program "one$level" "$level" <<<"$body"
		fingerprints "one$level" >second
		diff first second || fail "they differ with $level"
	done
	command -v clang >/dev/null || skip 'needs clang'
	CC=clang program other -O2 <<<"$body"
	fingerprints other >second
	diff first second
}

test_they_stay_when_functions_are_put_into_their_callers()
{
	program one <<<"$body"
	fingerprints one >first
	program inlined -O3 <<<"${body//APART/inline}"
	fingerprints inlined >second
	diff first second
}

test_a_cycle_stays_when_a_member_is_put_before_its_pointer()
{
	local body='
		static struct ring *ring_new(void)
		{
			struct ring *ring = calloc(1, sizeof(*ring));
			ring_ref_init(ring);
			return ring;
		}
		int main(void)
		{
			struct ring *a = ring_new(), *b = ring_new();
			ring_ref_set(&a->peer, b);
			ring_ref_set(&b->peer, a);
			ring_unref(a);
			ring_unref(b);
			return 0;
		}
	'

	program one <<<"
		struct ring { struct lastref_count refs; struct ring *peer; };
		LASTREF_DEFINE(ring, struct ring, refs, NULL); $body"
	program more <<<"
		struct ring { struct lastref_count refs; long before[3]; struct ring *peer; };
		LASTREF_DEFINE(ring, struct ring, refs, NULL); $body"
	"$LASTREF_CMD" run --leak-exit 0 --quiet -o one.lrt -- ./one
	"$LASTREF_CMD" run --leak-exit 0 --quiet -o more.lrt -- ./more
	"$LASTREF_CMD" report --format baseline -o known one.lrt || :
	expect_match known '^lr-[0-9a-f]+ cycle ring 2'
	run "$LASTREF_CMD" diff known more.lrt
	expect_status 0
}

# plus_plus NAME FLAG...: build stdin, a C++ program.
plus_plus()
{
	local name=$1
	shift

	{
		cat <<-'C'
			#include <lastref/lastref.h>
			#include <cstdlib>
			struct box { struct lastref_count refs; };
			LASTREF_DEFINE(box, struct box, refs, NULL);
			volatile int touched;
		C
		cat
	} >"$name.cc"
	"$CXX" -std=c++17 -g "$name.cc" -o "$name" -I"$SRC/include" -L"$LASTREF_BUILD" -l:liblastref.so.0 -pthread "$@"
}

# Functions that their file alone can call have a name for the linker only where they are not inlined.
body_plus_plus='
	namespace {
	template <class T> struct maker {
		INLINE T *operator()(int) { T *t = (T *)calloc(1, sizeof(T)); box_ref_init(t); touched++; return t; }
	};
	INLINE box *helper(int n) { box *made = maker<box>()(n); touched++; return made; }
	}
	namespace net {
	template <int N> static INLINE box *make(int n) { box *made = helper(N + n); touched++; return made; }
	struct pool {
		box *get(int n) {
			struct local {
				box *go(int x) {
					auto f = [x](int y) INLINE { box *made = make<3>(x + y); touched++; return made; };
					box *made = f(2); touched++; return made;
				}
			};
			box *made = local().go(n); touched++; return made;
		}
	};
	}
	int main() { LAMBDA; net::pool pool; pool.get(1); touched++; return 0; }
'

test_those_of_cplusplus_stay_whatever_was_inlined()
{
	local level

	plus_plus one -O0 -DINLINE='__attribute__((noinline))' -DLAMBDA= <<<"$body_plus_plus"
	fingerprints one >first
	expect_equal "$(wc -l <first)" 1
	for level in -O1 -O2 -O3; do
		plus_plus "two$level" "$level" -DINLINE='__attribute__((always_inline))' -DLAMBDA= <<<"$body_plus_plus"
		fingerprints "two$level" >second
		diff first second || fail "they differ with $level"
	done
	command -v clang++ >/dev/null || skip 'needs clang++'
	CXX=clang++ plus_plus three -O2 -DINLINE='__attribute__((noinline))' -DLAMBDA= <<<"$body_plus_plus"
	fingerprints three >second
	diff first second
}

test_an_inlined_function_of_cplusplus_is_shown_with_its_namespaces_and_classes()
{
	plus_plus one -O2 -DINLINE='__attribute__((always_inline))' -DLAMBDA= <<<"$body_plus_plus"
	run "$LASTREF_CMD" run -- ./one
	expect_match stderr 'BORN AT  one\.cc:[0-9]+ \(anonymous namespace\)::maker<box>::operator\(\) < one\.cc:[0-9]+ \(anonymous namespace\)::helper < one\.cc:[0-9]+ net::make<3> < one\.cc:[0-9]+ net::pool::get.*::local::go.*::\{lambda.*\}::operator\(\) < '
}

test_generated_functions_are_left_out_in_a_namespace_too()
{
	local level

	for level in -O0 -O2; do
		plus_plus "one$level" "$level" <<-'C'
			namespace net {
			struct bag { struct lastref_count refs; };
			LASTREF_DEFINE(bag, struct bag, refs, NULL);
			}
			int main() { net::bag_ref_init((net::bag *)calloc(1, sizeof(net::bag))); return touched; }
		C
		run "$LASTREF_CMD" run -- "./one$level"
		expect_match stderr "BORN AT  one$level\.cc:[0-9]+ main\$"
	done
}

test_those_of_lambdas_stay_when_another_one_is_put_before()
{
	local lambda='auto f = [] { box_ref_init((box *)calloc(1, sizeof(box))); touched++; }; f();'

	plus_plus one <<<"int main() { $lambda return 0; }"
	fingerprints one >first
	expect_equal "$(wc -l <first)" 1
	plus_plus two <<<"int main() { auto g = [] { touched++; }; g(); $lambda return 0; }"
	fingerprints two >second
	diff first second
}

test_two_calls_in_one_function_are_told_apart_and_stay_when_lines_move()
{
	program one <<-'C'
		int main(void)
		{
			box_ref_init(calloc(1, sizeof(struct box)));
			touched++;
			for (int i = 0; i < 2; i++)
				box_ref_init(calloc(1, sizeof(struct box)));
			return 0;
		}
	C
	fingerprints one >first
	expect_equal "$(cut -d' ' -f1 first | sort -u | wc -l)" 2
	expect_equal "$(cut -d' ' -f2- first | sort | tr '\n' ' ')" '1 box 2 box '
	program moved <<-'C'
		int main(void)
		{
			touched++;

			box_ref_init(calloc(1, sizeof(struct box)));
			touched++;

			for (int i = 0; i < 2; i++)
				box_ref_init(calloc(1, sizeof(struct box)));
			return 0;
		}
	C
	fingerprints moved >second
	diff first second
}

# one_or_two_lines NAME SPACE: build a program with two calls, and this between them.
one_or_two_lines()
{
	program "$1" <<-C
		static struct box *make_box(void) { struct box *b = calloc(1, sizeof(*b)); box_ref_init(b); touched++; return b; }
		int main(void)
		{
			struct box *a = make_box(),$2*b = make_box();
			return !a + !b;
		}
	C
}

test_two_calls_on_one_line_are_two_causes_as_they_are_on_two()
{
	one_or_two_lines one ' '
	one_or_two_lines two $'\n\t\t'
	fingerprints one >first
	expect_equal "$(cut -d' ' -f2- first | tr '\n' ' ')" '1 box 1 box '
	fingerprints two >second
	diff first second
}

test_causes_of_the_same_lines_are_shown_with_their_columns()
{
	one_or_two_lines one ' '
	run "$LASTREF_CMD" run --leak-exit 0 -- ./one
	grep -E 'BORN AT  one\.c:9:[0-9]+ make_box < one\.c:12:[0-9]+ main$' stderr >places
	expect_equal "$(sort -u places | wc -l)" 2
	LASTREF_COMMAND=$LASTREF_CMD LASTREF=leaks=warn run ./one
	grep 'BORN AT' stderr | diff places -
	one_or_two_lines two $'\n\t\t'
	run "$LASTREF_CMD" run --leak-exit 0 -- ./two
	expect_match stderr 'BORN AT  two\.c:9 make_box < two\.c:12 main$'
	expect_match stderr 'BORN AT  two\.c:9 make_box < two\.c:13 main$'
}

test_calls_that_the_compiler_made_of_one_are_one_cause()
{
	local body='
		static APART void make_box(void) { box_ref_init(calloc(1, sizeof(struct box))); touched++; }
		int main(void)
		{
		_Pragma("GCC unroll 4")
			for (int i = 0; i < 4; i++) { make_box(); touched++; }
			return 0;
		}
	'

	"$CC" --version | grep -q clang && skip 'needs gcc, which unrolls where it is told to'
	program one -O0 <<<"$body"
	fingerprints one >first
	expect_equal "$(cut -d' ' -f2- first)" '4 box'
	program unrolled -O2 <<<"$body"
	expect_equal "$(objdump -d unrolled | grep -c 'call.*<make_box>')" 4
	fingerprints unrolled >second
	diff first second
}

test_recursion_of_another_depth_is_the_same_cause()
{
	program deep <<-'C'
		static APART void descend(int n)
		{
			if (n)
				descend(n - 1);
			else
				box_ref_init(calloc(1, sizeof(struct box)));
			touched++;
		}
		int main(int argc, char **argv)
		{
			for (int n = 0; n < argc; n++)
				descend(n);
			return argv[0] == NULL;
		}
	C
	"$LASTREF_CMD" run --quiet --leak-exit 0 -o shallow.lrt -- ./deep
	"$LASTREF_CMD" run --quiet --leak-exit 0 -o deep.lrt -- ./deep 1 2 3
	"$LASTREF_CMD" report --format baseline -o base shallow.lrt || [ $? -eq 1 ]
	run "$LASTREF_CMD" diff base deep.lrt
	expect_status 0
	expect_text stdout 'lastref: 0 new, 0 gone, 1 stays'
}

test_another_caller_or_type_is_another_fingerprint()
{
	program one <<-'C'
		static APART void make_box(void) { box_ref_init(calloc(1, sizeof(struct box))); touched++; }
		static APART void first(void) { make_box(); touched++; }
		static APART void second(void) { make_box(); touched++; crate_ref_init(calloc(1, sizeof(struct crate))); }
		int main(void) { first(); second(); touched++; return 0; }
	C
	fingerprints one >all
	expect_equal "$(cut -d' ' -f1 all | sort -u | wc -l)" 3
}

# One function, two births; the first only with an argument of which the first letter is a.
two_births()
{
	program two <<-'C'
		static APART void two(int which)
		{
			if (which != 'b')
				box_ref_init(calloc(1, sizeof(struct box)));
			touched++;
			for (int i = 0; i < 2 && which != 'a'; i++)
				box_ref_init(calloc(1, sizeof(struct box)));
			touched++;
		}
		int main(int argc, char **argv) { two(argc > 1 ? argv[1][0] : 'x'); touched++; return 0; }
	C
	mkdir images
	"$LASTREF_CMD" run --quiet --leak-exit 0 -o images/1 -- ./two a
	"$LASTREF_CMD" run --quiet --leak-exit 0 -o images/2 -- ./two b
	"$LASTREF_CMD" run --quiet --leak-exit 0 -o images/3 -- ./two
}

# merged FILE...: the causes of these files of images/, each with its objects and processes, by fingerprint
merged()
{
	(cd images && "$LASTREF_CMD" report "$@") >out || [ $? -eq 1 ]
	sed -n 's/^LEAK .*\[\(lr-[0-9a-f]*\)\]  \([0-9]*\) .* in \([0-9]*\) process.*/\1 \2 \3/p' out | sort
}

# A cache of which one entry rests, or one is held, or one of each; all of one place.
cache_program()
{
	program cache <<-'C'
		struct entry { struct lastref_cache_count refs; };
		LASTREF_DEFINE(entry, struct entry, refs, NULL);
		static APART struct entry *entry_new(void)
		{
			struct entry *entry = calloc(1, sizeof(*entry));
			entry_ref_init(entry);
			touched++;
			return entry;
		}
		int main(int argc, char **argv)
		{
			for (const char *how = argc > 1 ? argv[1] : ""; *how; how++) {
				struct entry *entry = entry_new();
				if (*how == 'r')
					entry_unref(entry);
			}
			return 0;
		}
	C
}

# cache_leaks HOW: the fingerprints, and the file HOW.lrt
cache_leaks()
{
	"$LASTREF_CMD" run --leak-exit 0 -o "$1.lrt" -- ./cache "$1" 2>&1 >/dev/null |
		sed -n 's/^LEAK .*\[\(lr-[0-9a-f]*\)\]  \([0-9]* [a-z]*\).*/\1 \2/p' | sort
}

test_what_rests_in_a_cache_has_a_fingerprint_of_its_own()
{
	cache_program
	cache_leaks rr >resting
	cache_leaks hh >held
	cache_leaks rhrh >both
	expect_equal "$(wc -l <resting) $(wc -l <held) $(wc -l <both)" '1 1 2'
	sort resting held | diff - both
	expect_match resting '^lr-[0-9a-f]+ 2 entry$'
	expect_match held '^lr-[0-9a-f]+ 2 entry$'
}

test_a_baseline_of_what_rests_does_not_hide_what_is_held()
{
	cache_program
	cache_leaks r >resting
	cache_leaks hr >both
	"$LASTREF_CMD" report --format baseline -o known r.lrt || [ $? -eq 1 ]
	run "$LASTREF_CMD" diff known r.lrt
	expect_status 0
	run "$LASTREF_CMD" diff known hr.lrt
	expect_status 1
	expect_text stdout 'lastref: 1 new, 0 gone, 1 stays'
	expect_match stdout '^LEAK 1 of 1  .*  1 entry '
	expect_text stdout '(reference count of 1 instead of 0)'
	echo "leak:$(cut -d' ' -f1 resting)" >hidden
	run "$LASTREF_CMD" report --suppressions hidden hr.lrt
	expect_status 1
	expect_match stdout '^LEAK 1 of 1  .*  1 entry '
	expect_text stdout '(reference count of 1 instead of 0)'
}

# Baselines of users have it: FNV-1a of the kind (0), "box", and the functions `make_box` and `main`.
test_that_of_what_somebody_holds_is_the_same_in_all_versions()
{
	program known <<-'C'
		static APART void make_box(void) { box_ref_init(calloc(1, sizeof(struct box))); touched++; }
		int main(void) { make_box(); touched++; return 0; }
	C
	expect_equal "$(fingerprints known)" 'lr-df34436c 1 box'
}

test_the_order_of_files_has_no_part_in_what_is_one_cause()
{
	local order

	two_births
	merged 1 2 3 >first
	expect_equal "$(cut -d' ' -f2- first | tr '\n' ' ')" '2 2 4 2 '
	for order in '1 3 2' '2 1 3' '2 3 1' '3 1 2' '3 2 1'; do
		# shellcheck disable=SC2086 # three files
		merged $order >other
		diff first other
	done
}

test_a_second_birth_in_a_function_is_new_whatever_the_order_of_files()
{
	two_births
	for new in 2 3; do
		"$LASTREF_CMD" report --format baseline -o base images/1 || [ $? -eq 1 ]
		mkdir "both$new"
		cp images/1 "both$new/1"
		cp "images/$new" "both$new/2"
		run "$LASTREF_CMD" diff base "both$new"
		expect_status 1
		expect_text stdout 'lastref: 1 new, 0 gone, 1 stays'
		mv "both$new/1" "both$new/3"
		run "$LASTREF_CMD" diff base "both$new"
		expect_status 1
		expect_text stdout 'lastref: 1 new, 0 gone, 1 stays'
	done
}

# own NAME [COMMAND]: what fingerprints() says, as the program says it of itself, with this command for its symbols
own()
{
	LASTREF_COMMAND=${2-$LASTREF_CMD} LASTREF=leaks=warn "./$1" 2>&1 >/dev/null |
		sed -n 's/^\(LEAK\|CYCLE\) .*\[\(lr-[0-9a-f]*\)\]  \([0-9]* [a-z]*\).*/\2 \3/p' | sort
}

# The first birth of two() is one of the smaller leaks, which are not shown; and each f() has two births of one macro, which are
# at one line and column.
many_births()
{
	local i

	{
		cat <<-'C'
			#define BIRTH do { box_ref_init(calloc(1, sizeof(struct box))); touched++; } while (0)
			#define TWO_BIRTHS(more) do { for (int i = 0; i < (more); i++) BIRTH; BIRTH; } while (0)
		C
		for i in 1 2 3 4 5 6 7 8 9; do
			echo "void f$i(void) { TWO_BIRTHS(9); }"
		done
		cat <<-'C'
			APART void two(void)
			{
				TWO_BIRTHS(1);
				for (int i = 0; i < 50; i++)
					box_ref_init(calloc(1, sizeof(struct box)));
				touched++;
			}
			int main(void) { f1(); f2(); f3(); f4(); f5(); f6(); f7(); f8(); f9(); two(); touched++; return 0; }
		C
	} | program many -fno-inline "$@"
}

test_a_program_gives_the_fingerprints_that_the_command_gives()
{
	many_births
	fingerprints many >first
	expect_equal "$(wc -l <first)" 10
	own many >second
	diff first second
	LASTREF_COMMAND=$LASTREF_CMD LASTREF=leaks=warn ./many 2>&1 |
		grep -E '142 objects leaked, .*, 11 causes'
	"$LASTREF_CMD" run --leak-exit 0 -- ./many 2>&1 | grep -E '142 objects leaked, .*, 11 causes'
}

test_a_program_that_knows_no_lines_gives_no_fingerprint_of_another_cause()
{
	many_births -rdynamic
	"$LASTREF_CMD" run --leak-exit 0 --report all.json --format json -- ./many 2>messages
	tr -d ' \n' <all.json | grep -oE '"lr-[0-9a-f]*"' | tr -d '"' | sort >all
	expect_equal "$(wc -l <all)" 11
	own many '' >second
	expect_equal "$(wc -l <second)" 10
	# The births of two(): 2 at one place, 50 at another. Those of the others are at one place each, and the larger one is the first.
	sed -n 's/ 50 box$//p' second >fifty
	expect_equal "$(wc -l <fifty)" 1
	expect_equal "$(grep -c -F -f fifty all || true)" 0
	sed -n 's/ 9 box$//p' second >nine
	expect_equal "$(grep -c -F -f nine all || true)" 9
}

run_tests "$@"
