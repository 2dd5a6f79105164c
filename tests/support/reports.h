/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of reports of many processes have in common: some processes, their findings, and one report.
 */
#ifndef TESTS_SUPPORT_REPORTS_H
#define TESTS_SUPPORT_REPORTS_H

#include "analyze/report.h"

#include "tests/support/image_builder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 4
#define UNUSED __attribute__((unused))

static struct image_builder processes[PROCESSES];
static struct lr_findings findings[PROCESSES];
static struct lr_report report;

UNUSED static void begin(void)
{
	for (int i = 0; i < PROCESSES; i++)
		image_builder_init(&processes[i]);
	lr_report_init(&report);
}

UNUSED static void end(void)
{
	lr_report_finish(&report);
	for (int i = 0; i < PROCESSES; i++) {
		lr_findings_free(&findings[i]);
		image_builder_finish(&processes[i]);
	}
}

/* Every address is in f(), at line offset / 16; but 0x900 is without a name. */
UNUSED static void resolve(void *context, const struct lr_address *address, lr_frame_emit emit,
			   void *emit_context)
{
	const struct lr_frame frame = { "f", "/src/f.c", (unsigned int)(address->offset + 1) / 16, 0 };

	(void)context;
	if (address->offset + 1 != 0x900)
		emit(&frame, emit_context);
}

static const struct lr_symbolizer symbolizer = { .resolve = resolve };

/* @count objects of a type in one process, born at @offset. */
UNUSED static void leak(int process, const char *type_name, uint64_t offset, uint64_t count)
{
	static uint64_t number;
	struct image_builder *builder = &processes[process];
	uint32_t type = image_builder_type(builder, type_name, count);
	uint32_t site = image_builder_site(builder, "/bin/prog", offset, 0);

	for (uint64_t i = 0; i < count; i++)
		image_builder_record(builder, type, ++number, site, LR_STATE_ALIVE);
}

UNUSED static bool add(int process)
{
	const struct lr_findings_options options = { .want_types = false };

	cr_assert_eq(lr_findings_make(&findings[process], &processes[process].image, &options), 0);
	lr_findings_choose(&findings[process], 0);
	return lr_report_add(&report, &findings[process], &symbolizer);
}

static struct lr_suppression suppression;

UNUSED static void suppress(const char *pattern)
{
	suppression = (struct lr_suppression){ .pattern = pattern, .length = strlen(pattern) };
	report.suppressions = &suppression;
	report.suppression_count = 1;
}

#endif
