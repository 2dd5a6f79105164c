#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The command and programs that use the library, on a machine for which there is no unwinder; run by qemu.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

one_frame='stacks are one frame deep: lastref walks them on x86_64 only'

lastref()
{
	qemu-aarch64 "$LASTREF_CMD" "$@"
}

# A program that leaks as many objects as its argument says.
leaky_program()
{
	box_program prog <<-'C'
		int main(int argc, char **argv)
		{
			for (int i = 0; argc > 1 && i < atoi(argv[1]); i++)
				box_new();
			box_unref(box_new());
			return 0;
		}
	C
}

test_run_names_the_line_of_birth_and_says_once_that_stacks_have_one_frame()
{
	leaky_program
	run lastref run -- ./prog 2
	expect_status 23
	expect_text stderr 'lastref: 2 objects leaked'
	expect_match stderr '^  BORN AT  box\.c:[0-9]+ box_new'
	expect_equal "$(grep -cF "note: $one_frame" stderr)" 1
}

test_run_passes_the_status_of_a_program_without_leaks_on()
{
	leaky_program
	run lastref run -- ./prog
	expect_status 0
	expect_text stderr 'lastref: no leaks'
}

test_report_reads_what_run_wrote()
{
	leaky_program
	run lastref run --quiet -o leaks.lr -- ./prog 3
	expect_status 23
	run lastref report leaks.lr
	expect_status 1
	expect_text stdout '3 objects leaked'
	expect_match stdout '^  BORN AT  box\.c:[0-9]+ box_new'
	expect_text stdout "$one_frame"
}

test_a_program_alone_asks_the_command_for_its_lines()
{
	leaky_program
	run env LASTREF=leaks=warn LASTREF_COMMAND="$LASTREF_CMD" qemu-aarch64 ./prog 1
	expect_match stderr '^  BORN AT  box\.c:[0-9]+ box_new'
	expect_text stderr "$one_frame"
}

test_a_static_program_is_checked_too()
{
	box_source </dev/null
	cat >main.inc <<-'C'
		int main(void)
		{
			box_new();
			return 0;
		}
	C
	compile_static prog box.c -static
	run lastref run -- ./prog
	expect_status 23
	expect_match stderr '^  BORN AT  box\.c:[0-9]+ box_new'
	expect_text stderr "$one_frame"
	expect_no_text stderr 'eh-frame-hdr'
}

test_the_children_of_a_program_are_followed()
{
	box_program prog <<-'C'
		int main(void)
		{
			if (fork() == 0) {
				box_new();
				return 0;
			}
			wait(NULL);
			return 0;
		}
	C
	run lastref run -- ./prog
	expect_status 23
	expect_text stderr '1 object leaked'
}

test_a_misuse_says_where_it_is_and_that_stacks_have_one_frame()
{
	box_program prog <<-'C'
		int main(void)
		{
			struct box *box = box_new();

			box->refs.count++;
			box_unref(box);
			box->refs.count = -0x20000000;
			box_unref(box);
			return 0;
		}
	C
	run env LASTREF=leaks=warn LASTREF_COMMAND="$LASTREF_CMD" qemu-aarch64 ./prog
	expect_text stderr 'ONE UNREF TOO MANY'
	expect_match stderr '^  AT +[a-z_]+\.[ch]:[0-9]+ '
	expect_match stderr '^  BORN AT +box\.c:[0-9]+ box_new'
	expect_equal "$(grep -cF "($one_frame)" stderr)" 1
	[ "$status" -ge 128 ] || fail "it did not abort: $status"
}

test_the_example_of_the_readme_leaks_one_message()
{
	run lastref run -- "$LASTREF_BUILD/examples/hello/hello"
	expect_status 23
	expect_text stderr '1 message  16 B'
	expect_match stderr '^  BORN AT  main\.c:[0-9]+ message_new'
}

run_tests "$@"
