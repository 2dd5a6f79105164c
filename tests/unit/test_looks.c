/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check sees of the live objects: their counts and sizes, and who holds whom. Links the layers, so the library of a user is not in
 * this process.
 */
#include "base/pages.h"
#include "runtime/arena.h"
#include "runtime/extents.h"
#include "runtime/looks.h"
#include "runtime/registry.h"

#include <lastref/lastref.h>

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct lr_looks looks;

static void begin(void)
{
	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
}

/* What these tests leave is no leak of a program. */
static void end(void)
{
	lr_looks_free(&looks);
	lastref_set_leak_mode(LASTREF_LEAKS_OFF);
}

TestSuite(looks, .init = begin, .fini = end);

static void look(void)
{
	static const struct lr_looks_options all;

	lr_looks_free(&looks);
	lr_looks_make(&looks, &all);
}

/* The last look at an object of @type that begins at @object; NULL if there is none. */
static const struct lr_look *look_at(const struct lastref_type *type, const void *object)
{
	const struct lr_look *found = NULL;

	for (uint64_t i = 0; i < lr_image_count(&looks.image, LR_LOOKS); i++) {
		const struct lr_look *one = lr_image_at(&looks.image, LR_LOOKS, i);
		const struct lr_record *record =
			lr_image_at(&looks.image, LR_RECORDS, one->record - 1);
		const struct lr_type_entry *entry =
			lr_image_type(&looks.image,
				      (uint32_t)(record->birth >> LR_BIRTH_NUMBER_BITS));

		cr_assert_eq(one->birth, (uint32_t)record->birth);
		if (record->object == ~(uint64_t)(uintptr_t)object &&
		    strcmp(lr_image_text(&looks.image, entry->name, NULL), type->name) == 0)
			found = one;
	}
	return found;
}

/* The record of an object that was looked at. */
static uint32_t record_of(const struct lastref_type *type, const void *object)
{
	const struct lr_look *found = look_at(type, object);

	cr_assert_not_null(found, "no look at %s", type->name);
	return found->record;
}

static uint64_t edge_count(void)
{
	return lr_image_count(&looks.image, LR_EDGES);
}

/* How many edges there are between two records; of the last, its parts in @ret. */
static int edges_between(uint32_t from, uint32_t to, struct lr_edge *ret)
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

static const char *member_of(const struct lr_edge *edge)
{
	return lr_image_text(&looks.image, edge->how & ~LR_EDGE_HOW, NULL);
}

/* Objects of which .owns says the members. */
struct node {
	struct lastref_count refs;
	struct node *parent; /* not owned */
	struct node *left;
	struct node *right;
	struct node *more[3];
};

LASTREF_DEFINE(node, struct node, refs, NULL, .owns = LASTREF_OWNS(struct node, left, right, more));

/* Objects of which nothing is said. */
struct plain {
	struct lastref_count refs;
	void *pointers[6];
	char text[8];
};

LASTREF_DEFINE(plain, struct plain, refs, NULL);

#define NODE(object) record_of(node_ref_type(), object)
#define PLAIN(object) record_of(plain_ref_type(), object)

static struct node nodes[8];
static struct plain plains[8];

static void make_nodes(int count)
{
	for (int i = 0; i < count; i++)
		node_ref_init(&nodes[i]);
}

static void make_plains(int count)
{
	for (int i = 0; i < count; i++)
		plain_ref_init(&plains[i]);
}

/*
 * Looks.
 */

Test(looks, each_live_object_is_looked_at_once)
{
	make_nodes(3);
	node_unref(&nodes[1]);
	look();
	cr_assert_eq(lr_image_count(&looks.image, LR_LOOKS), 2);
	cr_assert_not_null(look_at(node_ref_type(), &nodes[0]));
	cr_assert_null(look_at(node_ref_type(), &nodes[1]));
	cr_assert_not_null(look_at(node_ref_type(), &nodes[2]));
}

Test(looks, where_nothing_lives_there_is_no_look)
{
	look();
	cr_assert_eq(lr_image_count(&looks.image, LR_LOOKS), 0);
	cr_assert_eq(edge_count(), 0);
}

Test(looks, a_look_has_the_count_and_the_size)
{
	make_nodes(1);
	node_ref(&nodes[0]);
	look();
	cr_assert_eq(look_at(node_ref_type(), &nodes[0])->count, 2);
	cr_assert_eq(look_at(node_ref_type(), &nodes[0])->size, sizeof(struct node));
}

/*
 * Declared members.
 */

Test(looks, a_declared_member_is_an_edge_with_its_name)
{
	struct lr_edge edge;

	make_nodes(2);
	nodes[0].right = &nodes[1];
	look();
	cr_assert_eq(edge_count(), 1);
	cr_assert_eq(edges_between(NODE(&nodes[0]), NODE(&nodes[1]), &edge), 1);
	cr_assert_eq(edge.how & LR_EDGE_HOW, LR_EDGE_DECLARED);
	cr_assert_eq(edge.offset, offsetof(struct node, right));
	cr_assert_str_eq(member_of(&edge), "right");
}

Test(looks, what_is_not_declared_of_a_type_with_declared_members_is_no_edge)
{
	make_nodes(2);
	nodes[0].parent = &nodes[1];
	look();
	cr_assert_eq(edge_count(), 0);
}

Test(looks, each_element_of_a_declared_array_is_an_edge)
{
	struct lr_edge edge;

	make_nodes(3);
	nodes[0].more[0] = &nodes[1];
	nodes[0].more[2] = &nodes[2];
	look();
	cr_assert_eq(edge_count(), 2);
	cr_assert_eq(edges_between(NODE(&nodes[0]), NODE(&nodes[2]), &edge), 1);
	cr_assert_eq(edge.offset, offsetof(struct node, more[2]));
	cr_assert_str_eq(member_of(&edge), "more");
}

Test(looks, two_members_that_hold_one_object_are_two_edges)
{
	struct lr_edge edge;

	make_nodes(2);
	nodes[0].left = nodes[0].right = &nodes[1];
	look();
	cr_assert_eq(edges_between(NODE(&nodes[0]), NODE(&nodes[1]), &edge), 2);
}

Test(looks, null_and_pointers_to_what_is_not_counted_are_no_edges)
{
	static struct node foreign;

	make_nodes(1);
	nodes[0].left = &foreign;
	nodes[0].right = (struct node *)(uintptr_t)-8;
	nodes[0].more[0] = &nodes[1];
	look();
	cr_assert_eq(edge_count(), 0);
}

Test(looks, a_member_that_points_to_the_object_itself_is_an_edge)
{
	struct lr_edge edge;

	make_nodes(1);
	nodes[0].left = &nodes[0];
	look();
	cr_assert_eq(edges_between(NODE(&nodes[0]), NODE(&nodes[0]), &edge), 1);
}

/*
 * Scanned objects.
 */

Test(looks, any_word_of_an_object_of_which_nothing_is_said_may_be_an_edge)
{
	struct lr_edge edge;

	make_plains(2);
	plains[0].pointers[3] = &plains[1];
	look();
	cr_assert_eq(edge_count(), 1);
	cr_assert_eq(edges_between(PLAIN(&plains[0]), PLAIN(&plains[1]), &edge), 1);
	cr_assert_eq(edge.how, LR_EDGE_FOUND);
	cr_assert_eq(edge.offset, offsetof(struct plain, pointers[3]));
}

Test(looks, a_pointer_into_the_inside_of_an_object_is_an_edge_and_one_behind_it_is_not)
{
	struct lr_edge edge;

	make_plains(2);
	plain_ref_init(&plains[4]);
	plains[0].pointers[0] = &plains[1].text[7];
	plains[4].pointers[0] = &plains[2];
	look();
	cr_assert_eq(edge_count(), 1);
	cr_assert_eq(edges_between(PLAIN(&plains[0]), PLAIN(&plains[1]), &edge), 1);
}

Test(looks, a_pointer_of_a_scanned_object_into_its_own_inside_is_no_edge)
{
	make_plains(1);
	plains[0].pointers[0] = &plains[0].pointers[1];
	look();
	cr_assert_eq(edge_count(), 0);
}

Test(looks, a_pointer_of_a_scanned_object_to_its_begin_is_an_edge)
{
	struct lr_edge edge;

	make_plains(1);
	plains[0].pointers[2] = &plains[0];
	look();
	cr_assert_eq(edges_between(PLAIN(&plains[0]), PLAIN(&plains[0]), &edge), 1);
}

static long mapped_pages(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	cr_assert(file && fscanf(file, "%ld", &pages) == 1);
	fclose(file);
	return pages;
}

/* Where the room ends with a page, the page behind it is somebody else's. */
Test(looks, no_more_memory_is_given_back_than_was_taken)
{
	struct lr_extents extents;
	long before = mapped_pages();
	void *behind;

	cr_assert_eq(lr_extents_init(&extents, 4096), 0);
	behind = mmap(extents.all + 4096, 4096, PROT_READ,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	lr_extents_free(&extents);
	cr_assert_eq(mapped_pages(), before + (behind != MAP_FAILED));
}
