#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# lastref report: what it shows of a file, and what it says of files that it cannot read.

. "$(dirname "$0")/../support/tap.sh"

# file_with_leaks FILE: what `lastref run -o FILE` writes of a program that leaks 2 boxes and 12 kinds of crates.
file_with_leaks()
{
	compile leaks - <<'C'
#include <lastref/lastref.h>
#include <stdlib.h>

struct box {
	struct lastref_count refs;
};
static void box_destroy(struct box *box)
{
	free(box);
}
LASTREF_DEFINE(box, struct box, refs, box_destroy);

struct crate {
	struct lastref_count refs;
};
static void crate_destroy(struct crate *crate)
{
	free(crate);
}
LASTREF_DEFINE(crate, struct crate, refs, crate_destroy);

#define CRATE crate_ref_init(calloc(1, sizeof(struct crate)))

int main(void)
{
	for (int i = 0; i < 2; i++)
		box_ref_init(calloc(1, sizeof(struct box)));
	CRATE;
	CRATE;
	CRATE;
	CRATE;
	CRATE;
	CRATE;
	CRATE;
	CRATE;
	CRATE;
	CRATE;
	CRATE;
	CRATE;
	return 0;
}
C
	run "$LASTREF_CMD" run --quiet -o "$1" -- ./leaks
	expect_status 23
}

# flip FILE OFFSET: invert the bits of one byte.
flip()
{
	local byte

	byte=$(od -An -tu1 -j"$2" -N1 "$1")
	printf '%b' "\\x$(printf %02x $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

test_a_file_with_leaks_gives_1_and_the_same_report_as_run()
{
	file_with_leaks file
	run "$LASTREF_CMD" run -o again -- ./leaks
	mv stderr of-run
	run "$LASTREF_CMD" report file
	expect_status 1
	expect_text stdout '14 objects leaked'
	expect_empty stderr
	diff of-run stdout
}

test_a_file_without_leaks_gives_0()
{
	compile clean - <<-'C'
		#include <lastref/lastref.h>
		struct box { struct lastref_count refs; };
		LASTREF_DEFINE(box, struct box, refs, NULL);
		int main(void)
		{
			static struct box box;
			box_ref_init(&box);
			box_unref(&box);
			return 0;
		}
	C
	run "$LASTREF_CMD" run -o file -- ./clean
	expect_status 0
	run "$LASTREF_CMD" report file
	expect_status 0
	expect_text stdout 'no leaks'
}

test_all_shows_what_is_left_out_otherwise()
{
	file_with_leaks file
	run "$LASTREF_CMD" report file
	expect_text stdout 'Not shown:'
	expect_no_text stdout 'LEAK 13 of 13'
	run "$LASTREF_CMD" report --all file
	expect_no_text stdout 'Not shown:'
	expect_text stdout 'LEAK 13 of 13'
}

test_types_are_chosen_by_pattern()
{
	file_with_leaks file
	run "$LASTREF_CMD" report --type 'b*' file
	expect_status 1
	expect_text stdout '2 objects leaked'
	run "$LASTREF_CMD" report --type 'b*' --type crate file
	expect_text stdout '14 objects leaked'
	run "$LASTREF_CMD" report --type 'none*' file
	expect_status 0
}

test_addresses_are_shown_when_asked_for()
{
	file_with_leaks file
	run "$LASTREF_CMD" report file
	expect_no_text stdout ' at 0x'
	run "$LASTREF_CMD" report --addresses file
	expect_text stdout ' at 0x'
}

test_a_program_that_is_gone_is_shown_by_offset()
{
	file_with_leaks file
	rm leaks
	run "$LASTREF_CMD" report file
	expect_status 1
	expect_match stdout 'leaks\+0x[0-9a-f]+'
}

# small_leak LINES FLAG...: build ./small with so many empty lines before main(), which leaks one box.
small_leak()
{
	{
		printf '%*s' "$1" '' | tr ' ' '\n'
		cat <<'C'
#include <lastref/lastref.h>
#include <stdlib.h>
struct box { struct lastref_count refs; };
LASTREF_DEFINE(box, struct box, refs, NULL);
int main(void)
{
	box_ref_init(calloc(1, sizeof(struct box)));
	return 0;
}
C
	} >small.c
	compile small small.c "${@:2}"
}

# expect_stale WHY: `lastref report file` shows addresses in ./small, and says once why.
expect_stale()
{
	run "$LASTREF_CMD" report file
	expect_status 1
	expect_match stdout 'BORN AT  small\+0x[0-9a-f]+'
	expect_no_text stdout 'small.c'
	expect_equal "$(grep -c 'was built again since' stderr)" 1
	expect_text stderr "$1"
}

test_a_program_that_was_built_again_is_shown_by_offset_and_the_reason_said()
{
	small_leak 0
	run "$LASTREF_CMD" run --quiet -o file -- ./small
	run "$LASTREF_CMD" report file
	expect_text stdout 'BORN AT  small.c:7 main'
	expect_empty stderr
	small_leak 20
	expect_stale 'another build-id'
}

test_the_same_without_a_build_id_by_the_size_or_the_time_of_the_file()
{
	small_leak 0 -Wl,--build-id=none
	cp -p small first
	run "$LASTREF_CMD" run --quiet -o file -- ./small
	run "$LASTREF_CMD" report file
	expect_text stdout 'BORN AT  small.c:7 main'
	expect_empty stderr
	cp small again
	mv again small
	expect_stale 'another size or time'
	small_leak 20 -Wl,--build-id=none -O0 -DMORE
	echo >>small
	touch -r first small
	expect_stale 'another size or time'
	cp -p first small
	run "$LASTREF_CMD" report file
	expect_text stdout 'BORN AT  small.c:7 main'
	expect_empty stderr
}

test_a_killed_process_is_told_of()
{
	compile killed - <<-'C'
		#include <lastref/lastref.h>
		#include <signal.h>
		struct box { struct lastref_count refs; };
		LASTREF_DEFINE(box, struct box, refs, NULL);
		int main(void)
		{
			static struct box box;
			box_ref_init(&box);
			return raise(SIGKILL);
		}
	C
	run "$LASTREF_CMD" run -o file -- ./killed
	expect_status 137
	run "$LASTREF_CMD" report file
	expect_status 1
	expect_text stdout './killed was killed by signal 9 (KILL) before the check at exit'
}

test_a_file_that_ends_early_gives_4_or_is_refused_with_3()
{
	local size whole header

	file_with_leaks file
	whole=$(stat -c %s file)
	head -c 16 file >part
	run "$LASTREF_CMD" report part
	header=$(sed -n 's/.*part: it ends within its first \([0-9]*\) bytes; make it again$/\1/p' stderr)
	[ "$header" -gt 16 ] || fail "the header's size is not told"
	for ((size = 0; size < whole; size += 1 + size / 16)); do
		head -c "$size" file >part
		run "$LASTREF_CMD" report part
		expect_status $((size < header ? 3 : 4))
	done
	head -c $((whole - 1)) file >part
	run "$LASTREF_CMD" report part
	expect_status 4
	expect_text stdout 'the file ends early'
	# Behind the 14 records are as many looks, of 16 bytes each.
	head -c $((whole - 14 * 16 - 1)) file >part
	run "$LASTREF_CMD" report part
	expect_status 4
	expect_text stdout 'the file ends early'
	expect_text stdout '13 objects leaked'
}

test_a_pattern_that_matches_no_type_is_said()
{
	file_with_leaks file
	run "$LASTREF_CMD" report --type nosuch file
	expect_status 0
	expect_match stdout '^note: no object has a type that was asked for; there are: '
}

test_a_damaged_file_gives_3()
{
	local whole offset

	file_with_leaks file
	whole=$(stat -c %s file)
	for offset in $((whole / 2)) $((whole - 1)); do
		cp file damaged
		flip damaged "$offset"
		run "$LASTREF_CMD" report damaged
		expect_status 3
		expect_text stderr 'cannot read damaged: it is damaged'
		expect_empty stdout
	done
}

test_what_is_no_readable_file_gives_3_and_the_reason()
{
	run "$LASTREF_CMD" report missing
	expect_status 3
	expect_text stderr 'cannot open missing: No such file or directory'
	run "$LASTREF_CMD" report .
	expect_status 3
	expect_text stderr "the folder . has no file that \`lastref run -o\` wrote"
	: >empty
	run "$LASTREF_CMD" report empty
	expect_status 3
	expect_text stderr 'cannot read empty: it is empty'
	run "$LASTREF_CMD" report "$SRC/tests/cli/report.sh"
	expect_status 3
	expect_text stderr 'it was not written by `lastref run -o`'
}

test_another_version_or_byte_order_is_told_of()
{
	file_with_leaks file
	cp file other
	flip other 8
	run "$LASTREF_CMD" report other
	expect_status 3
	expect_text stderr 'cannot read other: its format is version 253, and this lastref'
	cp file other
	flip other 12
	run "$LASTREF_CMD" report other
	expect_status 3
	expect_text stderr 'cannot read other: it has the byte order of another kind of machine'
}

test_a_wrong_command_line_gives_2()
{
	run "$LASTREF_CMD" report
	expect_status 2
	expect_text stderr 'no file to report'
	run "$LASTREF_CMD" report --format nonsense file
	expect_status 2
	expect_text stderr "there is no format 'nonsense'; the formats are"
	run "$LASTREF_CMD" report --no-such-option file
	expect_status 2
}

test_a_closed_standard_output_is_no_crash()
{
	file_with_leaks file
	status=0
	"$LASTREF_CMD" report file >&- || status=$?
	expect_equal "$status" 1
	run sh -c '"$1" report file >/dev/full' sh "$LASTREF_CMD"
	expect_text stderr 'cannot write the report: No space left on device'
}

test_symbolize_answers_line_by_line()
{
	printf '0 - /no/such/file\nnonsense\n' | "$LASTREF_CMD" symbolize >answers
	expect_equal "$(cat answers)" ''
	expect_equal "$(wc -l <answers)" 2
	run "$LASTREF_CMD" symbolize argument
	expect_status 2
}

# The library that reads debug information aborts at the module `leaks`, as it may where a file is damaged.
test_a_reader_of_symbols_that_crashes_is_said_and_costs_one_module()
{
	file_with_leaks file
	"$CC" -std=gnu11 -Wall -Wextra -Werror -shared -fPIC -o abort.so -x c - -ldl <<-'C'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <stdbool.h>
		#include <stdlib.h>
		#include <string.h>

		void *dwfl_report_elf(void *dwfl, const char *name, const char *file, int fd, unsigned long base, bool add);
		void *dwfl_report_elf(void *dwfl, const char *name, const char *file, int fd, unsigned long base, bool add)
		{
			void *(*real)(void *, const char *, const char *, int, unsigned long, bool);

			if (strcmp(name + strlen(name) - 6, "/leaks") == 0)
				abort();
			real = dlsym(RTLD_NEXT, "dwfl_report_elf");
			return real(dwfl, name, file, fd, base, add);
		}
	C
	run env LD_PRELOAD="$PWD/abort.so" "$LASTREF_CMD" report file
	expect_status 1
	expect_text stdout 'LEAK 1 of 13'
	expect_match stdout 'leaks[+]0x'
	expect_match stderr '^lastref: cannot read the symbols of .*/leaks: its reader ended with signal 6; the report shows addresses in it$'
}

# Both are called node, and are of one size; one is counted in another place and way than the other.
test_types_of_one_name_and_size_that_count_differently_are_two()
{
	local kind name count order

	for kind in 'standard lastref_count refs,before' 'cache lastref_cache_count before,refs'; do
		read -r name count order <<<"$kind"
		cat >"$name.c" <<-C
			#include <lastref/lastref.h>
			#include <stdlib.h>
			typedef struct $count refs_type;
			typedef uint64_t before_type;
			struct node { ${order%,*}_type ${order%,*}; ${order#*,}_type ${order#*,}; };
			LASTREF_DEFINE(node, struct node, refs, NULL);
			void make_$name(void);
			void make_$name(void)
			{
				struct node *node = calloc(1, sizeof(*node));

				node_ref_init(node);
				node_ref(node);
			}
		C
	done
	cat >main.c <<-'C'
		#include <lastref/lastref.h>
		void make_standard(void);
		void make_cache(void);
		int main(void)
		{
			make_standard();
			make_cache();
			make_standard();
			return lastref_live_objects() != 3;
		}
	C
	compile prog main.c standard.c cache.c
	run env LASTREF=leaks=warn ./prog
	expect_status 0
	expect_equal "$(grep -c 'reference count of 2 instead of 0' stderr)" 3
	expect_no_text stderr 'its memory is gone'
}

run_tests "$@"
