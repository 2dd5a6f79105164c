/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does a ref and an unref cost while checking is off? The template against the bare atomic instructions that no counter can
 * do without: a pair of `lock xadd`, and for tryref `lock cmpxchg` with `lock xadd`. The bare loop stands against itself too, in a
 * second copy: so much of a ratio is noise.
 *
 * The code of each loop begins at a cache line, and loops take turns within a round. One object, or 256 in rotation: on one object
 * a pair waits for the pair before it, in a rotation the processor may have them overlap. Two threads share the one object, which is
 * the worst there is; in rotation each has 256 of its own. A turn takes a millisecond, so that the machine's slow and fast
 * moments fall on all loops of a round.
 *
 * `hot_path --count LOOP PAIRS` only runs a loop, for a count of its instructions (bench/instructions.sh).
 *
 * Exit status: 0 if ref + unref on one thread is within the goal, 1 if not; with --no-check always 0.
 */
#include "bench/rounds.h"

#include <lastref/lastref.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 101
#define OBJECTS 256
#define PAIRS 100000u
#define PAIRS_OF_TWO 50000u
#define GOAL 1.08

struct box {
	struct lastref_count refs;
} __attribute__((aligned(64)));

LASTREF_DEFINE(box, struct box, refs, NULL);

enum loop { BARE, BARE_AGAIN, TEMPLATE, BARE_TRY, TEMPLATE_TRY, LOOPS };

static const char *const loop_names[LOOPS] = { "bare", "bare-again", "template", "bare-try",
					       "template-try" };
static const char *const loop_titles[LOOPS] = {
	"lock xadd + lock xadd",    "the same loop again", "ref + unref",
	"lock cmpxchg + lock xadd", "tryref + unref",
};
/* What a loop's figures are divided by. */
static const enum loop loop_peers[LOOPS] = { BARE, BARE, BARE, BARE_TRY, BARE_TRY };

static struct box boxes[2][OBJECTS];

static inline __attribute__((always_inline)) void bare_add(struct box *box, int32_t step)
{
#if defined(__x86_64__)
	__asm__ volatile("lock xaddl %0, %1"
			 : "+r"(step), "+m"(box->refs.count)
			 :
			 : "memory", "cc");
#else
	*(volatile int32_t *)&step = __atomic_fetch_add(&box->refs.count, step, __ATOMIC_RELEASE);
#endif
}

/* No test of the value: only what the instruction itself needs, a load and a loop. */
static inline __attribute__((always_inline)) void bare_try(struct box *box)
{
	int32_t old = __atomic_load_n(&box->refs.count, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(&box->refs.count, &old, old + 1, true, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED))
		;
}

static inline __attribute__((always_inline)) void pair(enum loop loop, struct box *box)
{
	switch (loop) {
	case TEMPLATE:
		box_ref(box);
		box_unref(box);
		break;
	case TEMPLATE_TRY:
		/* The reference there already keeps the object, so the test that a caller makes is left out. */
		box_tryref(box);
		box_unref(box);
		break;
	case BARE_TRY:
		bare_try(box);
		bare_add(box, -1);
		break;
	default:
		bare_add(box, 1);
		bare_add(box, -1);
	}
}

static inline __attribute__((always_inline)) void pairs(enum loop loop, struct box *mine,
							size_t objects, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		pair(loop, &mine[i & (objects - 1)]);
}

#define LOOP_FUNCTION __attribute__((noinline, aligned(64))) static void

LOOP_FUNCTION go_bare(struct box *mine, size_t objects, uint64_t count)
{
	pairs(BARE, mine, objects, count);
}

/* The empty instruction keeps the compiler from making one function of the two. */
LOOP_FUNCTION go_bare_again(struct box *mine, size_t objects, uint64_t count)
{
	__asm__ volatile("");
	pairs(BARE_AGAIN, mine, objects, count);
}

LOOP_FUNCTION go_template(struct box *mine, size_t objects, uint64_t count)
{
	pairs(TEMPLATE, mine, objects, count);
}

LOOP_FUNCTION go_bare_try(struct box *mine, size_t objects, uint64_t count)
{
	pairs(BARE_TRY, mine, objects, count);
}

LOOP_FUNCTION go_template_try(struct box *mine, size_t objects, uint64_t count)
{
	pairs(TEMPLATE_TRY, mine, objects, count);
}

static void (*const loops[LOOPS])(struct box *mine, size_t objects, uint64_t count) = {
	go_bare, go_bare_again, go_template, go_bare_try, go_template_try,
};

struct worker {
	pthread_barrier_t *barrier;
	enum loop loop;
	size_t objects;
	int core;
};

static void *work(void *worker_)
{
	const struct worker *worker = worker_;

	rounds_pin(worker->core);
	pthread_barrier_wait(worker->barrier);
	/* One object is shared; of many, each thread has its own. */
	loops[worker->loop](boxes[worker->objects > 1], worker->objects, PAIRS_OF_TWO);
	pthread_barrier_wait(worker->barrier);
	return NULL;
}

/* ns that a pair takes a thread while another runs the same loop. */
static double measure_two(enum loop loop, size_t objects)
{
	pthread_barrier_t barrier;
	struct worker worker = { &barrier, loop, objects, 1 };
	pthread_t thread;
	double start;
	double end;

	if (pthread_barrier_init(&barrier, NULL, 2) != 0 ||
	    pthread_create(&thread, NULL, work, &worker) != 0)
		abort();
	pthread_barrier_wait(&barrier);
	start = rounds_now_ns();
	loops[loop](boxes[0], objects, PAIRS_OF_TWO);
	pthread_barrier_wait(&barrier);
	end = rounds_now_ns();
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	return (end - start) / PAIRS_OF_TWO;
}

static double measure_one(enum loop loop, size_t objects)
{
	double start = rounds_cpu_ns();

	loops[loop](boxes[0], objects, PAIRS);
	return (rounds_cpu_ns() - start) / PAIRS;
}

/* Prints one table. Returns the median of ref + unref's ratios. */
static double compare_loops(int threads, size_t objects)
{
	static struct rounds rounds[LOOPS];

	memset(rounds, 0, sizeof(rounds));
	for (int r = 0; r < ROUNDS; r++) {
		for (int i = 0; i < LOOPS; i++) {
			/* Each comes first, and behind each other, as often. */
			enum loop loop = (enum loop)((i + r) % LOOPS);

			rounds_add(&rounds[loop], threads == 1 ? measure_one(loop, objects) :
								 measure_two(loop, objects));
		}
	}
	printf("\n%d thread%s, %3zu object%s %19s ns a pair %22s\n", threads,
	       threads > 1 ? "s" : " ", objects, objects > 1 ? "s" : " ", "", "of the bare loop");
	for (int loop = 0; loop < LOOPS; loop++) {
		struct spread ns = rounds_spread(&rounds[loop]);
		struct spread ratio = rounds_ratio(&rounds[loop], &rounds[loop_peers[loop]]);

		printf("  %-26s %8.2f (%.2f .. %.2f)  %10.3f (%.3f .. %.3f)\n", loop_titles[loop],
		       ns.median, ns.low, ns.high, ratio.median, ratio.low, ratio.high);
	}
	return rounds_ratio(&rounds[TEMPLATE], &rounds[BARE]).median;
}

static int run_loop(const char *name, const char *pairs_text)
{
	for (int loop = 0; loop < LOOPS; loop++) {
		if (strcmp(name, loop_names[loop]) == 0) {
			loops[loop](boxes[0], 1, strtoull(pairs_text, NULL, 10));
			return 0;
		}
	}
	fprintf(stderr, "hot_path: no loop %s\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	double one;
	double many;
	bool kept;

	lastref_set_leak_mode(LASTREF_LEAKS_OFF);
	for (size_t i = 0; i < OBJECTS; i++) {
		box_ref_init(&boxes[0][i]);
		box_ref_init(&boxes[1][i]);
	}
	if (argc == 4 && strcmp(argv[1], "--count") == 0)
		return run_loop(argv[2], argv[3]);
	rounds_pin(0);
	rounds_print_machine("hot_path", ROUNDS);
	one = compare_loops(1, 1);
	many = compare_loops(1, OBJECTS);
	compare_loops(2, 1);
	compare_loops(2, OBJECTS);
	printf("\n");
	kept = rounds_print_verdict("ref + unref of the bare pair, 1 object", one, "<=", GOAL);
	kept = rounds_print_verdict("ref + unref of the bare pair, 256 objects", many, "<=", GOAL) &&
	       kept;
	return kept || (argc > 1 && strcmp(argv[1], "--no-check") == 0) ? 0 : 1;
}
