#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs that write in hard surroundings: standard error gone, disks full, signals, sandboxes.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

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

test_a_misuse_is_told_on_standard_error_also_if_reports_go_to_a_file()
{
	box_program prog <<-'C'
		int main(void)
		{
			static struct box never_begun;

			box_ref(&never_begun);
			return 0;
		}
	C
	with leaks=warn:output=file ./prog
	expect_status 134
	expect_text stderr 'MISUSE  REF ON AN OBJECT THAT WAS NEVER INITIALIZED'
	[ ! -e file ]
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

test_a_pending_sigpipe_of_the_program_is_still_pending_after_a_report()
{
	box_program prog <<-'C'
		#include <signal.h>

		int main(void)
		{
			sigset_t set;

			sigemptyset(&set);
			sigaddset(&set, SIGPIPE);
			sigaddset(&set, SIGXFSZ);
			sigprocmask(SIG_BLOCK, &set, NULL);
			raise(SIGPIPE);
			box_new();
			lastref_leak_check();
			sigpending(&set);
			return sigismember(&set, SIGPIPE) + 2 * sigismember(&set, SIGXFSZ);
		}
	C
	with leaks=warn ./prog
	expect_status 1
}

test_a_pipe_that_nobody_reads_does_not_keep_the_program_from_ending()
{
	leaking_program prog
	mkfifo pipe
	with leaks=warn:exitcode=9:output=pipe timeout 60 ./prog
	expect_status 9
	expect_match stderr 'lastref: cannot write the report to /.*/pipe: nobody reads it; it follows here'
	expect_text stderr 'lastref: 1 object leaked'
}

test_a_pipe_that_is_read_no_more_does_not_keep_the_program_from_ending()
{
	leaking_program prog
	mkfifo pipe
	exec 9<>pipe
	head -c 65536 /dev/zero >&9
	with leaks=warn:exitcode=9:output=pipe timeout 60 ./prog
	exec 9>&-
	expect_status 9
	expect_match stderr 'pipe: whoever reads it has stopped reading; it follows here'
	expect_text stderr 'lastref: 1 object leaked'
}

test_a_reader_of_a_pipe_gets_the_log_and_the_report()
{
	leaking_program prog
	mkfifo pipe
	timeout 60 cat pipe >text &
	with leaks=warn:exitcode=9:log=box:output=pipe timeout 60 ./prog
	wait $!
	expect_status 9
	expect_empty stderr
	expect_text text ' registered to 1 '
	expect_text text 'lastref: 1 object leaked'
}

test_a_log_waits_for_the_reader_of_a_pipe()
{
	local program

	box_program prog <<-'C'
		int main(void)
		{
			for (int i = 0; i < 10 * 1000; i++)
				box_unref(box_new());
			return 0;
		}
	C
	mkfifo pipe
	exec 9<>pipe
	head -c 65536 /dev/zero >&9
	LASTREF=leaks=warn:log=box:output=pipe LASTREF_COMMAND='' timeout 60 ./prog 2>stderr 9>&- &
	program=$!
	timeout 60 cat pipe >text 9>&- &
	wait $program
	exec 9>&-
	wait
	expect_empty stderr
	expect_equal "$(grep -ac ' registered to 1 ' text)" 10000
}

test_a_limit_of_the_size_of_files_does_not_kill_the_program()
{
	leaking_program prog
	status=0
	(
		ulimit -f 0
		LASTREF=leaks=warn:exitcode=9:log=box:output=report LASTREF_COMMAND=$LASTREF_CMD exec ./prog
	) >/dev/null 2>/dev/null || status=$?
	expect_equal "$status" 9
	mkfifo pipe
	cat pipe >text &
	status=0
	(
		ulimit -f 0
		LASTREF=leaks=warn:exitcode=9 LASTREF_COMMAND=$LASTREF_CMD exec ./prog
	) >/dev/null 2>pipe || status=$?
	wait $!
	expect_equal "$status" 9
	expect_text text 'box#2'
}

test_a_misuse_with_a_limit_of_the_size_of_files_is_told_and_aborts()
{
	box_program prog <<-'C'
		int main(void)
		{
			static struct box box;

			box_ref(&box);
			return 0;
		}
	C
	ulimit -c 0
	mkfifo pipe
	cat pipe >text &
	status=0
	(
		ulimit -f 0
		LASTREF='' LASTREF_COMMAND=$LASTREF_CMD exec ./prog
	) >/dev/null 2>pipe || status=$?
	wait $!
	expect_equal "$status" 134
	expect_text text 'MISUSE'
}

test_a_misuse_is_told_though_signals_interrupt_the_writing()
{
	box_program prog <<-'C'
		#include <fcntl.h>
		#include <signal.h>
		#include <sys/time.h>

		static void nothing(int number)
		{
			(void)number;
		}

		static void misuse(int output)
		{
			struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
			struct sigaction action = { .sa_handler = nothing };
			struct box *box = calloc(1, sizeof(*box));
			char bytes[4096] = "";

			fcntl(output, F_SETFL, O_NONBLOCK);
			while (write(output, bytes, sizeof(bytes)) > 0)
				continue;
			fcntl(output, F_SETFL, 0);
			dup2(output, 2);
			sigaction(SIGALRM, &action, NULL);
			setitimer(ITIMER_REAL, &often, NULL);
			box_ref(box);
		}

		int main(void)
		{
			char bytes[4096];
			int output[2];
			ssize_t n;

			if (pipe(output) != 0)
				return 1;
			if (fork() == 0)
				misuse(output[1]);
			close(output[1]);
			/* Time for the child to wait for room and be interrupted; if it comes later, the test proves less. */
			usleep(300 * 1000);
			while ((n = read(output[0], bytes, sizeof(bytes))) > 0)
				fwrite(bytes, 1, (size_t)n, stdout);
			return 0;
		}
	C
	ulimit -c 0
	with '' ./prog
	expect_status 0
	tr -d '\000' <stdout >text
	expect_text text 'REF ON AN OBJECT THAT WAS NEVER INITIALIZED'
	expect_text text 'run with LASTREF=leaks=warn'
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
# The command that the program runs for its symbols.
#

test_the_command_has_no_signals_blocked()
{
	box_program prog <<-'C'
		#include <signal.h>

		static void nothing(int number)
		{
			(void)number;
		}

		int main(void)
		{
			sigset_t set;

			signal(SIGUSR1, nothing);
			sigfillset(&set);
			sigprocmask(SIG_BLOCK, &set, NULL);
			box_new();
			return 0;
		}
	C
	cat >symbolizer <<-'S'
		#!/bin/sh
		while read -r line; do
			case $line in SigBlk*) echo "$line" >told ;; esac
		done </proc/self/status
	S
	chmod +x symbolizer
	run env LASTREF=leaks=warn LASTREF_COMMAND=./symbolizer ./prog
	expect_status 0
	expect_match told 'SigBlk:.0000000000000000'
}

test_no_handler_of_the_program_runs_in_the_commands_process()
{
	box_program prog <<-'C'
		#include <signal.h>
		#include <sys/syscall.h>

		static pid_t own;
		static volatile sig_atomic_t times;
		static volatile sig_atomic_t strange;

		static void look(int number)
		{
			(void)number;
			times++;
			strange |= syscall(SYS_getpid) != own;
		}

		static void disturb(void)
		{
			signal(SIGUSR1, SIG_IGN);
			while (getppid() == own && kill(0, SIGUSR1) == 0)
				usleep(100);
			_exit(0);
		}

		int main(void)
		{
			struct sigaction action = { .sa_handler = look, .sa_flags = SA_RESTART };
			pid_t child;

			setpgid(0, 0);
			own = getpid();
			sigaction(SIGUSR1, &action, NULL);
			child = fork();
			if (child == 0)
				disturb();
			box_new();
			for (int i = 0; i < 60; i++)
				lastref_leak_check();
			kill(child, SIGKILL);
			return strange ? 9 : times > 0 ? 0 : 8;
		}
	C
	local path
	# Many places to look for the command in, so that its process is there for long before it is another program.
	path=$(printf '/none:%.0s' {1..9000})
	run env LASTREF=leaks=warn PATH="$path" ./prog
	expect_status 0
}

test_a_program_that_locked_itself_up_is_not_killed_for_its_report()
{
	box_program prog <<-'C'
		#include <linux/filter.h>
		#include <linux/seccomp.h>
		#include <stddef.h>
		#include <sys/prctl.h>
		#include <sys/syscall.h>

		#define KILL_FOR(number)                                        \
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),      \
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

		int main(void)
		{
			struct sock_filter filter[] = {
				BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
				KILL_FOR(SYS_clone),
				KILL_FOR(SYS_execve),
				BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
			};
			struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
				return 77;
			box_new();
			return 0;
		}
	C
	with leaks=warn ./prog
	[ "$status" != 77 ] || skip "needs seccomp"
	expect_status 0
	expect_text stderr '1 object leaked'
}

test_a_program_started_in_a_sandbox_that_lets_it_run_others_still_has_lines()
{
	leaking_program prog
	cat >sandbox.c <<-'C'
		#include <linux/filter.h>
		#include <linux/seccomp.h>
		#include <sys/prctl.h>
		#include <unistd.h>

		int main(int argc, char **argv)
		{
			struct sock_filter filter[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
			struct sock_fprog program = { 1, filter };

			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			if (argc < 2 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
				return 77;
			execv(argv[1], argv + 1);
			return 1;
		}
	C
	"$CC" -o sandbox sandbox.c
	with leaks=warn ./sandbox ./prog
	[ "$status" != 77 ] || skip "needs seccomp"
	expect_match stderr 'box\.c:[0-9]+ box_new'
}

exec 3>&2
#
# Programs whose threads are canceled, that keep no children, or that change their environment.
#

# canceled_program BODY: main() has a pthread_cancel() pending, and then does BODY.
canceled_program()
{
	box_program prog <<-C
		static void *run(void *unused)
		{
			(void)unused;
			pthread_cancel(pthread_self());
			$1
			return NULL;
		}

		int main(void)
		{
			run(NULL);
			return 5;
		}
	C
}

test_a_canceled_thread_that_exits_reports_and_keeps_the_status()
{
	canceled_program 'box_new();'
	with leaks=warn ./prog
	expect_status 5
	expect_match stderr 'BORN AT  box\.c:[0-9]+ box_new'
	with leaks=warn:exitcode=9 ./prog
	expect_status 9
}

test_a_check_that_a_canceled_thread_makes_is_whole()
{
	canceled_program 'box_new(); _exit((int)lastref_leak_check());'
	with leaks=warn ./prog
	expect_status 1
	expect_match stderr 'BORN AT  box\.c:[0-9]+ box_new'
}

test_a_misuse_of_a_canceled_thread_aborts()
{
	canceled_program 'lastref_count_ref(&(struct lastref_count){ 0 });'
	with leaks=warn ./prog
	expect_status 134
	expect_match stderr 'AT .*main\.inc:[0-9]+ run'
}

test_a_program_that_keeps_no_children_has_its_lines_named()
{
	box_program prog <<-'C'
		#include <signal.h>

		int main(void)
		{
			struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };

			sigaction(SIGCHLD, &action, NULL);
			box_new();
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_match stderr 'BORN AT  box\.c:[0-9]+ box_new'
}

test_a_thread_may_change_the_environment_during_reports()
{
	box_program prog <<-'C'
		static void *change(void *unused)
		{
			char name[32];
			char value[256] = "";

			memset(value, 'x', sizeof(value) - 1);
			for (unsigned int i = 0;; i++) {
				snprintf(name, sizeof(name), "V%u", i % 200);
				if (i / 200 % 2)
					unsetenv(name);
				else
					setenv(name, value, 1);
			}
			return unused;
		}

		int main(void)
		{
			pthread_t thread;

			box_new();
			if (pthread_create(&thread, NULL, change, NULL) != 0)
				return 1;
			for (int i = 0; i < 60; i++)
				lastref_leak_check();
			_exit(0);
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_equal "$(grep -c 'BORN AT  box\.c:[0-9]* box_new' stderr)" 60
}

test_a_program_whose_log_nobody_reads_can_be_ended_by_a_signal()
{
	# The line of this stack is longer than what is left in the pipe when poll() says that there is room.
	local name
	name=$(printf 'deep_%.0s' {1..40})
	box_program prog -D_GNU_SOURCE -DDEEP="$name" <<-'C'
		#include <fcntl.h>
		#include <signal.h>

		static __attribute__((noinline)) int DEEP(int left)
		{
			if (left == 0)
				return box_new() != NULL;
			return DEEP(left - 1) + 1;
		}

		int main(void)
		{
			static char page[4096];
			int ends[2];

			if (pipe(ends) != 0 || fcntl(ends[1], F_SETPIPE_SZ, 2 * sizeof(page)) < 0 ||
			    write(ends[1], page, sizeof(page)) != sizeof(page) || dup2(ends[1], 2) != 2)
				return 1;
			alarm(1);
			return DEEP(60);
		}
	C
	with leaks=warn:log=box:stack=100 timeout -s KILL 20 ./prog
	expect_status 142
}

run_tests "$@"
