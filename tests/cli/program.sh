#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs linked with the library and run without the command: LASTREF in their environment is all that they are told.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

#
# At exit.
#

test_a_leak_is_reported_at_exit_and_the_exit_status_stays()
{
	leaking_program prog
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(cat stdout)" "done"
	expect_text stderr 'lastref: 1 object leaked, 16 B, 1 cause'
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

test_exitcode_loses_no_destructor_of_another_library()
{
	local order

	cat >other.c <<-'C'
		#include <stdio.h>

		__attribute__((destructor)) static void save(void)
		{
			printf("saved\n");
		}

		void other(void)
		{
		}
	C
	"$CC" -shared -fPIC -o libother.so other.c
	box_source <<-'C'
		void other(void);

		int main(void)
		{
			other();
			printf("begun\n");
			box_new();
			return 0;
		}
	C
	# Of two libraries that do not need each other, the order on the command line decides whose destructors come first.
	for order in '-l:liblastref.so.0 -lother' '-lother -l:liblastref.so.0'; do
		# shellcheck disable=SC2086 # two words
		tap_compile prog box.c -L. -L"$LASTREF_BUILD" -Wl,-rpath,"$PWD" $order
		with leaks=warn:exitcode=23 ./prog
		expect_status 23
		expect_equal "$(cat stdout)" "$(printf 'begun\nsaved')"
		expect_text stderr 'lastref: 1 object leaked'
	done
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

test_exitcode_is_the_status_also_where_only_a_called_check_found_something()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *box = box_new();

			if (lastref_leak_check() != 1)
				return 1;
			box_unref(box);
			return 0;
		}
	C
	with leaks=warn:exitcode=23 ./prog
	expect_status 23
	expect_equal "$(grep -c ' leaked, ' stderr)" 1
	run "$LASTREF_CMD" run -- ./prog
	expect_status 23
	expect_equal "$(grep -c ' leaked, ' stderr)" 1
	expect_text stderr 'lastref: 1 object was reported by a check that the program called, and released since'
	expect_no_text stderr 'no leaks'
}

test_an_object_reported_inside_its_destructor_counts_once_as_reported()
{
	box_program prog <<-'C'
		static void check_twice(struct box *box, void *unused)
		{
			(void)box;
			(void)unused;
			if (lastref_leak_check() != 1 || lastref_leak_check() != 1)
				_exit(1);
		}

		int main(void)
		{
			static struct box box;

			box_ref_init(&box);
			box_unref_with(&box, check_twice, NULL);
			return 0;
		}
	C
	run "$LASTREF_CMD" run -- ./prog
	expect_status 23
	expect_text stderr 'lastref: 1 object was reported by a check that the program called, and released since'
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
	expect_match first 'leaked.*3 causes'
}

test_objects_freed_without_their_last_unref_do_not_crash_the_report()
{
	box_program prog <<-'C'
		struct named {
			char *name;
			char more[24];
			struct lastref_count refs;
		};

		static int describe(const void *object, char *buf, size_t size)
		{
			return snprintf(buf, size, "%s", ((const struct named *)object)->name);
		}

		LASTREF_DEFINE(named, struct named, refs, NULL, .describe = describe);
		static const struct lastref_type by_hand_type =
			LASTREF_TYPE("by_hand", struct named, .describe = describe);

		static struct named *new(void)
		{
			struct named *named = calloc(1, sizeof(*named));

			if (!named)
				abort();
			named->name = named->more;
			return named;
		}

		int main(void)
		{
			struct named *counted = new(), *by_hand = new(), *other = new();

			named_ref_init(counted);
			lastref_register(&by_hand_type, by_hand);
			free(other);
			free(counted);
			free(by_hand);
			return 0;
		}
	C
	with leaks=warn:exitcode=23 ./prog
	expect_status 23
	expect_text stderr 'lastref: 2 objects leaked'
	expect_text stderr 'named#1'
	expect_text stderr 'by_hand#1'
	expect_text stderr '(describing it failed: its memory is gone or was overwritten)'
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

test_a_misuse_whose_handler_returns_is_in_the_event_log_as_what_it_is()
{
	box_program prog <<-'C'
		LASTREF_DEFINE(chest, struct box, refs, NULL);

		static void go_on(const struct lastref_misuse *misuse, void *unused)
		{
			(void)misuse;
			(void)unused;
		}

		int main(void)
		{
			static struct box dead;
			static struct box unborn;

			lastref_set_misuse_handler(go_on, NULL);
			chest_ref_init(&dead);
			chest_unref(&dead);
			chest_ref(&dead);
			chest_unref(&dead);
			chest_unref_unless_last(&dead);
			chest_ref(&unborn);
			return 0;
		}
	C
	with leaks=warn:log=chest ./prog
	expect_status 0
	expect_match stderr '^lastref: \[chest#1 0x[0-9a-f]+\] ref on a dead object \[thread '
	expect_equal "$(grep -cE '\] one unref too many \(the object is dead\) \[thread ' stderr)" 2
	expect_text stderr '] ref on an object that was never initialized [thread '
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
	expect_text stderr 'lastref: 1,000,000 objects leaked, 15 MB, 1 cause'
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

test_a_check_says_once_what_could_not_be_registered_though_nothing_lives()
{
	box_program prog <<-'C'
		static struct box boxes[4 * 1000 * 1000];

		int main(void)
		{
			size_t found;

			for (int i = 0; i < 4 * 1000 * 1000; i++)
				box_ref_init(&boxes[i]);
			for (int i = 0; i < 4 * 1000 * 1000; i++)
				box_unref_with(&boxes[i], NULL, NULL);
			found = lastref_leak_check();
			found += lastref_leaks_since(lastref_checkpoint_now()) + lastref_leak_check();
			_exit((int)found);
		}
	C
	ulimit -v $((128 * 1024))
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(grep -c 'lastref: no leaks known, but see the notes' stderr)" 1
	expect_equal "$(grep -cE 'note: [0-9,]+ objects could not be registered for lack of memory' stderr)" 1
}

exec 3>&2
run_tests "$@"
