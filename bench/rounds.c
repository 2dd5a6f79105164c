/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmarks share.
 */
#include "bench/rounds.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double rounds_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

double rounds_cpu_ns(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void rounds_pin(int core)
{
	cpu_set_t cores;

	CPU_ZERO(&cores);
	CPU_SET(core, &cores);
	/* Where the machine has no such core, or forbids it, the figures are noisier; that is all. */
	(void)sched_setaffinity(0, sizeof(cores), &cores);
}

void rounds_add(struct rounds *rounds, double value)
{
	if (rounds->count == ROUNDS_MAX)
		abort();
	rounds->values[rounds->count++] = value;
}

static int compare(const void *a_, const void *b_)
{
	double a = *(const double *)a_;
	double b = *(const double *)b_;

	return (a > b) - (a < b);
}

struct spread rounds_spread(const struct rounds *rounds)
{
	struct rounds sorted = *rounds;
	int n = sorted.count;

	if (n == 0)
		return (struct spread){ 0 };
	qsort(sorted.values, (size_t)n, sizeof(double), compare);
	return (struct spread){
		.median = (sorted.values[(n - 1) / 2] + sorted.values[n / 2]) / 2,
		.low = sorted.values[n / 4],
		.high = sorted.values[n - 1 - n / 4],
	};
}

struct spread rounds_ratio(const struct rounds *over, const struct rounds *under)
{
	struct rounds ratios = { .count = 0 };

	for (int i = 0; i < over->count && i < under->count; i++)
		rounds_add(&ratios, over->values[i] / under->values[i]);
	return rounds_spread(&ratios);
}

static void read_model(char *model, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(model, size, "unknown processor");
	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		snprintf(model, size, "%s", colon + 2);
		model[strcspn(model, "\n")] = '\0';
		break;
	}
	if (file)
		fclose(file);
}

void rounds_print_machine(const char *what, int rounds)
{
	char model[128];
	char date[16];
	time_t now = time(NULL);
	struct tm calendar;

	read_model(model, sizeof(model));
	strftime(date, sizeof(date), "%Y-%m-%d", localtime_r(&now, &calendar));
	printf("%s: %s, %ld cores, %s; medians of %d rounds, in parentheses the quartiles\n", what,
	       model, sysconf(_SC_NPROCESSORS_ONLN), date, rounds);
}

bool rounds_print_verdict(const char *what, double value, const char *sign, double budget)
{
	bool kept = sign[0] == '<' ? value <= budget : value >= budget;

	printf("  %-62s %8.2f  %s %-6g %s\n", what, value, sign, budget, kept ? "ok" : "MISSED");
	return kept;
}

double rounds_resident(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		abort();
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

uint64_t rounds_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}
