#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What is read or written and is no regular file: pipes, devices, descriptors.

. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"
. "$(dirname "$0")/../support/suite.sh"

test_an_image_may_come_through_a_pipe()
{
	local command

	net_suite
	run_suite images t_open
	for command in report types; do
		run "$LASTREF_CMD" "$command" images/t_open
		expect_text stdout conn
		mv stdout wanted
		run "$LASTREF_CMD" "$command" <(cat images/t_open)
		expect_empty stderr
		cmp wanted stdout
		# shellcheck disable=SC2002 # it has to be a pipe
		cat images/t_open | "$LASTREF_CMD" "$command" /dev/stdin >stdout || true
		cmp wanted stdout
	done
}

test_an_image_may_come_through_a_named_pipe_in_pieces()
{
	local size

	net_suite
	run_suite images t_open
	size=$(stat -c %s images/t_open)
	mkfifo pipe
	{
		head -c 5 images/t_open
		tail -c $((size - 5)) images/t_open
	} >pipe &
	run "$LASTREF_CMD" report pipe
	expect_status 1
	expect_text stdout '2 objects leaked'
}

test_a_named_pipe_to_which_nobody_writes_does_not_hang()
{
	mkfifo pipe
	run timeout 30 "$LASTREF_CMD" report pipe
	expect_status 3
	expect_text stderr 'cannot read pipe: it is a pipe, and nobody writes to it'
}

test_a_named_pipe_to_which_nobody_writes_does_not_hang_on_a_terminal()
{
	need_terminal
	mkfifo pipe
	export TERM=xterm
	unset CI
	run timeout 30 script -qefc "timeout 15 '$LASTREF_CMD' report pipe; echo status \$?" screen
	expect_text screen 'cannot read pipe: it is a pipe, and nobody writes to it'
	expect_text screen 'status 3'
}

test_what_a_writer_left_in_a_pipe_is_read_after_it_went_away()
{
	local name

	net_suite
	run_suite images t_open
	mkfifo pipe
	for name in /dev/stdin /dev/fd/0 /proc/self/fd/0 pipe; do
		exec 5<>pipe
		exec 6<pipe
		cat images/t_open >pipe
		exec 5>&-
		"$LASTREF_CMD" types "$name" <&6 >got
		exec 6<&-
		expect_text got conn
	done
}

test_a_damaged_image_through_a_pipe_is_refused_as_one_in_a_file()
{
	net_suite
	run_suite images t_open
	run "$LASTREF_CMD" report <(head -c 100 images/t_open)
	expect_status 3
	expect_text stderr 'it ends within its first'
	run "$LASTREF_CMD" report <(echo nonsense)
	expect_status 3
	expect_text stderr 'it was not written by `lastref run -o`'
	run "$LASTREF_CMD" report <(:)
	expect_status 3
	expect_text stderr 'it is empty'
}

test_either_side_of_diff_and_suppressions_may_come_through_pipes()
{
	net_suite
	run_suite images t_open
	run_suite more t_send
	"$LASTREF_CMD" report --format baseline -o leaks.baseline images || true
	run "$LASTREF_CMD" diff <(cat leaks.baseline) <(cat images/t_open)
	expect_status 0
	expect_text stdout 'lastref: 0 new, 0 gone, 1 stays'
	run "$LASTREF_CMD" diff <(cat images/t_open) <(cat leaks.baseline)
	expect_status 0
	run "$LASTREF_CMD" diff --suppressions <(echo leak:packet; echo leak:conn) leaks.baseline more
	expect_status 0
	expect_text stdout 'lastref: 0 new, 0 gone, 0 stay'
}

test_dev_null_is_no_baseline_and_no_suppressions()
{
	net_suite
	run_suite images t_open
	run "$LASTREF_CMD" diff /dev/null images
	expect_status 1
	expect_text stdout 'lastref: 1 new, 0 gone, 0 stay'
	run "$LASTREF_CMD" report --suppressions /dev/null images
	expect_status 1
	expect_empty stderr
	expect_text stdout '2 objects leaked'
	run "$LASTREF_CMD" run --suppressions /dev/null -- ./t_open
	expect_status 23
}

test_what_never_ends_is_refused()
{
	run "$LASTREF_CMD" report /dev/zero
	expect_status 3
	expect_text stderr 'cannot read /dev/zero: it is no file, and gives more than is kept in memory: 4 GB of an image, 64 MB of anything else'
	run "$LASTREF_CMD" report --suppressions /dev/zero images
	expect_status 2
	expect_text stderr 'cannot read the suppressions /dev/zero: it is no file'
}

test_a_byte_order_mark_is_no_part_of_the_first_line()
{
	net_suite
	run_suite images t_open
	printf '\357\273\277leak:conn\n' >supp
	run "$LASTREF_CMD" report --suppressions supp images
	expect_status 0
	expect_empty stderr
	"$LASTREF_CMD" report --format baseline -o leaks.baseline images || true
	{
		printf '\357\273\277'
		cat leaks.baseline
	} >marked
	run "$LASTREF_CMD" diff marked images
	expect_status 0
	printf '\357\273\277' >supp
	run "$LASTREF_CMD" report --suppressions supp images
	expect_status 1
	expect_empty stderr
}

test_a_report_goes_into_a_pipe_as_it_is()
{
	local output

	net_suite
	run_suite images t_open
	run "$LASTREF_CMD" report images
	mv stdout wanted
	"$LASTREF_CMD" report -o /dev/stdout images | cat >got || true
	cmp wanted got
	run "$LASTREF_CMD" report -o /dev/stderr images
	expect_status 1
	expect_empty stdout
	cmp wanted stderr
	for output in /dev/fd/5 /proc/self/fd/5; do
		"$LASTREF_CMD" report -o "$output" images 5>&1 | cat >got || true
		cmp wanted got
	done
	mkfifo pipe
	cat pipe >got &
	run "$LASTREF_CMD" report -o pipe images
	expect_status 1
	wait $!
	[ -p pipe ]
	cmp wanted got
	run "$LASTREF_CMD" diff -o /dev/null images images
	expect_status 0
	[ -c /dev/null ]
}

# late_reader CMD [ARG...]: standard output of the command is a small pipe that does not block, and is read when it is full.
late_reader()
{
	compile late - -D_GNU_SOURCE <<-'C'
		#include <errno.h>
		#include <fcntl.h>
		#include <poll.h>
		#include <sys/ioctl.h>
		#include <sys/wait.h>
		#include <unistd.h>

		static int is_full(int fd)
		{
			struct pollfd room = { .fd = fd, .events = POLLOUT };

			return poll(&room, 1, 0) == 0;
		}

		int main(int argc, char **argv)
		{
			char bytes[4096];
			int ends[2], status;
			ssize_t n;
			pid_t child;

			if (argc < 2 || pipe2(ends, O_NONBLOCK) != 0 || fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0)
				return 99;
			child = fork();
			if (child == 0) {
				dup2(ends[1], 1);
				close(ends[0]);
				close(ends[1]);
				execv(argv[1], argv + 1);
				_exit(98);
			}
			while (!is_full(ends[1]))
				usleep(1000);
			usleep(20000);
			close(ends[1]);
			while ((n = read(ends[0], bytes, sizeof(bytes))) != 0) {
				if (n < 0)
					poll(&(struct pollfd){ .fd = ends[0], .events = POLLIN }, 1, -1);
				else if (write(1, bytes, (size_t)n) != n)
					return 97;
			}
			waitpid(child, &status, 0);
			return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
		}
	C
	run ./late "$@"
}

test_a_full_pipe_that_does_not_block_gets_all_of_an_image()
{
	box_program prog <<-'C'
		int main(void)
		{
			for (int i = 0; i < 5000; i++)
				box_new();
			return 0;
		}
	C
	late_reader "$LASTREF_CMD" run --quiet -o /dev/stdout -- ./prog
	expect_empty stderr
	expect_status 23
	mv stdout image
	[ "$(stat -c %s image)" -gt 65536 ]
	run "$LASTREF_CMD" report image
	expect_status 1
	expect_text stdout '5,000 objects leaked'
}

test_a_report_to_a_descriptor_comes_behind_what_is_in_its_file()
{
	net_suite
	run_suite images t_open
	{
		echo before
		"$LASTREF_CMD" report -o /dev/stdout images || true
		echo after
	} >all
	expect_equal "$(head -n 1 all)" before
	expect_text all '2 objects leaked'
	expect_equal "$(tail -n 1 all)" after
}

test_a_run_writes_its_image_and_its_report_into_pipes()
{
	local command

	net_suite
	"$LASTREF_CMD" run --quiet -o /dev/stdout -- ./t_open | "$LASTREF_CMD" report /dev/stdin >got || true
	expect_text got '2 objects leaked'
	command=$("$LASTREF_CMD" run --quiet --format json --report /dev/stdout -- ./t_open || true)
	[[ $command == '{'*'t_open'* ]]
	mkfifo pipe
	cat pipe >got &
	run "$LASTREF_CMD" run --quiet -o pipe -- sh -c './t_clean; ./t_open'
	wait $!
	expect_status 23
	expect_match stderr 'cannot write what process [0-9]+ left: pipe takes the file of one process'
	run "$LASTREF_CMD" report got
	expect_status 0
	set -- *pipe*
	expect_equal "$*" pipe
}

test_a_reader_that_went_away_and_a_full_device_are_said()
{
	net_suite
	run_suite images t_open
	run "$LASTREF_CMD" report -o /dev/full images
	expect_status 3
	expect_text stderr 'cannot write /dev/full: No space left on device; name another file with -o'
	run "$LASTREF_CMD" report -o /dev/fd/77 images
	expect_status 2
	expect_text stderr 'cannot write /dev/fd/77: Bad file descriptor; name another file with -o'
	mkfifo pipe
	# Opened by 6 while 5 reads, and then nobody reads any more.
	exec 5<>pipe
	exec 6>pipe 5>&-
	run "$LASTREF_CMD" report -o /dev/fd/6 images
	exec 6>&-
	expect_status 3
	expect_text stderr 'cannot write /dev/fd/6: Broken pipe'
}

test_what_a_killed_lastref_left_does_not_block_a_report()
{
	net_suite
	run_suite images t_open
	# exec keeps the process id, so that it is known before.
	# shellcheck disable=SC2016 # the inner shell expands it
	run bash -c 'for name in out.lastref-$$ out.lastref-$$.0 out.lastref-$$.1; do ln -s victim $name; done; exec "$@"' bash \
		"$LASTREF_CMD" report -o out images
	expect_status 1
	expect_text out '2 objects leaked'
	[ ! -e victim ]
}

test_a_report_gets_any_name_that_a_file_may_have()
{
	local name

	net_suite
	run_suite images t_open
	name=$(printf '%0255d' 7)
	run "$LASTREF_CMD" report -o "$name" images
	expect_status 1
	expect_text "$name" '2 objects leaked'
}

test_help_that_cannot_be_written_gives_3()
{
	local name

	for name in '' run report diff types check; do
		# shellcheck disable=SC2086 # no word if it is empty
		"$LASTREF_CMD" $name --help >help
		[ -s help ]
		# shellcheck disable=SC2016 # the inner shell expands it
		run bash -c '"$@" >/dev/full' bash "$LASTREF_CMD" $name --help
		expect_status 3
		expect_match stderr '^lastref: cannot write to standard output: No space left on device; make room, or send it elsewhere$'
	done
	# shellcheck disable=SC2016 # the inner shell expands it
	run bash -c '"$1" --version >/dev/full' bash "$LASTREF_CMD"
	expect_status 3
}

# wait_for FILE TEXT
wait_for()
{
	until grep -qF "$2" "$1" 2>/dev/null; do
		read -rt 0.05 <>pause || true
	done
}

test_what_takes_long_is_shown_on_a_terminal_and_nowhere_else()
{
	need_terminal
	net_suite
	run_suite images t_open
	mkfifo pause pipe other
	export TERM=xterm
	unset CI
	"$LASTREF_CMD" report other >elsewhere 2>errors &
	exec 6>other
	script -qefc "'$LASTREF_CMD' report pipe; echo status \$?" screen >all &
	exec 7>pipe
	wait_for screen 'lastref: reading'
	# The other one has been at it for longer.
	cat images/t_open >&6
	cat images/t_open >&7
	exec 6>&- 7>&-
	wait
	expect_empty errors
	expect_text elsewhere '2 objects leaked'
	tr '\r' '\n' <screen | sed 's/\x1b\[K/ERASE/; s/\x1b\[[0-9;]*m//g' >lines
	expect_match lines '^ERASElastref: reading$'
	expect_match lines '^ERASElastref: 2 objects leaked'
	expect_text lines 'status 1'
}

test_what_is_done_in_a_moment_is_not_shown()
{
	need_terminal
	net_suite
	run_suite images t_open
	export TERM=xterm
	unset CI
	script -qefc "'$LASTREF_CMD' report images" screen >all || true
	expect_text screen '2 objects leaked'
	expect_no_text screen reading
}

run_tests "$@"
