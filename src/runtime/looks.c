/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks.
 *
 * Layer: runtime. Locks: none here; see asks.c and edges.c.
 *
 * In this order: all live objects by address; their sizes, as .size_of of some must be asked; which of them lie in one another; the counts and
 * pointers in their memory; .visit. Each step needs the one before it for all objects, since a pointer may lead to any.
 *
 * Where the parent reads the arena after a kill in the midst of this: a look is given its record last of all, when all edges are there. Until
 * then it is a look at the record 0, which is none.
 */
#include "runtime/looks.h"

#include "base/pages.h"
#include "runtime/arena.h"
#include "runtime/looking.h"
#include "runtime/thread.h"
#include "runtime/turn.h"

#include <errno.h>

#define OBJECTS_IN_STEP 1024u

struct live {
	uint64_t address;
	uint64_t birth;
	bool is_dying;
};

static bool is_of_cache(uint64_t birth)
{
	const struct lr_type_info *type = lr_type_by_id((uint32_t)(birth >> LR_BIRTH_NUMBER_BITS));

	return type && type->count_offset != 0 && type->count_kind == LASTREF_KIND_CACHE_;
}

static bool is_wanted(const struct lr_looks_options *options, uint32_t state, uint64_t birth)
{
	uint32_t value = state & ~LR_STATE_MASK;
	uint32_t age = value >> LR_ALIVE_AGE_SHIFT;

	if ((state & LR_STATE_MASK) == LR_STATE_DYING)
		return options->since == 0;
	if ((state & LR_STATE_MASK) != LR_STATE_ALIVE)
		return false;
	if (value & LR_ALIVE_IGNORED)
		return true;
	/* What an earlier check reported holds what it holds, however old it is. */
	if (value & LR_ALIVE_REPORTED)
		return true;
	return (age >= options->since && (options->until == 0 || age < options->until)) ||
	       (options->caches && is_of_cache(birth));
}

#define RECORDS_IN_SEGMENT (LR_SEGMENT_SIZE / (uint32_t)sizeof(struct lr_record))

/* As lr_arena_at(), with a division that the compiler does. */
static const struct lr_record *record_at(uint32_t ordinal)
{
	void *const *segments = lr_arena_image.spaces[LR_RECORDS].segments;

	return (const struct lr_record *)segments[ordinal / RECORDS_IN_SEGMENT] +
	       ordinal % RECORDS_IN_SEGMENT;
}

/* Return: false if the record is of no object that the check is about; see struct lr_record. */
static bool take_record(const struct lr_looking *looking, uint32_t ordinal, struct live *ret)
{
	const struct lr_record *record = record_at(ordinal);
	uint32_t state;

	/* These pair with the release stores in lr_registry_add(). */
	ret->birth = __atomic_load_n(&record->birth, __ATOMIC_ACQUIRE);
	state = __atomic_load_n(&record->state, __ATOMIC_ACQUIRE);
	ret->address = ~__atomic_load_n(&record->object, __ATOMIC_ACQUIRE);
	ret->is_dying = (state & LR_STATE_MASK) == LR_STATE_DYING;
	return __atomic_load_n(&record->birth, __ATOMIC_RELAXED) == ret->birth &&
	       is_wanted(looking->options, state, ret->birth) &&
	       ret->address <= LR_EXTENT_ADDRESS_MAX;
}

/* Return: how many are alive. Sets whether any is inside its destructor. */
static uint32_t count_live(struct lr_looking *looking, uint32_t records)
{
	uint32_t count = 0;
	struct live live;

	for (uint32_t i = 0; i < records; i++) {
		if (!take_record(looking, i, &live))
			continue;
		count += !live.is_dying;
		looking->any_dying |= live.is_dying;
	}
	return count;
}

static int collect(struct lr_looking *looking, uint32_t records)
{
	struct lr_extents *extents = &looking->extents;
	struct live live;

	for (uint32_t i = 0; i < records && extents->count < extents->room; i++) {
		if (!take_record(looking, i, &live) || live.is_dying)
			continue;
		extents->all[extents->count++] = (struct lr_extent){
			.key = live.address << LR_EXTENT_TYPE_BITS |
			       live.birth >> LR_BIRTH_NUMBER_BITS,
			.record = i + 1,
			.birth = lr_look_birth(live.birth),
		};
	}
	lr_turn_step();
	return lr_extents_sort(extents);
}

static int make_plans(struct lr_looking *looking)
{
	uint32_t room = lr_types_count() + 1;

	lr_turn_step();
	looking->plans = lr_pages_map(room * sizeof(*looking->plans));
	looking->plan_room = looking->plans ? room : 0;
	return looking->plans ? 0 : -ENOMEM;
}

/* Sizes are those of types until they are asked. */
static int make_looks(struct lr_looking *looking)
{
	for (uint32_t i = 0; i < looking->extents.count; i++) {
		struct lr_extent *extent = &looking->extents.all[i];
		struct lr_plan *plan = &looking->plans[lr_extent_type(extent)];
		struct lr_look *look = lr_elements_add(&looking->looks);
		size_t size;

		if (!look)
			return -ENOMEM;
		if (!plan->is_made)
			lr_plan_make(looking, lr_extent_type(extent));
		size = plan->info.size < UINT32_MAX ? plan->info.size : UINT32_MAX;
		*look = (struct lr_look){
			.birth = extent->birth,
			.count = LR_LOOK_UNREAD,
			.size = (uint32_t)size,
		};
		extent->size = size > 0 ? (uint32_t)size : 1;
		if (i % OBJECTS_IN_STEP == 0)
			lr_turn_step();
	}
	return 0;
}

/* What the destructor has let go of already, and what not, nobody knows: an object inside it holds nobody, and nobody holds it. */
static int add_dying(struct lr_looking *looking, uint32_t records)
{
	struct live live;

	for (uint32_t i = 0; i < records; i++) {
		uint32_t type;
		struct lr_look *look;

		if (!take_record(looking, i, &live) || !live.is_dying)
			continue;
		type = (uint32_t)(live.birth >> LR_BIRTH_NUMBER_BITS);
		look = lr_elements_add(&looking->looks);
		if (!look)
			return -ENOMEM;
		*look = (struct lr_look){
			.record = i + 1,
			.birth = lr_look_birth(live.birth),
			.count = LR_LOOK_DEAD,
			.size = (uint32_t)lr_type_by_id(type)->size,
		};
	}
	return 0;
}

static void swap_looks(void *looking_, uint32_t a, uint32_t b)
{
	struct lr_looking *looking = looking_;
	struct lr_look look = *lr_looking_look(looking, a);

	*lr_looking_look(looking, a) = *lr_looking_look(looking, b);
	*lr_looking_look(looking, b) = look;
}

/*
 * Which of two objects that overlap is there must be known before a pointer into both is followed. Return: true if any do.
 */
static bool verify_overlapping(struct lr_looking *looking)
{
	const struct lr_extents *extents = &looking->extents;
	uint64_t end = 0;
	uint32_t last = 0; /* of those before, the one that ends last */
	bool any = false;

	for (uint32_t i = 0; i < extents->count; i++) {
		uint64_t its_end = lr_extent_end(&extents->all[i]);

		if (lr_extent_address(&extents->all[i]) < end) {
			any = true;
			if (!lr_looking_is_bad(looking, i))
				lr_look_verify(looking, i);
			if (!lr_looking_is_bad(looking, last))
				lr_look_verify(looking, last);
		}
		if (its_end > end) {
			end = its_end;
			last = i;
		}
	}
	return any;
}

static int find_edges(struct lr_looking *looking)
{
	if (looking->any_asks)
		lr_asks_sizes(looking);
	if (looking->failed)
		return -ENOMEM;
	lr_turn_step();
	if (verify_overlapping(looking) &&
	    lr_extents_link_overlapping(&looking->extents, swap_looks, looking) != 0)
		return -ENOMEM;
	lr_turn_step();
	if (lr_extents_index(&looking->extents) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < looking->extents.count && !looking->failed; i++) {
		if (!lr_looking_is_bad(looking, i))
			lr_edges_read(looking, i);
		if (i % OBJECTS_IN_STEP == 0)
			lr_turn_step();
	}
	lr_edges_follow(looking);
	lr_turn_step();
	if (looking->any_visits && !looking->failed)
		lr_asks_visits(looking);
	return looking->failed ? -ENOMEM : 0;
}

static bool is_bad(const struct lr_looking *looking, uint32_t record)
{
	return looking->bad[(record - 1) / 8] & 1u << (record - 1) % 8;
}

/* An edge was found before the turn of its target came, or before the rest of the object was not there. */
static void drop_bad_edges(struct lr_looking *looking)
{
	uint64_t kept = 0;

	for (uint64_t i = 0; i < looking->edges.used; i++) {
		const struct lr_edge *edge = lr_elements_at(&looking->edges, i);

		if (!is_bad(looking, edge->from) && !is_bad(looking, edge->to))
			*(struct lr_edge *)lr_elements_at(&looking->edges, kept++) = *edge;
	}
	looking->edges.used = kept;
}

/* Return: 0 or -ENOMEM. */
static int look_at_all(struct lr_looking *looking, uint32_t records)
{
	int error = lr_extents_init(&looking->extents, count_live(looking, records));

	lr_turn_step();
	looking->bad_size = records / 8 + 1;
	looking->bad = lr_pages_map(looking->bad_size);
	if (error == 0 && looking->bad)
		error = lr_spans_init(&looking->spans);
	if (error != 0 || !looking->bad || collect(looking, records) != 0 ||
	    make_plans(looking) != 0 || make_looks(looking) != 0 || find_edges(looking) != 0)
		return -ENOMEM;
	if (looking->any_bad)
		drop_bad_edges(looking);
	return looking->any_dying ? add_dying(looking, records) : 0;
}

/* The parent reads when this process is dead: the order is that of the stores alone. */
static void name_records(const struct lr_looking *looking)
{
	for (uint32_t i = 0; i < looking->extents.count; i++)
		__atomic_store_n(&lr_looking_look(looking, i)->record,
				 looking->extents.all[i].record, __ATOMIC_RELEASE);
}

static void finish(struct lr_looking *looking)
{
	lr_plans_free(looking);
	lr_pages_unmap(looking->plans, looking->plan_room * sizeof(*looking->plans));
	lr_pages_unmap(looking->bad, looking->bad_size);
	lr_spans_finish(&looking->spans);
	lr_extents_free(&looking->extents);
}

/* The image as it is now. */
static void copy_image(struct lr_image *to)
{
	to->header = lr_arena_image.header;
	to->cut_short = false;
	for (int kind = 0; kind < LR_KINDS; kind++) {
		const struct lr_space *from = &lr_arena_image.spaces[kind];

		to->spaces[kind].segments = from->segments;
		/* Pairs with the release of the arena when it adds a segment. */
		to->spaces[kind].count = __atomic_load_n(&from->count, __ATOMIC_ACQUIRE);
		to->spaces[kind].bytes = __atomic_load_n(&from->bytes, __ATOMIC_RELAXED);
	}
}

static void leave_what_is_whole(struct lr_looking *looking, bool all)
{
	lr_elements_cut(&looking->looks, all ? looking->looks.used : 0);
	lr_elements_cut(&looking->edges, all ? looking->edges.used : 0);
	if (all)
		name_records(looking);
}

/* In the child of a fork, where the arena is another one. */
static void forget_all(struct lr_looking *looking)
{
	lr_elements_free(&looking->looks);
	lr_elements_free(&looking->edges);
}

void lr_looks_make(struct lr_looks *looks, const struct lr_looks_options *options)
{
	uint32_t records = (uint32_t)lr_image_count(&lr_arena_image, LR_RECORDS);
	struct lr_looking looking = {
		.options = options,
		.process = lr_start_process(),
		.alone = !lr_thread_others_run(),
	};
	int error = lr_elements_init(&looking.looks, LR_LOOKS, options->in_arena);

	error |= lr_elements_init(&looking.edges, LR_EDGES, options->in_arena);
	if (error == 0)
		error = look_at_all(&looking, records);
	if (lr_start_is_process(looking.process))
		leave_what_is_whole(&looking, error == 0);
	else
		forget_all(&looking);
	finish(&looking);
	looks->looks = looking.looks;
	looks->edges = looking.edges;
	lr_looks_show(looks);
}

void lr_looks_show(struct lr_looks *looks)
{
	copy_image(&looks->image);
	lr_elements_show(&looks->looks, &looks->image);
	lr_elements_show(&looks->edges, &looks->image);
}

void lr_looks_free(struct lr_looks *looks)
{
	lr_elements_free(&looks->looks);
	lr_elements_free(&looks->edges);
}
