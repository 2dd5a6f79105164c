#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a check that the program calls has told is marked, and neither told again nor forgotten by the exit status; and what it has not
# told is told by another one.
. "$(dirname "$0")/../support/tap.sh"

# marked_program OUT: a program whose main() is on stdin, with the trees that the unit tests of checks by several threads have.
marked_program()
{
	{
		printf '%s\n' '#define _GNU_SOURCE' '#include "tests/support/trees.h"' '#include <sched.h>' '#include <signal.h>' '#include <string.h>'
		cat <<-'C'
			static __attribute__((unused)) void end_thread_when_over(void)
			{
				wait_for_over();
				pthread_exit(NULL);
			}
		C
		cat -
	} >prog.c
	compile "$1" prog.c -I"$SRC" -pthread
}

# What was told once and died later is in the exit status, with the command and without.
expect_remembered()
{
	LASTREF=leaks=warn:exitcode=23 run ./prog
	expect_status 23
	expect_reports 1
	run "$LASTREF_CMD" run -- ./prog
	expect_status 23
	expect_reports 1
	expect_text stderr 'lastref: 1 object was reported by a check that the program called, and released since'
}

# expect_reports COUNT
expect_reports()
{
	expect_equal "$(grep -c ' leaked, ' stderr)" "$1"
}

test_the_exit_status_remembers_what_was_told_of_a_request()
{
	marked_program prog <<-'C'
		int main(void)
		{
			lastref_checkpoint since = lastref_checkpoint_now();
			struct node *node = node_new();

			if (lastref_leaks_since(since) != 1)
				return 1;
			node_unref(node);
			return 0;
		}
	C
	expect_remembered
}

test_what_several_leaks_of_a_request_keep_is_not_told_again()
{
	marked_program prog <<-'C'
		int main(void)
		{
			lastref_checkpoint since = lastref_checkpoint_now();
			struct node *shared = node_new();

			node_new()->children[0] = node_ref(shared);
			node_new()->children[0] = shared;
			return lastref_leaks_since(since) == 3 ? 0 : 1;
		}
	C
	LASTREF=leaks=warn run ./prog
	expect_status 0
	expect_reports 1
}

test_a_check_that_ends_the_process_is_told_at_exit()
{
	marked_program prog <<-'C'
		static void end(void)
		{
			exit(0);
		}

		int main(void)
		{
			node_new();
			in_visit = end;
			lastref_leak_check();
			return 1;
		}
	C
	LASTREF=leaks=warn:exitcode=23 run ./prog
	expect_status 23
	expect_reports 1
	run "$LASTREF_CMD" run -- ./prog
	expect_status 23
	expect_text stderr 'lastref: 1 object leaked, 168 B, 1 cause'
	expect_no_text stderr 'reported'
}

test_what_a_killed_check_did_not_come_to_tell_is_told_by_the_command()
{
	marked_program prog <<-'C'
		static void end(void)
		{
			raise(SIGKILL);
		}

		int main(void)
		{
			node_new();
			in_visit = end;
			lastref_leak_check();
			return 1;
		}
	C
	run "$LASTREF_CMD" run -- ./prog
	expect_status 137
	expect_text stderr 'lastref: 1 object leaked, 168 B, 1 cause'
	expect_no_text stderr 'reported'
}

test_a_thread_that_ends_in_its_check_forgets_nothing_that_was_told_before()
{
	marked_program prog <<-'C'
		int main(void)
		{
			struct node *node = node_new();
			pthread_t thread;

			lastref_leak_check();
			begin(end_thread_when_over);
			thread = begin_check();
			sem_post(&over);
			pthread_join(thread, NULL);
			node_unref(node);
			return 0;
		}
	C
	expect_remembered
}

test_what_dies_with_a_check_that_did_not_come_to_tell_was_never_reported()
{
	marked_program prog <<-'C'
		int main(void)
		{
			struct node *node = node_new();
			pthread_t thread;

			begin(end_thread_when_over);
			thread = begin_check();
			node_unref(node);
			sem_post(&over);
			pthread_join(thread, NULL);
			return lastref_live_objects() == 0 ? 0 : 1;
		}
	C
	LASTREF=leaks=warn:exitcode=23 run ./prog
	expect_status 0
	expect_empty stderr
	run "$LASTREF_CMD" run -- ./prog
	expect_status 0
	expect_text stderr 'lastref: no leaks'
}

test_a_thread_that_ends_in_its_check_takes_nothing_from_that_of_another()
{
	marked_program prog <<-'C'
		static pid_t other;

		static void *check_too(void *result)
		{
			__atomic_store_n(&other, gettid(), __ATOMIC_RELEASE);
			*(size_t *)result = lastref_leak_check();
			return NULL;
		}

		/* The other thread sleeps in one place only: where it waits for its turn. */
		static int is_asleep(void)
		{
			char path[64], line[256] = "";
			FILE *file;

			snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
				 (int)__atomic_load_n(&other, __ATOMIC_ACQUIRE));
			file = fopen(path, "r");
			if (file) {
				if (!fgets(line, sizeof(line), file))
					line[0] = 0;
				fclose(file);
			}
			return strstr(line, ") S ") != NULL;
		}

		int main(void)
		{
			pthread_t first, second;
			size_t objects = 0;

			node_new();
			begin(end_thread_when_over);
			first = begin_check();
			pthread_create(&second, NULL, check_too, &objects);
			while (!is_asleep())
				sched_yield();
			sem_post(&over);
			pthread_join(first, NULL);
			pthread_join(second, NULL);
			return objects == 1 ? 0 : 1;
		}
	C
	LASTREF=leaks=warn run ./prog
	expect_status 0
	expect_reports 1
}

run_tests "$@"
