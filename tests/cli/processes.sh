#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# lastref run: the processes of CMD, how each of them ended, and whether it is told what they left.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/box.sh"

# tell_run BYTES: run a CMD that writes BYTES to the descriptor of the run.
tell_run()
{
	# shellcheck disable=SC2016 # CMD expands it
	run "$LASTREF_CMD" run -- bash -c 'eval "printf $1 >&$LASTREF_RUN_FD"' bash "$1"
}

# need_pid_namespaces: skip the test without them; else `${namespace[@]} CMD` runs CMD as process 1 of a new one.
need_pid_namespaces()
{
	namespace=(unshare --pid --fork)
	[ "$(id -u)" -eq 0 ] || namespace+=(--map-root-user)
	"${namespace[@]}" true 2>refusal || skip "needs pid namespaces: $(cat refusal)"
}

test_a_killed_process_is_reported_with_what_is_missing()
{
	box_program
	run "$LASTREF_CMD" run -- ./box 2 kill 9
	expect_status 137
	expect_text stderr './box 2 kill 9 was killed by signal 9 (KILL) before the check at exit'
	expect_text stderr '2 objects leaked'
	expect_text stderr 'box#2'
}

test_a_process_that_called__exit_is_reported()
{
	box_program
	run "$LASTREF_CMD" run -- ./box 2 exit 0
	expect_status 23
	expect_text stderr './box 2 exit 0 ended without the check at exit'
	expect_text stderr '2 objects leaked'
}

test_objects_live_at_exec_are_no_leaks()
{
	box_program
	run "$LASTREF_CMD" run -o file -- ./box 2 exec 0
	expect_status 0
	expect_text stderr '2 objects were live when ./box 2 exec 0 replaced itself by exec'
	run "$LASTREF_CMD" report file
	expect_status 0
	run "$LASTREF_CMD" run -- ./box 2 exec 1
	expect_status 23
	expect_text stderr '1 object leaked'
}

test_objects_live_at_exec_after_the_check_are_leaks()
{
	box_program
	# Its destructor runs after that of lastref, which is later in the list.
	cat >late.c <<-'C'
		#include <unistd.h>
		__attribute__((destructor)) static void late(void)
		{
			execl("./box", "./box", "0", (char *)0);
		}
	C
	"$CC" -shared -fPIC -o liblate.so late.c
	compile checked - -Wl,--no-as-needed "$PWD/liblate.so" <<-'C'
		#include <lastref/lastref.h>
		struct lid {
			struct lastref_count refs;
		};
		LASTREF_DEFINE(lid, struct lid, refs, NULL);
		int main(void)
		{
			static struct lid lid;
			lid_ref_init(&lid);
			return 0;
		}
	C
	run "$LASTREF_CMD" run -- ./checked
	expect_status 23
	expect_text stderr '1 object leaked, 8 B, 1 cause in process 1 of 2: ./checked'
	expect_no_text stderr 'replaced itself'
}

test_a_killed_process_1_of_a_pid_namespace_does_not_run_any_more()
{
	local -a namespace

	need_pid_namespaces
	box_program
	run "$LASTREF_CMD" run -- "${namespace[@]}" ./box 2 exit 0
	expect_status 23
	expect_text stderr './box 2 exit 0 ended without the check at exit'
	expect_no_text stderr 'still runs'
}

test_equal_pids_of_two_pid_namespaces_are_two_processes()
{
	local -a namespace

	need_pid_namespaces
	box_program
	run "$LASTREF_CMD" run -- sh -c '"$@"; "$@"' sh "${namespace[@]}" ./box 2 exit 0
	expect_status 23
	expect_text stderr 'in process 1 of 2: ./box 2 exit 0'
	expect_text stderr 'in process 2 of 2: ./box 2 exit 0'
	expect_no_text stderr 'replaced itself'
}

test_a_process_that_still_runs_in_a_pid_namespace_is_not_checked()
{
	local -a namespace

	need_pid_namespaces
	box_program
	mkfifo ready go
	# The namespace ends with its first shell.
	# shellcheck disable=SC2016 # CMD expands it
	run "$LASTREF_CMD" run -- sh -c '"$@" & read -r _ <ready' sh \
		"${namespace[@]}" sh -c './box 0 daemon; echo >ready; read -r _ <go'
	echo >go
	expect_status 0
	expect_match stderr 'box 0 daemon \(process [0-9]+\) still runs: it was not checked'
	expect_no_text stderr 'leaked'
}

# closed_program: a program `closed` that leaves a child running, which has closed all of its descriptors.
closed_program()
{
	compile closed - <<-'C'
		#define _GNU_SOURCE
		#include <lastref/lastref.h>
		#include <unistd.h>
		struct box {
			struct lastref_count refs;
		};
		LASTREF_DEFINE(box, struct box, refs, NULL);
		int main(void)
		{
			static struct box box;
			int ready[2];
			char byte;
			if (pipe(ready) != 0)
				return 1;
			if (fork() == 0) {
				box_ref_init(&box);
				closefrom(0);
				pause();
			}
			close(ready[1]);
			return read(ready[0], &byte, 1) != 0;
		}
	C
}

test_a_process_that_still_runs_without_its_descriptors_is_not_checked()
{
	closed_program
	run "$LASTREF_CMD" run -- ./closed
	pid=$(sed -n 's/.*closed (process \([0-9]*\)) still runs: it was not checked/\1/p' stderr)
	[ -n "$pid" ] || fail "not said: $(cat stderr)"
	kill "$pid"
	expect_status 0
}

test_a_process_that_still_runs_with_its_arena_in_overlayfs_is_not_checked()
{
	local pid

	closed_program
	mkdir disk
	# A small /dev/shm sends the arenas to TMPDIR, and all of that is gone with the mount namespace.
	cat >overlay <<-'SH'
		set -e
		mount -t tmpfs -o size=1m none /dev/shm
		mount -t tmpfs none disk
		mkdir disk/lower disk/upper disk/work disk/all
		mount -t overlay -o lowerdir=disk/lower,upperdir=disk/upper,workdir=disk/work none disk/all
		export TMPDIR=$PWD/disk/all
		[ $# -gt 0 ] || exit 0
		exec "$@"
	SH
	unshare --mount bash overlay 2>refusal || skip "needs overlayfs: $(cat refusal)"
	# shellcheck disable=SC2016 # CMD expands it
	run unshare --mount bash overlay "$LASTREF_CMD" run -- sh -c 'echo "$LASTREF_RUN_DIR"; ./closed'
	pid=$(sed -n 's/.*closed (process \([0-9]*\)) still runs: it was not checked/\1/p' stderr)
	[ -n "$pid" ] || fail "not said: $(cat stderr)"
	kill "$pid"
	expect_status 0
	expect_text stdout "$PWD/disk/all/"
}

test_a_process_that_is_just_ending_is_waited_for()
{
	compile ending - <<-'C'
		#include <lastref/lastref.h>
		#include <unistd.h>
		struct box {
			struct lastref_count refs;
		};
		LASTREF_DEFINE(box, struct box, refs, NULL);
		/* The child goes on when the parent is gone. */
		int main(void)
		{
			static struct box box;
			int over[2];
			int ready[2];
			char byte;
			if (pipe(over) != 0 || pipe(ready) != 0)
				return 1;
			if (fork() > 0)
				return read(ready[0], &byte, 1) != 1;
			box_ref_init(&box);
			close(over[1]);
			return write(ready[1], "x", 1) != 1 || read(over[0], &byte, 1) != 0;
		}
	C
	run "$LASTREF_CMD" run -- ./ending
	expect_status 23
	expect_text stderr '1 object leaked'
	expect_no_text stderr 'ended without the check'
	expect_no_text stderr 'still runs'
}

test_a_process_that_hangs_after_its_check_is_reported()
{
	# Its destructor runs after that of lastref, which is later in the list.
	cat >late.c <<-'C'
		#include <unistd.h>
		int late_hangs;
		__attribute__((destructor)) static void late(void)
		{
			if (late_hangs)
				pause();
		}
	C
	"$CC" -shared -fPIC -o liblate.so late.c
	compile hang - -Wl,--no-as-needed "$PWD/liblate.so" <<-'C'
		#include <lastref/lastref.h>
		#include <stdio.h>
		#include <unistd.h>
		struct box {
			struct lastref_count refs;
		};
		LASTREF_DEFINE(box, struct box, refs, NULL);
		extern int late_hangs;
		int main(void)
		{
			static struct box box;
			int ready[2];
			char byte;
			pid_t child;
			if (pipe(ready) != 0)
				return 1;
			child = fork();
			if (child > 0)
				return printf("%d\n", (int)child) < 0 || read(ready[0], &byte, 1) != 1;
			late_hangs = 1;
			box_ref_init(&box);
			return write(ready[1], "x", 1) != 1;
		}
	C
	run "$LASTREF_CMD" run -- ./hang
	kill "$(cat stdout)"
	expect_status 23
	expect_text stderr '1 object leaked'
	expect_no_text stderr 'still runs'
}

test_a_process_that_still_runs_is_not_checked()
{
	box_program
	run "$LASTREF_CMD" run -- ./box 0 daemon
	pid=$(sed -n 's/.*box 0 daemon (process \([0-9]*\)) still runs: it was not checked/\1/p' stderr)
	[ -n "$pid" ] || fail "not said: $(cat stderr)"
	kill "$pid"
	expect_status 0
}

test_a_process_that_changed_its_user_or_root_folder_counts()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	compile drop - <<-'C'
		#define _GNU_SOURCE
		#include <lastref/lastref.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>
		struct box {
			struct lastref_count refs;
		};
		LASTREF_DEFINE(box, struct box, refs, NULL);
		int main(int argc, char **argv)
		{
			static struct box box;
			int status;
			if (fork() > 0)
				return wait(&status) < 0 || status != 0;
			if (argc > 2 && chroot(argv[2]) != 0)
				return 1;
			if (setgid(65534) != 0 || setuid(65534) != 0)
				return 1;
			box_ref_init(&box);
			if (argv[1][0] == 'c')
				box_unref(&box);
			return 0;
		}
	C
	for folder in '' "$PWD"; do
		run "$LASTREF_CMD" run -- ./drop leak ${folder:+"$folder"}
		expect_status 23
		expect_text stderr '1 object leaked'
		expect_text stderr '1 process reported by itself: no file could be made in the folder of this run'
		expect_no_text stderr 'nothing was checked'
		run "$LASTREF_CMD" run -- ./drop clean ${folder:+"$folder"}
		expect_status 0
		expect_no_text stderr 'nothing was checked'
	done
}

test_a_process_without_room_for_its_arena_counts()
{
	box_program
	run "$LASTREF_CMD" run -- bash -c 'ulimit -f 32; exec ./box 1'
	expect_status 23
	expect_text stderr '1 object leaked'
	expect_text stderr '1 process reported by itself: no file could be made in the folder of this run'
	expect_no_text stderr 'nothing was checked'
	run "$LASTREF_CMD" run -o file -- bash -c 'ulimit -f 32; exec ./box 0 misuse'
	expect_status 23
	expect_text stderr 'lastref: no file was written'
}

test_what_processes_without_an_arena_tell_is_counted()
{
	tell_run ala
	expect_status 23
	expect_match stderr '^lastref: 2 processes reported by themselves: no file could be made'
	expect_equal "$(wc -l <stderr)" 1
	tell_run m
	expect_status 23
	expect_match stderr '^lastref: 1 process reported by itself: no file could be made'
	tell_run a
	expect_status 0
	expect_text stderr '1 process reported by itself'
	expect_no_text stderr 'nothing was checked'
}

test_a_process_that_tells_something_after_the_run_is_not_killed()
{
	mkfifo go over
	# shellcheck disable=SC2016 # CMD expands it
	run "$LASTREF_CMD" run -- bash -c '{
		read -r _ <go
		eval "printf l >&$LASTREF_RUN_FD"
		echo "status $?" >over
	} >/dev/null 2>&1 &'
	expect_status 0
	echo >go
	expect_equal "$(timeout 10 cat over)" 'status 0'
}

test_a_run_within_a_run_has_its_own_descriptor()
{
	# shellcheck disable=SC2016 # CMD expands it
	run "$LASTREF_CMD" run -- "$LASTREF_CMD" run --leak-exit 0 -- bash -c 'eval "printf l >&$LASTREF_RUN_FD"'
	expect_status 0
	expect_text stderr '1 process reported by itself'
	expect_text stderr 'nothing was checked'
}

test_each_process_has_its_report_and_the_rest_a_line()
{
	box_program
	run "$LASTREF_CMD" run -- sh -c './box 1; ./box 0; ./box 2; exit 0'
	expect_status 23
	expect_text stderr '1 object leaked'
	expect_text stderr 'process 1 of 3: ./box 1'
	expect_text stderr 'process 3 of 3: ./box 2'
	expect_no_text stderr 'process 2 of 3'
	expect_text stderr 'no leaks in 1 of 3 processes'
	run "$LASTREF_CMD" run -- sh -c './box 0; ./box 0'
	expect_status 0
	expect_equal "$(cat stderr)" 'lastref: no leaks in 2 processes'
}

test_a_forked_child_reports_its_own_objects_only()
{
	box_program
	run "$LASTREF_CMD" run -- ./box 2 fork
	expect_status 23
	expect_match stderr '2 objects leaked.* process 1 of 2'
	expect_match stderr '1 object leaked.* process 2 of 2'
}

test_each_process_gets_its_file()
{
	box_program
	run "$LASTREF_CMD" run -o one -- sh -c './box 1; ./box 2; exit 0'
	set -- one one.*
	expect_equal $# 2
	run "$LASTREF_CMD" report "$1"
	expect_text stdout '1 object leaked'
	run "$LASTREF_CMD" report "$2"
	expect_text stdout '2 objects leaked'
	run "$LASTREF_CMD" run -o 'p-%p.lr' -- sh -c './box 1 & echo $! >pid; wait; ./box 2; exit 0'
	run "$LASTREF_CMD" report "p-$(cat pid).lr"
	expect_text stdout '1 object leaked'
	set -- p-*.lr
	expect_equal $# 2
}

test_the_process_of_cmd_itself_gets_the_plain_name()
{
	box_program
	run "$LASTREF_CMD" run -o file -- sh -c './box 1; exec ./box 2'
	run "$LASTREF_CMD" report file
	expect_text stdout '2 objects leaked'
	set -- file.*
	run "$LASTREF_CMD" report "$1"
	expect_text stdout '1 object leaked'
}

test_a_process_that_cannot_be_looked_at_is_not_taken_for_clean()
{
	box_program
	# Each process costs lastref a descriptor.
	run bash -c 'ulimit -n 24
		"$LASTREF_CMD" run -- bash -c "for ((i = 0; i < 30; i++)); do ./box 0; done"'
	expect_status 23
	expect_match stderr 'processes are left out: Too many open files'
}

run_tests "$@"
