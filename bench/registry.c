/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does it cost to know every live object? A pair is one object registered and unregistered; ours against other ways to keep
 * such a registry (peers/), all in one process, taking turns within a round.
 *	lifo		nothing else is live, and the same object comes and goes
 *	1e5, 1e6	so many are live; one at random goes and comes again, as when malloc() gives its memory out anew
 *	2 threads	1e5 are live, half of them each thread's own; wall time of a pair in each thread
 *	B/object	by how much the resident memory of a process that registers 1e6 objects grows
 *	worst pause	of those 1e6 registrations, the slowest; the best of the rounds, since a pause of the registry's own
 *			comes in each of them, and one that the machine made does not
 * Single-threaded figures are thread CPU time, so that other programs on the machine show as little as can be. The rows under "lastref" take two stacks a pair, which no other does; the
 * budgets are for the registry alone.
 *
 * `registry --count PEER PAIRS` only runs lifo, for a count of its instructions (bench/instructions.sh).
 *
 * Exit status: 0 if within the budgets, 1 if not; with --no-check always 0.
 */
#include "bench/peers/peer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 21
#define FORKED_ROUNDS 5
#define FEW 100000u
#define MANY 1000000u
#define LIFO_PAIRS 100000u
#define RANDOM_PAIRS 100000u
#define THREAD_PAIRS 50000u /* not more than the half of FEW */

enum column { LIFO, AT_FEW, AT_MANY, TWO_THREADS, BYTES, PAUSE, COLUMNS };

static const char *const column_names[COLUMNS] = { "lifo",	"1e5 live", "1e6 live",
						   "2 threads", "B/object", "worst pause" };

static const struct peer *const peers[] = {
	&peer_none,    &peer_registry,	&peer_template,
	&peer_by_hand, &peer_mutex_map, &peer_sharded_map,
#ifdef HAVE_LFHT
	&peer_lfht,
#endif
};

#define PEERS (sizeof(peers) / sizeof(peers[0]))
#define NONE 0
#define OURS 1
#define MUTEX_MAP 4

static const char *const short_names[] = { "none",	"registry",    "template", "by-hand",
					   "mutex-map", "sharded-map", "lfht" };

static struct object *objects;
static uint32_t few_order[FEW];
static uint32_t half_order[FEW / 2];
static uint32_t many_order[MANY];
static struct rounds rounds[PEERS][COLUMNS];

static void make_order(uint32_t *order, uint32_t count)
{
	uint64_t state = count;

	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	for (uint32_t i = count - 1; i > 0; i--) {
		uint32_t other = (uint32_t)(rounds_random(&state) % (i + 1));
		uint32_t kept = order[i];

		order[i] = order[other];
		order[other] = kept;
	}
}

/* In a child, so that each time the registry begins empty. */
static void grow_in_child(const struct peer *peer, double *result)
{
	double before;

	peer->start();
	peer->lifo(&objects[0], 1);
	before = rounds_resident();
	result[1] = peer->fill(objects, MANY, true) / 1e6;
	result[0] = (rounds_resident() - before) / MANY;
	_exit(0);
}

static void measure_growth(const struct peer *peer, struct rounds *row)
{
	double *result = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t child;

	if (result == MAP_FAILED)
		abort();
	fflush(stdout);
	child = fork();
	if (child == 0)
		grow_in_child(peer, result);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		abort();
	rounds_add(&row[BYTES], result[0]);
	rounds_add(&row[PAUSE], result[1]);
	munmap(result, 4096);
}

static double measure_lifo(const struct peer *peer)
{
	double start = rounds_cpu_ns();

	peer->lifo(&objects[MANY], LIFO_PAIRS);
	return (rounds_cpu_ns() - start) / LIFO_PAIRS;
}

static double measure_random(const struct peer *peer, const uint32_t *order, uint32_t live, int round)
{
	uint32_t turns = live / RANDOM_PAIRS;
	double start = rounds_cpu_ns();

	peer->random(objects, order + (uint32_t)round % turns * RANDOM_PAIRS, RANDOM_PAIRS);
	return (rounds_cpu_ns() - start) / RANDOM_PAIRS;
}

struct worker {
	const struct peer *peer;
	pthread_barrier_t *barrier;
	struct object *objects;
	int core;
	double start;
	double end;
};

static void *work(void *worker_)
{
	struct worker *worker = worker_;

	rounds_pin(worker->core);
	worker->peer->enter();
	/* The thread's first call sets up what the peer keeps of a thread. */
	worker->peer->random(worker->objects, half_order, 1);
	pthread_barrier_wait(worker->barrier);
	worker->start = rounds_now_ns();
	worker->peer->random(worker->objects, half_order, THREAD_PAIRS);
	worker->end = rounds_now_ns();
	worker->peer->leave();
	return NULL;
}

static double measure_two_threads(const struct peer *peer)
{
	pthread_barrier_t barrier;
	pthread_t threads[2];
	struct worker workers[2];
	double start;
	double end;

	if (pthread_barrier_init(&barrier, NULL, 2) != 0)
		abort();
	for (int i = 0; i < 2; i++) {
		workers[i] = (struct worker){ peer, &barrier, &objects[(uint32_t)i * (FEW / 2)],
					      i,    0,	      0 };
		if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
			abort();
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	/* From the first one's start to the last one's end, as somebody who waits for both has it. */
	start = workers[0].start < workers[1].start ? workers[0].start : workers[1].start;
	end = workers[0].end > workers[1].end ? workers[0].end : workers[1].end;
	return (end - start) / THREAD_PAIRS;
}

static void *idle(void *unused)
{
	while (!unused)
		pause();
	return unused;
}

/* libc leaves out the atomic instructions of a mutex in a program that never had a second thread: not what is asked here. */
static void start_idle_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, idle, NULL) != 0)
		abort();
}

static double measure(enum column column, const struct peer *peer, int round)
{
	switch (column) {
	case LIFO:
		return measure_lifo(peer);
	case AT_FEW:
		return measure_random(peer, few_order, FEW, round);
	case TWO_THREADS:
		return measure_two_threads(peer);
	default:
		return measure_random(peer, many_order, MANY, round);
	}
}

static void run_rounds(enum column column)
{
	for (int r = 0; r < ROUNDS; r++) {
		for (size_t i = 0; i < PEERS; i++) {
			size_t p = (i + (size_t)r) % PEERS;

			rounds_add(&rounds[p][column], measure(column, peers[p], r));
		}
	}
}

static void run_all(void)
{
	for (int r = 0; r < FORKED_ROUNDS; r++) {
		for (size_t p = 0; p < PEERS; p++)
			measure_growth(peers[p], rounds[p]);
	}
	start_idle_thread();
	/* Threads that a peer makes must not be bound to our core, so we are not bound before they are there. */
	for (size_t p = 0; p < PEERS; p++) {
		peers[p]->start();
		peers[p]->lifo(&objects[MANY], 1);
	}
	rounds_pin(0);
	run_rounds(LIFO);
	for (size_t p = 0; p < PEERS; p++)
		peers[p]->fill(objects, FEW, false);
	run_rounds(AT_FEW);
	run_rounds(TWO_THREADS);
	for (size_t p = 0; p < PEERS; p++)
		peers[p]->fill(objects + FEW, MANY - FEW, false);
	run_rounds(AT_MANY);
	for (size_t p = 0; p < PEERS; p++)
		peers[p]->empty(objects, MANY);
}

static double least(const struct rounds *row)
{
	double value = row->values[0];

	for (int i = 1; i < row->count; i++)
		value = row->values[i] < value ? row->values[i] : value;
	return value;
}

static void print_table(void)
{
	printf("\n%-26s", "ns a pair");
	for (int column = LIFO; column <= TWO_THREADS; column++)
		printf(" %22s", column_names[column]);
	printf(" %9s %12s\n", column_names[BYTES], column_names[PAUSE]);
	for (size_t p = 0; p < PEERS; p++) {
		printf("%-26s", peers[p]->name);
		for (int column = LIFO; column <= TWO_THREADS; column++) {
			struct spread ns = rounds_spread(&rounds[p][column]);

			printf(" %7.1f (%5.1f ..%6.1f)", ns.median, ns.low, ns.high);
		}
		printf(" %9.1f %9.2f ms\n", rounds_spread(&rounds[p][BYTES]).median,
		       least(&rounds[p][PAUSE]));
	}
	printf("\n%-26s", "times the registry");
	for (int column = LIFO; column <= TWO_THREADS; column++)
		printf(" %22s", column_names[column]);
	printf("\n");
	for (size_t p = 0; p < PEERS; p++) {
		printf("%-26s", peers[p]->name);
		for (int column = LIFO; column <= TWO_THREADS; column++) {
			struct spread ratio = rounds_ratio(&rounds[p][column], &rounds[OURS][column]);

			printf(" %7.1f (%5.1f ..%6.1f)", ratio.median, ratio.low, ratio.high);
		}
		printf("\n");
	}
}

static bool print_verdicts(void)
{
	const struct rounds *ours = rounds[OURS];
	bool kept;

	printf("\nthe registry alone\n");
	kept = rounds_print_verdict("ns a pair, lifo", rounds_spread(&ours[LIFO]).median, "<=", 8);
	kept &= rounds_print_verdict("ns a pair, random, 1e6 live",
				     rounds_spread(&ours[AT_MANY]).median, "<=", 60);
	kept &= rounds_print_verdict("ns a pair, wall, 2 threads",
				     rounds_spread(&ours[TWO_THREADS]).median, "<=", 20);
	kept &= rounds_print_verdict(
		"times faster than mutex + hash map, 2 threads",
		rounds_ratio(&rounds[MUTEX_MAP][TWO_THREADS], &ours[TWO_THREADS]).median, ">=", 20);
	kept &= rounds_print_verdict("bytes an object, less those of no registry",
				     rounds_spread(&ours[BYTES]).median -
					     rounds_spread(&rounds[NONE][BYTES]).median,
				     "<=", 24);
	kept &= rounds_print_verdict("ms, worst pause", least(&ours[PAUSE]), "<=", 1);
	return kept;
}

static int run_one(const char *name, const char *pairs)
{
	for (size_t p = 0; p < PEERS; p++) {
		if (strcmp(name, short_names[p]) != 0)
			continue;
		peers[p]->start();
		peers[p]->lifo(&objects[0], strtoull(pairs, NULL, 10));
		return 0;
	}
	fprintf(stderr, "registry: no peer %s\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	objects = aligned_alloc(64, (MANY + 1) * sizeof(*objects));
	if (!objects)
		abort();
	if (argc == 4 && strcmp(argv[1], "--count") == 0) {
		memset(objects, 0, sizeof(*objects));
		return run_one(argv[2], argv[3]);
	}
	/* Every page is there before anything is timed. */
	memset(objects, 0, (MANY + 1) * sizeof(*objects));
	make_order(few_order, FEW);
	make_order(half_order, FEW / 2);
	make_order(many_order, MANY);
	rounds_print_machine("registry", ROUNDS);
	run_all();
	print_table();
	return print_verdicts() || (argc > 1 && strcmp(argv[1], "--no-check") == 0) ? 0 : 1;
}
