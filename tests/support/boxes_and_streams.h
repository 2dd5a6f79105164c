/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the graph share: an image of boxes and streams that hold each other, and the findings in it.
 */
#ifndef TESTS_SUPPORT_BOXES_AND_STREAMS_H
#define TESTS_SUPPORT_BOXES_AND_STREAMS_H

#include "analyze/findings.h"

#include "tests/support/image_builder.h"

#include <criterion/criterion.h>

static struct image_builder builder;
static struct lr_findings findings;
static uint32_t box, stream;

static __attribute__((unused)) void begin(void)
{
	image_builder_init(&builder);
	box = image_builder_type(&builder, "box", 1000);
	stream = image_builder_type(&builder, "stream", 1000);
}

static __attribute__((unused)) void end(void)
{
	lr_findings_free(&findings);
	image_builder_finish(&builder);
}

static __attribute__((unused)) void make_with(struct lr_findings_options options)
{
	lr_findings_free(&findings);
	cr_assert_eq(lr_findings_make(&findings, &builder.image, &options), 0);
	lr_findings_choose(&findings, 0);
}

static __attribute__((unused)) void make(void)
{
	make_with((struct lr_findings_options){ 0 });
	cr_assert_not(findings.incomplete);
}

static __attribute__((unused)) const struct lr_cause *cause(size_t number)
{
	cr_assert_lt(number, findings.cause_count);
	return &findings.causes[number];
}

static __attribute__((unused)) const char *name_of(uint32_t type)
{
	return lr_image_text(&builder.image, lr_image_type(&builder.image, type)->name, NULL);
}

static __attribute__((unused)) const char *text(lr_text_ref ref)
{
	return lr_image_text(&builder.image, ref, NULL);
}

static __attribute__((unused)) uint64_t number_of(uint64_t birth)
{
	return birth & LR_BIRTH_NUMBER_MASK;
}

static __attribute__((unused)) struct lr_record *record(uint32_t id)
{
	return (void *)(uintptr_t)lr_image_at(&builder.image, LR_RECORDS, id - 1);
}

static __attribute__((unused)) uint32_t new_box(uint64_t number, int32_t count)
{
	return image_builder_object(&builder, box, number, 0, count);
}

static __attribute__((unused)) uint32_t new_stream(uint64_t number, int32_t count)
{
	return image_builder_object(&builder, stream, number, 0, count);
}

static __attribute__((unused)) void hold(uint32_t from, uint32_t to, const char *member)
{
	image_builder_edge(&builder, from, to, member, 8);
}

#endif
