#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs in hard surroundings: threads, forks, unloaded libraries, every way to link, sanitizers, valgrind.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

#
# Processes, threads, libraries.
#

test_where_the_kernel_cannot_order_threads_no_object_is_described_among_them()
{
	box_source <<-'C'
		#include <linux/filter.h>
		#include <linux/seccomp.h>
		#include <stddef.h>
		#include <sys/prctl.h>
		#include <sys/syscall.h>

		static int item_describe(const void *object, char *buf, size_t size)
		{
			(void)object;
			return snprintf(buf, size, "told by itself");
		}

		struct item {
			struct lastref_count refs;
		};

		LASTREF_DEFINE(item, struct item, refs, NULL, .describe = item_describe);

		static void *wait_for_ever(void *unused)
		{
			pause();
			return unused;
		}

		/* Registering for it (16) succeeds, the barrier itself (8) does not. */
		static int forbid_barriers(void)
		{
			struct sock_filter filter[] = {
				BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
				BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 3),
				BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
				BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 8, 0, 1),
				BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
				BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
			};
			struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
		}

		int main(int argc, char **argv)
		{
			static struct item item;
			pthread_t thread;

			(void)argv;
			if (argc > 1 && forbid_barriers() != 0)
				return 77;
			if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
				return 1;
			item_ref_init(&item);
			return 0;
		}
	C
	compile prog box.c
	with leaks=warn ./prog
	expect_match stderr 'item#1 .*told by itself'
	with leaks=warn ./prog forbidden
	[ "$status" != 77 ] || skip "needs seccomp"
	expect_status 0
	expect_text stderr 'item#1'
	expect_no_text stderr 'told by itself'
}

test_an_event_in_a_handler_that_interrupted_the_library_does_not_wait_for_it()
{
	box_program prog <<-'C'
		#include <signal.h>
		#include <sys/time.h>

		static struct box *shared;
		static volatile sig_atomic_t times;

		static void on_tick(int number)
		{
			(void)number;
			box_unref(box_ref(shared));
			times++;
		}

		/* A new stack for nearly each path, so the library often adds to what it keeps. */
		__attribute__((noinline)) static int go(unsigned int path, int left)
		{
			if (left == 0) {
				box_unref(box_new());
				return 1;
			}
			if (path & 1)
				return go(path >> 1, left - 1) + 1;
			return go(path >> 1, left - 1) + 2;
		}

		int main(void)
		{
			struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
			struct itimerval often = { { 0, 100 }, { 0, 100 } };
			unsigned int sum = 0;

			shared = box_new();
			sigaction(SIGALRM, &action, NULL);
			setitimer(ITIMER_REAL, &often, NULL);
			for (unsigned int path = 1; times < 3000; path = path * 1664525u + 1013904223u)
				sum += (unsigned int)go(path >> 4, 20);
			setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
			box_unref(shared);
			return sum == 0;
		}
	C
	local status=0
	LASTREF=leaks=warn:log=box timeout 60 ./prog 2>/dev/null || status=$?
	expect_equal "$status" 0
}

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
# A handler may have interrupted malloc, so it must not be called there: not by a thread that is new to the
# runtime either, in a program that has used up the keys of threads for which libc needs none.
test_the_first_event_of_a_thread_may_be_that_of_a_handler_and_allocates_nothing()
{
	box_program prog <<-'C'
		#include <signal.h>

		static struct box *shared;
		static volatile sig_atomic_t is_in_handler;

		void *calloc(size_t count, size_t size)
		{
			void *memory = is_in_handler ? NULL : malloc(count * size);

			if (is_in_handler && write(STDERR_FILENO, "calloc in a handler\n", 20) > 0)
				_exit(1);
			return memory ? memset(memory, 0, count * size) : NULL;
		}

		static void on_signal(int number)
		{
			(void)number;
			is_in_handler = 1;
			box_ref(shared);
			is_in_handler = 0;
		}

		static void *interrupted(void *unused)
		{
			raise(SIGUSR1);
			return unused;
		}

		int main(void)
		{
			pthread_key_t key;
			pthread_t thread;

			for (int i = 0; i < 40; i++)
				pthread_key_create(&key, NULL);
			signal(SIGUSR1, on_signal);
			shared = box_new();
			return pthread_create(&thread, NULL, interrupted, NULL) != 0 ||
			       pthread_join(thread, NULL) != 0;
		}
	C
	run env LASTREF=leaks=warn:log=box:output=log LASTREF_COMMAND= ./prog
	expect_status 0
	expect_text log '] ref to 2 [thread '
}

run_tests "$@"
