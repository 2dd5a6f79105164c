/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See frames.h. Compile with -O2 -fomit-frame-pointer, or the point of it is lost.
 *
 * Support for tests and benchmarks. What is not obvious: each call stands before a statement that the compiler cannot drop, for a
 * call in tail position would become a jump and leave no frame.
 */
#include "frames.h"

#include <alloca.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

static __thread volatile unsigned int sink;

static __thread struct frames *current; /* for callbacks of libc that have no context */

static void small_frame(struct frames *frames);
static void small_frame_too(struct frames *frames);
static void saving_frame(struct frames *frames);
static void room_frame(struct frames *frames);
static void variable_frame(struct frames *frames);
static void aligned_frame(struct frames *frames);
static void searching_frame(struct frames *frames);
static void sorting_frame(struct frames *frames);

/* From one of three places, so that the path's last bits lead to different stacks too. */
static inline __attribute__((always_inline)) void run_leaf(struct frames *frames, unsigned int way)
{
	if (way == FRAMES_SMALL) {
		frames->leaf(frames);
		sink += 1;
	} else if (way == FRAMES_SAVING) {
		frames->leaf(frames);
		sink += 2;
	} else {
		frames->leaf(frames);
		sink += 3;
	}
}

/* In each caller, so that a call of the path is one frame. */
static inline __attribute__((always_inline)) void next(struct frames *frames)
{
	unsigned int way = (unsigned int)(frames->path & ((1 << FRAMES_BITS) - 1));

	frames->path = frames->path >> FRAMES_BITS | frames->path << (64 - FRAMES_BITS);
	if (frames->left-- <= 0)
		run_leaf(frames, way);
	else if (way == FRAMES_SMALL)
		small_frame(frames);
	else if (way == FRAMES_SMALL_TOO)
		small_frame_too(frames);
	else if (way == FRAMES_SAVING)
		saving_frame(frames);
	else if (way == FRAMES_ROOM)
		room_frame(frames);
	else if (way == FRAMES_VARIABLE)
		variable_frame(frames);
	else if (way == FRAMES_ALIGNED)
		aligned_frame(frames);
	else if (way == FRAMES_SEARCHING)
		searching_frame(frames);
	else
		sorting_frame(frames);
	sink++;
}

static NOINLINE void small_frame(struct frames *frames)
{
	next(frames);
}

static NOINLINE void small_frame_too(struct frames *frames)
{
	next(frames);
	sink += 2;
}

static NOINLINE void saving_frame(struct frames *frames)
{
	unsigned int a = sink;
	unsigned int b = sink;
	unsigned int c = sink;
	unsigned int d = sink;
	unsigned int e = sink;
	unsigned int f = sink;

	next(frames);
	sink = a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6;
}

static NOINLINE void room_frame(struct frames *frames)
{
	volatile char room[200];

	room[0] = 1;
	next(frames);
	sink += (unsigned int)room[0];
}

static NOINLINE void variable_frame(struct frames *frames)
{
	size_t size = 16 + (frames->path & 0x1ff);
	volatile char *room = alloca(size);

	room[0] = 1;
	room[size - 1] = 2;
	next(frames);
	sink += (unsigned int)room[0] + (unsigned int)room[size - 1];
}

static NOINLINE void aligned_frame(struct frames *frames)
{
	_Alignas(64) volatile char room[64];
	volatile char *more = alloca(16 + (frames->path & 0x3f));

	room[0] = 1;
	more[0] = 2;
	next(frames);
	sink += (unsigned int)room[0] + (unsigned int)more[0];
}

/* Called by bsearch() and qsort(), maybe often: goes on at the first call only. */
static int compare_and_go(const void *a, const void *b)
{
	struct frames *frames = current;

	(void)a;
	(void)b;
	if (frames) {
		current = NULL;
		next(frames);
	}
	return 0;
}

static NOINLINE void searching_frame(struct frames *frames)
{
	int key = 1;

	current = frames;
	sink += bsearch(&key, &key, 1, sizeof(key), compare_and_go) != NULL;
}

static NOINLINE void sorting_frame(struct frames *frames)
{
	int numbers[3] = { 1, 2, 3 };

	current = frames;
	qsort(numbers, 3, sizeof(numbers[0]), compare_and_go);
	sink++;
}

void frames_go(struct frames *frames)
{
	next(frames);
}
