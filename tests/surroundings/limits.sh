#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# More than there is a number or memory for: types, threads. Counting stays right, and the report says what is missing.

. "$(dirname "$0")/../support/tap.sh"

# The types of LASTREF_DEFINE() are told apart by their names, so a descriptor made at run time is as good.
many_types()
{
	compile types - -D_GNU_SOURCE <<-'C'
		#include <lastref/lastref.h>
		#include <stdio.h>
		#include <stdlib.h>

		static int routes[70000];

		int main(int argc, char **argv)
		{
			int wanted = argc > 1 ? atoi(argv[1]) : 0;
			struct lastref_type *types = calloc((size_t)wanted, sizeof(*types));

			for (int i = 0; i < wanted; i++) {
				char *name;

				if (asprintf(&name, "type%d", i) < 0)
					return 1;
				types[i] = (struct lastref_type){ .name = name, .c_type = "int", .size = sizeof(int) };
				lastref_register(&types[i], &routes[i]);
			}
			printf("%zu live\n", lastref_live_objects());
			for (int i = 1; i < wanted; i++)
				lastref_unregister(&types[i], &routes[i]);
			printf("%zu left\n", lastref_live_objects());
			return 0;
		}
	C
}

test_every_number_for_a_type_can_be_used()
{
	many_types
	LASTREF=leaks=warn LASTREF_COMMAND='' run ./types 65535
	expect_status 0
	expect_text stdout '65535 live'
	expect_text stdout '1 left'
	expect_text stderr 'lastref: 1 object leaked'
	expect_no_text stderr 'note:'
}

test_objects_of_types_beyond_the_last_number_are_counted_as_lost()
{
	many_types
	LASTREF=leaks=warn LASTREF_COMMAND='' run ./types 65545
	expect_status 0
	expect_text stdout '65535 live'
	expect_text stdout '1 left'
	expect_text stderr 'lastref: 1 object leaked'
	expect_text stderr 'note: 10 objects had types beyond the 65,535th and were not registered'
	expect_text stderr 'note: 10 unregistered objects were not known'
	run "$LASTREF_CMD" run -o image -- ./types 65545
	expect_status 23
	run timeout 30 "$LASTREF_CMD" report image
	expect_status 1
	expect_text stdout 'and 65,5'
	expect_text stdout 'note: 10 objects had types beyond the 65,535th'
}

# Many threads at once, with as much memory as there is, or with too little for the library to have something of each.
test_more_threads_than_there_is_memory_for_count_right()
{
	compile threads - <<-'C'
		#include <lastref/lastref.h>
		#include <pthread.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/mman.h>
		#include <sys/resource.h>

		#define THREADS 1000

		struct box {
			struct lastref_count refs;
		};

		static int destroyed;

		static void box_destroy(struct box *box)
		{
			(void)box;
			__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
		}

		LASTREF_DEFINE(box, struct box, refs, box_destroy);

		static struct box boxes[THREADS];
		static struct box kept[THREADS];
		static pthread_barrier_t all_run;

		static void *work(void *number)
		{
			struct box *box = &boxes[(size_t)number];

			/* The library meets a thread at its first birth. */
			pthread_barrier_wait(&all_run);
			box_ref_init(box);
			box_ref_init(&kept[(size_t)number]);
			pthread_barrier_wait(&all_run);
			box_ref(box);
			box_unref(box);
			box_unref(box);
			return NULL;
		}

		/* From here on there is room for about @pages more. */
		static void limit(size_t pages)
		{
			struct rlimit now = { 0, RLIM_INFINITY };
			size_t used = 0;
			FILE *statm = fopen("/proc/self/statm", "r");

			if (!statm || fscanf(statm, "%zu", &used) != 1)
				abort();
			fclose(statm);
			now.rlim_cur = (used + pages) * 4096;
			if (setrlimit(RLIMIT_AS, &now) != 0)
				abort();
		}

		int main(int argc, char **argv)
		{
			static pthread_t threads[THREADS];
			pthread_attr_t attributes;

			pthread_attr_init(&attributes);
			pthread_attr_setstacksize(&attributes, 64 * 1024);
			pthread_barrier_init(&all_run, NULL, THREADS + 1);
			for (size_t i = 0; i < THREADS; i++)
				if (pthread_create(&threads[i], &attributes, work, (void *)i) != 0)
					return 77;
			if (argc > 1)
				limit((size_t)atoi(argv[1]));
			pthread_barrier_wait(&all_run);
			pthread_barrier_wait(&all_run);
			for (size_t i = 0; i < THREADS; i++)
				pthread_join(threads[i], NULL);
			printf("%d destroyed\n", destroyed);
			for (int i = 0; i < THREADS; i++)
				if (box_ref_count(&kept[i]) != 1)
					return 2;
			return 0;
		}
	C
	LASTREF=leaks=warn LASTREF_COMMAND='' run ./threads
	[ "$status" != 77 ] || skip "needs 1,000 threads"
	expect_status 0
	expect_text stdout '1000 destroyed'
	expect_text stderr 'lastref: 1,000 objects leaked'
	expect_no_text stderr 'note:'
	for pages in 0 100 1000 3000; do
		LASTREF=leaks=warn LASTREF_COMMAND='' run ./threads $pages
		expect_status 0
		expect_text stdout '1000 destroyed'
		grep -qE '^lastref: 1,000 objects leaked' stderr ||
			expect_match stderr '^note: [0-9,]+ objects? could not be registered for lack of memory'
	done
}

run_tests "$@"
