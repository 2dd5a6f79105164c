/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The most memory that this process had at once: for benchmarks of scratch memory, which is given back before anybody could ask.
 */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

/* In bytes, since the start or the last forget_peak(). */
double peak_resident(void);

/* From now on the peak is that of what comes. */
void forget_peak(void);

#endif
