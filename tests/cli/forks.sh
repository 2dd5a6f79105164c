#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs that fork where it hurts, are canceled, or run out of memory: checking must neither harm nor accuse them.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/programs.sh"

test_a_destructor_may_fork()
{
	compile prog - <<-'C'
		#include <lastref/lastref.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>

		struct box {
			struct lastref_count refs;
		};

		static void box_destroy(struct box *box)
		{
			int status = 0;

			if (fork() > 0 && (wait(&status) < 0 || status != 0))
				abort();
			free(box);
		}

		LASTREF_DEFINE(box, struct box, refs, box_destroy);

		int main(void)
		{
			struct box *box = malloc(sizeof(*box));

			box_ref_init(box);
			box_unref(box);
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_empty stderr
}

test_a_visit_may_fork_while_the_check_at_exit_asks_it()
{
	compile prog - <<-'C'
		#include <lastref/lastref.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>

		struct box {
			struct lastref_count refs;
			struct box *next;
		};

		static struct box *box_new(struct box *next);

		static void box_visit(const void *box, lastref_visitor visitor, void *context)
		{
			static int forked;

			if (!forked++ && fork() == 0)
				box_new(NULL);
			/* Nothing, in the child. */
			wait(NULL);
			visitor(context, "next", ((const struct box *)box)->next);
		}

		LASTREF_DEFINE(box, struct box, refs, NULL, .visit = box_visit);

		static struct box *box_new(struct box *next)
		{
			struct box *box = calloc(1, sizeof(*box));

			box_ref_init(box);
			box->next = next;
			return box;
		}

		int main(void)
		{
			struct box *box = NULL;

			for (int i = 0; i < 100; i++)
				box = box_new(box);
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_text stderr '100 objects leaked'
	expect_text stderr '1 object leaked'
	run "$LASTREF_CMD" run -- ./prog
	expect_status 23
	expect_text stderr '100 objects leaked'
	expect_text stderr '1 object leaked'
}

test_a_child_may_register_where_its_parents_object_was()
{
	compile prog - <<-'C'
		#include <lastref/lastref.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>

		static const struct lastref_type route_type = LASTREF_TYPE("route", int);

		int main(void)
		{
			static int route;
			int status;

			lastref_register(&route_type, &route);
			if (fork() == 0) {
				lastref_register(&route_type, &route);
				lastref_unregister(&route_type, &route);
				_exit(0);
			}
			if (wait(&status) < 0 || status != 0)
				abort();
			lastref_unregister(&route_type, &route);
			return 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_empty stderr
}

test_what_the_parent_did_not_know_the_child_does_not_know_either()
{
	compile prog - <<-'C'
		#include <lastref/lastref.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>

		static const struct lastref_type route_type = LASTREF_TYPE("route", int);

		int main(void)
		{
			static int route;
			int status;

			lastref_register(&route_type, &route);
			lastref_set_leak_mode(LASTREF_LEAKS_WARN);
			if (fork() == 0) {
				lastref_unregister(&route_type, &route);
				_exit(0);
			}
			if (wait(&status) < 0 || status != 0)
				abort();
			return 0;
		}
	C
	run ./prog
	expect_status 0
}

test_the_child_of_a_fork_without_handlers_leaves_its_parents_records_alone()
{
	compile prog - <<-'C'
		#define _GNU_SOURCE
		#include <lastref/lastref.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>

		struct box {
			struct lastref_count refs;
		};

		LASTREF_DEFINE(box, struct box, refs, NULL);

		int main(void)
		{
			struct box *box = malloc(sizeof(*box));
			int status;

			box_ref_init(box);
			if (_Fork() == 0) {
				box_unref(box);
				exit(0);
			}
			return wait(&status) < 0 || status != 0;
		}
	C
	run "$LASTREF_CMD" run -- ./prog
	expect_status 23
	expect_text stderr 'lastref: 1 object leaked'
}

test_a_fork_handler_of_the_program_may_make_objects()
{
	box_program prog -pthread <<-'C'
		static volatile int stop;

		static void churn(void)
		{
			for (int i = 0; i < 200; i++)
				box_unref(box_new());
		}

		static void *churn_on(void *unused)
		{
			while (!stop)
				churn();
			return unused;
		}

		int main(void)
		{
			pthread_t threads[2];
			int status;

			pthread_atfork(NULL, NULL, churn);
			lastref_set_leak_mode(LASTREF_LEAKS_WARN);
			for (int i = 0; i < 2; i++)
				pthread_create(&threads[i], NULL, churn_on, NULL);
			for (int i = 0; i < 100; i++) {
				if (fork() == 0) {
					alarm(20);
					churn();
					_exit(0);
				}
				if (wait(&status) < 0 || status != 0)
					abort();
			}
			stop = 1;
			for (int i = 0; i < 2; i++)
				pthread_join(threads[i], NULL);
			return 0;
		}
	C
	run ./prog
	expect_status 0
	expect_empty stderr
	run "$LASTREF_CMD" run -- ./prog
	expect_status 0
}

# A thread that is canceled before it makes objects, in a loop without any point where that may end it.
test_making_objects_is_no_cancellation_point()
{
	box_program prog -pthread <<-'C'
		static struct box pool[100000];
		static pthread_barrier_t begin;
		static int done;

		static void *work(void *unused)
		{
			pthread_barrier_wait(&begin);
			for (int i = 0; i < 100000; i++)
				box_ref_init(&pool[i]);
			for (int i = 0; i < 100000; i++)
				box_unref_with(&pool[i], NULL, NULL);
			done = 1;
			return unused;
		}

		int main(void)
		{
			pthread_t thread;

			pthread_barrier_init(&begin, NULL, 2);
			pthread_create(&thread, NULL, work, NULL);
			pthread_cancel(thread);
			pthread_barrier_wait(&begin);
			pthread_join(thread, NULL);
			return !done;
		}
	C
	run "$LASTREF_CMD" run -- ./prog
	expect_status 0
}

test_a_logged_ref_is_no_cancellation_point()
{
	box_program prog -pthread <<-'C'
		static pthread_barrier_t begin;
		static struct box box;
		static int done;

		static void *work(void *unused)
		{
			pthread_barrier_wait(&begin);
			box_ref(&box);
			box_unref(&box);
			done = 1;
			return unused;
		}

		int main(void)
		{
			pthread_t thread;

			box_ref_init(&box);
			pthread_barrier_init(&begin, NULL, 2);
			pthread_create(&thread, NULL, work, NULL);
			pthread_cancel(thread);
			pthread_barrier_wait(&begin);
			pthread_join(thread, NULL);
			return !done || box_ref_count(&box) != 1;
		}
	C
	with leaks=warn:log=box ./prog
	expect_status 0
	expect_text stderr '] unref to 1'
}

# death_without_memory TYPE-OF-DEATH: a thread that is new to the runtime ends an object when there is no memory left.
death_without_memory()
{
	box_program prog -pthread "$1" <<-'C'
		#include <sys/resource.h>

		static const struct lastref_type route_type = LASTREF_TYPE("route", int);
		static volatile int begin, done;
		static struct box box;
		static int route;

		static void *work(void *unused)
		{
			while (!begin)
				usleep(1000);
			if (BY_HAND)
				lastref_unregister(&route_type, &route);
			else
				box_unref_with(&box, NULL, NULL);
			done = 1;
			return unused;
		}

		int main(void)
		{
			struct rlimit before, none;
			pthread_t thread;

			if (BY_HAND)
				lastref_register(&route_type, &route);
			else
				box_ref_init(&box);
			pthread_create(&thread, NULL, work, NULL);
			usleep(10000);
			getrlimit(RLIMIT_AS, &before);
			none = before;
			none.rlim_cur = 1 << 20;
			setrlimit(RLIMIT_AS, &none);
			begin = 1;
			while (!done)
				usleep(1000);
			setrlimit(RLIMIT_AS, &before);
			pthread_join(thread, NULL);
			if (BY_HAND) {
				lastref_register(&route_type, &route);
				lastref_unregister(&route_type, &route);
			}
			return lastref_live_objects() != 0;
		}
	C
	with leaks=warn ./prog
	expect_status 0
	expect_no_text stderr leaked
}

test_an_object_dies_without_memory()
{
	death_without_memory -DBY_HAND=0
}

test_a_hand_registered_object_dies_without_memory()
{
	death_without_memory -DBY_HAND=1
}

run_tests "$@"
