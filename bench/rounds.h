/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmarks share: a clock, figures a round, and what is said of them.
 *
 * Peers take turns within a round, so what disturbs the machine for a while disturbs them all alike. A ratio is therefore taken
 * in each round and the median of the ratios is the figure; the quartiles are its spread.
 */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

#define ROUNDS_MAX 101

struct rounds {
	double values[ROUNDS_MAX];
	int count;
};

struct spread {
	double median;
	double low;  /* the first quartile */
	double high; /* the third */
};

/** rounds_now_ns() - of the clock on the wall, from some beginning. */
double rounds_now_ns(void);

/** rounds_cpu_ns() - that the calling thread has run: what other programs do meanwhile does not show. */
double rounds_cpu_ns(void);

/** rounds_pin() - the calling thread stays on core @core, if there is such a one. */
void rounds_pin(int core);

/** rounds_add() - the figure of one more round. */
void rounds_add(struct rounds *rounds, double value);

struct spread rounds_spread(const struct rounds *rounds);

/** rounds_ratio() - of the quotients @over / @under, one a round. */
struct spread rounds_ratio(const struct rounds *over, const struct rounds *under);

/** rounds_print_machine() - the line that says where and when the figures were taken. */
void rounds_print_machine(const char *what, int rounds);

/** rounds_print_verdict() - whether @value keeps within @budget. Return: true if it does. */
bool rounds_print_verdict(const char *what, double value, const char *sign, double budget);

/** rounds_resident() - bytes of memory that the process has in use. */
double rounds_resident(void);

/** rounds_random() - the next of a fixed sequence. */
uint64_t rounds_random(uint64_t *state);

#endif
