/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many events a second does the event log take, with 20 frames a stack and 1,000 distinct stacks, into a file on disk?
 *
 * The events are those of a template type: ref, tryref and two times unref at the end of each of 250 paths through the same two calls,
 * taken in random order. In a round everybody goes through them, into an empty file:
 *	one thread	the main thread alone
 *	two threads	both at once, each with an object of its own; their stacks are the same 1,000
 *	first visit	in a child that has logged nothing yet, so that each of its stacks is written in full, with file and line if PATH has
 *			the command
 *
 * The first in the thread's own CPU time, in which what the kernel does for a line is contained; the others in wall time. The program starts
 * itself anew with LASTREF set, in the folder that TMPDIR names, or in that it was started in.
 *
 * Exit status: 0 if the goal is kept; 1 if not, but with --no-check 0.
 */
#include "bench/rounds.h"

#include <lastref/lastref.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATHS 250u
#define OPERATIONS 4u /* at the end of a path */
#define SITES (PATHS * OPERATIONS)
#define CALLS                                                                                      \
	16 /* with those around them they make 20 frames of the program, main() or a thread's first included */
#define BRANCHINGS 8 /* innermost calls that are one of two: 256 paths */
#define VISITS 10000u
#define ROUNDS 21
#define GOAL 200000.0

enum peer { ONE_THREAD, TWO_THREADS, FIRST_VISIT, PEERS };

static const char *const peer_names[PEERS] = { "one thread", "two threads", "first visit of a stack" };

struct item {
	struct lastref_count refs;
};

LASTREF_DEFINE(item, struct item, refs, NULL, .log = true);

static struct rounds rounds[PEERS]; /* events a second */
static const char *log_name = "lastref-bench.log";
static volatile unsigned int sink;

static __attribute__((noinline)) void leaf(struct item *item)
{
	item_ref(item);
	item_unref(item);
	if (item_tryref(item))
		item_unref(item);
}

/* Not a tail call, so that every call is a frame. */
static __attribute__((noinline)) unsigned int go(struct item *item, unsigned int path, int left)
{
	if (left == 0) {
		leaf(item);
		return 0;
	}
	if (left <= BRANCHINGS && (path >> (left - 1) & 1) != 0)
		return go(item, path, left - 1) + 1;
	return go(item, path, left - 1) + 2;
}

static __attribute__((noinline)) void visit_all(struct item *item, unsigned int visits, bool in_order)
{
	uint64_t state = 1;

	for (unsigned int i = 0; i < visits; i++)
		sink = go(item, in_order ? i : (unsigned int)rounds_random(&state) % PATHS, CALLS);
}

static void *run_thread(void *unused)
{
	static int threads;
	struct item item;

	rounds_pin(__atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED) % 2);
	item_ref_init(&item);
	visit_all(&item, VISITS, false);
	item_unref(&item);
	return unused;
}

static void run_two_threads(void)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, run_thread, NULL) != 0)
			abort();
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/* In a child nothing is known: neither stacks nor names. */
static double first_visit(struct item *item)
{
	double *took =
		mmap(NULL, sizeof(*took), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = took == MAP_FAILED ? -1 : fork();
	double result;

	if (child == 0) {
		double begin = rounds_now_ns();

		visit_all(item, PATHS, true);
		*took = rounds_now_ns() - begin;
		_exit(0);
	}
	if (child < 0 || waitpid(child, NULL, 0) != child)
		abort();
	result = *took;
	munmap(took, sizeof(*took));
	return result;
}

static void run_round(enum peer peer, struct item *item)
{
	double events = VISITS * OPERATIONS;
	double begin;

	if (truncate(log_name, 0) != 0)
		abort();
	if (peer == FIRST_VISIT) {
		rounds_add(&rounds[peer], SITES / first_visit(item) * 1e9);
	} else if (peer == TWO_THREADS) {
		begin = rounds_now_ns();
		run_two_threads();
		rounds_add(&rounds[peer], 2 * events / (rounds_now_ns() - begin) * 1e9);
	} else {
		begin = rounds_cpu_ns();
		visit_all(item, VISITS, false);
		rounds_add(&rounds[peer], events / (rounds_cpu_ns() - begin) * 1e9);
	}
}

/* Return: whether the goal is kept. */
static bool print_results(void)
{
	bool one, two;

	for (int i = 0; i < PEERS; i++) {
		struct spread spread = rounds_spread(&rounds[i]);

		printf("  %-24s %9.0f events/s (%.0f to %.0f)   %5.2f us an event\n", peer_names[i],
		       spread.median, spread.low, spread.high, 1e6 / spread.median);
	}
	one = rounds_print_verdict("events a second, one thread",
				   rounds_spread(&rounds[ONE_THREAD]).median, ">=", GOAL);
	two = rounds_print_verdict("events a second, two threads",
				   rounds_spread(&rounds[TWO_THREADS]).median, ">=", GOAL);
	return one && two;
}

static void start_anew(char **argv)
{
	const char *folder = getenv("TMPDIR");

	if (folder && chdir(folder) != 0)
		abort();
	setenv("LASTREF", "leaks=warn:output=lastref-bench.log", 1);
	execv("/proc/self/exe", argv);
	abort();
}

int main(int argc, char **argv)
{
	bool check = argc < 2 || strcmp(argv[1], "--no-check") != 0;
	static struct item item;
	bool kept;

	if (!getenv("LASTREF"))
		start_anew(argv);
	rounds_pin(0);
	item_ref_init(&item);
	for (int i = 0; i < PEERS; i++)
		run_round((enum peer)i, &item);
	memset(rounds, 0, sizeof(rounds));
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < PEERS; i++)
			run_round((enum peer)((i + round) % PEERS), &item);
	}
	item_unref(&item);
	rounds_print_machine("event_log: lines into a file, 20 frames, 1,000 stacks", ROUNDS);
	kept = print_results();
	unlink(log_name);
	return !kept && check;
}
