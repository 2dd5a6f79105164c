#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# lastref run: how CMD is started and ended, what is refused, and what the report tells; processes.sh has more of the last.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/box.sh"

# run_in_folder SCRIPT: run a shell script as CMD, which writes the name of its folder to the file `folder`.
run_in_folder()
{
	# shellcheck disable=SC2016 # CMD expands it
	run "$LASTREF_CMD" run -- sh -c 'echo "$LASTREF_RUN_DIR" >folder; cd "$LASTREF_RUN_DIR"; eval "$1"' sh "$1"
}

# no_folder_left: the folder whose name a CMD wrote to the file `folder` is gone.
no_folder_left()
{
	[ -s folder ] || fail "CMD had no folder"
	[ ! -e "$(cat folder)" ] || fail "$(cat folder) is still there"
}

# Wait until process $1 is in state $2, for ten seconds at the most.
await_state()
{
	local tries state

	for ((tries = 0; tries < 1000; tries++)); do
		state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat")
		[ "$state" != "$2" ] || return 0
		sleep 0.01
	done
	fail "process $1 is in state $state instead of $2"
}

test_the_exit_status_of_cmd_is_passed_on()
{
	for wanted in 0 1 42 255; do
		run "$LASTREF_CMD" run -- sh -c "exit $wanted"
		expect_status $wanted
	done
}

test_a_signal_that_kills_cmd_gives_128_and_its_number()
{
	for signal in 9 15 11; do
		run "$LASTREF_CMD" run -- sh -c "ulimit -c 0; kill -$signal \$\$"
		expect_status $((128 + signal))
	done
}

test_everything_behind_cmd_is_for_cmd()
{
	run "$LASTREF_CMD" run -- echo -o x --quiet -- --help
	expect_status 0
	expect_equal "$(cat stdout)" '-o x --quiet -- --help'
	run "$LASTREF_CMD" run printf '%s\n' --help
	expect_equal "$(cat stdout)" '--help'
}

test_cmd_reads_the_standard_input()
{
	echo hello | "$LASTREF_CMD" run -- cat >out 2>/dev/null
	expect_equal "$(cat out)" hello
}

test_a_command_that_is_not_found_gives_127()
{
	run "$LASTREF_CMD" run -- no-such-command
	expect_status 127
	expect_text stderr 'cannot run no-such-command: there is no such command in PATH'
	run "$LASTREF_CMD" run -- ./no-such-file
	expect_status 127
	expect_text stderr 'cannot run ./no-such-file: there is no such file'
}

test_a_command_that_is_not_executable_gives_126()
{
	echo 'echo hello' >script
	run "$LASTREF_CMD" run -- ./script
	expect_status 126
	expect_text stderr 'cannot run ./script: permission denied; make it executable with chmod +x'
	run "$LASTREF_CMD" run -- /
	expect_status 126
	expect_text stderr 'cannot run /: it is a folder'
	printf '#!/no/such/interpreter\n' >script
	chmod +x script
	run "$LASTREF_CMD" run -- ./script
	expect_status 126
	expect_text stderr 'cannot run ./script: the interpreter'
}

test_a_wrong_command_line_starts_nothing_and_gives_2()
{
	local -a wrong
	local line

	while read -ra wrong; do
		line="${wrong[*]}"
		run "$LASTREF_CMD" run "${wrong[@]}" -- touch started
		[ "$status" -eq 2 ] || fail "$line: exit status $status instead of 2"
		[ -s stderr ] || fail "$line: no message"
		[ ! -e started ] || fail "$line: CMD was started"
	done <<-'LINES'
		--no-such-option
		--stack-depth 0
		--stack-depth 129
		--stack-depth ten
		--leak-exit 256
		--leak-exit -1
		--type=
		-o /no/such/folder/file
		-o /dev/fd/77
		-o .
		-o folder%p/file
	LINES
	run "$LASTREF_CMD" run
	expect_status 2
	expect_text stderr 'no command to run'
	run "$LASTREF_CMD" run --quiet --
	expect_status 2
	run "$LASTREF_CMD" no-such-command
	expect_status 2
	expect_text stderr "there is no command 'no-such-command'; lastref --help lists them"
}

test_a_wrong_lastref_variable_starts_nothing_and_gives_2()
{
	LASTREF=leek=1 run "$LASTREF_CMD" run -- touch started
	expect_status 2
	expect_text stderr "there is no key 'leek'; the keys are leaks="
	LASTREF=leaks=on run "$LASTREF_CMD" run -- touch started
	expect_status 2
	expect_text stderr "'leaks=on' is not valid; leaks is off, warn or panic"
	[ ! -e started ] || fail "CMD was started"
}

test_cmd_gets_the_users_settings_and_then_those_of_the_options()
{
	LASTREF='output=a\:b:stack=9:leaks=off' run "$LASTREF_CMD" run --stack-depth 5 --type 'a:b\c' --type 'd*' \
		-- printenv LASTREF
	expect_equal "$(cat stdout)" 'output=a\:b:stack=9:leaks=off:leaks=warn:stack=5:types=a\:b\\c,d*'
	LASTREF=leaks=panic run "$LASTREF_CMD" run -- printenv LASTREF
	expect_match stdout 'leaks=panic$'
}

test_an_output_folder_without_write_permission_is_refused()
{
	# Even root asks for permission without this capability.
	mkdir locked
	chmod 555 locked
	run setpriv --inh-caps=-dac_override --bounding-set=-dac_override "$LASTREF_CMD" run -o locked/file -- touch started
	expect_status 2
	expect_text stderr 'cannot write locked/file: no file can be made in locked (Permission denied)'
	[ ! -e started ] || fail "CMD was started"
}

test_what_is_refused_leaves_an_existing_file_alone()
{
	echo precious >file
	run "$LASTREF_CMD" run -o file -- no-such-command
	expect_status 127
	run "$LASTREF_CMD" run -o file --no-such-option -- true
	expect_status 2
	run "$LASTREF_CMD" run -o file -- cat file
	expect_equal "$(cat stdout)" precious
	expect_equal "$(cat file)" precious
	expect_equal "$(echo *)" 'file stderr stdout'
}

test_a_program_without_lastref_is_said_to_be_unchecked()
{
	run "$LASTREF_CMD" run -o file -- true
	expect_status 0
	expect_text stderr 'lastref: nothing was checked: no process of CMD used lastref. Link the program with -llastref'
	expect_text stderr 'lastref: no file was written'
	expect_equal "$(wc -l <stderr)" 2
}

test_the_folder_is_private_and_removed_whatever_happens()
{
	run_in_folder 'stat -c %a .'
	expect_equal "$(cat stdout)" 700
	no_folder_left
	run_in_folder 'touch rubbish; kill -9 $$'
	expect_status 137
	no_folder_left
	run_in_folder 'kill -TERM $PPID; exec sleep 60'
	expect_status 143
	no_folder_left
}

# signaling_program: a program `signal` that sends its parent the signal of its argument with a value, waits
# for it to come back, and ends with 3 if the value came along. No shell: it cannot trap what it was started
# with as ignored, as INT is in the background.
signaling_program()
{
	compile signal - <<-'C'
		#include <signal.h>
		#include <stdlib.h>
		#include <unistd.h>
		static volatile sig_atomic_t came;
		static void on_signal(int number, siginfo_t *info, void *unused)
		{
			(void)number;
			(void)unused;
			came = info->si_code == SI_QUEUE ? info->si_value.sival_int : 4;
		}
		int main(int argc, char **argv)
		{
			struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
			int number = argc > 2 ? SIGRTMIN : atoi(argv[1]);
			sigset_t blocked, none;
			sigemptyset(&none);
			sigemptyset(&blocked);
			sigaddset(&blocked, number);
			sigprocmask(SIG_BLOCK, &blocked, NULL);
			sigaction(number, &action, NULL);
			if (sigqueue(getppid(), number, (union sigval){ .sival_int = 3 }) != 0)
				return 1;
			while (came == 0)
				sigsuspend(&none);
			return (int)came;
		}
	C
}

test_signals_sent_to_lastref_reach_cmd_with_their_values()
{
	signaling_program
	for signal in HUP INT QUIT TERM USR1 USR2 ALRM ABRT PIPE SEGV XCPU URG; do
		run "$LASTREF_CMD" run -- ./signal "$(kill -l $signal)"
		expect_status 3
	done
	run "$LASTREF_CMD" run -- ./signal 0 RTMIN
	expect_status 3
}

test_signals_that_lastref_was_started_to_ignore_reach_cmd()
{
	signaling_program
	for signal in HUP INT TERM PIPE; do
		run env --ignore-signal=$signal "$LASTREF_CMD" run -- ./signal "$(kill -l $signal)"
		expect_status 3
	done
}

test_ctrl_c_at_the_terminal_is_not_passed_on_a_second_time()
{
	need_terminal
	mkfifo ready over
	# CMD leaves the terminal, so the only SIGINT that could reach it is one that lastref passes on.
	compile count - <<-'C'
		#include <signal.h>
		#include <stdio.h>
		#include <unistd.h>
		static volatile sig_atomic_t interrupts;
		static volatile sig_atomic_t over;
		static void count(int number)
		{
			if (number == SIGINT)
				interrupts++;
			else
				over = 1;
		}
		int main(void)
		{
			sigset_t all, none;
			sigfillset(&all);
			sigemptyset(&none);
			sigprocmask(SIG_BLOCK, &all, NULL);
			signal(SIGINT, count);
			signal(SIGUSR1, count);
			if (setsid() < 0 || fclose(fopen("ready", "w")) != 0)
				return 1;
			while (!over)
				sigsuspend(&none);
			printf("interrupts: %d\n", (int)interrupts);
			return 0;
		}
	C
	# This shell is in the terminal's group like lastref, and USR1 is taken after INT.
	cat >terminal <<-'SH'
		trap 'kill -USR1 $lastref' INT
		"$LASTREF_CMD" run -- ./count &
		lastref=$!
		wait
		wait
	SH
	{
		read -r _ <ready || true
		printf '\003'
		read -r _ <over
	} | { script -qec "bash terminal" /dev/null >stdout && echo >over; }
	expect_text stdout 'interrupts: 0'
}

test_ctrl_c_at_the_terminal_reaches_cmd()
{
	need_terminal
	mkfifo ready over
	{
		read -r _ <ready
		printf '\003'
		read -r _ <over
	} | {
		script -qc "$LASTREF_CMD run -- sh -c 'echo >ready; exec sleep 60'; echo status \$?" /dev/null >stdout
		echo >over
	}
	expect_text stdout 'status 130'
}

test_stopping_and_continuing_at_the_terminal_reaches_both()
{
	local lastref cmd

	mkfifo ready go
	set -m
	"$LASTREF_CMD" run -- sh -c 'echo $$ >ready; read -r _ <go; exit 7' 2>/dev/null &
	lastref=$!
	set +m
	read -r cmd <ready
	kill -TSTP -- -$lastref
	await_state $lastref T
	await_state "$cmd" T
	kill -CONT -- -$lastref
	echo >go
	status=0
	wait $lastref || status=$?
	expect_equal "$status" 7
}

test_cmd_gets_the_signal_mask_and_dispositions_of_lastref()
{
	local without with

	without=$(
		trap '' INT CHLD USR2
		exec grep -E '^Sig(Blk|Ign)' /proc/self/status
	)
	with=$(
		trap '' INT CHLD USR2
		exec "$LASTREF_CMD" run -- grep -E '^Sig(Blk|Ign)' /proc/self/status 2>/dev/null
	)
	expect_equal "$with" "$without"
}

test_cmd_gets_no_descriptor_of_lastref_but_the_one_that_is_named()
{
	local without with named

	without=$(ls /proc/self/fd)
	with=$("$LASTREF_CMD" run -- sh -c 'echo $LASTREF_RUN_FD >named; exec ls /proc/self/fd' 2>/dev/null)
	named=$(cat named)
	[ "$named" -ge 600 ] || fail "the number is $named"
	expect_equal "$(grep -vx "$named" <<<"$with")" "$without"
	# shellcheck disable=SC2016 # CMD expands it
	with=$(ulimit -n 64 && "$LASTREF_CMD" run -- sh -c 'echo $LASTREF_RUN_FD' <&- 2>/dev/null)
	[ "$with" -gt 2 ] || fail "the number is $with"
}

test_closed_standard_files_stay_closed_and_harm_nothing()
{
	box_program
	status=0
	"$LASTREF_CMD" run -o file -- ./box 1 <&- >&- 2>&- || status=$?
	expect_equal "$status" 23
	run "$LASTREF_CMD" report file
	expect_text stdout '1 object leaked'
	"$LASTREF_CMD" run -- sh -c '[ ! -e /proc/self/fd/2 ] && echo closed' >out 2>&-
	expect_equal "$(cat out)" closed
}

test_a_report_that_cannot_be_printed_changes_no_status()
{
	box_program
	status=0
	"$LASTREF_CMD" run -- ./box 1 2>/dev/full || status=$?
	expect_equal "$status" 23
	status=0
	{ "$LASTREF_CMD" run -- ./box 1 2>&1 || echo $? >pipe-status; } | :
	expect_equal "$(cat pipe-status)" 23
}

test_a_leak_is_reported_and_gives_23()
{
	box_program
	run "$LASTREF_CMD" run -- ./box 3
	expect_status 23
	expect_text stderr '3 objects leaked'
	expect_text stderr 'a box'
	expect_empty stdout
	run "$LASTREF_CMD" run -- ./box 0
	expect_status 0
	expect_text stderr 'no leaks'
}

test_leak_exit_replaces_23_and_0_turns_it_off()
{
	box_program
	run "$LASTREF_CMD" run --leak-exit 5 -- ./box 1
	expect_status 5
	run "$LASTREF_CMD" run --leak-exit 0 -- ./box 1
	expect_status 0
	expect_text stderr '1 object leaked'
}

test_a_failing_cmd_keeps_its_status_in_spite_of_leaks()
{
	box_program
	run "$LASTREF_CMD" run -- ./box 1 return 4
	expect_status 4
	expect_text stderr '1 object leaked'
}

test_a_leak_that_the_program_reported_itself_counts()
{
	box_program
	run "$LASTREF_CMD" run -- ./box 1 check
	expect_status 23
}

test_misuse_counts()
{
	box_program
	run "$LASTREF_CMD" run -- ./box 0 misuse
	expect_status 23
}

test_an_inherited_leaks_off_does_not_switch_checking_off()
{
	box_program
	LASTREF=leaks=off run "$LASTREF_CMD" run -- ./box 1
	expect_status 23
}

test_quiet_prints_nothing()
{
	box_program
	run "$LASTREF_CMD" run --quiet -o file -- ./box 1
	expect_status 23
	expect_empty stderr
	[ -s file ] || fail "no file"
}

test_addresses_are_shown_when_asked_for()
{
	box_program
	run "$LASTREF_CMD" run -- ./box 1
	expect_no_text stderr ' at 0x'
	run "$LASTREF_CMD" run --addresses -- ./box 1
	expect_text stderr ' at 0x'
}

test_only_types_asked_for_are_checked()
{
	box_program
	run "$LASTREF_CMD" run --type 'crate*' --type net -- ./box 1
	expect_status 0
	run "$LASTREF_CMD" run --type 'crate*' --type 'b?x' -- ./box 1
	expect_status 23
}

test_color_is_for_terminals_without_no_color()
{
	need_terminal
	box_program
	run "$LASTREF_CMD" run -- ./box 1
	expect_no_text stderr $'\033'
	TERM=xterm script -qc "$LASTREF_CMD run -- ./box 1" /dev/null </dev/null >out
	expect_text out $'\033'
	NO_COLOR=1 TERM=xterm script -qc "$LASTREF_CMD run -- ./box 1" /dev/null </dev/null >out
	expect_no_text out $'\033'
}

test_a_file_replaces_the_old_one_also_behind_a_link()
{
	box_program
	echo old >real
	ln -s real link
	run "$LASTREF_CMD" run -o link -- ./box 1
	[ -L link ] || fail "the link is gone"
	run "$LASTREF_CMD" report real
	expect_status 1
}

test_a_file_that_cannot_be_written_gives_3_and_leaves_nothing()
{
	box_program
	# Root's powers do not matter to a limit on the size of files; the arena needs room, so CMD takes it off.
	ulimit -S -f 1
	run "$LASTREF_CMD" run --leak-exit 0 -o file -- bash -c 'ulimit -S -f unlimited; exec ./box 1'
	expect_status 3
	expect_text stderr 'cannot write file: File too large'
	run "$LASTREF_CMD" run -o file -- bash -c 'ulimit -S -f unlimited; exec ./box 1'
	expect_status 23
	run "$LASTREF_CMD" run -o file -- bash -c 'ulimit -S -f unlimited; exec ./box 1 return 9'
	expect_status 9
	set -- file*
	expect_equal "$*" 'file*'
}

test_help_and_version_are_there()
{
	run "$LASTREF_CMD" --version
	expect_status 0
	expect_match stdout '^lastref [0-9]+\.[0-9]+\.[0-9]+$'
	for command in run report; do
		run "$LASTREF_CMD" $command --help
		expect_status 0
		expect_text stdout "Usage: lastref $command"
		expect_empty stderr
	done
	for help in help --help; do
		run "$LASTREF_CMD" $help
		expect_status 0
		expect_text stdout 'Usage: lastref COMMAND'
	done
	run "$LASTREF_CMD"
	expect_status 2
	expect_text stderr 'lastref: no command; try: lastref run -- ./program'
}

run_tests "$@"
