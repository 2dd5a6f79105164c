/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check looks at all live objects before their leaks are analyzed: how long does it take to find their counts and whom they hold, how
 * does that grow with the number of objects, and how much memory does it need meanwhile? And both steps together: from objects to causes.
 *
 * The objects are of 128 bytes, each with one pointer to another. Their type says so (.owns), or says nothing, and then each word
 * of them is looked at. They lie in the order of their births and each points to the one before it; or they were born all over the memory,
 * and point all over it, which is as bad as it gets. Each of these has a process of its own: a registry that was larger once is gone
 * through whole.
 *
 * The time is that of the thread. Memory is the peak of what is resident, less what was before: the looks and edges, and what is needed to
 * find them. Exit status: 0 if within the budget, 1 if not; with --no-check always 0.
 */
#include "analyze/findings.h"
#include "bench/peak.h"
#include "bench/rounds.h"
#include "runtime/looks.h"

#include <lastref/lastref.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALLEST 10000u
#define SIZES 4 /* 1e4 to 1e7 */
#define ROUNDS 9
#define BUDGET_LOOKS_SECONDS 0.15
#define BUDGET_LOOKS_BYTES 60
#define BUDGET_SECONDS 0.3
#define BUDGET_BYTES 80
#define BUDGET_EXPONENT 1.2

struct thing {
	struct lastref_count refs;
	uint64_t before[7];
	struct thing *next;
	uint64_t behind[7];
};

_Static_assert(sizeof(struct thing) == 128, "a thing has 128 bytes");

LASTREF_DEFINE(declared, struct thing, refs, NULL, .owns = LASTREF_OWNS(struct thing, next));
LASTREF_DEFINE(scanned, struct thing, refs, NULL);

/* What is measured of one number of objects. */
struct figures {
	struct rounds looks_seconds;
	struct rounds seconds; /* of both steps */
	double looks_bytes;
	double bytes;
};

/* Which thing is born when. */
static uint32_t *order;

static void make_order(uint32_t count, bool shuffled)
{
	uint64_t random = 1;

	order = realloc(order, count * sizeof(*order));
	if (!order)
		abort();
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	for (uint32_t i = count - 1; i > 0 && shuffled; i--) {
		uint32_t other = (uint32_t)(rounds_random(&random) % (i + 1));
		uint32_t number = order[i];

		order[i] = order[other];
		order[other] = number;
	}
}

static struct thing *make_things(uint32_t count, bool says)
{
	struct thing *things = calloc(count, sizeof(*things));

	if (!things)
		abort();
	for (uint32_t i = 0; i < count; i++) {
		struct thing *thing = &things[order[i]];

		if (says)
			declared_ref_init(thing);
		else
			scanned_ref_init(thing);
		/* As payload has: numbers, and text. */
		memset(thing->before, (int)i, sizeof(thing->before));
		memset(thing->behind, 'x', sizeof(thing->behind));
		thing->next = i > 0 ? &things[order[i - 1]] : NULL;
	}
	return things;
}

static void free_things(struct thing *things, uint32_t count, bool says)
{
	for (uint32_t i = 0; i < count; i++) {
		if (says)
			declared_unref(&things[i]);
		else
			scanned_unref(&things[i]);
	}
	free(things);
}

static void look(struct lr_looks *looks, uint32_t count)
{
	static const struct lr_looks_options all;

	lr_looks_make(looks, &all);
	if (lr_image_count(&looks->image, LR_LOOKS) != count ||
	    lr_image_count(&looks->image, LR_EDGES) != count - 1)
		abort();
}

static void analyze(const struct lr_looks *looks, uint32_t count)
{
	static const struct lr_findings_options options;
	struct lr_findings findings;

	if (lr_findings_make(&findings, &looks->image, &options) != 0)
		abort();
	lr_findings_choose(&findings, 10);
	if (findings.objects != count || findings.incomplete)
		abort();
	lr_findings_free(&findings);
}

static void measure_bytes(struct figures *figures, uint32_t count)
{
	struct lr_looks looks;
	double before;

	forget_peak();
	before = peak_resident();
	look(&looks, count);
	figures->looks_bytes = (peak_resident() - before) / count;
	analyze(&looks, count);
	figures->bytes = (peak_resident() - before) / count;
	lr_looks_free(&looks);
}

static void measure_time(struct figures *figures, uint32_t count)
{
	double start = rounds_cpu_ns();
	struct lr_looks looks;

	look(&looks, count);
	rounds_add(&figures->looks_seconds, (rounds_cpu_ns() - start) / 1e9);
	analyze(&looks, count);
	lr_looks_free(&looks);
	rounds_add(&figures->seconds, (rounds_cpu_ns() - start) / 1e9);
}

static struct figures measure(uint32_t count, bool says, bool shuffled)
{
	struct figures figures = { .looks_bytes = 0 };
	struct thing *things;

	make_order(count, shuffled);
	things = make_things(count, says);
	measure_bytes(&figures, count);
	for (int r = 0; r < ROUNDS; r++)
		measure_time(&figures, count);
	free_things(things, count, says);
	return figures;
}

/* Of a straight line through the logarithms. */
static double exponent(const double *seconds)
{
	double sum = 0;
	double squares = 0;

	for (int i = 0; i < SIZES; i++) {
		double x = i - (SIZES - 1) / 2.0;

		sum += x * log10(seconds[i]);
		squares += x * x;
	}
	return sum / squares;
}

static void print_figures(uint32_t count, const struct figures *figures)
{
	struct spread looks = rounds_spread(&figures->looks_seconds);
	struct spread both = rounds_spread(&figures->seconds);

	printf("  %9u objects: looks %.4f s (%.4f .. %.4f), %.0f ns and %.1f bytes an object; to causes %.4f s (%.4f .. %.4f), %.1f bytes\n",
	       count, looks.median, looks.low, looks.high, 1e9 * looks.median / count,
	       figures->looks_bytes, both.median, both.low, both.high, figures->bytes);
	fflush(stdout);
}

static bool measure_all(bool says, bool shuffled)
{
	bool kept;
	double looks_seconds[SIZES];
	double seconds[SIZES];
	uint32_t count = SMALLEST;
	struct figures million = { .bytes = 0 };

	for (int i = 0; i < SIZES; i++, count *= 10) {
		struct figures figures = measure(count, says, shuffled);

		print_figures(count, &figures);
		looks_seconds[i] = rounds_spread(&figures.looks_seconds).median;
		seconds[i] = rounds_spread(&figures.seconds).median;
		if (i == 2)
			million = figures;
	}
	kept = rounds_print_verdict("s, looks at 1,000,000 objects", looks_seconds[2],
				    "<=", BUDGET_LOOKS_SECONDS);
	kept &= rounds_print_verdict("bytes an object, looks", million.looks_bytes,
				     "<=", BUDGET_LOOKS_BYTES);
	kept &= rounds_print_verdict("s, from 1,000,000 objects to causes", seconds[2],
				     "<=", BUDGET_SECONDS);
	kept &= rounds_print_verdict("bytes an object, both", million.bytes, "<=", BUDGET_BYTES);
	kept &= rounds_print_verdict("exponent of the growth of looks from 1e4 to 1e7",
				     exponent(looks_seconds), "<=", BUDGET_EXPONENT);
	kept &= rounds_print_verdict("exponent of the growth of both from 1e4 to 1e7",
				     exponent(seconds), "<=", BUDGET_EXPONENT);
	return kept;
}

static bool measure_apart(bool says, bool shuffled)
{
	int status = 1;
	pid_t child;

	printf("\n%s, %s\n", says ? "declared" : "scanned",
	       shuffled ? "born all over the memory" : "in the order of birth");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		rounds_pin(0);
		lastref_set_leak_mode(LASTREF_LEAKS_WARN);
		status = measure_all(says, shuffled) ? 0 : 1;
		fflush(stdout);
		_exit(status);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv)
{
	bool kept = true;

	rounds_print_machine("looks", ROUNDS);
	for (int form = 0; form < 4; form++)
		kept &= measure_apart(form % 2 == 0, form >= 2);
	return kept || (argc > 1 && strcmp(argv[1], "--no-check") == 0) ? 0 : 1;
}
