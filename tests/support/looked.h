/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of looks share: a check's looks and edges, found by their objects. For tests that link the layers.
 */
#ifndef TESTS_SUPPORT_LOOKED_H
#define TESTS_SUPPORT_LOOKED_H

#include "runtime/arena.h"
#include "runtime/looks.h"

#include <lastref/lastref.h>

#include <criterion/criterion.h>
#include <string.h>

static struct lr_looks looks;
static const struct lr_looks_options all __attribute__((unused));

static __attribute__((unused)) void begin(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
}

/* What these tests leave is no leak of a program. */
static __attribute__((unused)) void end(void)
{
	lr_looks_free(&looks);
	lastref_set_leak_mode(LASTREF_LEAKS_OFF);
}

static __attribute__((unused)) void look(void)
{
	lr_looks_free(&looks);
	lr_looks_make(&looks, &all);
}

/* The last look at an object of @type that begins at @object; NULL if there is none. */
static __attribute__((unused)) const struct lr_look *look_at(const struct lastref_type *type,
							     const void *object)
{
	const struct lr_look *found = NULL;

	for (uint64_t i = 0; i < lr_image_count(&looks.image, LR_LOOKS); i++) {
		const struct lr_look *one = lr_image_at(&looks.image, LR_LOOKS, i);
		const struct lr_record *record =
			lr_image_at(&looks.image, LR_RECORDS, one->record - 1);
		const struct lr_type_entry *entry =
			lr_image_type(&looks.image,
				      (uint32_t)(record->birth >> LR_BIRTH_NUMBER_BITS));

		cr_assert_eq(one->birth, lr_look_birth(record->birth));
		if (record->object == ~(uint64_t)(uintptr_t)object &&
		    strcmp(lr_image_text(&looks.image, entry->name, NULL), type->name) == 0)
			found = one;
	}
	return found;
}

/* The record of an object that was looked at. */
static __attribute__((unused)) uint32_t record_of(const struct lastref_type *type, const void *object)
{
	const struct lr_look *found = look_at(type, object);

	cr_assert_not_null(found, "no look at %s", type->name);
	return found->record;
}

static __attribute__((unused)) uint64_t edge_count(void)
{
	return lr_image_count(&looks.image, LR_EDGES);
}

/* How many edges there are between two records; of the last, its parts in @ret. */
static __attribute__((unused)) int edges_between(uint32_t from, uint32_t to, struct lr_edge *ret)
{
	int count = 0;

	for (uint64_t i = 0; i < edge_count(); i++) {
		const struct lr_edge *edge = lr_image_at(&looks.image, LR_EDGES, i);

		if (edge->from != from || edge->to != to)
			continue;
		*ret = *edge;
		count++;
	}
	return count;
}

static __attribute__((unused)) const char *member_of(const struct lr_edge *edge)
{
	return lr_image_text(&looks.image, edge->how & ~LR_EDGE_HOW, NULL);
}

/* Objects of which nothing is said. */
struct plain {
	struct lastref_count refs;
	void *pointers[6];
	char text[8];
};

LASTREF_DEFINE(plain, struct plain, refs, NULL);

#define PLAIN(object) record_of(plain_ref_type(), object)

static struct plain plains[8];

static __attribute__((unused)) void make_plains(int count)
{
	for (int i = 0; i < count; i++)
		plain_ref_init(&plains[i]);
}

#endif
