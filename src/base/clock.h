/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks in nanoseconds.
 *
 * Layer: base. Thread-safe, and safe in signal handlers.
 */
#ifndef LR_BASE_CLOCK_H
#define LR_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define LR_NS_PER_MS UINT64_C(1000000)
#define LR_NS_PER_SECOND UINT64_C(1000000000)

/* What @clock shows; 0 if there is none. */
static inline uint64_t lr_clock_ns(clockid_t clock)
{
	struct timespec now = { 0 };

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * LR_NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* The moment @ns from now, of CLOCK_MONOTONIC. */
static inline struct timespec lr_clock_in(uint64_t ns)
{
	uint64_t then = lr_clock_ns(CLOCK_MONOTONIC) + ns;

	return (struct timespec){
		.tv_sec = (time_t)(then / LR_NS_PER_SECOND),
		.tv_nsec = (long)(then % LR_NS_PER_SECOND),
	};
}

#endif
