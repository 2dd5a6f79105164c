#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs linked with the library and run without the command: LASTREF in their environment is all that they are told.
. "$(dirname "$0")/../support/tap.sh"

# box_program OUT [FLAG...]: a program whose main() is on stdin, with a counted struct box.
box_program()
{
	box_source
	compile "$1" box.c "${@:2}"
}

# The source of it, in box.c.
box_source()
{
	cat - >main.inc
	cat >box.c <<-'C'
		#include <lastref/lastref.h>
		#include <pthread.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/wait.h>
		#include <unistd.h>

		struct box {
			struct lastref_count refs;
			struct box *inside;
		};

		static void box_destroy(struct box *box)
		{
			free(box);
		}

		LASTREF_DEFINE(box, struct box, refs, box_destroy);

		__attribute__((noinline, unused)) static struct box *box_new(void)
		{
			struct box *box = calloc(1, sizeof(*box));

			if (!box)
				abort();
			box_ref_init(box);
			return box;
		}

		#include "main.inc"
	C
}

# A program that leaks box#2 of three.
leaking_program()
{
	box_program "$@" <<-'C'
		int main(void)
		{
			for (int i = 0; i < 3; i++) {
				struct box *box = box_new();

				if (i != 1)
					box_unref(box);
			}
			printf("done\n");
			return 0;
		}
	C
}

with()
{
	run env "LASTREF=$1" LASTREF_COMMAND="$LASTREF_CMD" "${@:2}"
}

#
# At exit.
#

test_a_leak_is_reported_at_exit_and_the_exit_status_stays()
{
	leaking_program prog
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(cat stdout)" "done"
	expect_text stderr 'lastref: 1 object leaked, 16 B, born at 1 place'
	expect_text stderr 'box#2  (reference count of 1 instead of 0)'
}

test_the_line_of_birth_is_named()
{
	leaking_program prog
	with leaks=warn ./prog
	expect_match stderr 'BORN AT  box\.c:[0-9]+ box_new < main\.inc:4 main$'
}

test_without_the_command_module_and_offset_are_named()
{
	leaking_program prog
	PATH=/usr/bin:/bin run env -u LASTREF_COMMAND LASTREF=leaks=warn LASTREF_COMMAND=/nowhere/lastref ./prog
	expect_status 0
	expect_match stderr 'BORN AT  (prog\+0x[0-9a-f]+|box\.c:)'
}

test_checking_is_off_by_default()
{
	leaking_program prog
	run ./prog
	expect_status 0
	expect_empty stderr
	with leaks=off ./prog
	expect_empty stderr
}

test_nothing_is_said_where_nothing_leaked()
{
	box_program prog <<-'C'
		int main(void)
		{
			box_unref(box_new());
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_empty stderr
	with leaks=panic:exitcode=5 ./prog
	expect_status 0
	expect_empty stderr
}

test_panic_aborts_after_the_report()
{
	leaking_program prog
	ulimit -c 0
	with leaks=panic ./prog
	expect_status 134
	expect_equal "$(cat stdout)" "done"
	expect_text stderr 'lastref: 1 object leaked'
}

test_exitcode_is_the_status_of_a_program_that_leaks()
{
	leaking_program prog
	with leaks=warn:exitcode=23 ./prog
	expect_status 23
	expect_equal "$(cat stdout)" "done"
	expect_text stderr 'lastref: 1 object leaked'
}

test_a_leak_that_the_program_reported_is_not_repeated_at_exit()
{
	box_program prog <<-'C'
		int main(void)
		{
			box_new();
			return lastref_leak_check() == 1 ? 0 : 1;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(grep -c ' leaked, ' stderr)" 1
}

test_objects_released_by_destructors_of_the_program_are_no_leaks()
{
	box_program prog <<-'C'
		static struct box *kept, *kept_until_exit;

		__attribute__((destructor)) static void release(void)
		{
			box_ref_clear(&kept);
		}

		static void release_at_exit(void)
		{
			box_ref_clear(&kept_until_exit);
		}

		int main(void)
		{
			atexit(release_at_exit);
			kept = box_new();
			kept_until_exit = box_new();
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_empty stderr
}

test_objects_born_in_constructors_are_checked()
{
	box_program prog <<-'C'
		__attribute__((constructor(102))) static void early(void)
		{
			box_new();
		}

		int main(void)
		{
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_text stderr 'box#1'
	compile_static prog_static box.c
	with leaks=warn ./prog_static
	expect_text stderr 'box#1'
}

test_two_runs_give_the_same_report()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *boxes[2000];

			for (int i = 0; i < 2000; i++)
				boxes[i] = box_new();
			for (int i = 0; i < 2000; i += 3)
				box_unref(boxes[i]);
			box_new();
			box_ref(box_new());
			return 0;
		}
	C
	with leaks=warn ./prog
	mv stderr first
	with leaks=warn ./prog
	cmp first stderr
	expect_match first 'leaked.*born at 3 places'
}

#
# Types that count by hand.
#

# hand_program N: a program prog that registers its object N times and unregisters it twice.
hand_program()
{
	box_program prog "-DTIMES=$1" <<-'C'
		static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct box);

		__attribute__((noinline)) static void route_create(struct box *route)
		{
			if (TIMES > 0)
				lastref_register(&route_type, route);
			if (TIMES > 1)
				lastref_register(&route_type, route);
		}

		__attribute__((noinline)) static void route_destroy(struct box *route)
		{
			lastref_unregister(&route_type, route);
			lastref_unregister(&route_type, route);
		}

		int main(void)
		{
			static struct box route;

			route_create(&route);
			route_destroy(&route);
			return 0;
		}
	C
}

test_a_type_that_forgets_to_register_aborts_at_its_unregister()
{
	ulimit -c 0
	hand_program 0
	with leaks=warn ./prog
	expect_status 134
	expect_match stderr 'MISUSE  UNREGISTERED, BUT NOT REGISTERED: net.route at 0x'
	expect_match stderr '  AT +.*route_destroy'
}

test_a_type_that_unregisters_twice_is_told_both_sites()
{
	ulimit -c 0
	hand_program 1
	with leaks=warn ./prog
	expect_status 134
	expect_text stderr 'UNREGISTERED, BUT NOT REGISTERED: net.route#1 at 0x'
	expect_match stderr '  AT +.*route_destroy'
	expect_match stderr '  UNREGISTERED AT +.*route_destroy'
	expect_match stderr '  REGISTERED AT +.*route_create'
}

test_a_type_that_registers_twice_is_told_both_sites()
{
	ulimit -c 0
	hand_program 2
	with leaks=warn ./prog
	expect_status 134
	expect_text stderr 'MISUSE  REGISTERED TWICE: net.route#1 at 0x'
	expect_match stderr '  AT +main\.inc:8 route_create'
	expect_match stderr '  REGISTERED AT +main\.inc:6 route_create'
}

test_an_unknown_unregister_is_no_misuse_if_checking_began_late()
{
	box_program prog <<-'C'
		static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct box);

		int main(void)
		{
			static struct box route;

			lastref_set_leak_mode(LASTREF_LEAKS_WARN);
			lastref_unregister(&route_type, &route);
			box_new();
			return 0;
		}
	C
	run ./prog
	expect_status 0
	expect_text stderr 'note: 1 unregistered object was not known'
	with leaks=off ./prog
	expect_status 0
}

#
# LASTREF.
#

test_types_names_the_types_to_check()
{
	box_program prog <<-'C'
		struct other {
			struct lastref_count refs;
		};
		LASTREF_DEFINE(other, struct other, refs, NULL);

		int main(void)
		{
			static struct other other;

			other_ref_init(&other);
			box_new();
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_text stderr '2 objects leaked'
	with 'leaks=warn:types=b*' ./prog
	expect_text stderr '1 object leaked'
	expect_text stderr 'box#1'
	with 'leaks=warn:types=x,oth?r' ./prog
	expect_text stderr '1 object leaked'
	expect_text stderr 'other#1'
	with 'leaks=warn:types=none' ./prog
	expect_empty stderr
}

test_a_type_left_out_by_types_may_unregister_what_it_never_registered()
{
	hand_program 0
	with 'leaks=warn:types=box' ./prog
	expect_status 0
	expect_empty stderr
}

test_an_unknown_key_is_one_message_and_the_program_runs_unchecked()
{
	leaking_program prog
	with leaks=warn:leek=1 ./prog
	expect_status 0
	expect_equal "$(cat stdout)" "done"
	expect_equal "$(wc -l <stderr)" 1
	expect_text stderr "'leek'"
	expect_match stderr 'leaks=off\|warn\|panic.*stack=.*output=.*types=.*log=.*exitcode='
	expect_text stderr 'checking is off'
}

test_an_unknown_value_is_one_message_and_the_program_runs_unchecked()
{
	leaking_program prog
	with leaks=maybe ./prog
	expect_status 0
	expect_equal "$(cat stdout)" "done"
	expect_equal "$(wc -l <stderr)" 1
	expect_text stderr "'leaks=maybe'"
	expect_text stderr 'off, warn or panic'
}

test_output_names_the_file_of_the_report()
{
	leaking_program prog
	with "leaks=warn:output=report.txt" ./prog
	expect_status 0
	expect_empty stderr
	expect_text report.txt 'box#2'
	with "leaks=warn:output=report.txt" ./prog
	expect_equal "$(grep -c ' leaked, ' report.txt)" 2
}

test_output_takes_an_escaped_colon_and_the_process_id()
{
	leaking_program prog
	with 'leaks=warn:output=a\:b.%p' ./prog
	expect_empty stderr
	expect_text "$(echo a:b.[0-9]*)" 'box#2'
}

test_an_output_that_cannot_be_had_is_said_and_the_report_goes_to_stderr()
{
	leaking_program prog
	with leaks=warn:output=/nowhere/report ./prog
	expect_status 0
	expect_match stderr 'cannot write the report to /nowhere/report: No such file'
	expect_text stderr 'box#2'
}

test_stack_is_the_number_of_frames()
{
	leaking_program prog
	with leaks=warn:stack=1 ./prog
	expect_match stderr 'BORN AT  box\.c:[0-9]+ box_new < \.\.\.$'
}

test_log_writes_every_event_of_a_type()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *box = box_new();

			box_ref(box);
			if (!box_tryref(box))
				return 1;
			box_unref(box);
			box_unref(box);
			box_unref(box);
			return 0;
		}
	C
	with 'leaks=warn:log=b*' ./prog
	expect_status 0
	expect_equal "$(grep -c 'box#1' stderr)" 7
	for event in registered ref tryref unref unregistered; do
		expect_match stderr "\\b$event\\b"
	done
	with 'leaks=warn:log=x*' ./prog
	expect_empty stderr
	with 'log=b*' ./prog
	expect_empty stderr
}

test_a_set_uid_program_ignores_lastref()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v setpriv >/dev/null || skip "needs setpriv"
	box_source <<-'C'
		int main(void)
		{
			box_new();
			printf("%d\n", getuid() != geteuid());
			return 0;
		}
	C
	compile_static prog box.c
	chmod 4755 prog
	chmod 755 . ..
	run env LASTREF=leaks=panic:output=report setpriv --reuid=65534 --regid=65534 --clear-groups ./prog
	expect_status 0
	expect_equal "$(cat stdout)" 1
	expect_empty stderr
	[ ! -e report ]
}

#
# Much, and little.
#

test_a_million_leaks_are_reported_fast_and_on_less_than_a_screen()
{
	box_program prog <<-'C'
		static struct box boxes[1000 * 1000];
		#include <time.h>

		static double now(void)
		{
			struct timespec time;

			clock_gettime(CLOCK_MONOTONIC, &time);
			return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
		}

		int main(void)
		{
			double begin;

			for (int i = 0; i < 1000 * 1000; i++)
				box_ref_init(&boxes[i]);
			begin = now();
			if (lastref_leak_check() != 1000 * 1000)
				return 1;
			printf("%.3f\n", now() - begin);
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_text stderr 'lastref: 1,000,000 objects leaked, 15 MB, born at 1 place'
	expect_text stderr 'and 999,997 more'
	[ "$(wc -l <stderr)" -le 40 ]
	echo "one million leaks: $(cat stdout) s" >&3
	awk '{ exit !($1 < 5) }' stdout
}

test_leaks_of_many_places_fit_on_a_screen_and_the_rest_is_counted()
{
	{
		echo 'int main(void)'
		echo '{'
		for _ in $(seq 100); do
			printf '\tbox_new();\n'
		done
		echo 'return 0;'
		echo '}'
	} >many.inc
	box_program prog <many.inc
	with leaks=warn ./prog
	expect_text stderr 'lastref: 100 objects leaked'
	expect_text stderr 'Not shown: 90 smaller leaks with 90 objects'
	[ "$(wc -l <stderr)" -le 60 ]
}

test_half_a_gigabyte_of_address_space_is_enough()
{
	box_program prog <<-'C'
		int main(void)
		{
			for (int i = 0; i < 100 * 1000; i++)
				box_new();
			return 0;
		}
	C
	ulimit -v $((512 * 1024))
	with leaks=warn ./prog
	expect_status 0
	expect_text stderr 'lastref: 100,000 objects leaked'
}

test_without_address_space_checking_degrades_and_the_program_does_not()
{
	box_program prog <<-'C'
		static struct box boxes[4 * 1000 * 1000];

		int main(void)
		{
			for (int i = 0; i < 4 * 1000 * 1000; i++)
				box_ref_init(&boxes[i]);
			for (int i = 1; i < 4 * 1000 * 1000; i++)
				box_unref_with(&boxes[i], NULL, NULL);
			printf("done\n");
			return 0;
		}
	C
	ulimit -v $((128 * 1024))
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(cat stdout)" "done"
	expect_match stderr 'note: [0-9,]+ objects could not be registered for lack of memory'
}

#
# Standard error.
#

test_with_stderr_closed_nothing_crashes()
{
	leaking_program prog
	local status=0
	LASTREF=leaks=warn ./prog >stdout 2>&- || status=$?
	expect_equal "$status" 0
	expect_equal "$(cat stdout)" "done"
	status=0
	LASTREF=oops ./prog >stdout 2>&- || status=$?
	expect_equal "$status" 0
}

test_with_stderr_closed_the_programs_own_files_stay_clean()
{
	box_program prog <<-'C'
		#include <fcntl.h>

		int main(void)
		{
			int fd = open("own", O_WRONLY | O_CREAT | O_TRUNC, 0666);

			if (write(fd, "mine\n", 5) != 5)
				return 1;
			box_new();
			return fd;
		}
	C
	local status=0
	LASTREF=leaks=warn ./prog >stdout 2>&- || status=$?
	expect_equal "$status" 2
	expect_equal "$(cat own)" mine
}

test_a_full_disk_is_no_crash()
{
	leaking_program prog
	status=0
	LASTREF=leaks=warn ./prog >stdout 2>/dev/full || status=$?
	expect_equal "$status" 0
	with leaks=warn:output=/dev/full ./prog
	expect_status 0
}

# with_broken_stderr LASTREF-VALUE CMD...: as `with`, with a standard error that nobody reads.
with_broken_stderr()
{
	mkfifo pipe
	exec 8<>pipe
	exec 9>pipe
	exec 8<&-
	status=0
	LASTREF=$1 LASTREF_COMMAND=$LASTREF_CMD "${@:2}" >stdout 2>&9 </dev/null || status=$?
	exec 9>&-
}

test_a_reader_of_stderr_that_went_away_does_not_kill_the_program()
{
	leaking_program prog
	with_broken_stderr leaks=warn:exitcode=9:log=box ./prog
	expect_equal "$status" 9
	expect_equal "$(cat stdout)" "done"
}

test_the_program_still_gets_its_own_sigpipe()
{
	box_program prog <<-'C'
		int main(void)
		{
			box_new();
			lastref_leak_check();
			fprintf(stderr, "my own\n");
			return 0;
		}
	C
	with_broken_stderr leaks=warn ./prog
	expect_equal "$status" 141
}

test_exitcode_and_panic_keep_what_the_program_printed()
{
	box_program prog <<-'C'
		int main(void)
		{
			FILE *file = fopen("kept", "w");

			fprintf(file, "written\n");
			printf("printed\n");
			box_new();
			return 0;
		}
	C
	ulimit -c 0
	with leaks=warn:exitcode=5 ./prog
	expect_status 5
	expect_text stdout printed
	expect_text kept written
	with leaks=panic ./prog
	expect_status 134
	expect_text stdout printed
}

test_a_thread_that_waits_for_input_does_not_hang_exitcode_or_panic()
{
	box_program prog <<-'C'
		static void *wait_for_input(void *unused)
		{
			(void)unused;
			getchar();
			return NULL;
		}

		int main(void)
		{
			pthread_t thread;

			box_new();
			if (pthread_create(&thread, NULL, wait_for_input, NULL) != 0)
				return 1;
			/* getchar() has the lock of stdin soon; if it is not that far, the test proves less. */
			usleep(50 * 1000);
			printf("done\n");
			return 0;
		}
	C
	ulimit -c 0
	mkfifo pipe
	exec 9<>pipe
	for mode in warn:exitcode=5 panic; do
		status=0
		LASTREF=leaks=$mode timeout 10 ./prog <&9 >stdout 2>stderr || status=$?
		expect_text stdout "done"
		case $mode in
		panic) expect_equal "$status" 134 ;;
		*) expect_equal "$status" 5 ;;
		esac
	done
	exec 9>&-
}

#
# Processes, threads, libraries.
#

test_a_child_reports_its_own_leaks_only()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *parents = box_new();

			if (fork() == 0) {
				box_ref(box_new());
				exit(0);
			}
			wait(NULL);
			box_unref(parents);
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(grep -c ' leaked, ' stderr)" 1
	expect_text stderr 'reference count of 2 instead of 0'
}

test_a_child_may_release_what_its_parent_made()
{
	box_program prog <<-'C'
		static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct box);

		int main(void)
		{
			struct box *parents = box_new();
			static struct box route;
			int status;

			lastref_register(&route_type, &route);
			if (fork() == 0) {
				lastref_unregister(&route_type, &route);
				box_unref(parents);
				exit(0);
			}
			wait(&status);
			lastref_unregister(&route_type, &route);
			box_unref(parents);
			return status == 0 ? 0 : 1;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_empty stderr
}

test_a_running_thread_does_not_hinder_the_check_at_exit()
{
	box_program prog <<-'C'
		static volatile int stop;

		static void *work(void *unused)
		{
			(void)unused;
			while (!stop)
				box_unref(box_new());
			return NULL;
		}

		int main(void)
		{
			pthread_t thread;

			box_new();
			if (pthread_create(&thread, NULL, work, NULL) != 0)
				return 1;
			usleep(20 * 1000);
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_match stderr 'box#1 '
}

unloaded_library()
{
	cat >plugin.c <<-C
		#include <lastref/lastref.h>
		#include <stdlib.h>

		struct plugin {
			struct lastref_count refs;
		};

		static void plugin_destroy(struct plugin *plugin)
		{
			free(plugin);
		}

		__attribute__((unused)) static int plugin_describe(const void *object, char *buf, size_t size)
		{
			(void)object;
			buf[0] = 'p';
			return size > 0;
		}

		LASTREF_DEFINE(plugin, struct plugin, refs, plugin_destroy $1);

		void leak_plugin(void)
		{
			struct plugin *plugin = calloc(1, sizeof(*plugin));

			if (plugin)
				plugin_ref_init(plugin);
		}
	C
	compile plugin.so plugin.c -shared -fPIC
	cat >prog.c <<-'C'
		#include <dlfcn.h>
		#include <lastref/lastref.h>

		int main(int argc, char **argv)
		{
			void *library = dlopen("./plugin.so", RTLD_NOW);
			void (*leak)(void);

			(void)argv;
			if (!library)
				return 1;
			*(void **)&leak = dlsym(library, "leak_plugin");
			leak();
			if (argc == 1)
				dlclose(library);
			return (int)lastref_leak_check() == 1 ? 0 : 2;
		}
	C
	compile prog prog.c
	with leaks=warn ./prog
	expect_status 0
	expect_text stderr 'plugin#1'
	expect_no_text stderr 'plugin#1 p'
	with leaks=warn ./prog loaded
	expect_status 0
	expect_text stderr "plugin#1$2"
}

test_an_object_of_an_unloaded_library_is_not_asked_to_describe_itself()
{
	unloaded_library ', .describe = plugin_describe' ' p'
}

test_an_object_of_an_unloaded_library_is_not_asked_for_its_count()
{
	unloaded_library '' '  (reference count of 1 instead of 0)'
}

test_an_object_of_an_unloaded_library_is_not_asked_for_its_message()
{
	unloaded_library ', .leak_message = plugin_describe' '  p'
}

test_a_type_of_an_unloaded_library_may_come_back()
{
	unloaded_library ', .describe = plugin_describe' ' p'
	cat >again.c <<-'C'
		#include <dlfcn.h>
		#include <lastref/lastref.h>

		int main(void)
		{
			for (int i = 0; i < 20; i++) {
				void *library = dlopen("./plugin.so", RTLD_NOW);
				void (*leak)(void);

				if (!library)
					return 1;
				*(void **)&leak = dlsym(library, "leak_plugin");
				leak();
				if (i < 19)
					dlclose(library);
			}
			return (int)lastref_leak_check() == 20 ? 0 : 2;
		}
	C
	compile again again.c
	with leaks=warn ./again
	expect_status 0
	expect_text stderr '20 objects leaked'
	expect_text stderr 'and 17 more'
}

#
# Ways to build.
#

expect_leak_named()
{
	expect_status 0
	expect_text stderr 'lastref: 1 object leaked'
	expect_match stderr 'BORN AT  box\.c:[0-9]+ box_new < main\.inc:4 main$'
}

test_a_program_without_pie_works()
{
	leaking_program prog -no-pie -fno-pie
	with leaks=warn ./prog
	expect_leak_named
}

test_a_program_with_the_static_library_works()
{
	leaking_program prog
	compile_static prog_a box.c
	with leaks=warn ./prog_a
	expect_leak_named
}

test_a_static_program_with_an_unwind_table_works()
{
	leaking_program prog
	compile_static prog_static box.c -static -Wl,--eh-frame-hdr
	with leaks=warn ./prog_static
	expect_leak_named
}

test_a_plugin_may_bring_the_library_and_go()
{
	cat >plugin.c <<-'C'
		#include <lastref/lastref.h>

		struct plugin {
			struct lastref_count refs;
		};

		LASTREF_DEFINE(plugin, struct plugin, refs, NULL);

		static struct plugin leaked;

		void leak_plugin(void)
		{
			plugin_ref_init(&leaked);
		}
	C
	compile plugin.so plugin.c -shared -fPIC
	cat >prog.c <<-'C'
		#include <dlfcn.h>
		#include <pthread.h>
		#include <stdio.h>
		#include <sys/wait.h>
		#include <unistd.h>

		static void (*leak)(void);

		static void *work(void *unused)
		{
			leak();
			return unused;
		}

		int main(void)
		{
			pthread_t thread;

			for (int i = 0; i < 3; i++) {
				void *library = dlopen("./plugin.so", RTLD_NOW);

				if (!library)
					return 1;
				*(void **)&leak = dlsym(library, "leak_plugin");
				leak();
				if (pthread_create(&thread, NULL, work, NULL) != 0)
					return 2;
				pthread_join(thread, NULL);
				dlclose(library);
			}
			if (fork() == 0)
				_exit(0);
			wait(NULL);
			printf("done\n");
			return 0;
		}
	C
	"$CC" -o prog prog.c -pthread
	with leaks=warn:exitcode=5 ./prog
	expect_equal "$(cat stdout)" "done"
	expect_status 5
	expect_match stderr 'plugin#[0-9]+'
}

test_a_static_program_without_an_unwind_table_names_the_caller_and_says_why()
{
	leaking_program prog
	compile_static prog_static box.c -static -Wl,--no-eh-frame-hdr
	with leaks=warn ./prog_static
	expect_status 0
	expect_text stderr 'box#2'
	expect_match stderr 'BORN AT  box\.c:[0-9]+ box_new'
	expect_match stderr '^note: stacks are one frame deep'
}

test_a_program_without_frame_pointers_and_with_optimization_works()
{
	leaking_program prog -O3 -fomit-frame-pointer
	with leaks=warn ./prog
	expect_status 0
	expect_match stderr 'BORN AT  box\.c:[0-9]+ box_new < main\.inc:4 main$'
}

test_a_stripped_program_works()
{
	leaking_program prog -s
	with leaks=warn ./prog
	expect_status 0
	expect_text stderr 'box#2'
	expect_match stderr 'BORN AT  prog\+0x[0-9a-f]+ \(build-id [0-9a-f]+\)'
}

test_a_program_with_thread_sanitizer_works()
{
	box_source <<-'C'
		static void *work(void *unused)
		{
			(void)unused;
			for (int i = 0; i < 1000; i++)
				box_unref(box_new());
			return box_new();
		}

		int main(void)
		{
			pthread_t threads[4];

			for (int i = 0; i < 4; i++)
				if (pthread_create(&threads[i], NULL, work, NULL) != 0)
					return 1;
			for (int i = 0; i < 4; i++)
				pthread_join(threads[i], NULL);
			return 0;
		}
	C
	compile prog box.c -fsanitize=thread
	with leaks=warn ./prog
	grep -q 'FATAL: ThreadSanitizer: unexpected memory mapping' stderr && skip "ThreadSanitizer does not work on this kernel"
	expect_status 0
	expect_no_text stderr ThreadSanitizer
	expect_text stderr '4 objects leaked'
}

test_a_program_with_address_sanitizer_works()
{
	leaking_program prog -fsanitize=address
	with leaks=warn env ASAN_OPTIONS=detect_leaks=0 ./prog
	expect_status 0
	expect_no_text stderr AddressSanitizer
	expect_text stderr 'box#2'
}

#
# Valgrind.
#

test_valgrind_finds_no_error_in_the_library()
{
	command -v valgrind >/dev/null || skip "needs valgrind"
	leaking_program prog
	with leaks=warn valgrind --error-exitcode=99 --log-file=vg ./prog
	expect_status 0
	expect_text vg 'ERROR SUMMARY: 0 errors'
	expect_text stderr 'box#2'
}

test_valgrind_still_sees_a_block_lost_that_only_the_registry_knows()
{
	command -v valgrind >/dev/null || skip "needs valgrind"
	box_program prog <<-'C'
		static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct box);

		__attribute__((noinline)) static void lose(void)
		{
			void *route = calloc(1, 1234);

			lastref_register(&route_type, route);
			box_new();
		}

		__attribute__((noinline)) static void wipe(void)
		{
			char stack[4096];

			memset(stack, 0, sizeof(stack));
			__asm__ volatile("" : : "r"(stack) : "memory");
		}

		int main(void)
		{
			lose();
			wipe();
			lastref_live_objects();
			return 0;
		}
	C
	with leaks=warn valgrind --leak-check=full --log-file=vg ./prog
	expect_status 0
	expect_match vg '1,234 bytes in 1 blocks are definitely lost'
	expect_match vg '16 bytes in 1 blocks are definitely lost'
}

exec 3>&2
run_tests "$@"
