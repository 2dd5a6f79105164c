#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The event log: what is in its lines, and that none is lost or broken.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

# events FILE NAME: what happened to the object, one a line: "ref to 2".
events()
{
	sed -nE "s/^lastref: \[$2 0x[0-9a-f]+\] (.*) \[thread [0-9]+ stack [0-9.]+\]$/\1/p" "$1"
}

# expect_whole_log FILE: each line that begins as one of the log is one, each stack is written once, and before it is referred to.
expect_whole_log()
{
	awk '
	# A line may begin in another one only if something was broken.
	/.lastref: \[/ { print "two lines in one: " $0; bad = 1 }
	!/^lastref: \[/ { next }
	/^lastref: \[stack [0-9]+\.[0-9]+\] [^ ]/ {
		name = substr($3, 1, length($3) - 1)
		if (name in written) { print "twice: " $0; bad = 1 }
		written[name] = 1
		next
	}
	/^lastref: \[[a-z.]+(#[0-9]+)? 0x[0-9a-f]+\] (un)?(registered|(try)?ref)( to [0-9]+)? \[thread [0-9]+ stack ([0-9]+\.[0-9]+|\?)\]$/ {
		name = substr($NF, 1, length($NF) - 1)
		if (name != "?" && !(name in written)) { print "refers to what is not written: " $0; bad = 1 }
		next
	}
	{ print "not whole: " $0; bad = 1 }
	END { exit bad }' "$1" >broken || { tap_show broken; fail "$1 is no whole log"; }
}

#
# What is in a line.
#

# Each kind of event.
all_events()
{
	box_program "$@" <<-'C'
		int main(void)
		{
			struct box *box = box_new();

			box_ref(box);
			if (!box_tryref(box))
				return 1;
			if (!box_unref_unless_last(box))
				return 1;
			box_unref(box);
			box_unref(box);
			box_unref(box_new());
			return 0;
		}
	C
}

lines_of_all_events='registered to 1
ref to 2
tryref to 3
unref to 2
unref to 1
unref to 0
unregistered to 0'

test_every_event_of_a_type_named_by_log_is_written_with_the_resulting_count()
{
	all_events prog
	with 'leaks=warn:log=b*' ./prog
	expect_status 0
	expect_equal "$(events stderr box#1)" "$lines_of_all_events"
	expect_equal "$(events stderr box#2)" $'registered to 1\nunref to 0\nunregistered to 0'
	expect_whole_log stderr
	with 'leaks=warn:log=x*' ./prog
	expect_empty stderr
	with 'log=b*' ./prog
	expect_empty stderr
}

test_a_type_with_log_set_needs_no_setting()
{
	box_program prog <<-'C'
		LASTREF_DEFINE(chest, struct box, refs, box_destroy, .log = true);

		int main(void)
		{
			struct box *chest = calloc(1, sizeof(*chest));

			chest_ref_init(chest);
			chest_ref(chest);
			if (!chest_tryref(chest) || !chest_unref_unless_last(chest))
				return 1;
			chest_unref(chest);
			chest_unref(chest);
			box_unref(box_new());
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(events stderr chest#1)" "$lines_of_all_events"
	expect_no_text stderr '[box#'
	with '' ./prog
	expect_empty stderr
}

test_a_type_that_counts_by_hand_is_logged()
{
	box_source <<-'C'
		static const struct lastref_type route_type = LASTREF_TYPE("net.route", int, .log = LOG);

		int main(void)
		{
			static int route;

			lastref_register(&route_type, &route);
			lastref_log_ref(&route_type, &route, 2);
			lastref_log_tryref(&route_type, &route, 3);
			lastref_log_unref(&route_type, &route, 2);
			lastref_unregister(&route_type, &route);
			return 0;
		}
	C
	local log
	for log in true false; do
		compile prog box.c -DLOG=$log
		with "leaks=warn:log=$([ $log = true ] || echo 'net.*')" ./prog
		expect_status 0
		expect_equal "$(events stderr net.route#1 | sed 's/unregistered to 0/unregistered/')" \
			$'registered\nref to 2\ntryref to 3\nunref to 2\nunregistered'
		expect_whole_log stderr
	done
}

test_a_line_has_the_address_and_the_thread()
{
	box_program prog <<-'C'
		#include <sys/syscall.h>

		static void *work(void *box)
		{
			printf("%p %d\n", box, (int)syscall(SYS_gettid));
			box_ref(box);
			box_unref(box);
			return NULL;
		}

		int main(void)
		{
			struct box *box = box_new();
			pthread_t thread;

			for (int i = 0; i < 2; i++) {
				pthread_create(&thread, NULL, work, box);
				pthread_join(thread, NULL);
			}
			box_unref(box);
			return 0;
		}
	C
	with leaks=warn:log=box ./prog
	expect_status 0
	while read -r address thread; do
		expect_equal "$(grep -c "^lastref: \[box#1 $address\] .*ref to [12] \[thread $thread stack" stderr)" 2
	done <stdout
	expect_equal "$(wc -l <stdout)" 2
}

#
# Stacks.
#

# A program with STACKS different stacks, each of 20 frames, that are met by every one of THREADS threads at the same time.
many_stacks()
{
	box_program "$@" -D_GNU_SOURCE <<-'C'
		#include <fcntl.h>

		static pthread_barrier_t together;
		static struct box *box;

		__attribute__((noinline)) static int go(unsigned int path, int left)
		{
			if (left == 0) {
				pthread_barrier_wait(&together);
				box_ref(box);
				return 0;
			}
			if (path & 1)
				return go(path >> 1, left - 1) + 1;
			return go(path >> 1, left - 1) + 2;
		}

		static void *work(void *unused)
		{
			for (unsigned int path = 0; path < STACKS; path++)
				go(path, 18);
			return unused;
		}

		int main(void)
		{
			pthread_t threads[THREADS];

			box = box_new();
			pthread_barrier_init(&together, NULL, THREADS);
			/* So that a thread often has to wait in the middle of its write. */
			fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096);
			for (int i = 0; i < THREADS; i++)
				pthread_create(&threads[i], NULL, work, NULL);
			for (int i = 0; i < THREADS; i++)
				pthread_join(threads[i], NULL);
			if (box_ref_count(box) != 1 + THREADS * STACKS)
				return 1;
			_exit(0);
		}
	C
}

test_of_a_hundred_threads_that_meet_a_stack_one_writes_it()
{
	many_stacks prog -DTHREADS=100 -DSTACKS=20
	with leaks=warn:log=box:output=log ./prog
	expect_status 0
	expect_whole_log log
	expect_equal "$(events log box#1 | wc -l)" 2001
	# Those of the threads, and that of the birth.
	expect_equal "$(grep -c '^lastref: \[stack' log)" 21
	expect_equal "$(events log box#1 | sort -u | wc -l)" 2001
	LASTREF=leaks=warn:log=box LASTREF_COMMAND='' ./prog 2>&1 >/dev/null | cat >log
	expect_whole_log log
	expect_equal "$(events log box#1 | wc -l)" 2001
	expect_equal "$(grep -c '^lastref: \[stack' log)" 21
}

test_a_stack_has_all_its_frames_with_file_and_line()
{
	many_stacks prog -DTHREADS=1 -DSTACKS=1
	with leaks=warn:log=box ./prog
	expect_match stderr '\[stack [0-9.]+\] (main\.inc:[0-9]+ go < ){19}main\.inc:[0-9]+ work < '
}

# As the guide says.
test_without_sibling_calls_a_function_that_ends_with_the_unref_is_in_the_stack()
{
	box_program prog -O2 -fno-optimize-sibling-calls <<-'C'
		__attribute__((noinline)) static void put(struct box *box)
		{
			box_unref(box);
		}

		int main(void)
		{
			struct box *box = box_new();

			put(box_ref(box));
			put(box);
			return 0;
		}
	C
	with leaks=warn:log=box ./prog
	expect_match stderr '^lastref: \[stack [0-9.]+\] main.inc:3 put < main.inc:10 main$'
	expect_match stderr '^lastref: \[stack [0-9.]+\] main.inc:3 put < main.inc:11 main$'
}

test_without_the_command_a_stack_has_modules_and_offsets()
{
	all_events prog
	run env LASTREF=leaks=warn:log=box LASTREF_COMMAND= ./prog
	expect_status 0
	expect_match stderr '\[stack [0-9.]+\] prog\+0x[0-9a-f]+'
	expect_equal "$(events stderr box#1)" "$lines_of_all_events"
}

test_one_command_finds_the_lines_of_all_stacks()
{
	many_stacks prog -DTHREADS=2 -DSTACKS=500
	cat >symbolizer <<-'S'
		#!/bin/sh
		echo started >>starts
		exec "$REAL" "$@"
	S
	chmod +x symbolizer
	run env LASTREF=leaks=warn:log=box:output=log LASTREF_COMMAND=./symbolizer REAL="$LASTREF_CMD" ./prog
	expect_status 0
	expect_equal "$(cat starts)" started
	expect_equal "$(grep -c '^lastref: \[stack .*main\.inc:[0-9]* go < ' log)" 500
	expect_whole_log log
}

test_the_command_that_stays_is_no_child_for_wait()
{
	box_program prog <<-'C'
		#include <errno.h>
		#include <signal.h>

		static volatile sig_atomic_t children;

		static void on_child(int number)
		{
			(void)number;
			children++;
		}

		int main(void)
		{
			signal(SIGCHLD, on_child);
			box_new();
			lastref_leak_check();
			alarm(30);
			return waitpid(-1, NULL, 0) != -1 || errno != ECHILD || children != 0;
		}
	C
	with leaks=warn:log=box ./prog
	expect_status 0
	expect_match stderr '\[stack [0-9.]+\] box\.c:[0-9]+ box_new'
	expect_match stderr 'BORN AT  box\.c:[0-9]+ box_new'
}

test_the_command_that_stays_keeps_no_descriptor_of_the_program()
{
	box_program prog <<-'C'
		int main(void)
		{
			int ends[2];
			char byte;

			if (pipe(ends) != 0)
				return 1;
			box_unref(box_new());
			close(ends[1]);
			alarm(30);
			return read(ends[0], &byte, 1) != 0;
		}
	C
	with leaks=warn:log=box ./prog
	expect_status 0
	expect_match stderr '\[stack [0-9.]+\] box\.c:[0-9]+ box_new'
}

test_a_command_that_is_killed_is_started_again()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *box = box_new();

			if (system("kill -9 $(cat pid)") != 0)
				return 1;
			box_unref(box);
			return 0;
		}
	C
	cat >symbolizer <<-'S'
		#!/bin/sh
		echo $$ >pid
		exec "$REAL" "$@"
	S
	chmod +x symbolizer
	run env LASTREF=leaks=warn:log=box LASTREF_COMMAND=./symbolizer REAL="$LASTREF_CMD" ./prog
	expect_status 0
	expect_whole_log stderr
	expect_equal "$(events stderr box#1 | wc -l)" 3
	# It is missed at one stack, and there for the next.
	expect_match stderr '\[stack [0-9.]+\] main\.inc:[0-9]+ main'
}

#
# Where it goes.
#

test_the_log_and_the_report_are_in_one_file_in_order()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *box = box_new();

			lastref_leak_check();
			box_ref(box);
			box_new();
			return 0;
		}
	C
	with leaks=warn:log=box:output=log ./prog
	expect_empty stderr
	expect_equal "$(grep -oE '^lastref: (\[box#. .* to .|. object)' log | sed 's/ 0x[0-9a-f]*//')" \
		$'lastref: [box#1] registered to 1\nlastref: 1 object\nlastref: [box#1] ref to 2\nlastref: [box#2] registered to 1\nlastref: 1 object'
	expect_whole_log log
}

test_a_relative_name_is_one_in_the_folder_where_the_program_was_started()
{
	box_program prog <<-'C'
		int main(void)
		{
			if (chdir("/") != 0)
				return 1;
			box_new();
			return 0;
		}
	C
	with leaks=warn:log=box:output=log ./prog
	expect_text log 'box#1 '
	expect_text log '1 object leaked'
	with leaks=warn:output=log.%p ./prog
	expect_text log.[0-9]* '1 object leaked'
}

test_a_program_that_closes_all_descriptors_keeps_its_log_and_its_own_files()
{
	box_program prog <<-'C'
		#include <fcntl.h>

		int main(void)
		{
			struct box *box = box_new();

			box_ref(box);
			for (int fd = 3; fd < 1024; fd++)
				close(fd);
			/* Its own files are now where the log was. */
			for (int fd = 3; fd < 600; fd++) {
				if (open("own", O_WRONLY | O_CREAT, 0666) != fd)
					return 1;
			}
			box_unref(box);
			box_unref(box);
			return 0;
		}
	C
	ulimit -n 1024
	with leaks=warn:log=box:output=log ./prog
	expect_status 0
	expect_empty own
	expect_equal "$(events log box#1)" $'registered to 1\nref to 2\nunref to 1\nunref to 0\nunregistered to 0'
	expect_whole_log log
}

test_a_log_that_is_removed_is_made_again()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *box = box_new();

			rename("log", "old");
			box_ref(box);
			unlink("old");
			box_unref(box);
			box_unref(box);
			return 0;
		}
	C
	with leaks=warn:log=box:output=log ./prog
	expect_status 0
	expect_equal "$(events log box#1)" $'unref to 1\nunref to 0\nunregistered to 0'
}

test_a_child_writes_to_the_same_file_or_to_its_own()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *box = box_new();

			for (int i = 0; i < 4; i++) {
				if (fork() != 0)
					continue;
				for (int j = 0; j < 100; j++)
					box_unref(box_new());
				exit(0);
			}
			while (wait(NULL) > 0)
				box_ref(box);
			_exit(0);
		}
	C
	with leaks=warn:log=box:output=log ./prog
	expect_status 0
	expect_whole_log log
	expect_equal "$(events log 'box#[0-9]+' | wc -l)" 1205
	with leaks=warn:log=box:output=log.%p ./prog
	expect_status 0
	expect_equal "$(printf '%s\n' log.[0-9]* | wc -l)" 5
	for file in log.[0-9]*; do
		expect_whole_log "$file"
		expect_equal "$(grep -c "stack ${file#log.}\." "$file")" "$(grep -c '^lastref: \[' "$file")"
	done
}

test_programs_that_know_nothing_of_each_other_share_a_file()
{
	many_events prog -DEVENTS=2000
	for _ in 1 2 3; do
		LASTREF=leaks=warn:log=box:output=log LASTREF_COMMAND='' ./prog >/dev/null &
	done
	wait
	expect_whole_log log
	expect_equal "$(events log box#1 | wc -l)" 6009
}

test_under_lastref_run_the_log_goes_to_standard_error_or_the_output_file()
{
	all_events prog
	run env LASTREF=log=box "$LASTREF_CMD" run -o image -- ./prog
	expect_status 0
	expect_equal "$(events stderr box#1)" "$lines_of_all_events"
	run env LASTREF=log=box:output=log "$LASTREF_CMD" run -- ./prog
	expect_status 0
	expect_no_text stderr 'box#1'
	expect_equal "$(events log box#1)" "$lines_of_all_events"
	expect_whole_log log
}

test_with_standard_error_closed_the_programs_own_file_stays_clean()
{
	box_program prog <<-'C'
		#include <fcntl.h>

		int main(void)
		{
			int fd = open("own", O_WRONLY | O_CREAT | O_TRUNC, 0666);

			box_unref(box_new());
			return fd;
		}
	C
	status=0
	LASTREF=leaks=warn:log=box ./prog >stdout 2>&- || status=$?
	expect_equal "$status" 2
	expect_empty own
	status=0
	LASTREF=leaks=warn:log=box:output=log ./prog >stdout 2>&- || status=$?
	expect_equal "$status" 2
	expect_empty own
	expect_equal "$(events log box#1 | wc -l)" 3
}

#
# What cannot be written, and what must not be lost.
#

# A program that takes and gives EVENTS references, and writes an error number that such an operation left.
many_events()
{
	box_program "$@" <<-'C'
		#include <errno.h>

		int main(void)
		{
			struct box *box = box_new();

			errno = 0;
			for (int i = 0; i < EVENTS; i += 2) {
				box_ref(box);
				box_unref(box);
			}
			printf("%d\n", errno);
			if (access("disk/filler", F_OK) == 0 && unlink("disk/filler") != 0)
				return 1;
			box_unref(box);
			return 0;
		}
	C
}

test_a_full_disk_loses_events_that_are_counted_and_breaks_no_line()
{
	local size written
	many_events prog -DEVENTS=1000
	mkdir disk
	mount -t tmpfs -o size=64k tmpfs disk 2>/dev/null || skip "needs the right to mount"
	# Also if the test fails.
	trap 'umount disk' EXIT
	for size in 20000 20010 20033; do
		head -c $size /dev/zero >disk/filler
		with leaks=warn:log=box:output=disk/log ./prog
		expect_status 0
		expect_equal "$(cat stdout)" 0
		expect_text stderr "cannot write the event log to $PWD/disk/log: No space left on device"
		# The last events found room again, and so did the report.
		expect_equal "$(events disk/log box#1 | tail -n 2)" $'unref to 0\nunregistered to 0'
		written=$(events disk/log box#1 | wc -l)
		[ "$written" -gt 100 ]
		expect_text disk/log "note: $((1003 - written)) events could not be written to the log"
		# Where the disk was full there is the begin of a line, but nothing begins in it.
		expect_equal "$(grep -c '.lastref: \[' disk/log)" 0
		rm disk/log
	done
}

test_a_limit_of_the_size_of_files_loses_events_and_does_not_kill()
{
	many_events prog -DEVENTS=1000
	status=0
	(
		ulimit -f 4
		LASTREF=leaks=warn:log=box:output=log LASTREF_COMMAND='' exec ./prog
	) >stdout 2>stderr </dev/null || status=$?
	expect_equal "$status" 0
	expect_equal "$(stat -c %s log)" 4096
	expect_text stderr "cannot write the event log to $PWD/log: File too large"
	expect_text stderr "note: $((1003 - $(events log box#1 | wc -l))) events could not be written to the log"
}

test_a_file_that_cannot_be_made_is_said_once()
{
	many_events prog -DEVENTS=100
	with leaks=warn:log=box:output=/nowhere/log ./prog
	expect_status 0
	expect_equal "$(grep -c 'cannot write the event log to /nowhere/log: No such file or directory' stderr)" 1
	expect_text stderr 'note: 103 events could not be written to the log'
}

test_a_killed_program_loses_no_event_that_had_returned()
{
	box_program prog <<-'C'
		#include <fcntl.h>
		#include <signal.h>
		#include <sys/mman.h>

		static unsigned long *returned;

		static void *work(void *box)
		{
			while (box) {
				box_ref(box);
				__atomic_fetch_add(returned, 1, __ATOMIC_RELEASE);
				box_unref(box);
				__atomic_fetch_add(returned, 1, __ATOMIC_RELEASE);
			}
			return box;
		}

		int main(void)
		{
			pthread_t thread;
			int fd = open("returned", O_RDWR | O_CREAT, 0666);
			struct box *box;

			if (ftruncate(fd, sizeof(*returned)) != 0)
				return 1;
			returned = mmap(NULL, sizeof(*returned), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			box = box_new();
			for (int i = 0; i < 2; i++)
				pthread_create(&thread, NULL, work, box);
			while (__atomic_load_n(returned, __ATOMIC_ACQUIRE) < 20000)
				usleep(100);
			return raise(SIGKILL);
		}
	C
	local returned written
	with leaks=warn:log=box:output=log ./prog
	expect_status 137
	returned=$(od -An -t u8 returned | tr -d ' ')
	written=$(events log box#1 | grep -c 'ref to')
	[ "$written" -ge "$returned" ] || fail "$written lines for $returned events"
	# One more a thread at the most.
	[ "$written" -le $((returned + 2)) ] || fail "$written lines for $returned events"
	# A write that the kill interrupts may end where a page does; its event has not returned.
	head -n -2 log >whole
	expect_whole_log whole
}

test_the_log_is_whole_while_another_thread_reports()
{
	box_program prog <<-'C'
		static int done;

		static void *work(void *box)
		{
			while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
				box_ref(box);
				box_unref(box);
			}
			return NULL;
		}

		static int crate_describe(const void *crate, char *text, size_t size)
		{
			(void)crate;
			return snprintf(text, size, "%0190d", 7);
		}

		LASTREF_DEFINE(crate, struct box, refs, box_destroy, .describe = crate_describe);

		__attribute__((noinline)) static struct box *crate_new(int depth)
		{
			struct box *crate = depth > 0 ? crate_new(depth - 1) : calloc(1, sizeof(*crate));

			if (depth == 0)
				crate_ref_init(crate);
			return crate;
		}

		/* Reports that are too long for one write. */
		static void *check(void *unused)
		{
			struct box *crates[40];

			for (int i = 0; i < 20; i++) {
				for (int j = 0; j < 40; j++)
					crates[j] = crate_new(j % 8);
				lastref_leak_check();
				for (int j = 0; j < 40; j++)
					crate_unref(crates[j]);
			}
			return unused;
		}

		int main(void)
		{
			pthread_t threads[2];
			struct box *box = box_new();

			pthread_create(&threads[0], NULL, work, box);
			pthread_create(&threads[1], NULL, check, NULL);
			pthread_join(threads[1], NULL);
			__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
			pthread_join(threads[0], NULL);
			box_unref(box);
			return 0;
		}
	C
	with leaks=warn:log=box:output=log ./prog
	expect_status 0
	expect_whole_log log
	expect_equal "$(grep -cE '^lastref: [0-9]+ objects? leaked' log)" 20
	# And through a pipe.
	LASTREF=leaks=warn:log=box LASTREF_COMMAND=$LASTREF_CMD ./prog 2>&1 </dev/null | cat >log
	expect_whole_log log
}

test_events_of_signal_handlers_are_whole_or_counted()
{
	box_program prog <<-'C'
		#include <signal.h>
		#include <sys/time.h>

		static volatile sig_atomic_t times;
		static struct box *shared;

		__attribute__((noinline)) static int go(unsigned int path, int left)
		{
			if (left == 0) {
				box_ref(shared);
				box_unref(shared);
				return 1;
			}
			if (path & 1)
				return go(path >> 1, left - 1) + 1;
			return go(path >> 1, left - 1) + 2;
		}

		static void on_tick(int number)
		{
			(void)number;
			go((unsigned int)times++, 6);
		}

		int main(void)
		{
			struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
			struct itimerval often = { { 0, 100 }, { 0, 100 } };

			shared = box_new();
			sigaction(SIGALRM, &action, NULL);
			setitimer(ITIMER_REAL, &often, NULL);
			for (unsigned int path = 1; times < 1000; path = path * 1664525u + 1013904223u)
				go(path >> 4, 8);
			setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
			box_unref(shared);
			return 0;
		}
	C
	with leaks=warn:log=box:output=log ./prog
	expect_status 0
	expect_whole_log log
}

run_tests "$@"
