/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What do the counts cost, beside those of others? ref + unref, tryref + unref, and a whole life,
 * against the two atomic instructions that no count can do without. All peers run the same loops in
 * this process, and take turns within a round.
 *
 * One object, or 256 in rotation: on one object a pair waits for the pair before it; in rotation
 * the processor may have them overlap, and a compare-exchange costs little more than an addition.
 * Two threads share the one object; in rotation each has 256 of its own.
 *
 * The not obvious thing: another thread sleeps through all of it. libstdc++ leaves the atomic
 * instructions out while a process has one thread only, which would compare something else.
 *
 * Exit status: 0 if the hot count's tryref + unref on one thread is within the goal, 1 if not; with
 * --no-check always 0.
 */
#include "bench/peers/counts.h"
#include "bench/rounds.h"

#include <lastref/lastref.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 101
#define PAIRS 100000u
#define PAIRS_OF_TWO 50000u
#define LIVES 20000u
#define GOAL 1.08

/* The first is what all others are divided by, the second is the same again. */
static const struct counts_peer *const peers[] = {
	&counts_raw,	    &counts_raw_again, &counts_hot, &counts_standard, &counts_original,
#ifdef HAVE_URCU_REF
	&counts_urcu,
#endif
#ifdef HAVE_SHARED_PTR
	&counts_shared_ptr,
#endif
};
#define PEERS (sizeof(peers) / sizeof(*peers))
#define HOT 2

enum what { REF, TRYREF, LIFE };

static const char *const what_titles[] = { "ref + unref", "tryref + unref", "create + destroy" };

struct worker {
	pthread_barrier_t *barrier;
	counts_loop *loop;
	size_t objects;
};

static void *work(void *worker_)
{
	const struct worker *worker = worker_;

	rounds_pin(1);
	pthread_barrier_wait(worker->barrier);
	/* One object is shared; of many, each thread has its own. */
	worker->loop(worker->objects > 1, worker->objects, PAIRS_OF_TWO);
	pthread_barrier_wait(worker->barrier);
	return NULL;
}

/* ns that a pair takes a thread while another runs the same loop. */
static double measure_two(counts_loop *loop, size_t objects)
{
	pthread_barrier_t barrier;
	struct worker worker = { &barrier, loop, objects };
	pthread_t thread;
	double start;
	double end;

	if (pthread_barrier_init(&barrier, NULL, 2) != 0 ||
	    pthread_create(&thread, NULL, work, &worker) != 0)
		abort();
	pthread_barrier_wait(&barrier);
	start = rounds_now_ns();
	loop(0, objects, PAIRS_OF_TWO);
	pthread_barrier_wait(&barrier);
	end = rounds_now_ns();
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	return (end - start) / PAIRS_OF_TWO;
}

static double measure_one(counts_loop *loop, size_t objects)
{
	double start = rounds_cpu_ns();

	loop(0, objects, PAIRS);
	return (rounds_cpu_ns() - start) / PAIRS;
}

static double measure_life(const struct counts_peer *peer)
{
	double start = rounds_cpu_ns();

	peer->lives(LIVES);
	return (rounds_cpu_ns() - start) / LIVES;
}

static bool takes_part(const struct counts_peer *peer, enum what what)
{
	return what != LIFE || peer->lives;
}

static double measure(const struct counts_peer *peer, enum what what, int threads, size_t objects)
{
	counts_loop *loop = what == REF ? peer->ref : peer->tryref;

	if (what == LIFE)
		return measure_life(peer);
	return threads == 1 ? measure_one(loop, objects) : measure_two(loop, objects);
}

static void print_title(enum what what, int threads, size_t objects)
{
	char title[64];

	if (what == LIFE)
		snprintf(title, sizeof(title), "%s of %d bytes", what_titles[what], COUNTS_SIZE);
	else
		snprintf(title, sizeof(title), "%s, %d thread%s, %zu object%s", what_titles[what],
			 threads, threads > 1 ? "s" : "", objects, objects > 1 ? "s" : "");
	printf("\n%-44s ns %27s\n", title, what == LIFE ? "of plain malloc" : "of the first");
}

/* Prints one table. Returns the median of the hot count's ratios. */
static double compare_peers(enum what what, int threads, size_t objects)
{
	static struct rounds rounds[PEERS];

	memset(rounds, 0, sizeof(rounds));
	for (size_t r = 0; r < ROUNDS; r++) {
		for (size_t i = 0; i < PEERS; i++) {
			/* Each comes first, and behind each other, as often. */
			size_t peer = (i + r) % PEERS;

			if (takes_part(peers[peer], what))
				rounds_add(&rounds[peer],
					   measure(peers[peer], what, threads, objects));
		}
	}
	print_title(what, threads, objects);
	for (size_t peer = 0; peer < PEERS; peer++) {
		struct spread ns = rounds_spread(&rounds[peer]);
		struct spread ratio = rounds_ratio(&rounds[peer], &rounds[0]);

		if (!takes_part(peers[peer], what))
			continue;
		printf("  %-22s %8.2f (%.2f .. %.2f)  %10.3f (%.3f .. %.3f)\n",
		       what == LIFE && peer == 0 ? "malloc, free" : peers[peer]->name, ns.median,
		       ns.low, ns.high, ratio.median, ratio.low, ratio.high);
	}
	return rounds_ratio(&rounds[HOT], &rounds[0]).median;
}

static void *sleep_until_told(void *lock)
{
	pthread_mutex_lock(lock);
	pthread_mutex_unlock(lock);
	return NULL;
}

int main(int argc, char **argv)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t sleeper;
	double one;
	double many;
	bool kept;

	lastref_set_leak_mode(LASTREF_LEAKS_OFF);
	pthread_mutex_lock(&lock);
	if (pthread_create(&sleeper, NULL, sleep_until_told, &lock) != 0)
		abort();
	for (size_t peer = 0; peer < PEERS; peer++)
		peers[peer]->start();
	rounds_pin(0);
	rounds_print_machine("counts", ROUNDS);
	compare_peers(REF, 1, 1);
	compare_peers(REF, 1, COUNTS_OBJECTS);
	one = compare_peers(TRYREF, 1, 1);
	many = compare_peers(TRYREF, 1, COUNTS_OBJECTS);
	for (enum what what = REF; what <= TRYREF; what++) {
		compare_peers(what, 2, 1);
		compare_peers(what, 2, COUNTS_OBJECTS);
	}
	compare_peers(LIFE, 1, 1);
	printf("\n");
	kept = rounds_print_verdict("hot tryref + unref of lock xadd twice, 1 object", one,
				    "<=", GOAL);
	kept = rounds_print_verdict("hot tryref + unref of lock xadd twice, 256 objects", many,
				    "<=", GOAL) &&
	       kept;
	pthread_mutex_unlock(&lock);
	pthread_join(sleeper, NULL);
	return kept || (argc > 1 && strcmp(argv[1], "--no-check") == 0) ? 0 : 1;
}
