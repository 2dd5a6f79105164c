/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The template: the functions that LASTREF_DEFINE() makes, slots, LASTREF_AUTO(), opaque types, restored state, and the generic
 * functions. Built once for the standard count and once, with HOT, for the hot count: they keep the same promises. What the cache
 * count promises is in test_cache_object.c.
 */
#include <lastref/object.h>

#include "../support/opaque.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#ifdef HOT
#define COUNT struct lastref_hot_count
#define COUNT_IMMORTAL LASTREF_HOT_COUNT_IMMORTAL
#define KIND LASTREF_KIND_HOT_
#else
#define COUNT struct lastref_count
#define COUNT_IMMORTAL LASTREF_COUNT_IMMORTAL
#define KIND LASTREF_KIND_STANDARD_
#endif

struct box {
	int before; /* the count need not come first */
	COUNT refs;
	struct box *inside;
};

static int boxes_destroyed;
static struct box *last_destroyed;

static void box_destroy(struct box *box);

LASTREF_DEFINE(box, struct box, refs, box_destroy);

static void box_destroy(struct box *box)
{
	boxes_destroyed++;
	last_destroyed = box;
	box_unref(box->inside);
	free(box);
}

static struct box *box_new(void)
{
	struct box *box = calloc(1, sizeof(*box));

	cr_assert_not_null(box);
	box_ref_init(box);
	return box;
}

struct simple {
	COUNT refs;
};

LASTREF_DEFINE(simple, struct simple, refs, NULL);

static int misuses;
static enum lastref_misuse_kind last_misuse;

static void note_misuse(const struct lastref_misuse *misuse, void *context)
{
	(void)context;
	misuses++;
	last_misuse = misuse->kind;
}

/* The functions of a type. */

Test(object, only_the_last_unref_destroys)
{
	struct box *box = box_new();

	box_ref(box);
	box_unref(box);
	cr_assert_eq(boxes_destroyed, 0);
	box_unref(box);
	cr_assert_eq(boxes_destroyed, 1);
}

Test(object, ref_returns_the_object)
{
	struct box *box = box_new();

	cr_assert_eq(box_ref(box), box);
	cr_assert_eq(box_ref_count(box), 2);
}

Test(object, unref_returns_null_whether_last_or_not)
{
	struct box *box = box_ref(box_new());

	cr_assert_null(box_unref(box));
	cr_assert_null(box_unref(box));
	cr_assert_eq(boxes_destroyed, 1);
}

Test(object, unref_of_null_does_nothing)
{
	cr_assert_null(box_unref(NULL));
	box_unref_any(NULL);
	box_unref_with(NULL, NULL, NULL);
	cr_assert_eq(boxes_destroyed, 0);
}

Test(object, tryref_gives_the_object_while_it_lives)
{
	struct box *box = box_new();

	cr_assert_eq(box_tryref(box), box);
	cr_assert_eq(box_ref_count(box), 2);
}

Test(object, tryref_gives_null_once_it_is_dead)
{
	struct simple simple;

	simple_ref_init(&simple);
	simple_unref(&simple);
	cr_assert_null(simple_tryref(&simple));
	cr_assert_eq(simple_ref_count(&simple), 0);
}

Test(object, tryref_gives_null_for_zeroed_memory)
{
	static struct simple simple;

	cr_assert_null(simple_tryref(&simple));
	cr_assert_eq(simple_ref_count(&simple), 0);
}

static struct box *tried_in_destructor;

static void try_in_destructor(struct box *box, void *context)
{
	(void)context;
	tried_in_destructor = box_tryref(box);
}

Test(object, tryref_gives_null_inside_the_destructor)
{
	struct box *box = box_new();

	tried_in_destructor = box;
	box_unref_with(box, try_in_destructor, NULL);
	cr_assert_null(tried_in_destructor);
}

Test(object, unref_unless_last_keeps_the_last_reference)
{
	struct box *box = box_ref(box_new());

	cr_assert(box_unref_unless_last(box));
	cr_assert_not(box_unref_unless_last(box));
	cr_assert_eq(boxes_destroyed, 0);
	box_unref(box);
	cr_assert_eq(boxes_destroyed, 1);
}

static int destroyed_with;

static void destroy_with(struct box *box, void *context)
{
	cr_assert_eq(box_ref_count(box), 0);
	*(struct box **)context = box;
	destroyed_with++;
}

Test(object, unref_with_calls_its_own_destructor_on_the_last_only)
{
	struct box *box = box_ref(box_new());
	struct box *seen = NULL;

	box_unref_with(box, destroy_with, &seen);
	cr_assert_eq(destroyed_with, 0);
	box_unref_with(box, destroy_with, &seen);
	cr_assert_eq(destroyed_with, 1);
	cr_assert_eq(seen, box);
	cr_assert_eq(boxes_destroyed, 0);
	free(box);
}

Test(object, unref_with_null_calls_nothing)
{
	struct box *box = box_new();

	box_unref_with(box, NULL, NULL);
	cr_assert_eq(boxes_destroyed, 0);
	cr_assert_null(box_tryref(box));
	free(box);
}

Test(object, unref_any_is_unref_for_callbacks)
{
	void (*callback)(void *) = box_unref_any;

	callback(box_new());
	cr_assert_eq(boxes_destroyed, 1);
}

Test(object, a_destructor_may_be_null)
{
	struct simple simple;

	simple_ref_init(&simple);
	cr_assert_null(simple_unref(&simple));
	cr_assert_null(simple_tryref(&simple));
}

Test(object, memory_can_be_initialized_again_after_death)
{
	struct simple simple;

	for (int i = 0; i < 3; i++) {
		simple_ref_init(&simple);
		cr_assert_eq(simple_ref_count(&simple), 1);
		simple_unref(&simple);
	}
}

Test(object, the_descriptor_tells_the_type)
{
	const struct lastref_type *type = box_ref_type();

	cr_assert_str_eq(type->name, "box");
	cr_assert_str_eq(type->c_type, "struct box");
	cr_assert_eq(type->size, sizeof(struct box));
	cr_assert_eq(type->count_kind, KIND);
	cr_assert_eq(type->count_offset, offsetof(struct box, refs) + 1);
	cr_assert_eq(type, box_ref_type());
}

Test(object, only_entries_of_a_cache_are_evicted)
{
	struct box *box = box_new();

	cr_assert_not(box_ref_evict(box));
	cr_assert_not(box_ref_is_evicted(box));
	cr_assert_eq(box_ref_count(box), 1);
	box_unref_with(box, NULL, NULL);
	cr_assert_not(box_ref_evict(box));
	cr_assert_not(box_ref_is_evicted(box));
	cr_assert_eq(boxes_destroyed, 0);
	free(box);
}

struct restless {
	COUNT refs;
};

static int rests;

static void note_rest(void *object)
{
	(void)object;
	rests++;
}

LASTREF_DEFINE(restless, struct restless, refs, NULL, .at_rest = note_rest);

Test(object, only_entries_of_a_cache_come_to_rest)
{
	struct restless restless;

	restless_ref_init(&restless);
	restless_unref(&restless);
	cr_assert_eq(rests, 0);
}

/* Destructors that unref. */

Test(object, a_destructor_may_unref_what_the_object_held)
{
	struct box *outer = box_new();

	outer->inside = box_new();
	box_unref(outer);
	cr_assert_eq(boxes_destroyed, 2);
}

static struct box *chain_of(size_t length)
{
	struct box *head = NULL;

	for (size_t i = 0; i < length; i++) {
		struct box *box = box_new();

		box->inside = head;
		head = box;
	}
	return head;
}

/* A sanitizer makes the frames larger, and the stack is what it is. */
#ifdef __SANITIZE_ADDRESS__
#define DEEP (10 * 1000)
#else
#define DEEP (100 * 1000)
#endif

Test(object, a_chain_of_100000_is_destroyed_recursively)
{
	box_unref(chain_of(DEEP));
	cr_assert_eq(boxes_destroyed, DEEP);
}

Test(object, the_loop_for_long_chains_needs_no_stack)
{
	struct box *head = chain_of(1000 * 1000);

	/* Each step gives the head's reference to the variable, so a box has nothing inside when it dies. */
	while (head != NULL)
		box_ref_move(&head, &head->inside);
	cr_assert_eq(boxes_destroyed, 1000 * 1000);
}

/* Slots. */

Test(object, set_takes_a_reference_and_releases_the_one_before)
{
	struct box *first = box_new();
	struct box *second = box_new();
	struct box *slot = NULL;

	box_ref_set(&slot, first);
	cr_assert_eq(slot, first);
	cr_assert_eq(box_ref_count(first), 2);
	box_ref_set(&slot, second);
	cr_assert_eq(slot, second);
	cr_assert_eq(box_ref_count(first), 1);
	cr_assert_eq(box_ref_count(second), 2);
	box_ref_set(&slot, NULL);
	cr_assert_null(slot);
	cr_assert_eq(box_ref_count(second), 1);
}

Test(object, set_to_what_the_slot_holds_changes_nothing)
{
	struct box *box = box_new();
	struct box *slot = box;

	box_ref_set(&slot, box);
	cr_assert_eq(slot, box);
	cr_assert_eq(box_ref_count(box), 1);
	cr_assert_eq(boxes_destroyed, 0);
}

struct nosy {
	COUNT refs;
};

static struct nosy *nosy_slot;
static struct nosy *nosy_slot_seen;

static void nosy_destroy(struct nosy *nosy)
{
	nosy_slot_seen = nosy_slot;
	free(nosy);
}

LASTREF_DEFINE(nosy, struct nosy, refs, nosy_destroy);

static struct nosy *nosy_new(void)
{
	struct nosy *nosy = calloc(1, sizeof(*nosy));

	cr_assert_not_null(nosy);
	nosy_ref_init(nosy);
	return nosy;
}

Test(object, a_destructor_sees_the_slot_as_it_is_after_the_change)
{
	struct nosy *other = nosy_new();

	nosy_slot = nosy_new();
	nosy_slot_seen = nosy_slot;
	nosy_ref_clear(&nosy_slot);
	cr_assert_null(nosy_slot_seen);

	nosy_slot = nosy_new();
	nosy_ref_set(&nosy_slot, other);
	cr_assert_eq(nosy_slot_seen, other);
}

Test(object, clear_releases_and_empties_and_may_be_repeated)
{
	struct box *slot = box_new();

	box_ref_clear(&slot);
	cr_assert_null(slot);
	cr_assert_eq(boxes_destroyed, 1);
	box_ref_clear(&slot);
	cr_assert_eq(boxes_destroyed, 1);
}

Test(object, move_hands_over_and_releases_what_was_there)
{
	struct box *moved = box_new();
	struct box *to = box_new();
	struct box *from = moved;
	struct box *before = to;

	box_ref_move(&to, &from);
	cr_assert_eq(to, moved);
	cr_assert_null(from);
	cr_assert_eq(box_ref_count(moved), 1);
	cr_assert_eq(boxes_destroyed, 1);
	cr_assert_eq(last_destroyed, before);
}

Test(object, move_to_itself_does_nothing)
{
	struct box *slot = box_new();
	struct box *box = slot;

	box_ref_move(&slot, &slot);
	cr_assert_eq(slot, box);
	cr_assert_eq(box_ref_count(box), 1);
	cr_assert_eq(boxes_destroyed, 0);
}

Test(object, move_between_two_slots_of_one_object_gives_up_one_reference)
{
	struct box *to = box_new();
	struct box *from = box_ref(to);
	struct box *box = to;

	box_ref_move(&to, &from);
	cr_assert_eq(to, box);
	cr_assert_null(from);
	cr_assert_eq(box_ref_count(box), 1);
}

Test(object, move_of_an_empty_slot_clears)
{
	struct box *to = box_new();
	struct box *from = NULL;

	box_ref_move(&to, &from);
	cr_assert_null(to);
	cr_assert_eq(boxes_destroyed, 1);
}

Test(object, move_from_the_head_to_the_next_pops)
{
	struct box *head = chain_of(3);
	struct box *second = head->inside;

	box_ref_move(&head, &head->inside);
	cr_assert_eq(head, second);
	cr_assert_eq(boxes_destroyed, 1);
	cr_assert_eq(box_ref_count(second), 1);
}

Test(object, adopt_takes_over_without_counting)
{
	struct box *box = box_new();
	struct box *slot = box_new();

	box_ref_adopt(&slot, box);
	cr_assert_eq(slot, box);
	cr_assert_eq(box_ref_count(box), 1);
	cr_assert_eq(boxes_destroyed, 1);
}

Test(object, adopt_of_what_the_slot_holds_changes_no_count)
{
	struct box *slot = box_new();

	box_ref_adopt(&slot, slot);
	cr_assert_eq(box_ref_count(slot), 1);
	cr_assert_eq(boxes_destroyed, 0);
}

Test(object, adopt_of_null_clears)
{
	struct box *slot = box_new();

	box_ref_adopt(&slot, NULL);
	cr_assert_null(slot);
	cr_assert_eq(boxes_destroyed, 1);
}

Test(object, steal_gives_the_slots_reference_to_the_caller)
{
	struct box *slot = box_new();
	struct box *box = slot;

	cr_assert_eq(box_ref_steal(&slot), box);
	cr_assert_null(slot);
	cr_assert_eq(box_ref_count(box), 1);
	cr_assert_null(box_ref_steal(&slot));
}

Test(object, auto_releases_at_the_end_of_the_scope)
{
	{
		LASTREF_AUTO(box) struct box *box = box_new();

		cr_assert_eq(box_ref_count(box), 1);
	}
	cr_assert_eq(boxes_destroyed, 1);
}

Test(object, auto_takes_null_and_what_was_stolen)
{
	struct box *kept;

	{
		LASTREF_AUTO(box) struct box *nothing = NULL;
		LASTREF_AUTO(box) struct box *box = box_new();

		(void)nothing;
		kept = box_ref_steal(&box);
	}
	cr_assert_eq(boxes_destroyed, 0);
	cr_assert_eq(box_ref_count(kept), 1);
}

/* An opaque type, whose functions are external. */

Test(object, an_opaque_type_has_all_the_functions)
{
	struct opaque *opaque = opaque_new();
	struct opaque *slot = NULL;
	struct opaque *other = NULL;

	cr_assert_eq(opaque_ref(opaque), opaque);
	cr_assert_eq(opaque_tryref(opaque), opaque);
	cr_assert_eq(opaque_ref_count(opaque), 3);
	cr_assert(opaque_unref_unless_last(opaque));
	opaque_unref_any(opaque);
	opaque_ref_set(&slot, opaque);
	opaque_ref_move(&other, &slot);
	opaque_ref_adopt(&slot, opaque_ref_steal(&other));
	opaque_ref_clear(&slot);
	cr_assert_eq(opaque_ref_count(opaque), 1);
	cr_assert_eq(opaques_destroyed, 0);
	cr_assert_null(opaque_unref(opaque));
	cr_assert_eq(opaques_destroyed, 1);
	cr_assert_str_eq(opaque_ref_type()->name, "opaque");
}

Test(object, an_opaque_type_keeps_its_options)
{
	char text[32];

	cr_assert_not_null(opaque_ref_type()->describe);
	cr_assert_eq(opaque_ref_type()->describe(NULL, text, sizeof(text)), 6);
	cr_assert_str_eq(text, "opaque");
}

Test(object, auto_works_on_an_opaque_type)
{
	{
		LASTREF_AUTO(opaque) struct opaque *opaque = opaque_new();

		(void)opaque;
	}
	cr_assert_eq(opaques_destroyed, 1);
}

/* Restored state. */

Test(object, restore_sets_the_count)
{
	struct box *box = calloc(1, sizeof(*box));

	box_ref_restore(box, 3);
	cr_assert_eq(box_ref_count(box), 3);
	box_unref(box);
	box_unref(box);
	cr_assert_eq(boxes_destroyed, 0);
	box_unref(box);
	cr_assert_eq(boxes_destroyed, 1);
}

Test(object, restore_with_0_gives_a_dead_object)
{
	struct simple simple;

	lastref_set_misuse_handler(note_misuse, NULL);
	simple_ref_restore(&simple, 0);
	cr_assert_eq(simple_ref_count(&simple), 0);
	cr_assert_null(simple_tryref(&simple));
	cr_assert_eq(misuses, 0);
	simple_unref(&simple);
	cr_assert_eq(misuses, 1);
	cr_assert_eq(last_misuse, LASTREF_MISUSE_UNREF_DEAD);
}

Test(object, restore_takes_the_largest_count)
{
	struct simple simple;

	simple_ref_restore(&simple, INT32_MAX);
	cr_assert_eq(simple_ref_count(&simple), INT32_MAX);
}

Test(object, restore_beyond_the_largest_count_is_immortal)
{
	struct simple simple;

	simple_ref_restore(&simple, (int64_t)INT32_MAX + 1);
	cr_assert_eq(simple_ref_count(&simple), INT64_MAX);
	simple_ref_restore(&simple, INT64_MAX);
	cr_assert_eq(simple_ref_count(&simple), INT64_MAX);
	cr_assert_null(simple_unref(&simple));
	cr_assert_eq(simple_tryref(&simple), &simple);
}

Test(object, what_ref_count_tells_can_be_restored)
{
	static struct simple immortal = { COUNT_IMMORTAL };
	struct simple simple;

	simple_ref_restore(&simple, simple_ref_count(&immortal));
	cr_assert_eq(simple_ref_count(&simple), INT64_MAX);
}

Test(object, restoring_a_negative_count_is_misuse_and_gives_a_dead_object)
{
	static const int64_t negative[] = { -1, INT32_MIN, INT32_MIN - INT64_C(1), INT64_MIN };
	struct simple simple;

	lastref_set_misuse_handler(note_misuse, NULL);
	for (int i = 0; i < 4; i++) {
		simple_ref_restore(&simple, negative[i]);
		cr_assert_eq(misuses, i + 1);
		cr_assert_eq(last_misuse, LASTREF_MISUSE_RESTORE_NEGATIVE);
		cr_assert_null(simple_tryref(&simple));
		cr_assert_eq(simple_ref_count(&simple), 0);
	}
}

/* The generic functions. */

Test(object, the_generic_functions_work_on_a_template_type)
{
	const struct lastref_type *type = box_ref_type();
	struct box *box = box_new();

	cr_assert_eq(lastref_ref(type, box), box);
	cr_assert_eq(lastref_tryref(type, box), box);
	cr_assert_eq(lastref_ref_count(type, box), 3);
	cr_assert_null(lastref_unref(type, box));
	cr_assert_null(lastref_unref(type, box));
	cr_assert_eq(boxes_destroyed, 0);
	cr_assert_null(lastref_unref(type, box));
	cr_assert_eq(boxes_destroyed, 1);
	cr_assert_null(lastref_unref(type, NULL));
}

Test(object, the_generic_tryref_gives_null_for_the_dead)
{
	struct simple simple;

	simple_ref_init(&simple);
	simple_unref(&simple);
	cr_assert_null(lastref_tryref(simple_ref_type(), &simple));
}

struct route {
	int references;
};

static void route_ref(void *object)
{
	((struct route *)object)->references++;
}

static bool route_tryref(void *object)
{
	struct route *route = object;

	if (route->references == 0)
		return false;
	route->references++;
	return true;
}

static void route_unref(void *object)
{
	((struct route *)object)->references--;
}

static int64_t route_count(const void *object)
{
	return ((const struct route *)object)->references;
}

static const struct lastref_type route_type =
	LASTREF_TYPE("net.route", struct route, .count = route_count, .ref = route_ref,
		     .tryref = route_tryref, .unref = route_unref);
static const struct lastref_type bare_type = LASTREF_TYPE("bare", struct route);

Test(object, the_generic_functions_work_on_a_hand_written_type)
{
	struct route route = { 1 };

	cr_assert_eq(lastref_ref(&route_type, &route), &route);
	cr_assert_eq(lastref_tryref(&route_type, &route), &route);
	cr_assert_eq(lastref_ref_count(&route_type, &route), 3);
	for (int i = 0; i < 3; i++)
		cr_assert_null(lastref_unref(&route_type, &route));
	cr_assert_null(lastref_tryref(&route_type, &route));
}

Test(object, the_descriptor_of_a_hand_written_type_has_name_c_type_and_size)
{
	cr_assert_str_eq(route_type.name, "net.route");
	cr_assert_str_eq(route_type.c_type, "struct route");
	cr_assert_eq(route_type.size, sizeof(struct route));
}

Test(object, the_count_of_a_type_that_has_none_is_minus_1)
{
	struct route route = { 1 };

	cr_assert_eq(lastref_ref_count(&bare_type, &route), -1);
}

Test(object, a_generic_function_that_the_type_lacks_is_misuse)
{
	struct route route = { 1 };

	lastref_set_misuse_handler(note_misuse, NULL);
	lastref_ref(&bare_type, &route);
	cr_assert_eq(misuses, 1);
	cr_assert_eq(last_misuse, LASTREF_MISUSE_NO_FUNCTION);
	cr_assert_null(lastref_tryref(&bare_type, &route));
	cr_assert_eq(misuses, 2);
	cr_assert_null(lastref_unref(&bare_type, &route));
	cr_assert_eq(misuses, 3);
	cr_assert_eq(route.references, 1);
}

/* The same program counts the same with checking on. */

Test(object, counts_do_not_depend_on_checking)
{
	struct box *born_off = box_new();
	struct box *box, *slot = NULL;

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	box = box_new();
	box_ref_set(&slot, box);
	cr_assert_eq(box_tryref(box), box);
	cr_assert_eq(box_ref_count(box), 3);
	cr_assert(box_unref_unless_last(box));
	box_ref_clear(&slot);
	box_unref(box);
	cr_assert_eq(boxes_destroyed, 1);
	box_unref(born_off);
	cr_assert_eq(boxes_destroyed, 2);
	cr_assert_eq(lastref_live_objects(), 0);
}

Test(object, restore_registers_what_has_references)
{
	struct simple dead, alive, immortal;

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	simple_ref_restore(&dead, 0);
	cr_assert_eq(lastref_live_objects(), 0);
	simple_ref_restore(&alive, 2);
	cr_assert_eq(lastref_live_objects(), 1);
	simple_ref_restore(&immortal, INT64_MAX);
	cr_assert_eq(lastref_live_objects(), 2);
	simple_unref(&alive);
	simple_unref(&alive);
	cr_assert_eq(lastref_live_objects(), 1);
}

Test(object, unref_with_unregisters_too)
{
	struct box *box;

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	box = box_new();
	box_unref_with(box, NULL, NULL);
	cr_assert_eq(lastref_live_objects(), 0);
	free(box);
}
