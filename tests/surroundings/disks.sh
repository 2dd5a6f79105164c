#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Full disks, for what is written: the report of `output=`, the file of `lastref run -o`, the report of `lastref report`.

. "$(dirname "$0")/../support/tap.sh"

# leaking_program: `leak N` leaks N objects, each of a type of its own, so that the report is as long as it gets.
leaking_program()
{
	compile leak - -D_GNU_SOURCE <<-'C'
		#include <lastref/lastref.h>
		#include <stdio.h>
		#include <stdlib.h>

		static int routes[1000];
		static struct lastref_type types[1000];

		int main(int argc, char **argv)
		{
			for (int i = 0; argc > 1 && i < atoi(argv[1]); i++) {
				char *name;

				if (asprintf(&name, "type%0400d", i) < 0)
					return 1;
				types[i] = (struct lastref_type){ .name = name, .c_type = name, .size = sizeof(int) };
				lastref_register(&types[i], &routes[i]);
			}
			printf("done\n");
			return 0;
		}
	C
}

# on_disk SIZE COMMANDS: run COMMANDS where the folder `disk` is a file system of so many bytes.
on_disk()
{
	mkdir -p disk
	unshare -rm mount -t tmpfs none disk 2>/dev/null || skip "needs a mount in a namespace of its own"
	# shellcheck disable=SC2016 # the inner shell expands it
	run unshare -rm bash -c 'mount -t tmpfs -o size="$1" none disk && eval "$2"' bash "$1" "$2"
}

test_a_disk_that_is_full_at_once_puts_the_report_on_standard_error()
{
	leaking_program
	on_disk 4k 'head -c 4096 /dev/zero >disk/filler; LASTREF=leaks=warn:output=disk/report LASTREF_COMMAND= ./leak 3'
	expect_status 0
	expect_equal "$(cat stdout)" "done"
	expect_match stderr '^lastref: cannot write the report to /.*/disk/report: No space left on device; it follows here$'
	expect_text stderr 'lastref: 3 objects leaked'
}

test_a_disk_that_fills_up_in_the_middle_puts_the_whole_report_on_standard_error()
{
	leaking_program
	on_disk 4k 'head -c 2000 /dev/zero >disk/report
		LASTREF=leaks=warn:output=disk/report:exitcode=9 LASTREF_COMMAND= ./leak 10; echo $? >code; wc -c <disk/report'
	expect_equal "$(cat code)" 9
	expect_text stdout 4096
	expect_match stderr 'cannot write the report to /.*/disk/report: No space left on device; it follows here$'
	expect_text stderr 'LEAK 10 of 10'
}

test_a_file_that_may_not_grow_puts_the_whole_report_on_standard_error()
{
	leaking_program
	# One block; standard error is a pipe, which has no such limit.
	{
		(
			ulimit -f 1
			LASTREF=leaks=warn:output=report:exitcode=9 LASTREF_COMMAND='' ./leak 10 || echo "status $?" >&2
		) 2>&1 >/dev/null | cat >text
	}
	expect_match text 'cannot write the report to /.*/report: File too large; it follows here$'
	expect_text text 'LEAK 10 of 10'
	expect_text text 'status 9'
}

test_a_full_disk_leaves_the_old_file_of_lastref_run()
{
	leaking_program
	on_disk 128k "echo old >disk/file; \"\$LASTREF_CMD\" run --leak-exit 0 -o disk/file -- ./leak 900; echo \$? >code
		ls disk; cat disk/file"
	expect_equal "$(cat code)" 3
	expect_text stderr 'cannot write disk/file: No space left on device; the report is not saved: make room, or name another file with -o'
	expect_text stderr 'lastref: 900 objects leaked'
	expect_equal "$(cat stdout)" "$(printf 'done\nfile\nold')"
}

test_a_disk_without_any_room_is_said_when_the_file_is_written()
{
	leaking_program
	on_disk 4k "head -c 4096 /dev/zero >disk/filler; \"\$LASTREF_CMD\" run -o disk/file -- ./leak; echo \$? >code; ls disk"
	expect_equal "$(cat code)" 3
	expect_text stderr 'cannot write disk/file: No space left on device'
	expect_equal "$(cat stdout)" "$(printf 'done\nfiller')"
}

test_lastref_report_says_that_it_could_not_be_written()
{
	leaking_program
	for leaks in 0 900; do
		run "$LASTREF_CMD" run -o image -- ./leak $leaks
		run sh -c '"$1" report --all image >/dev/full' sh "$LASTREF_CMD"
		expect_status 3
		expect_text stderr 'cannot write the report: No space left on device; make room, or send it elsewhere'
		on_disk 4k "\"\$LASTREF_CMD\" report --all image >disk/report"
		[ $leaks -eq 0 ] || expect_text stderr 'cannot write the report: No space left on device'
		expect_status $((leaks > 0 ? 3 : 0))
	done
}

run_tests "$@"
