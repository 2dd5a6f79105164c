/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check asks the program: .count, .size_of and .visit, alone and while other threads run. Links the layers, so the library of a
 * user is not in this process.
 */
#include "../support/capture.h"
#include "../support/looked.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(asks, .init = begin, .fini = end);

/*
 * What the program's functions are asked depends on whether other threads run. Criterion has threads of its own, so both is tried in processes
 * apart, with functions that return 0 if all was as it should be.
 */

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static sem_t never;
static bool is_alone;

static void *wait_for_ever(void *unused)
{
	sem_wait(&never);
	return unused;
}

static int run(void *body)
{
	pthread_t thread;

	if (!is_alone &&
	    (sem_init(&never, 0, 0) != 0 || pthread_create(&thread, NULL, wait_for_ever, NULL) != 0))
		abort();
	return (*(int (**)(void))body)();
}

static void expect_in_process(int (*body)(void), bool alone)
{
	struct capture capture;

	is_alone = alone;
	capture_run(&capture, run, &body);
	cr_assert(capture_exited(&capture, 0), "%s, status 0x%x: %s",
		  alone ? "alone" : "among threads", capture.wait_status, capture.text);
	capture_finish(&capture);
}

static void expect_alone_and_among_threads(int (*body)(void))
{
	expect_in_process(body, true);
	expect_in_process(body, false);
}

static int64_t count_is_three(const void *object)
{
	(void)object;
	return 3;
}

static int64_t count_faults(const void *object)
{
	(void)object;
	return *(const volatile int64_t *)(uintptr_t)0x4141414141414141;
}

static const struct lastref_type silent_type = LASTREF_TYPE("silent", struct plain);
static const struct lastref_type three_type =
	LASTREF_TYPE("three", struct plain, .count = count_is_three);
static const struct lastref_type faulting_type =
	LASTREF_TYPE("faulting", struct plain, .count = count_faults);

static int counts_by_hand(void)
{
	struct lr_edge edge;

	lastref_register(&silent_type, &plains[0]);
	lastref_register(&three_type, &plains[1]);
	lastref_register(&faulting_type, &plains[2]);
	lastref_register(&three_type, &plains[3]);
	plains[0].pointers[0] = &plains[3];
	plains[2].pointers[0] = &plains[3];
	look();
	EXPECT(look_at(&silent_type, &plains[0])->count == LR_LOOK_UNKNOWN);
	EXPECT(look_at(&three_type, &plains[1])->count == 3);
	EXPECT(look_at(&faulting_type, &plains[2])->count == LR_LOOK_UNKNOWN);
	EXPECT(look_at(&three_type, &plains[3])->count == 3);
	EXPECT(edges_between(record_of(&silent_type, &plains[0]),
			     record_of(&three_type, &plains[3]), &edge) == 1);
	EXPECT(edge_count() == 2);
	return 0;
}

Test(asks, an_object_that_counts_by_hand_is_asked_for_its_count_and_has_edges)
{
	expect_in_process(counts_by_hand, true);
}

/*
 * Sizes.
 */

struct sized {
	struct lastref_count refs;
	uint64_t size;
	void *pointers[];
};

static size_t sized_size(const void *object)
{
	return ((const struct sized *)object)->size;
}

LASTREF_DEFINE(sized, struct sized, refs, NULL, .size_of = sized_size);

static struct sized *sized_new(size_t size)
{
	struct sized *sized = calloc(1, size);

	cr_assert_not_null(sized);
	sized->size = size;
	sized_ref_init(sized);
	return sized;
}

static int variable_sizes(void)
{
	struct sized *small = sized_new(sizeof(struct sized) + 8);
	struct sized *large = sized_new(1000 * 1000);
	struct lr_edge edge;

	small->pointers[0] = (char *)large + 999 * 1000;
	large->pointers[120 * 1000] = small;
	look();
	EXPECT(look_at(sized_ref_type(), small)->size == sizeof(struct sized) + 8);
	EXPECT(look_at(sized_ref_type(), large)->size == 1000 * 1000);
	EXPECT(edges_between(record_of(sized_ref_type(), small), record_of(sized_ref_type(), large),
			     &edge) == 1);
	EXPECT(edges_between(record_of(sized_ref_type(), large), record_of(sized_ref_type(), small),
			     &edge) == 1);
	EXPECT(edge.offset == offsetof(struct sized, pointers[120 * 1000]));
	return 0;
}

Test(asks, an_object_of_variable_size_is_as_large_as_it_says)
{
	expect_alone_and_among_threads(variable_sizes);
}

/* Side by side, so that one copy is of all of them. */
static int counts_of_sized(void)
{
	struct sized *first = calloc(40, sizeof(*first));

	EXPECT(first);
	for (int i = 0; i < 40; i++) {
		first[i].size = sizeof(*first);
		sized_ref_init(&first[i]);
	}
	look();
	for (int i = 0; i < 40; i++)
		EXPECT(look_at(sized_ref_type(), &first[i])->count == 1);
	return 0;
}

Test(asks, the_reference_with_which_an_object_is_asked_for_its_size_is_in_no_count)
{
	expect_alone_and_among_threads(counts_of_sized);
}

/*
 * .visit
 */

enum visiting { VISIT_ALL, VISIT_NOBODY, VISIT_FAULT };

struct visited {
	struct lastref_count refs;
	enum visiting how;
	struct plain *own;
	struct plain *held;
	void *not_held;
};

static int visited_during_threads;

static void visited_visit(const void *object, lastref_visitor visitor, void *context)
{
	const struct visited *visited = object;

	visited_during_threads += lastref_count_read(&visited->refs) == 2;
	if (visited->how == VISIT_NOBODY)
		return;
	visitor(context, "held", visited->held);
	visitor(context, NULL, &visited->held->text[3]);
	visitor(context, "none", NULL);
	visitor(context, "foreign", &visited_during_threads);
	if (visited->how == VISIT_FAULT)
		visitor(context, (const char *)(uintptr_t)0x4141414141414141, visited->held);
}

LASTREF_DEFINE(visited, struct visited, refs, NULL, .visit = visited_visit);
LASTREF_DEFINE(owner, struct visited, refs, NULL, .owns = LASTREF_OWNS(struct visited, own),
	       .visit = visited_visit);

static struct visited visited;

static void make_visited(enum visiting how)
{
	make_plains(3);
	visited.how = how;
	visited.own = &plains[2];
	visited.held = &plains[0];
	visited.not_held = &plains[1];
}

static int visited_edges(void)
{
	struct lr_edge edge;

	make_visited(VISIT_ALL);
	visited_ref_init(&visited);
	look();
	EXPECT(edge_count() == 2);
	EXPECT(edges_between(record_of(visited_ref_type(), &visited), PLAIN(&plains[0]), &edge) == 2);
	EXPECT(edge.how == LR_EDGE_DECLARED);
	EXPECT(edge.offset == UINT32_MAX);
	edge = *(const struct lr_edge *)lr_image_at(&looks.image, LR_EDGES, 0);
	EXPECT(strcmp(member_of(&edge), "held") == 0);
	return 0;
}

Test(asks, what_visit_calls_back_for_is_an_edge_and_nothing_else)
{
	expect_alone_and_among_threads(visited_edges);
}

static int visit_and_owns(void)
{
	struct lr_edge edge;

	make_visited(VISIT_ALL);
	owner_ref_init(&visited);
	look();
	EXPECT(edge_count() == 3);
	EXPECT(edges_between(record_of(owner_ref_type(), &visited), PLAIN(&plains[2]), &edge) == 1);
	EXPECT(strcmp(member_of(&edge), "own") == 0);
	return 0;
}

Test(asks, the_child_of_a_fork_has_names_of_its_own)
{
	make_visited(VISIT_ALL);
	visited_ref_init(&visited);
	look();
	expect_in_process(visited_edges, true);
}

Test(asks, visit_and_owns_together_are_all_edges)
{
	expect_alone_and_among_threads(visit_and_owns);
}

static int visit_nobody(void)
{
	make_visited(VISIT_NOBODY);
	visited_ref_init(&visited);
	look();
	EXPECT(edge_count() == 0);
	return 0;
}

Test(asks, a_visit_that_calls_back_for_nobody_says_that_nobody_is_held)
{
	expect_alone_and_among_threads(visit_nobody);
}

static int visit_that_faults(void)
{
	struct lr_edge edge;
	uint32_t from;

	make_visited(VISIT_FAULT);
	owner_ref_init(&visited);
	look();
	from = record_of(owner_ref_type(), &visited);
	EXPECT(edge_count() == 3);
	EXPECT(edges_between(from, PLAIN(&plains[0]), &edge) == 1);
	EXPECT(edge.how == LR_EDGE_FOUND);
	EXPECT(edges_between(from, PLAIN(&plains[1]), &edge) == 1);
	/* What .owns says is certain all the same, and said once. */
	EXPECT(edges_between(from, PLAIN(&plains[2]), &edge) == 1);
	EXPECT((edge.how & LR_EDGE_HOW) == LR_EDGE_DECLARED);
	return 0;
}

Test(asks, of_a_visit_that_faults_nothing_is_kept_and_the_object_is_scanned)
{
	expect_alone_and_among_threads(visit_that_faults);
}

/* Each has a fault of its own, among others that have none. */
static int many_that_fault(void)
{
	static struct visited many[100];
	/* Far away, so that the others are copied again when .visit has failed. */
	struct plain *far = calloc(1, sizeof(*far));

	EXPECT(far);
	plain_ref_init(far);
	make_visited(VISIT_ALL);
	for (int i = 0; i < 100; i++) {
		many[i] = visited;
		many[i].how = i % 3 == 0 ? VISIT_FAULT : VISIT_ALL;
		visited_ref_init(&many[i]);
	}
	look();
	for (int i = 0; i < 100; i++) {
		struct lr_edge edge;
		int edges = edges_between(record_of(visited_ref_type(), &many[i]),
					  PLAIN(&plains[0]), &edge);

		EXPECT(edges == (i % 3 == 0 ? 1 : 2));
		EXPECT(look_at(visited_ref_type(), &many[i])->count == 1);
	}
	return 0;
}

Test(asks, a_visit_that_faults_does_not_keep_the_others_from_answering)
{
	expect_alone_and_among_threads(many_that_fault);
}

static void visit_and_check(const void *object, lastref_visitor visitor, void *context)
{
	(void)visitor;
	(void)context;
	(void)object;
	if (lastref_leak_check() != 1)
		abort();
}

LASTREF_DEFINE(checker, struct plain, refs, NULL, .visit = visit_and_check);

static int check_in_visit(void)
{
	checker_ref_init(&plains[0]);
	EXPECT(lastref_leak_check() == 1);
	return 0;
}

Test(asks, a_visit_may_check_for_leaks)
{
	expect_alone_and_among_threads(check_in_visit);
}

/*
 * While other threads run.
 */

static int visit_holds(void)
{
	struct lr_edge edge;

	make_visited(VISIT_ALL);
	visited_ref_init(&visited);
	look();
	EXPECT(visited_during_threads == 1);
	EXPECT(lastref_count_read(&visited.refs) == 1);
	EXPECT(look_at(visited_ref_type(), &visited)->count == 1);
	EXPECT(edges_between(record_of(visited_ref_type(), &visited), PLAIN(&plains[0]), &edge) == 2);
	return 0;
}

Test(asks, while_threads_run_visit_is_called_with_a_reference_that_the_look_does_not_count)
{
	expect_in_process(visit_holds, false);
}

static int entry_was_asked;

static void visit_entry(const void *object, lastref_visitor visitor, void *context)
{
	(void)object;
	(void)visitor;
	(void)context;
	entry_was_asked++;
}

struct holding_entry {
	struct lastref_cache_count refs;
	struct plain *plain;
};

LASTREF_DEFINE(holding_entry, struct holding_entry, refs, NULL, .visit = visit_entry);

static int cannot_be_held(void)
{
	static struct holding_entry entry;
	struct lr_edge edge;

	make_plains(1);
	entry.plain = &plains[0];
	holding_entry_ref_init(&entry);
	lastref_register(&three_type, &plains[1]);
	look();
	EXPECT(entry_was_asked == 0);
	EXPECT(look_at(&three_type, &plains[1])->count == LR_LOOK_UNKNOWN);
	EXPECT(edges_between(record_of(holding_entry_ref_type(), &entry), PLAIN(&plains[0]),
			     &edge) == 1);
	EXPECT(edge.how == LR_EDGE_FOUND);
	return 0;
}

Test(asks, while_threads_run_what_cannot_be_held_is_not_asked_but_scanned)
{
	expect_in_process(cannot_be_held, false);
}

Test(asks, a_name_of_a_member_is_stored_once)
{
	uint64_t before;

	make_visited(VISIT_ALL);
	visited_ref_init(&visited);
	look();
	before = lr_arena_add_text("x", 1);
	for (int i = 0; i < 10; i++)
		look();
	cr_assert_eq(lr_arena_add_text("x", 1) - before, 8);
}
