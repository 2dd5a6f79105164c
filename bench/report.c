/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A million leaked objects: how long does lastref_leak_check() take, and how long is its report?
 *
 * The objects are of 4 types and born at 64 places, each place by a call chain of its own. Every round checks and reports all of them. The
 * first round is shown apart: in it the report's code is touched for the first time. The report goes to a file, so standard error is
 * turned to one.
 *
 * Exit status: 0 if within the budget, 1 if not; with --no-check always 0.
 */
#include "bench/rounds.h"

#include <lastref/lastref.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAKS 1000000u
#define TYPES 4u
#define ROUNDS 9
#define PLACE_BITS 4
#define BUDGET_SECONDS 0.3
#define LINES_MAX 500

struct thing {
	struct lastref_count refs;
	char content[120];
};

LASTREF_DEFINE(inode, struct thing, refs, NULL);
LASTREF_DEFINE(dentry, struct thing, refs, NULL);
LASTREF_DEFINE(page, struct thing, refs, NULL);
LASTREF_DEFINE(request, struct thing, refs, NULL);

static struct thing *things;

static __attribute__((noinline)) void make(uint32_t type, struct thing *thing)
{
	switch (type) {
	case 0:
		inode_ref_init(thing);
		break;
	case 1:
		dentry_ref_init(thing);
		break;
	case 2:
		page_ref_init(thing);
		break;
	default:
		request_ref_init(thing);
	}
	/* So that the calls above are not the function's last, which would make jumps of them. */
	__asm__ volatile("");
}

/* Each bit of @place is a call from one place or from the other. */
static __attribute__((noinline)) void descend(uint32_t place, int bits, struct thing *thing,
					      uint32_t type)
{
	if (bits == 0)
		make(type, thing);
	else if (place &
		 1) /* NOLINTNEXTLINE(bugprone-branch-clone): two call instructions are the point. */
		descend(place >> 1, bits - 1, thing, type);
	else
		descend(place >> 1, bits - 1, thing, type);
	__asm__ volatile("");
}

static void leak_all(void)
{
	for (uint32_t i = 0; i < LEAKS; i++)
		descend(i / TYPES % (1u << PLACE_BITS), PLACE_BITS, &things[i], i % TYPES);
}

static long count_lines(int fd)
{
	char bytes[65536];
	long lines = 0;
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			lines += bytes[i] == '\n';
	}
	return lines;
}

static int redirect_errors(void)
{
	char path[] = "/tmp/lastref-report.XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	unlink(path);
	dup2(fd, STDERR_FILENO);
	return fd;
}

int main(int argc, char **argv)
{
	struct rounds seconds = { .count = 0 };
	struct spread spread;
	double first = 0;
	long lines = 0;
	bool kept;
	int fd = redirect_errors();

	things = calloc(LEAKS, sizeof(*things));
	if (!things)
		abort();
	rounds_print_machine("report", ROUNDS);
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	leak_all();
	for (int r = 0; r <= ROUNDS; r++) {
		double start = rounds_now_ns();
		size_t leaks = lastref_leak_check();
		double took = (rounds_now_ns() - start) / 1e9;

		if (leaks != LEAKS)
			abort();
		if (r == 0) {
			first = took;
			lines = count_lines(fd);
		} else {
			rounds_add(&seconds, took);
		}
	}
	spread = rounds_spread(&seconds);
	printf("\n%u leaked objects, %u types, %u places: %.3f s (%.3f .. %.3f), the first time %.3f s; %ld lines\n\n",
	       LEAKS, TYPES, TYPES << PLACE_BITS, spread.median, spread.low, spread.high, first,
	       lines);
	kept = rounds_print_verdict("s, check and report", spread.median, "<=", BUDGET_SECONDS);
	kept &= rounds_print_verdict("lines of the report", (double)lines, "<=", LINES_MAX);
	lastref_set_leak_mode(LASTREF_LEAKS_OFF);
	fflush(stdout);
	/* The check at exit would say it all once more. */
	_exit(kept || (argc > 1 && strcmp(argv[1], "--no-check") == 0) ? 0 : 1);
}
