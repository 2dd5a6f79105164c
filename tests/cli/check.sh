#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Processes that go on: snapshots by the program, by a signal, and `lastref check PID`.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

# A server: for each line on standard input it makes so many boxes, and answers. Without input it ends. It goes to the folder GO_TO first,
# as a daemon does.
server()
{
	box_program server <<-'C'
		int main(void)
		{
			const char *folder = getenv("GO_TO");
			char line[16];

			setvbuf(stdout, NULL, _IOLBF, 0);
			if (folder && chdir(folder) != 0)
				return 1;
			printf("ready\n");
			while (fgets(line, sizeof(line), stdin)) {
				for (int i = atoi(line); i > 0; i--)
					box_new();
				printf("made\n");
			}
			_exit(0);
		}
	C
}

# start SETTINGS: the server, with descriptors 8 to it and 9 from it; its id in $server.
start()
{
	local ready
	mkfifo to from
	LASTREF=$1 ./server <to >from 2>errors &
	server=$!
	exec 8>to 9<from
	read -r ready <&9
	[ "$ready" = ready ]
}

make_boxes()
{
	local answer
	echo "$1" >&8
	read -r answer <&9
	[ "$answer" = made ]
}

stop()
{
	exec 8>&- 9<&-
	wait "$server" || true
}

test_a_snapshot_of_the_program_itself_is_a_file_for_report()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *box = box_new();
			int error = lastref_snapshot("snapshot");

			box_unref(box);
			return -error;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_empty stderr
	run "$LASTREF_CMD" report snapshot
	expect_status 1
	expect_match stdout '^lastref: .*prog \(process [0-9]+\) went on after this snapshot, of 20[0-9-]* [0-9:]*$'
	expect_text stdout 'lastref: 1 object live'
	expect_match stdout '^LIVE 1 of 1  \[lr-[0-9a-f]{8}\]  1 box'
	expect_text stdout 'SUCH AS  box#1  (reference count of 1 instead of 0)'
	expect_text stdout 'note: what lives in a process that goes on may be wanted; for the exit status it counts as leaked'
	[ "$(stat -c %a snapshot)" = 600 ]
}

test_a_report_of_a_snapshot_says_for_what_it_exits_with_1()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *box = box_new();

			lastref_leak_check();
			box_unref(box);
			return -lastref_snapshot("snapshot");
		}
	C
	with leaks=warn:exitcode=0 ./prog
	expect_status 0
	run "$LASTREF_CMD" report snapshot
	expect_status 1
	expect_text stdout 'lastref: nothing lives'
	expect_text stdout 'note: 1 object was reported by a check that the program called, and released since'
	expect_no_text stdout 'note: what lives'
}

test_a_diff_of_snapshots_says_what_of_them_lives()
{
	box_program prog <<-'C'
		int main(void)
		{
			box_new();
			return -lastref_snapshot("snapshot");
		}
	C
	with leaks=warn:exitcode=0 ./prog
	run "$LASTREF_CMD" diff snapshot snapshot
	expect_status 0
	expect_text stdout 'lastref: nothing new lives'
	expect_no_text stdout 'note: what lives'
	echo 'leak:box' >supp
	run "$LASTREF_CMD" report --suppressions supp snapshot
	expect_status 0
	expect_text stdout 'lastref: nothing lives but what is suppressed'
}

test_each_snapshot_says_what_the_object_is_then()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *box = box_new();

			if (lastref_snapshot("first") != 0)
				return 1;
			box_ref(box);
			if (lastref_snapshot("second") != 0)
				return 2;
			_exit(0);
		}
	C
	with leaks=warn ./prog
	expect_status 0
	run "$LASTREF_CMD" report first
	expect_text stdout 'SUCH AS  box#1  (reference count of 1 instead of 0)'
	run "$LASTREF_CMD" report second
	expect_text stdout 'SUCH AS  box#1  (reference count of 2 instead of 0)'
}

# A process that leaves three snapshots, of 1, 2 and 3 objects, in images; the names are in another order.
snapshots_program()
{
	box_program prog <<-'C'
		int main(void)
		{
			static const char *const names[] = { "images/c", "images/a", "images/b" };

			for (int i = 0; i < 3; i++) {
				box_new();
				if (lastref_snapshot(names[i]) != 0)
					return 1;
			}
			box_new();
			return 0;
		}
	C
	mkdir images
}

test_a_process_counts_once_by_its_newest_snapshot()
{
	snapshots_program
	with leaks=warn ./prog
	run "$LASTREF_CMD" report images
	expect_status 1
	expect_equal "$(cat stderr)" \
		'lastref: 2 older snapshots are left out: a process counts once, by its newest one or by its file from the end'
	expect_text stdout 'lastref: 3 objects live'
	expect_no_text stdout processes
	run "$LASTREF_CMD" report images/c images/a
	expect_text stderr 'lastref: 1 older snapshot is left out'
	expect_text stdout 'lastref: 2 objects live'
	run "$LASTREF_CMD" types images
	expect_match stdout '^box +16 +3 +0 +3$'
	run "$LASTREF_CMD" diff images/c images
	expect_status 0
}

test_a_process_counts_once_by_its_file_from_the_end()
{
	snapshots_program
	"$LASTREF_CMD" run --quiet --leak-exit 0 -o images/0 -- ./prog
	run "$LASTREF_CMD" report images
	expect_status 1
	expect_text stderr 'lastref: 3 older snapshots are left out'
	expect_text stdout 'lastref: 4 objects leaked'
	expect_no_text stdout processes
}

test_snapshots_of_several_processes_all_count()
{
	snapshots_program
	with leaks=warn ./prog
	mv images others
	mkdir images
	with leaks=warn ./prog
	run "$LASTREF_CMD" report others/b images/b
	expect_empty stderr
	expect_text stdout 'lastref: 6 objects live'
	expect_text stdout 'in 2 of 2 processes'
}

test_what_a_killed_process_left_neither_blocks_a_snapshot_nor_is_written_to()
{
	box_program prog <<-'C'
		/* The names under which a process with our id can have left a part of a snapshot. */
		static void leave(const char *suffix)
		{
			char name[64];

			snprintf(name, sizeof(name), "snapshot.lastref-%d%s", (int)getpid(), suffix);
			if (symlink("victim", name) != 0)
				abort();
		}

		int main(void)
		{
			box_new();
			leave("");
			leave(".0");
			leave(".1");
			_exit(-lastref_snapshot("snapshot"));
		}
	C
	echo precious >victim
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(cat victim)" precious
	[ ! -L snapshot ]
	set -- snapshot*
	expect_equal $# 4
	run "$LASTREF_CMD" report snapshot
	expect_status 1
}

test_two_threads_may_write_the_same_snapshot_at_once()
{
	box_program prog <<-'C'
		static pthread_barrier_t begin;

		static void *write_snapshots(void *failed)
		{
			pthread_barrier_wait(&begin);
			for (int i = 0; i < 200; i++)
				*(int *)failed |= lastref_snapshot("snapshot");
			return failed;
		}

		int main(void)
		{
			int failed = 0, other_failed = 0;
			pthread_t thread;

			for (int i = 0; i < 1000; i++)
				box_new();
			pthread_barrier_init(&begin, NULL, 2);
			if (pthread_create(&thread, NULL, write_snapshots, &other_failed) != 0)
				return 2;
			write_snapshots(&failed);
			pthread_join(thread, NULL);
			_exit(failed || other_failed);
		}
	C
	with leaks=warn ./prog
	expect_status 0
	set -- snapshot*
	expect_equal "$*" snapshot
	run "$LASTREF_CMD" report snapshot
	expect_status 1
	expect_text stdout '1,000 objects live'
}

test_a_snapshot_on_a_full_disk_leaves_the_old_one_and_an_error()
{
	box_program prog <<-'C'
		int main(int argc, char **argv)
		{
			for (int i = 0; i < 10000; i++)
				box_new();
			return -lastref_snapshot(argv[argc - 1]);
		}
	C
	mkdir small
	mount -t tmpfs -o size=64k tmpfs small 2>/dev/null || skip "needs the right to mount"
	echo old >small/snapshot
	with leaks=warn:output=reports ./prog small/snapshot
	[ "$(cat small/snapshot)" = old ] || fail "the old file is gone"
	[ "$(ls -A small)" = snapshot ] || fail "a part is left: $(ls -A small)"
	umount small
	# ENOSPC
	expect_status 28
}

test_a_signal_makes_a_snapshot_and_the_program_goes_on()
{
	server
	start leaks=warn:signal=USR2:output="$PWD/report"
	make_boxes 3
	kill -USR2 "$server"
	make_boxes 1
	stop
	expect_text errors "lastref: snapshot $PWD/lastref-$server.1.snapshot"
	run "$LASTREF_CMD" report "lastref-$server.1.snapshot"
	expect_status 1
	expect_text stdout 'lastref: 3 objects live'
}

test_check_tells_what_lives_and_then_what_grew()
{
	server
	start leaks=warn:signal=RTMIN+3:output=report
	make_boxes 3
	run "$LASTREF_CMD" check "$server"
	expect_status 0
	expect_match stdout 'server \(process [0-9]+\): 3 objects are live; check again later'
	expect_text stdout 'lastref: 3 objects live'
	make_boxes 2
	run "$LASTREF_CMD" check "$server"
	expect_status 0
	expect_match stdout ': 5 objects are live, 3 were [0-9]+ s before$'
	expect_text stdout 'lastref: 2 objects born since and live'
	expect_match stdout '^GREW 1 of 1  \[lr-[0-9a-f]{8}\]  2 box'
	expect_text stdout 'SUCH AS  box#4'
	run "$LASTREF_CMD" check "$server"
	expect_status 0
	expect_text stdout 'lastref: nothing was born since and lives'
	stop
}

test_what_cannot_be_checked_is_told_and_gets_no_signal()
{
	server
	start leaks=warn
	run "$LASTREF_CMD" check "$server"
	expect_status 3
	expect_text stderr "process $server takes no snapshots: start it with LASTREF=leaks=warn:signal=USR2"
	stop
	run "$LASTREF_CMD" check "$server"
	expect_status 3
	expect_text stderr "there is no process $server"
	# The signal would end it.
	LASTREF=leaks=warn:signal=USR2 sleep 100 &
	# Until then it is a bash.
	until grep -q sleep "/proc/$!/cmdline"; do
		kill -0 $!
	done
	run "$LASTREF_CMD" check $!
	expect_status 3
	expect_text stderr 'does not handle that signal'
	kill $!
	for wrong in '' 0 -1 x 99999999999; do
		run "$LASTREF_CMD" check "$wrong"
		expect_status 2
		expect_text stderr "lastref: '$wrong' is no process id"
	done
	run "$LASTREF_CMD" check
	expect_status 2
	expect_text stderr 'no process to check'
}

test_a_stopped_process_is_not_waited_for()
{
	server
	start leaks=warn:signal=USR2:output="$PWD/report"
	kill -STOP "$server"
	# The signal has its effect at some moment of the process's own.
	until grep -q '^State:.T' "/proc/$server/status"; do
		kill -0 "$server"
	done
	run timeout 20 "$LASTREF_CMD" check "$server"
	kill -CONT "$server"
	expect_status 3
	expect_equal "$(cat stderr)" "lastref: process $server is stopped (state T): continue it, then try again"
	stop
	# It got no signal.
	expect_empty errors
}

test_a_process_that_a_debugger_holds_is_not_waited_for()
{
	compile hold - <<-'C'
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/ptrace.h>
		#include <sys/wait.h>

		int main(int argc, char **argv)
		{
			pid_t pid = atoi(argv[argc - 1]);

			if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) != 0 || waitpid(pid, NULL, __WALL) != pid)
				return 1;
			printf("held\n");
			fflush(stdout);
			return getchar() == 0;
		}
	C
	server
	start leaks=warn:signal=USR2:output="$PWD/report"
	mkfifo end held
	./hold "$server" <end >held &
	exec 7>end
	read -r answer <held || skip 'needs the right to trace a process'
	expect_equal "$answer" held
	run timeout 20 "$LASTREF_CMD" check "$server"
	exec 7>&-
	expect_status 3
	expect_equal "$(cat stderr)" \
		"lastref: process $server is stopped (state t) by a debugger or tracer: continue it, then try again"
	stop
}

test_a_process_that_ended_and_was_not_waited_for_has_ended()
{
	box_program prog <<-'C'
		int main(void)
		{
			siginfo_t how;
			pid_t child = fork();

			if (child == 0)
				_exit(0);
			waitid(P_PID, (id_t)child, &how, WEXITED | WNOWAIT);
			printf("%d\n", (int)child);
			fflush(stdout);
			return getchar() == 0;
		}
	C
	mkfifo to from
	LASTREF=leaks=warn:signal=USR2 ./prog <to >from &
	exec 8>to 9<from
	read -r ended <&9
	run "$LASTREF_CMD" check "$ended"
	exec 8>&-
	expect_status 3
	expect_equal "$(cat stderr)" "lastref: process $ended has ended"
}

test_a_process_of_somebody_else_is_said_to_be_so()
{
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$LASTREF_CMD" ||
		skip 'another user cannot run the command where it is'
	server
	start leaks=warn:signal=USR2
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$LASTREF_CMD" check "$server"
	stop
	expect_status 3
	expect_equal "$(cat stderr)" \
		"lastref: cannot ask process $server: it belongs to somebody else; be that user, or root"
}

test_a_folder_of_snapshots_that_is_not_there_is_named_as_people_know_it()
{
	server
	start "leaks=warn:signal=USR1:output=none/report"
	run "$LASTREF_CMD" check "$server"
	stop
	expect_status 3
	expect_equal "$(cat stderr)" \
		"lastref: cannot look for the snapshots of process $server in $PWD/none: No such file or directory; the name in its output= is relative, and it may have gone to another folder since it began: give output= a name that begins with a slash"
}

test_a_process_that_went_to_another_folder_is_checked()
{
	server
	mkdir reports
	GO_TO=/ start leaks=warn:signal=USR2:output=reports/report
	make_boxes 3
	run timeout 20 "$LASTREF_CMD" check "$server"
	make_boxes 2
	mv stdout first
	expect_status 0
	run timeout 20 "$LASTREF_CMD" check "$server"
	stop
	expect_status 0
	expect_text first 'lastref: 3 objects live'
	expect_match stdout ': 5 objects are live, 3 were [0-9]+ s before$'
	[ -e "reports/lastref-$server.2.snapshot" ]
}

test_where_a_process_that_went_to_another_folder_began_is_asked_for()
{
	server
	mkdir reports
	GO_TO=/ PWD=/nowhere start leaks=warn:signal=USR2:output=reports/report
	run timeout 20 "$LASTREF_CMD" check "$server"
	stop
	expect_status 3
	expect_match stderr 'in /reports: .*; the name in its output= is relative, and it may have gone to another folder'
}

test_the_process_id_may_be_in_the_name_of_the_folder_of_snapshots()
{
	server
	mkdir all
	# exec keeps the process id, so that the folder is there before.
	cat >prepared <<-'SH'
		#!/bin/sh
		mkdir "all/$$"
		exec ./server
	SH
	chmod +x prepared
	mv server program
	sed -i 's/server/program/' prepared
	mv prepared server
	start leaks=warn:signal=USR2:output=all/%p/report
	make_boxes 3
	run timeout 20 "$LASTREF_CMD" check "$server"
	stop
	expect_status 0
	expect_text stdout 'lastref: 3 objects live'
	[ -e "all/$server/lastref-$server.1.snapshot" ]
}

test_the_child_of_a_fork_has_its_own_process_id_in_the_name_of_that_folder()
{
	box_program prog <<-'C'
		#include <signal.h>
		#include <sys/stat.h>

		int main(void)
		{
			char folder[64];

			if (fork() == 0) {
				snprintf(folder, sizeof(folder), "all/%d", (int)getpid());
				if (mkdir(folder, 0777) != 0)
					abort();
				box_new();
				raise(SIGUSR2);
				_exit(0);
			}
			wait(NULL);
			_exit(0);
		}
	C
	mkdir all
	run env LASTREF=leaks=warn:signal=USR2:output=all/%p/report ./prog
	expect_status 0
	child=$(ls all)
	[ -e "all/$child/lastref-$child.1.snapshot" ]
	expect_match stderr "^lastref: snapshot /.*/all/$child/lastref-$child\.1\.snapshot$"
}

test_snapshots_of_an_earlier_process_with_the_same_id_do_not_count()
{
	server
	start leaks=warn:signal=USR2:output=report
	make_boxes 1
	run "$LASTREF_CMD" check "$server"
	mv "lastref-$server.1.snapshot" earlier
	stop
	rm to from
	start leaks=warn:signal=USR2:output=report
	for number in 1 7; do
		cp earlier "lastref-$server.$number.snapshot"
	done
	make_boxes 3
	run timeout 20 "$LASTREF_CMD" check "$server"
	expect_status 0
	expect_match stdout ': 3 objects are live; check again later'
	cmp earlier "lastref-$server.1.snapshot"
	make_boxes 2
	run timeout 20 "$LASTREF_CMD" check "$server"
	stop
	expect_status 0
	expect_match stdout ': 5 objects are live, 3 were [0-9]+ s before$'
}

test_a_process_that_knows_itself_by_another_id_is_checked()
{
	local outside

	unshare --pid --fork true 2>/dev/null || skip 'needs the right to make a pid namespace'
	server
	mkfifo to from
	LASTREF=leaks=warn:signal=USR2:output=report unshare --pid --fork ./server <to >from 2>errors &
	server=$!
	exec 8>to 9<from
	read -r _ <&9
	make_boxes 3
	outside=$(cat "/proc/$server/task/$server/children")
	run timeout 20 "$LASTREF_CMD" check "${outside% }"
	stop
	expect_status 0
	[ -e lastref-1.1.snapshot ]
	expect_text stdout 'lastref: 3 objects live'
}

test_a_signal_may_come_while_a_child_makes_its_first_object()
{
	box_program prog -D_GNU_SOURCE <<-'C'
		#include <dlfcn.h>
		#include <signal.h>
		#include <stdarg.h>
		#include <sys/syscall.h>

		static int calls;

		/* The library's calls come here. */
		long syscall(long number, ...)
		{
			long (*next)(long, ...) = NULL;
			long of[6];
			va_list arguments;

			*(void **)&next = dlsym(RTLD_NEXT, "syscall");
			va_start(arguments, number);
			for (int i = 0; i < 6; i++)
				of[i] = va_arg(arguments, long);
			va_end(arguments);
			if (getenv("IN_CHILD") && number == SYS_membarrier && calls++ == 0)
				raise(SIGUSR2);
			return next(number, of[0], of[1], of[2], of[3], of[4], of[5]);
		}

		int main(void)
		{
			if (fork() == 0) {
				setenv("IN_CHILD", "1", 1);
				alarm(10);
				box_new();
				_exit(calls == 0);
			}
			return wait(&calls) > 0 && calls == 0 ? 0 : 1;
		}
	C
	with leaks=warn:signal=USR2:output="$PWD/report" ./prog
	expect_status 0
	expect_match stderr "^lastref: snapshot $PWD/lastref-[0-9]+\.1\.snapshot$"
}

test_where_no_snapshot_can_be_written_the_server_says_so_and_goes_on()
{
	server
	start "leaks=warn:signal=USR1:output=$PWD/none/report"
	make_boxes 1
	kill -USR1 "$server"
	make_boxes 1
	stop
	expect_match errors "^lastref: cannot write the snapshot .*/none/lastref-$server.1.snapshot: No such file or directory$"
}

run_tests "$@"
