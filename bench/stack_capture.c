/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does a stack cost? Our capture against glibc's backtrace(), and against backtrace() with a hash table, as a checker
 * without an unwinder of its own would do it.
 *
 * The stacks have 20 frames, some of libc and none with a frame pointer (tests/support/frames.h). A figure is the difference of two
 * runs through the same calls, with the capture in the innermost frame and without it.
 *	hot		one stack, captured again and again in one loop
 *	two paths	alternates two stacks whose inner 9 frames differ, as birth and death of an object do
 *	19,683 stacks	goes in random order through so many distinct stacks: 9 branchings, three ways each
 *
 * Bytes are the growth of resident memory when each of the 19,683 is captured for the first time: nodes, hash table, cached rules.
 *
 * Exit status: 0 if the budgets are kept; 1 if not, but with --no-check 0.
 */
#include "bench/rounds.h"
#include "runtime/arena.h"
#include "runtime/stack.h"
#include "tests/support/frames.h"

#include <execinfo.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 20
#define BRANCHINGS 9
#define STACKS 19683u /* 3 to the power of BRANCHINGS */
#define ROUNDS 41
#define HASH_SIZE 65536u

enum peer { OURS, BACKTRACE, BACKTRACE_HASH, PEERS };
enum load { HOT, TWO_PATHS, MANY, LOADS };

static const char *const peer_names[PEERS] = { "lr_stack_capture()", "backtrace()",
					       "backtrace() + hash table" };
static const char *const load_names[LOADS] = { "hot", "two paths", "19,683 stacks" };

/* Captures in a round: so many that the clock's own cost does not show. */
static const unsigned int round_size[PEERS][LOADS] = {
	{ 20000, 20000, STACKS },
	{ 1000, 1000, 2000 },
	{ 1000, 1000, 2000 },
};

/* The calls that all stacks begin with. With the frames of main() and of this file they make 20 with the branchings. */
static const uint64_t outer_calls = FRAMES_SORTING | FRAMES_SEARCHING << FRAMES_BITS;
#define OUTER_CALLS 2
/* The last branching is which of three places in the innermost function captures: no call. */
#define CALLS (OUTER_CALLS + BRANCHINGS - 1)

struct stack {
	uint64_t hash;
	int count;
	void *frames[DEPTH];
};

static struct lr_stack_thread state;
static struct stack *known[HASH_SIZE];
static uint16_t order[STACKS]; /* small, so that the caches are left to what is measured */
static struct rounds rounds[PEERS][LOADS];

static enum peer peer;
static unsigned int repeats; /* captures in one visit of the innermost frame */
static volatile uint32_t sink;

/* As good as such a thing can be: no lock, and memory only for a new stack. */
static void find_or_add(void *const *frames, int count)
{
	uint64_t hash = 0;
	size_t place;

	for (int i = 0; i < count; i++) {
		hash = (hash ^ (uintptr_t)frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	for (place = hash % HASH_SIZE; known[place]; place = (place + 1) % HASH_SIZE) {
		if (known[place]->hash == hash && known[place]->count == count &&
		    memcmp(known[place]->frames, frames, (size_t)count * sizeof(*frames)) == 0)
			return;
	}
	known[place] = malloc(sizeof(*known[place]));
	if (!known[place])
		abort();
	known[place]->hash = hash;
	known[place]->count = count;
	memcpy(known[place]->frames, frames, (size_t)count * sizeof(*frames));
}

static __attribute__((noinline)) void our_leaf(struct frames *frames)
{
	struct lr_stack_start start = LR_STACK_HERE();

	(void)frames;
	for (unsigned int i = 0; i < repeats; i++)
		sink = lr_stack_capture(&state, &start);
}

static __attribute__((noinline)) void their_leaf(struct frames *frames)
{
	void *found[DEPTH];

	(void)frames;
	for (unsigned int i = 0; i < repeats; i++) {
		int count = backtrace(found, DEPTH);

		if (peer == BACKTRACE_HASH)
			find_or_add(found, count);
		sink = (uint32_t)count;
	}
}

/* Along path @number of the STACKS. */
static void visit(uint32_t number)
{
	struct frames frames = {
		.path = outer_calls,
		.left = CALLS,
		.leaf = peer == OURS ? our_leaf : their_leaf,
	};

	for (int at = OUTER_CALLS; at < OUTER_CALLS + BRANCHINGS; at++, number /= 3)
		frames.path |= (uint64_t)(number % 3) << FRAMES_BITS * at;
	frames_go(&frames);
}

/* The visits of one round, which begins at stack @from of the order. Returns ns. */
static double visit_all(enum load load, unsigned int from)
{
	unsigned int visits = load == HOT ? 1 : round_size[peer][load];
	double begin = rounds_cpu_ns();

	for (unsigned int i = 0; i < visits; i++) {
		uint32_t which = 0;

		if (load == MANY)
			which = order[(from + i) % STACKS];
		else if (load == TWO_PATHS && i % 2 != 0)
			which = STACKS - 1;
		visit(which);
	}
	return rounds_cpu_ns() - begin;
}

static void measure(enum peer peer_, enum load load, unsigned int round)
{
	unsigned int captures = round_size[peer_][load];
	double with;

	peer = peer_;
	repeats = load == HOT ? captures : 1;
	with = visit_all(load, round * captures);
	repeats = 0;
	rounds_add(&rounds[peer][load], (with - visit_all(load, round * captures)) / captures);
}

static void shuffle(void)
{
	uint64_t random = 1;

	for (uint32_t i = 0; i < STACKS; i++)
		order[i] = (uint16_t)i;
	for (uint32_t i = STACKS - 1; i > 0; i--) {
		uint32_t other = (uint32_t)(rounds_random(&random) % (i + 1));
		uint16_t last = order[i];

		order[i] = order[other];
		order[other] = last;
	}
}

static int count_frames(uint32_t site)
{
	int count = 0;

	for (; site != 0; site = lr_image_site(&lr_arena_image, site)->parent)
		count++;
	return count;
}

/* Takes each of the stacks for the first time. */
static double bytes_a_stack(void)
{
	uint32_t nodes = 0;
	double before;

	peer = OURS;
	repeats = 1;
	visit(0);
	before = rounds_resident();
	for (uint32_t i = 0; i < STACKS; i++) {
		visit(order[i]);
		nodes = sink > nodes ? sink : nodes;
	}
	printf("\n%u stacks of %d frames are %u nodes\n", STACKS, count_frames(sink), nodes);
	return (rounds_resident() - before) / STACKS;
}

static void print_table(void)
{
	printf("\n%-26s", "ns a stack");
	for (int load = 0; load < LOADS; load++)
		printf(" %26s", load_names[load]);
	printf("\n");
	for (int p = 0; p < PEERS; p++) {
		printf("%-26s", peer_names[p]);
		for (int load = 0; load < LOADS; load++) {
			struct spread ns = rounds_spread(&rounds[p][load]);

			printf(" %8.1f (%6.1f .. %6.1f)", ns.median, ns.low, ns.high);
		}
		printf("\n");
	}
	for (int p = 1; p < PEERS; p++) {
		printf("  %-24s", "times ours");
		for (int load = 0; load < LOADS; load++) {
			struct spread ratio = rounds_ratio(&rounds[p][load], &rounds[OURS][load]);

			printf(" %8.1f (%6.1f .. %6.1f)", ratio.median, ratio.low, ratio.high);
		}
		printf("  %s\n", peer_names[p]);
	}
}

static bool print_verdicts(double bytes)
{
	bool kept;

	printf("\nthe capture\n");
	kept = rounds_print_verdict("ns a stack, hot", rounds_spread(&rounds[OURS][HOT]).median,
				    "<=", 60);
	kept &= rounds_print_verdict("ns a stack, 19,683 stacks",
				     rounds_spread(&rounds[OURS][MANY]).median, "<=", 130);
	kept &= rounds_print_verdict("times faster than backtrace(), hot",
				     rounds_ratio(&rounds[BACKTRACE][HOT], &rounds[OURS][HOT]).median,
				     ">=", 25);
	kept &= rounds_print_verdict("bytes a distinct stack", bytes, "<=", 70);
	return kept;
}

int main(int argc, char **argv)
{
	double bytes;

	rounds_pin(0);
	rounds_print_machine("stack capture", ROUNDS);
	lr_arena_start(NULL);
	shuffle();
	bytes = bytes_a_stack();
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < PEERS * LOADS; i++)
			measure((enum peer)((i + round) % PEERS), (enum load)(i / PEERS), round);
	}
	print_table();
	return print_verdicts(bytes) || (argc > 1 && strcmp(argv[1], "--no-check") == 0) ? 0 : 1;
}
