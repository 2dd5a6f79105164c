/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks to order: functions with frames of different kinds call each other along a given path, partly through callbacks of libc.
 *
 * Support for tests and benchmarks; no part of the product.
 */
#ifndef LR_TESTS_FRAMES_H
#define LR_TESTS_FRAMES_H

#include <stdint.h>

/* What a call of the path goes through. */
enum {
	FRAMES_SMALL,	  /* a frame of one word */
	FRAMES_SAVING,	  /* saves every register that a callee must, rbp among them */
	FRAMES_ROOM,	  /* with an array */
	FRAMES_SMALL_TOO, /* as FRAMES_SMALL, another function */
	FRAMES_VARIABLE,  /* alloca() */
	FRAMES_ALIGNED, /* alloca(), and an alignment of 64: gcc keeps the caller's stack pointer ("DRAP") */
	FRAMES_SEARCHING, /* bsearch() with a callback: three frames, one of libc */
	FRAMES_SORTING,	  /* qsort() with a callback: four frames or more, some of libc */
};

#define FRAMES_BITS 3 /* of a path, for each call */

struct frames {
	uint64_t path; /* the next call in the low bits */
	int left;      /* calls still to make; the path repeats if it is too short */
	void (*leaf)(struct frames *frames);
	void *context; /* of the leaf */
};

/* Make the calls, and run the leaf in the innermost frame. */
void frames_go(struct frames *frames);

#endif
