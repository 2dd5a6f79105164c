/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check sees of the live objects without asking the program: their counts, and who holds whom by what is in their memory. Links the
 * layers, so the library of a user is not in this process.
 */
#include "../support/looked.h"

#include "base/pages.h"
#include "runtime/registry.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

TestSuite(looks, .init = begin, .fini = end);

/* Objects of which .owns says the members. */
struct node {
	struct lastref_count refs;
	struct node *parent; /* not owned */
	struct node *left;
	struct node *right;
	struct node *more[3];
};

LASTREF_DEFINE(node, struct node, refs, NULL, .owns = LASTREF_OWNS(struct node, left, right, more));

#define NODE(object) record_of(node_ref_type(), object)

static struct node nodes[8];

static void make_nodes(int count)
{
	for (int i = 0; i < count; i++)
		node_ref_init(&nodes[i]);
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

struct child {
	struct lastref_count refs;
	struct node *parent; /* no reference */
};

LASTREF_DEFINE(child, struct child, refs, NULL, .owns = LASTREF_OWNS_NOTHING);

Test(looks, an_object_that_owns_nothing_has_no_edge_whatever_is_in_it)
{
	static struct child child;

	make_nodes(1);
	child_ref_init(&child);
	child.parent = &nodes[0];
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
	plains[0].pointers[2] = &plains[0].pointers[1];
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

Test(looks, an_empty_list_at_the_begin_of_an_object_is_no_edge)
{
	struct listed {
		struct listed *next;
		struct listed *previous;
		struct lastref_count refs;
	};
	static const struct lastref_type listed_type = LASTREF_TYPE("listed", struct listed);
	static struct listed listed;

	listed.next = listed.previous = &listed;
	lastref_register(&listed_type, &listed);
	look();
	cr_assert_not_null(look_at(&listed_type, &listed));
	cr_assert_eq(edge_count(), 0);
}

static const struct lastref_type page_type = LASTREF_TYPE("page", char[4096]);

Test(looks, the_words_of_the_count_are_no_pointers)
{
	uint64_t word;
	void *page;

	make_plains(1);
	memcpy(&word, &plains[0].refs, sizeof(word));
	page = mmap((void *)(uintptr_t)(word & ~UINT64_C(4095)), 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (page == MAP_FAILED || (uint64_t)(uintptr_t)page != (word & ~UINT64_C(4095)))
		cr_skip_test("nothing can be mapped at %llx", (unsigned long long)word);
	lastref_register(&page_type, page);
	look();
	cr_assert_not_null(look_at(&page_type, page));
	cr_assert_eq(edge_count(), 0);
	plains[0].pointers[0] = (void *)(uintptr_t)word;
	look();
	cr_assert_eq(edge_count(), 1);
}

/*
 * Objects within objects.
 */

struct outer {
	struct plain *before;
	struct plain inner;
	struct plain *behind;
	struct lastref_count refs;
};

LASTREF_DEFINE(outer, struct outer, refs, NULL);
LASTREF_DEFINE(owning_outer, struct outer, refs, NULL,
	       .owns = LASTREF_OWNS(struct outer, before, inner.pointers));

static struct outer outer;

Test(looks, a_word_belongs_to_the_innermost_object_that_it_is_in)
{
	struct lr_edge edge;
	uint32_t whole, part;

	make_plains(1);
	outer_ref_init(&outer);
	plain_ref_init(&outer.inner);
	outer.before = outer.behind = outer.inner.pointers[0] = &plains[0];
	look();
	whole = record_of(outer_ref_type(), &outer);
	part = PLAIN(&outer.inner);
	cr_assert_eq(edge_count(), 3);
	cr_assert_eq(edges_between(whole, PLAIN(&plains[0]), &edge), 2);
	cr_assert_eq(edges_between(part, PLAIN(&plains[0]), &edge), 1);
}

Test(looks, a_declared_member_within_an_inner_object_is_the_inner_ones)
{
	struct lr_edge edge;

	make_plains(1);
	owning_outer_ref_init(&outer);
	plain_ref_init(&outer.inner);
	outer.inner.pointers[0] = &plains[0];
	look();
	cr_assert_eq(edge_count(), 1);
	cr_assert_eq(edges_between(PLAIN(&outer.inner), PLAIN(&plains[0]), &edge), 1);
}

Test(looks, a_pointer_leads_to_the_innermost_object_that_it_points_into)
{
	struct lr_edge edge;

	make_plains(1);
	outer_ref_init(&outer);
	plain_ref_init(&outer.inner);
	plains[0].pointers[0] = &outer.inner;
	plains[0].pointers[1] = &outer.inner.pointers[5];
	plains[0].pointers[2] = &outer.behind;
	look();
	cr_assert_eq(edges_between(PLAIN(&plains[0]), PLAIN(&outer.inner), &edge), 2);
	cr_assert_eq(edges_between(PLAIN(&plains[0]), record_of(outer_ref_type(), &outer), &edge), 1);
}

Test(looks, of_objects_at_one_address_the_smallest_is_the_innermost)
{
	static struct {
		struct plain first;
		struct outer rest;
	} both;
	static const struct lastref_type both_type = LASTREF_TYPE("both", char[sizeof(both)]);
	struct lr_edge edge;

	make_plains(1);
	plain_ref_init(&both.first);
	lastref_register(&both_type, &both);
	both.first.pointers[0] = both.rest.before = &plains[0];
	plains[0].pointers[0] = &both;
	look();
	cr_assert_eq(edge_count(), 3);
	cr_assert_eq(edges_between(PLAIN(&plains[0]), PLAIN(&both.first), &edge), 1);
	cr_assert_eq(edges_between(PLAIN(&both.first), PLAIN(&plains[0]), &edge), 1);
	cr_assert_eq(edges_between(record_of(&both_type, &both), PLAIN(&plains[0]), &edge), 1);
	cr_assert_eq(edge.offset, offsetof(__typeof__(both), rest.before));
}

/*
 * Objects that are not there.
 */

/* A plain object in a page of its own. */
static struct plain *plain_in_page(void)
{
	struct plain *plain = lr_pages_map(4096);

	cr_assert_not_null(plain);
	plain_ref_init(plain);
	return plain;
}

Test(looks, an_object_whose_memory_is_unmapped_is_gone_and_in_no_edge)
{
	struct plain *gone = plain_in_page();

	make_plains(2);
	plains[0].pointers[0] = gone;
	plains[0].pointers[1] = &plains[1];
	plains[1].pointers[0] = gone;
	munmap(gone, 4096);
	look();
	cr_assert_eq(look_at(plain_ref_type(), gone)->count, LR_LOOK_GONE);
	cr_assert_eq(look_at(plain_ref_type(), gone)->size, sizeof(struct plain));
	cr_assert_eq(edge_count(), 1);
}

Test(looks, of_many_edges_those_to_an_object_that_is_gone_are_none)
{
	static struct plain many[100];
	struct plain *gone = plain_in_page();
	struct lr_edge edge;

	for (int i = 0; i < 100; i++) {
		plain_ref_init(&many[i]);
		many[i].pointers[0] = gone;
		many[i].pointers[1] = &many[(i + 1) % 100];
	}
	munmap(gone, 4096);
	look();
	cr_assert_eq(edge_count(), 100);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(edges_between(PLAIN(&many[i]), PLAIN(&many[(i + 1) % 100]), &edge), 1);
}

/* A plain object at the end of a page, and one behind it in a page that is not there. */
static struct plain *plain_before_gone(void)
{
	struct plain *both = lr_pages_map(2 * 4096);

	cr_assert_not_null(both);
	both = (struct plain *)((char *)both + 4096) - 1;
	plain_ref_init(&both[0]);
	plain_ref_init(&both[1]);
	mprotect(&both[1], 4096, PROT_NONE);
	return both;
}

Test(looks, an_object_before_memory_that_is_not_there_is_read)
{
	struct plain *both = plain_before_gone();

	make_plains(1);
	both->pointers[0] = &plains[0];
	look();
	cr_assert_eq(look_at(plain_ref_type(), &both[0])->count, 1);
	cr_assert_eq(look_at(plain_ref_type(), &both[1])->count, LR_LOOK_GONE);
	cr_assert_eq(edge_count(), 1);
}

Test(looks, an_object_that_ends_in_memory_that_is_not_there_is_gone_and_holds_nobody)
{
	static const struct lastref_type two_pages = LASTREF_TYPE("two pages", char[8192]);
	struct plain *plain = lr_pages_map(3 * 4096);
	void **pages = (void **)((char *)plain + 4096);

	cr_assert_not_null(plain);
	plain_ref_init(plain);
	lastref_register(&two_pages, pages);
	pages[0] = plain;
	plain->pointers[0] = pages;
	/* Not unmapped: the check itself maps memory, and might get it there. */
	mprotect((char *)pages + 4096, 4096, PROT_NONE);
	look();
	cr_assert_eq(look_at(&two_pages, pages)->count, LR_LOOK_GONE);
	cr_assert_eq(look_at(plain_ref_type(), plain)->count, 1);
	cr_assert_eq(edge_count(), 0);
}

Test(looks, many_objects_without_memory_between_others_are_gone_alone)
{
	struct plain *plain[64];

	for (int i = 0; i < 64; i++)
		plain[i] = plain_in_page();
	for (int i = 0; i < 64; i += 2)
		munmap(plain[i], 4096);
	look();
	for (int i = 0; i < 64; i++)
		cr_assert_eq(look_at(plain_ref_type(), plain[i])->count,
			     i % 2 == 0 ? LR_LOOK_GONE : 1);
}

Test(looks, an_object_whose_count_was_overwritten_is_gone)
{
	make_plains(2);
	plains[0].pointers[0] = &plains[1];
	plains[1].pointers[0] = &plains[0];
	memset(&plains[0].refs, 0x41, sizeof(plains[0].refs));
	look();
	cr_assert_eq(look_at(plain_ref_type(), &plains[0])->count, LR_LOOK_GONE);
	cr_assert_eq(edge_count(), 0);
}

Test(looks, an_object_born_where_another_was_freed_takes_its_edges)
{
	struct lr_edge edge;
	uint32_t freed;

	make_plains(2);
	freed = plains[1].refs.index;
	/* The memory comes to another use, and then to another object. */
	plain_ref_init(&plains[1]);
	cr_assert_neq(plains[1].refs.index, freed);
	plains[0].pointers[0] = &plains[1];
	plains[1].pointers[0] = &plains[0];
	look();
	cr_assert_eq(lr_image_count(&looks.image, LR_LOOKS), 3);
	cr_assert_eq(edge_count(), 2);
	for (uint64_t i = 0; i < 3; i++) {
		const struct lr_look *one = lr_image_at(&looks.image, LR_LOOKS, i);
		bool is_freed = lr_registry_index(one->record - 1) == freed;

		cr_assert_eq(one->count, is_freed ? LR_LOOK_GONE : 1);
		if (is_freed)
			cr_assert_eq(edges_between(PLAIN(&plains[0]), one->record, &edge), 0);
	}
}

Test(looks, a_pointer_to_a_place_that_was_used_again_leads_to_what_is_there_now)
{
	static union {
		struct plain plain;
		struct outer outer;
	} place;
	struct lr_edge edge;

	make_plains(1);
	plain_ref_init(&place.plain);
	memset(&place, 0, sizeof(place));
	outer_ref_init(&place.outer);
	plains[0].pointers[0] = &place;
	place.outer.before = &plains[0];
	look();
	cr_assert_eq(look_at(plain_ref_type(), &place)->count, LR_LOOK_GONE);
	cr_assert_eq(edge_count(), 2);
	cr_assert_eq(edges_between(PLAIN(&plains[0]), record_of(outer_ref_type(), &place), &edge), 1);
	cr_assert_eq(edges_between(record_of(outer_ref_type(), &place), PLAIN(&plains[0]), &edge), 1);
}

Test(looks, an_object_whose_count_is_dead_without_its_destructor_is_dead_and_in_no_edge)
{
	make_plains(2);
	plains[0].pointers[0] = &plains[1];
	plains[1].pointers[0] = &plains[0];
	cr_assert(lastref_count_unref(&plains[0].refs));
	look();
	cr_assert_eq(look_at(plain_ref_type(), &plains[0])->count, LR_LOOK_DEAD);
	cr_assert_eq(edge_count(), 0);
}

struct dying {
	struct lastref_count refs;
	struct plain *plain;
};

static void dying_destroy(struct dying *dying)
{
	(void)dying;
	look();
}

LASTREF_DEFINE(dying, struct dying, refs, dying_destroy);

Test(looks, an_object_inside_its_destructor_holds_nobody)
{
	static struct dying dying;

	make_plains(1);
	dying.plain = &plains[0];
	dying_ref_init(&dying);
	plains[0].pointers[0] = &dying;
	dying_unref(&dying);
	cr_assert_eq(look_at(dying_ref_type(), &dying)->count, LR_LOOK_DEAD);
	cr_assert_eq(look_at(plain_ref_type(), &plains[0])->count, 1);
	cr_assert_eq(edge_count(), 0);
}

/*
 * Counts.
 */

struct entry {
	struct lastref_cache_count refs;
};

LASTREF_DEFINE(entry, struct entry, refs, NULL);

struct hot {
	struct lastref_hot_count refs;
};

LASTREF_DEFINE(hot, struct hot, refs, NULL);

Test(looks, an_entry_of_a_cache_that_rests_is_told_from_a_count_of_0)
{
	static struct entry entries[2];

	entry_ref_init(&entries[0]);
	entry_ref_restore(&entries[1], 0);
	look();
	cr_assert_eq(look_at(entry_ref_type(), &entries[0])->count, 1);
	cr_assert_eq(look_at(entry_ref_type(), &entries[1])->count, LR_LOOK_AT_REST);
}

Test(looks, a_hot_count_is_read_as_its_references)
{
	static struct hot hot;

	hot_ref_init(&hot);
	hot_ref(hot_ref(&hot));
	look();
	cr_assert_eq(look_at(hot_ref_type(), &hot)->count, 3);
}

/* As a thread leaves it that is stopped between the two steps of the last unref. */
Test(looks, a_hot_count_that_reads_0_for_a_moment_does_not_rest)
{
	static struct hot hot;

	hot_ref_init(&hot);
	hot.refs.word = lastref_hot_flip_(LASTREF_HOT_MARK_ - 1);
	look();
	cr_assert_eq(look_at(hot_ref_type(), &hot)->count, 0);
}

Test(looks, an_immortal_object_has_the_largest_count)
{
	plain_ref_restore(&plains[0], INT64_MAX);
	look();
	cr_assert_eq(look_at(plain_ref_type(), &plains[0])->count, INT32_MAX);
}

/*
 * What a check is about, and where its looks are.
 */

Test(looks, a_check_since_a_checkpoint_looks_at_what_is_younger_and_at_what_is_ignored)
{
	struct lr_looks_options options = { .since = 0 };

	make_nodes(2);
	lastref_ignore(&nodes[1], "always there");
	options.since = (uint32_t)lastref_checkpoint_now();
	node_ref_init(&nodes[2]);
	lr_looks_make(&looks, &options);
	cr_assert_eq(lr_image_count(&looks.image, LR_LOOKS), 2);
	cr_assert_null(look_at(node_ref_type(), &nodes[0]));
}

Test(looks, a_check_between_two_checkpoints_looks_at_what_was_born_between_them)
{
	struct lr_looks_options options = { .since = 0 };

	make_nodes(2);
	options.since = (uint32_t)lastref_checkpoint_now();
	node_ref_init(&nodes[2]);
	options.until = (uint32_t)lastref_checkpoint_now();
	node_ref_init(&nodes[3]);
	lr_looks_make(&looks, &options);
	cr_assert_eq(lr_image_count(&looks.image, LR_LOOKS), 1);
	cr_assert_not_null(look_at(node_ref_type(), &nodes[2]));
}

Test(looks, a_check_since_a_checkpoint_looks_at_older_entries_of_caches_if_asked_to)
{
	static struct entry entry;
	struct lr_looks_options options = { .caches = true };

	make_nodes(1);
	entry_ref_init(&entry);
	options.since = (uint32_t)lastref_checkpoint_now();
	lr_looks_make(&looks, &options);
	cr_assert_eq(lr_image_count(&looks.image, LR_LOOKS), 1);
	cr_assert_not_null(look_at(entry_ref_type(), &entry));
}

Test(looks, what_is_left_in_the_arena_is_that_of_the_last_check)
{
	const struct lr_looks_options options = { .in_arena = true };
	const struct lr_edge *edge;
	struct lr_looks in_arena;

	make_nodes(3);
	nodes[0].left = &nodes[1];
	nodes[1].left = &nodes[2];
	lr_looks_make(&in_arena, &options);
	lr_looks_free(&in_arena);
	nodes[1].left = NULL;
	node_unref(&nodes[2]);
	lr_looks_make(&in_arena, &options);
	lr_looks_free(&in_arena);
	cr_assert_geq(lr_image_count(&lr_arena_image, LR_LOOKS), 2);
	cr_assert_neq(((struct lr_look *)lr_arena_at(LR_LOOKS, 1))->record, 0);
	cr_assert_eq(((struct lr_look *)lr_arena_at(LR_LOOKS, 2))->record, 0);
	edge = lr_arena_at(LR_EDGES, 0);
	cr_assert_eq(edge->from - 1 + lr_registry_index(0), nodes[0].refs.index);
	edge = lr_arena_at(LR_EDGES, 1);
	cr_assert_eq(edge->from, 0);
	cr_assert_eq(edge->to, 0);
}

static rlim_t address_space(void)
{
	unsigned long long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	cr_assert(file && fscanf(file, "%llu", &pages) == 1);
	fclose(file);
	return pages * 4096;
}

/* An emulator may keep the limit for itself. */
static bool limit_is_obeyed(void)
{
	struct rlimit limit = { .rlim_cur = address_space() + 4096, .rlim_max = RLIM_INFINITY };
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	void *much;

	setrlimit(RLIMIT_AS, &limit);
	much = mmap(NULL, 1u << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	setrlimit(RLIMIT_AS, &none);
	if (much != MAP_FAILED)
		munmap(much, 1u << 30);
	return much == MAP_FAILED;
}

/* Three segments of edges, and all else that a check needs, at some step each. */
Test(looks, with_too_little_memory_there_are_all_looks_and_edges_or_none)
{
	static struct plain many[5000];
	struct rlimit limit = { .rlim_max = RLIM_INFINITY };
	bool complete = false;
	int without = 0;

	if (!limit_is_obeyed())
		cr_skip_test("address space is not limited here");
	for (int i = 0; i < 5000; i++) {
		plain_ref_init(&many[i]);
		for (int j = 0; j < 6; j++)
			many[i].pointers[j] = &many[4999 - i];
	}
	for (rlim_t more = 0; !complete; more += 16384) {
		limit.rlim_cur = address_space() + more;
		setrlimit(RLIMIT_AS, &limit);
		lr_looks_make(&looks, &all);
		complete = lr_image_count(&looks.image, LR_LOOKS) != 0;
		cr_assert_eq(lr_image_count(&looks.image, LR_LOOKS), complete ? 5000 : 0);
		cr_assert_eq(edge_count(), complete ? 30000 : 0);
		without += !complete;
		lr_looks_free(&looks);
	}
	cr_assert_gt(without, 50);
}

/* A child that has the kernel refuse the call that copies memory. */
Test(looks, where_the_kernel_forbids_to_copy_memory_it_is_copied_otherwise)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { 4, filter };
	struct plain *gone = plain_in_page();
	struct plain *both = plain_before_gone();
	struct lr_edge edge;

	make_plains(2);
	plains[0].pointers[0] = &plains[1];
	plains[0].pointers[1] = gone;
	munmap(gone, 4096);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		cr_skip_test("there are no filters of system calls");
	look();
	cr_assert_eq(look_at(plain_ref_type(), &plains[0])->count, 1);
	cr_assert_eq(look_at(plain_ref_type(), gone)->count, LR_LOOK_GONE);
	cr_assert_eq(look_at(plain_ref_type(), &both[0])->count, 1);
	cr_assert_eq(look_at(plain_ref_type(), &both[1])->count, LR_LOOK_GONE);
	cr_assert_eq(edges_between(PLAIN(&plains[0]), PLAIN(&plains[1]), &edge), 1);
	cr_assert_eq(edge_count(), 1);
}
