/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the image of a process to the causes of its leaks: how long does it take, how does that grow
 * with the number of leaked objects, and how much memory does it need meanwhile?
 *
 * The images are made here: objects of 4 types from 64 sites, each held by one other but for a few.
 * Chains of a thousand, trees with a hundred children a node, a random tree whose edges lead all
 * over the memory, and rings of four. Every size is analyzed until it has taken a while, and the
 * time is that of one analysis, details of the ten largest causes included. Memory is the peak of
 * what is resident, less what was before.
 *
 * Exit status: 0 if within the budget, 1 if not; with --no-check always 0.
 */
#include "analyze/findings.h"
#include "base/pages.h"
#include "bench/peak.h"
#include "bench/rounds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZES 4 /* 1e4 to 1e7 */
#define TYPES 4u
#define SITES 64u
#define ROUNDS 9
#define BUDGET_SECONDS 0.15
#define BUDGET_BYTES 48
#define BUDGET_EXPONENT 1.2

enum form { CHAINS, WIDE_TREES, RANDOM_TREES, RINGS, FORMS };

static const char *const form_names[FORMS] = { "chains", "wide trees", "random trees", "rings" };

struct bytes {
	char *pages;
	size_t size;
};

static struct lr_image_header header;
static struct lr_image image;
static struct bytes memory[LR_KINDS];

static void *must(void *pages)
{
	if (!pages)
		abort();
	return pages;
}

/* Room for @count elements of @kind, all zero. */
static void make_space(enum lr_segment_kind kind, uint64_t count)
{
	struct lr_space *space = &image.spaces[kind];
	uint64_t in_segment = LR_SEGMENT_SIZE / lr_image_element_size(kind);

	space->count = (uint32_t)(count / in_segment + 1);
	space->bytes = (uint64_t)space->count * LR_SEGMENT_SIZE;
	memory[kind] = (struct bytes){ .size = (size_t)space->bytes };
	memory[kind].pages = must(lr_pages_map(memory[kind].size));
	space->segments = must(calloc(space->count, sizeof(void *)));
	for (uint32_t i = 0; i < space->count; i++)
		space->segments[i] = memory[kind].pages + (size_t)i * LR_SEGMENT_SIZE;
}

static void *element(enum lr_segment_kind kind, uint64_t ordinal)
{
	return memory[kind].pages + ordinal * lr_image_element_size(kind);
}

static void free_spaces(void)
{
	for (int kind = 0; kind < LR_KINDS; kind++) {
		lr_pages_unmap(memory[kind].pages, memory[kind].size);
		free(image.spaces[kind].segments);
		image.spaces[kind] = (struct lr_space){ 0 };
		memory[kind] = (struct bytes){ 0 };
	}
}

/* Names are "1", "2", and so on. */
static void make_types(void)
{
	make_space(LR_TEXT, LR_SEGMENT_SIZE - 1);
	make_space(LR_TYPES, TYPES);
	for (uint32_t i = 0; i < TYPES; i++) {
		struct lr_type_entry *type = element(LR_TYPES, i);
		uint32_t *length = element(LR_TEXT, 8 * (i + 1));

		*length = 1;
		memcpy(length + 1, (const char[]){ (char)('1' + i), '\0' }, 2);
		type->name = 8 * (i + 1);
		type->size = 128;
	}
	make_space(LR_SITES, SITES);
	for (uint32_t i = 0; i < SITES; i++)
		((struct lr_site *)element(LR_SITES, i))->pc = 0x1000 + i;
}

/* Who holds @object: its own number if nobody does. */
static uint64_t holder_of(enum form form, uint64_t object, uint64_t *random)
{
	switch (form) {
	case CHAINS:
		return object % 1000 == 0 ? object : object - 1;
	case WIDE_TREES:
		return object / 100;
	case RANDOM_TREES:
		return object == 0 ? 0 : rounds_random(random) % object;
	default:
		return object % 4 == 0 ? object + 3 : object - 1;
	}
}

static void make_object(uint64_t i)
{
	*(struct lr_record *)element(LR_RECORDS, i) = (struct lr_record){
		.object = ~(0x10000000 + 128 * i),
		.site = (uint32_t)(i / TYPES % SITES) + 1,
		.state = LR_STATE_ALIVE,
		.birth = (i % TYPES + 1) << LR_BIRTH_NUMBER_BITS | (i / TYPES + 1),
	};
	*(struct lr_look *)element(LR_LOOKS, i) = (struct lr_look){
		.record = (uint32_t)i + 1,
		.birth = (uint32_t)(i / TYPES) + 1,
		.count = 1,
		.size = 128,
	};
}

/* Holder by holder, as the check goes through the objects; sorted by counting. */
static void make_edges(enum form form, uint64_t objects)
{
	uint32_t *at = must(calloc(objects + 1, sizeof(*at)));
	uint32_t *holders = must(calloc(objects, sizeof(*holders)));
	uint64_t random = 1;

	for (uint64_t i = 0; i < objects; i++) {
		holders[i] = (uint32_t)holder_of(form, i, &random);
		at[holders[i] + 1] += holders[i] != i;
	}
	for (uint64_t i = 0; i < objects; i++)
		at[i + 1] += at[i];
	for (uint64_t i = 0; i < objects; i++) {
		if (holders[i] == i)
			continue;
		*(struct lr_edge *)element(LR_EDGES, at[holders[i]]++) = (struct lr_edge){
			.from = holders[i] + 1,
			.to = (uint32_t)i + 1,
			.offset = 16,
		};
	}
	free(holders);
	free(at);
}

static void make_image(enum form form, uint64_t objects)
{
	memset(&header, 0, sizeof(header));
	image.header = &header;
	make_types();
	make_space(LR_RECORDS, objects);
	make_space(LR_LOOKS, objects);
	make_space(LR_EDGES, objects);
	for (uint64_t i = 0; i < objects; i++)
		make_object(i);
	make_edges(form, objects);
}

static double analyze_once(uint64_t objects)
{
	static const struct lr_findings_options options;
	struct lr_findings findings;
	double start = rounds_cpu_ns();

	if (lr_findings_make(&findings, &image, &options) != 0)
		abort();
	lr_findings_choose(&findings, 10);
	if (findings.objects != objects || findings.incomplete)
		abort();
	lr_findings_free(&findings);
	return (rounds_cpu_ns() - start) / 1e9;
}

static double measure_bytes(uint64_t objects)
{
	double before;

	forget_peak();
	before = peak_resident();
	analyze_once(objects);
	return (peak_resident() - before) / (double)objects;
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

static bool measure_form(enum form form)
{
	double seconds[SIZES];
	double bytes = 0;
	uint64_t objects = 10000;
	bool kept;

	printf("\n%s\n", form_names[form]);
	fflush(stdout);
	for (int i = 0; i < SIZES; i++, objects *= 10) {
		struct rounds rounds = { .count = 0 };
		struct spread spread;

		make_image(form, objects);
		bytes = measure_bytes(objects);
		for (int r = 0; r < ROUNDS; r++)
			rounds_add(&rounds, analyze_once(objects));
		free_spaces();
		spread = rounds_spread(&rounds);
		seconds[i] = spread.median;
		printf("  %9llu objects: %.4f s (%.4f .. %.4f), %.0f ns and %.1f bytes an object\n",
		       (unsigned long long)objects, spread.median, spread.low, spread.high,
		       1e9 * spread.median / (double)objects, bytes);
	}
	kept = rounds_print_verdict("s for 1,000,000 objects", seconds[2], "<=", BUDGET_SECONDS);
	kept &= rounds_print_verdict("bytes of scratch an object, looks and edges not counted",
				     bytes, "<=", BUDGET_BYTES);
	kept &= rounds_print_verdict("exponent of the growth from 1e4 to 1e7", exponent(seconds),
				     "<=", BUDGET_EXPONENT);
	return kept;
}

int main(int argc, char **argv)
{
	bool kept = true;

	rounds_pin(0);
	rounds_print_machine("causes", ROUNDS);
	for (int form = 0; form < FORMS; form++)
		kept &= measure_form((enum form)form);
	return kept || (argc > 1 && strcmp(argv[1], "--no-check") == 0) ? 0 : 1;
}
