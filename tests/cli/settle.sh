#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `settle=MS`: a check waits for threads that are about to give their references back, and not for ever.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

# A program whose worker drops the last reference 50 ms after main() has returned, or has asked for a check, and stays.
late_program()
{
	box_program prog <<-'C'
		static struct box *kept;

		static void *drop_late(void *unused)
		{
			usleep(50 * 1000);
			box_ref_clear(&kept);
			pause();
			return unused;
		}

		int main(int argc, char **argv)
		{
			pthread_t thread;

			(void)argv;
			kept = box_new();
			if (pthread_create(&thread, NULL, drop_late, NULL) != 0)
				return 1;
			return argc > 1 ? (int)lastref_leak_check() : 0;
		}
	C
}

test_a_worker_that_drops_its_reference_late_has_leaked_nothing()
{
	late_program
	with leaks=warn:exitcode=9:settle=200 ./prog
	expect_status 0
	expect_empty stderr
}

test_a_check_that_the_program_calls_waits_too()
{
	late_program
	with leaks=warn:settle=200 ./prog check
	expect_status 0
	expect_empty stderr
}

test_a_check_under_lastref_run_waits_too()
{
	late_program
	run env LASTREF=settle=200 "$LASTREF_CMD" run -- ./prog
	expect_status 0
	expect_text stderr 'lastref: no leaks'
	expect_no_text stderr 'still changing'
}

# The worker waits until the check is over, so that nothing depends on time.
test_without_it_a_check_does_not_wait()
{
	box_program prog <<-'C'
		static struct box *kept;
		static pthread_mutex_t until_checked = PTHREAD_MUTEX_INITIALIZER;

		static void *drop_late(void *unused)
		{
			pthread_mutex_lock(&until_checked);
			box_ref_clear(&kept);
			return unused;
		}

		int main(void)
		{
			pthread_t thread;
			size_t leaks;

			kept = box_new();
			pthread_mutex_lock(&until_checked);
			if (pthread_create(&thread, NULL, drop_late, NULL) != 0)
				return 100;
			leaks = lastref_leak_check();
			pthread_mutex_unlock(&until_checked);
			pthread_join(thread, NULL);
			return (int)leaks;
		}
	C
	with leaks=warn ./prog
	expect_status 1
	# What still lives when all is quiet is a leak; and the wait ends although a thread is there.
	with leaks=warn:settle=30 ./prog
	expect_status 1
	expect_text stderr '1 object leaked'
	expect_no_text stderr 'still changing'
}

test_a_program_that_is_always_busy_ends_and_what_it_does_is_named()
{
	local begin

	box_program prog <<-'C'
		struct other {
			struct lastref_count refs;
		};
		LASTREF_DEFINE(other, struct other, refs, NULL);

		struct still {
			struct lastref_count refs;
		};
		LASTREF_DEFINE(still, struct still, refs, NULL);

		static struct box *shared;

		static void *work(void *count)
		{
			for (unsigned int round = 0;; round++) {
				struct other other;

				other_ref_init(&other);
				for (unsigned int i = 0; i < round % 7; i++)
					box_ref(shared);
				__atomic_store_n((unsigned int *)count, round, __ATOMIC_RELEASE);
				usleep(200);
				for (unsigned int i = 0; i < round % 7; i++)
					box_unref(shared);
				other_unref(&other);
			}
			return NULL;
		}

		int main(void)
		{
			static struct still still;
			unsigned int count = 0;
			pthread_t thread;

			still_ref_init(&still);
			shared = box_new();
			if (pthread_create(&thread, NULL, work, &count) != 0)
				return 1;
			while (__atomic_load_n(&count, __ATOMIC_ACQUIRE) < 2)
				usleep(100);
			return 0;
		}
	C
	begin=$SECONDS
	with leaks=warn:settle=200 timeout 60 ./prog
	expect_status 0
	[ $((SECONDS - begin)) -lt 20 ]
	expect_match stderr '^note: still changing when the check had waited [0-9,]+ ms \(settle=\): .*counts of box \(box#1\)'
	expect_match stderr 'still changing.*births and deaths of other'
	expect_no_text stderr 'of still'
	run env LASTREF=settle=200 "$LASTREF_CMD" run -o busy.lrt -- ./prog
	expect_match stderr '^note: still changing .*counts of box \(box#1\)'
	run "$LASTREF_CMD" report busy.lrt
	expect_match stdout '^note: still changing .*counts of box \(box#1\)'
}

test_a_program_of_one_thread_does_not_wait()
{
	local begin=$SECONDS

	leaking_program prog
	with leaks=warn:settle=60000 ./prog
	expect_text stderr '1 object leaked'
	[ $((SECONDS - begin)) -lt 30 ]
}

test_the_wait_ends_with_the_last_other_thread()
{
	local begin=$SECONDS

	box_program prog <<-'C'
		static void *drop(void *box)
		{
			usleep(50 * 1000);
			return box_unref(box);
		}

		int main(void)
		{
			pthread_t thread;

			return pthread_create(&thread, NULL, drop, box_new());
		}
	C
	with leaks=warn:settle=60000 ./prog
	expect_empty stderr
	[ $((SECONDS - begin)) -lt 30 ]
}

test_memory_may_go_while_counts_are_looked_at()
{
	box_program prog <<-'C'
		#include <sys/mman.h>

		/* Born over and over in pages that come and go, and never dead. */
		static void *come_and_go(void *count)
		{
			for (;;) {
				char *pages = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE,
						   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

				if (pages == MAP_FAILED)
					abort();
				for (int i = 0; i < 64; i++)
					box_ref_init((struct box *)(pages + i * 4096));
				munmap(pages, 64 * 4096);
				__atomic_fetch_add((int *)count, 1, __ATOMIC_RELEASE);
				usleep(500);
			}
			return NULL;
		}

		int main(void)
		{
			pthread_t thread;
			int count = 0;

			if (pthread_create(&thread, NULL, come_and_go, &count) != 0)
				return 1;
			while (__atomic_load_n(&count, __ATOMIC_ACQUIRE) < 2)
				usleep(100);
			return 0;
		}
	C
	with leaks=warn:settle=200 timeout 60 ./prog
	expect_status 0
	expect_match stderr 'still changing.*births and deaths of box'
}

test_a_check_that_came_to_rest_does_not_repeat_what_an_earlier_one_said()
{
	box_program prog <<-'C'
		static int stop;

		static void *work(void *unused)
		{
			while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
				box_unref(box_new());
				usleep(500);
			}
			return unused;
		}

		int main(void)
		{
			pthread_t thread;

			if (pthread_create(&thread, NULL, work, NULL) != 0)
				return 1;
			box_new();
			lastref_leak_check();
			__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
			box_new();
			lastref_leak_check();
			return 0;
		}
	C
	with leaks=warn:settle=200 ./prog
	expect_equal "$(grep -c ' leaked, ' stderr)" 2
	expect_equal "$(grep -c 'still changing' stderr)" 1
}

# It goes through its objects for two seconds, 160 ms for each lot that it holds: more often than `settle=` has patience.
test_what_another_check_holds_meanwhile_is_no_change()
{
	cat >prog.c <<-'C'
		#include <lastref/lastref.h>
		#include <pthread.h>
		#include <semaphore.h>
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>

		struct box {
			struct lastref_count refs;
		};

		static sem_t inside;
		static __thread int is_slow;

		static void box_visit(const void *box, lastref_visitor visitor, void *context)
		{
			(void)box;
			visitor(context, "nothing", NULL);
			if (!is_slow)
				return;
			sem_post(&inside);
			usleep(5000);
		}

		LASTREF_DEFINE(box, struct box, refs, NULL, .visit = box_visit);

		static void *check(void *unused)
		{
			is_slow = 1;
			lastref_leak_check();
			pause();
			return unused;
		}

		static void print_of_main(const struct lastref_report *report, void *unused)
		{
			(void)unused;
			if (is_slow)
				return;
			if (write(STDERR_FILENO, report->message, strlen(report->message)) < 0)
				abort();
		}

		int main(void)
		{
			static struct box boxes[416];
			pthread_t thread;

			for (int i = 0; i < 416; i++)
				box_ref_init(&boxes[i]);
			lastref_set_report_handler(print_of_main, NULL);
			if (pthread_create(&thread, NULL, check, NULL) != 0)
				return 1;
			sem_wait(&inside);
			lastref_leak_check();
			_exit(0);
		}
	C
	compile prog prog.c
	with leaks=warn:settle=200 ./prog
	expect_status 0
	expect_text stderr '416 objects leaked'
	expect_no_text stderr 'still changing'
}

test_a_time_out_of_range_is_named()
{
	leaking_program prog
	with leaks=warn:settle=60001 ./prog
	expect_status 0
	expect_equal "$(wc -l <stderr)" 1
	expect_text stderr "'settle=60001' is not valid; settle is a number of milliseconds from 0 to 60000; checking is off"
	run env LASTREF=settle=-1 "$LASTREF_CMD" run -- ./prog
	expect_status 2
	expect_text stderr "'settle=-1' is not valid; settle is a number of milliseconds from 0 to 60000"
}

# Some containers do.
test_a_count_that_changes_is_seen_where_process_vm_readv_is_forbidden()
{
	box_program prog <<-'C'
		#include <errno.h>
		#include <linux/filter.h>
		#include <linux/seccomp.h>
		#include <stddef.h>
		#include <sys/prctl.h>
		#include <sys/syscall.h>

		static bool forbid(void)
		{
			struct sock_filter rules[] = {
				BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
				BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
				BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
				BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
			};
			struct sock_fprog program = { .len = 4, .filter = rules };

			return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
			       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
		}

		static void *be_busy(void *box)
		{
			for (;;) {
				box_ref(box);
				usleep(500);
			}
			return box;
		}

		int main(void)
		{
			pthread_t thread;

			if (!forbid())
				return 77;
			if (pthread_create(&thread, NULL, be_busy, box_new()) != 0)
				return 1;
			lastref_leak_check();
			_exit(0);
		}
	C
	with leaks=warn:settle=100 ./prog
	[ "$status" != 77 ] || skip "needs seccomp"
	expect_status 0
	expect_match stderr 'still changing when the check had waited 1,[0-9]* ms \(settle=\): counts of box \(box#1\)'
}

run_tests "$@"
