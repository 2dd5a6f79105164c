/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our walk against glibc's backtrace(): two threads take random stacks, and each must be the same, frame by frame.
 *
 * The first argument is how many stacks each thread takes (20,000).
 */
#include "runtime/arena.h"
#include "runtime/stack.h"
#include "tests/support/frames.h"

#include <execinfo.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 2
#define FRAMES_MAX 200

struct worker {
	pthread_t thread;
	uint64_t random;
	unsigned long stacks;
	unsigned long compared;
	unsigned long frames;
	unsigned long wrong;
	struct lr_stack_thread state;
};

static uint64_t next_random(struct worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random;
}

static __attribute__((noinline)) uint32_t capture(struct worker *worker)
{
	struct lr_stack_start start = LR_STACK_HERE();

	return lr_stack_capture(&worker->state, &start);
}

/* Frames of backtrace() inside of its caller: a sanitizer has one of its own there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define THEIR_OWN 1
#else
#define THEIR_OWN 0
#endif

static const struct lr_site *node_of(uint32_t site)
{
	return lr_arena_at(LR_SITES, site - 1);
}

/* The first frame is the caller of both, at different addresses. */
static bool differs(uint32_t site, void *const *theirs, int their_count)
{
	int i = THEIR_OWN;

	for (; site != 0; i++) {
		const struct lr_site *node = node_of(site);

		if (i >= their_count ||
		    ((node->pc & LR_SITE_PC_MASK) != (uintptr_t)theirs[i] && i > THEIR_OWN))
			return true;
		site = node->parent;
	}
	return i != their_count;
}

static void show(uint32_t site, void *const *theirs, int count)
{
	fprintf(stderr, "ours, then theirs\n");
	for (; site != 0; site = node_of(site)->parent)
		fprintf(stderr, "\t%#llx\n",
			(unsigned long long)(node_of(site)->pc & LR_SITE_PC_MASK));
	for (int i = 0; i < count; i++)
		fprintf(stderr, "\t\t%p\n", theirs[i]);
}

static void leaf(struct frames *frames)
{
	struct worker *worker = frames->context;
	void *theirs[FRAMES_MAX];
	uint32_t site = capture(worker);
	int count = backtrace(theirs, FRAMES_MAX);

	worker->compared++;
	worker->frames += (unsigned long)count;
	if (differs(site, theirs, count) && worker->wrong++ == 0)
		show(site, theirs, count);
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	for (unsigned long i = 0; i < worker->stacks; i++) {
		uint64_t random = next_random(worker);
		struct frames frames = {
			.path = random,
			.left = (int)(random >> 40 & 31),
			.leaf = leaf,
			.context = worker,
		};

		/* Often only the inner part changes, as in a program that loops. */
		if (i % 4 != 0)
			frames.path = UINT64_C(0x123456789abc) ^ random << 42;
		frames_go(&frames);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS];
	unsigned long stacks = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	unsigned long wrong = 0;

	lr_arena_start(NULL);
	lr_stack_set_depth(LR_STACK_DEPTH_MAX);
	for (int i = 0; i < THREADS; i++) {
		workers[i].random = UINT64_C(0x2545f4914f6cdd1d) * (uint64_t)(i + 1);
		workers[i].stacks = stacks;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			return 1;
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		fprintf(stderr, "thread %d: %lu stacks of %.1f frames, %lu differ from backtrace()\n",
			i, workers[i].compared,
			(double)workers[i].frames / (double)workers[i].compared, workers[i].wrong);
		wrong += workers[i].wrong;
		if (workers[i].compared != stacks)
			wrong++;
	}
	return wrong != 0;
}
