/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings where memory lacks: each mapping that the analysis asks for is refused once, and all from
 * there on. What is said then may be less, and never wrong or nothing.
 *
 * The functions below stand for those of base/pages.c.
 */
#include "analyze/findings.h"
#include "base/pages.h"

#include "tests/support/image_builder.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static size_t asked;
static size_t refused_from; /* 1 and up */
static size_t refused_to;
static size_t mapped;

void *lr_pages_map(size_t size)
{
	asked++;
	if (asked >= refused_from && asked < refused_to)
		return NULL;
	mapped += (size + 4095) / 4096;
	return calloc(1, (size + 4095) / 4096 * 4096);
}

void lr_pages_unmap(void *pages, size_t size)
{
	if (pages)
		mapped -= (size + 4095) / 4096;
	free(pages);
}

static struct image_builder builder;

/* A leak that keeps two, a cycle that keeps one, and two that are at one address. */
static void begin(void)
{
	uint32_t box, stream, ids[8];

	image_builder_init(&builder);
	box = image_builder_type(&builder, "box", 100);
	stream = image_builder_type(&builder, "stream", 100);
	for (uint32_t i = 0; i < 8; i++)
		ids[i] = image_builder_object(&builder, i % 2 ? stream : box, i + 1, 0, 1);
	image_builder_edge(&builder, ids[0], ids[1], "stream", 0);
	image_builder_edge(&builder, ids[0], ids[3], "stream", 0);
	image_builder_edge(&builder, ids[2], ids[5], "stream", 0);
	image_builder_edge(&builder, ids[5], ids[2], "owner", 0);
	image_builder_edge(&builder, ids[5], ids[4], "next", 0);
	((struct lr_record *)(uintptr_t)lr_image_at(&builder.image, LR_RECORDS, 6))->object =
		~UINT64_C(64);
}

static void end(void)
{
	image_builder_finish(&builder);
}

TestSuite(scarce_memory, .init = begin, .fini = end);

/* Return: were there fewer mappings than were to be refused? */
static bool analyze(size_t from, size_t to)
{
	static const struct lr_findings_options options = { .want_types = true };
	struct lr_findings findings;
	uint64_t objects;
	int error;

	asked = 0;
	refused_from = from;
	refused_to = to;
	error = lr_findings_make(&findings, &builder.image, &options);
	lr_findings_choose(&findings, 0);
	objects = findings.shared;
	for (size_t i = 0; i < findings.cause_count; i++)
		objects += findings.causes[i].objects;
	cr_assert_eq(findings.objects + findings.overwritten, 8, "from %zu", from);
	cr_assert_geq(findings.objects, objects);
	cr_assert(findings.incomplete || objects == 7, "from %zu: %zu", from, (size_t)objects);
	if (error == 0 && !findings.graph)
		cr_assert_eq(findings.cause_count, 2, "each object is a root, of two types");
	lr_findings_free(&findings);
	cr_assert_eq(mapped, 0, "from %zu: %zu pages were not given back", from, mapped);
	return asked < from;
}

Test(scarce_memory, any_mapping_may_be_refused)
{
	size_t from = 1;

	while (!analyze(from, from + 1))
		from++;
	cr_assert_gt(from, 8);
}

Test(scarce_memory, all_mappings_from_one_on_may_be_refused)
{
	size_t from = 1;

	while (!analyze(from, SIZE_MAX))
		from++;
	cr_assert_gt(from, 8);
}
