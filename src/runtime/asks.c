/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calling .size_of, .count and .visit on all objects that a check looks at.
 *
 * Layer: runtime. Locks: the gate's, for each object that is held; none while the program's functions run.
 *
 * The rules are those of a description: an object cannot die meanwhile, since no other thread runs or a reference is held, and what follows
 * a pointer into nowhere is ended by the fault guard. A guard and a gate for each object would take longer than all the rest, so they are
 * put up for some objects at once; a fault ends the call for one of them, and the next call goes on behind it.
 *
 * A function that forks and returns in the child has called us there too, with what was the parent's: the child gives back what it holds, and
 * looks at nothing any more. See lr_looking_goes_on().
 *
 * While other threads run, the gate stays shut for the whole of it: a thread that destroys an object then takes the gate's lock, and that is all.
 */
#include "runtime/looking.h"

#include "runtime/arena.h"
#include "runtime/fault_guard.h"
#include "runtime/gate.h"
#include "runtime/turn.h"

#define AT_ONCE 32u

/* What is asked of objects. */
struct ask {
	bool (*concerns)(const struct lr_plan *plan);
	void (*call)(struct lr_looking *looking, uint32_t number);
	void (*failed)(struct lr_looking *looking,
		       uint32_t number); /* it could not be called, or faulted */
};

struct asked {
	uint32_t number;
	bool is_held; /* or need not be */
	bool is_done;
	struct lr_object object;
};

struct batch {
	struct lr_looking *looking;
	const struct ask *ask;
	uint32_t count;
	uint32_t next; /* the one that is being asked */
	struct asked asked[AT_ONCE];
};

/* Within the fault guard. */
static void call_each(void *batch_)
{
	struct batch *batch = batch_;

	for (; batch->next < batch->count; batch->next++) {
		struct asked *asked = &batch->asked[batch->next];

		if (!asked->is_held)
			continue;
		batch->looking->edges_before_call = batch->looking->edges.used;
		batch->ask->call(batch->looking, asked->number);
		if (!lr_looking_goes_on(batch->looking))
			return;
		asked->is_done = true;
		lr_turn_step();
	}
}

/* The record may be another object's by now: then the count in the object says so, or the birth number in the record. */
static bool hold(struct lr_looking *looking, struct asked *asked)
{
	const struct lr_extent *extent = &looking->extents.all[asked->number];
	const struct lr_record *record = lr_arena_at(LR_RECORDS, extent->record - 1);
	uint64_t birth = __atomic_load_n(&record->birth, __ATOMIC_RELAXED);

	asked->object = (struct lr_object){
		.type = &lr_looking_plan(looking, asked->number)->info,
		.address = lr_extent_address(extent),
		.record = extent->record - 1,
		.birth = birth,
	};
	return lr_look_birth(birth) == lr_looking_look(looking, asked->number)->birth &&
	       birth >> LR_BIRTH_NUMBER_BITS == lr_extent_type(extent) &&
	       lr_object_hold(&asked->object);
}

/* What was copied before may be of the time when we held the objects, or of before they died. */
static void tell_failed(const struct batch *batch)
{
	bool any_failed = false;

	for (uint32_t i = 0; i < batch->count; i++) {
		if (batch->asked[i].is_done)
			continue;
		if (!any_failed)
			lr_spans_forget(&batch->looking->spans);
		any_failed = true;
		batch->ask->failed(batch->looking, batch->asked[i].number);
	}
}

/* It may run a destructor, which may fork like any other function of the program. */
static void let_go(struct lr_looking *looking, const struct lr_object *object)
{
	lr_object_let_go(object);
	lr_looking_goes_on(looking);
	lr_turn_step();
}

static void ask_batch(struct batch *batch)
{
	struct lr_looking *looking = batch->looking;

	for (uint32_t i = 0; i < batch->count; i++)
		batch->asked[i].is_held = looking->alone || hold(looking, &batch->asked[i]);
	batch->next = 0;
	while (!lr_fault_guard_run(call_each, batch) && lr_looking_goes_on(looking)) {
		looking->edges.used = looking->edges_before_call;
		batch->next++;
	}
	for (uint32_t i = 0; i < batch->count && !looking->alone; i++) {
		if (batch->asked[i].is_held)
			let_go(looking, &batch->asked[i].object);
	}
	if (!looking->failed)
		tell_failed(batch);
	batch->count = 0;
}

static void ask_all(struct lr_looking *looking, const struct ask *ask)
{
	struct batch batch = { .looking = looking, .ask = ask };

	for (uint32_t i = 0; i < looking->extents.count && !looking->failed; i++) {
		if (!ask->concerns(lr_looking_plan(looking, i)) || lr_looking_is_bad(looking, i))
			continue;
		batch.asked[batch.count++] = (struct asked){ .number = i };
		if (batch.count == AT_ONCE)
			ask_batch(&batch);
	}
	ask_batch(&batch);
}

/* Nobody can be asked. */
static void fail_all(struct lr_looking *looking, const struct ask *ask)
{
	for (uint32_t i = 0; i < looking->extents.count; i++) {
		if (ask->concerns(lr_looking_plan(looking, i)) && !lr_looking_is_bad(looking, i))
			ask->failed(looking, i);
	}
}

static void ask_of_all(struct lr_looking *looking, const struct ask *ask)
{
	if (looking->alone) {
		ask_all(looking, ask);
	} else if (lr_gate_shut_one()) {
		ask_all(looking, ask);
		lr_gate_open();
	} else {
		fail_all(looking, ask);
	}
}

static const void *object_at(const struct lr_looking *looking, uint32_t number)
{
	return (const void *)(uintptr_t)lr_extent_address(&looking->extents.all[number]);
}

static bool asks(const struct lr_plan *plan)
{
	return plan->asks;
}

/* What it answers is stored before the next question: what a fault cuts off is only the rest. */
static void ask_size(struct lr_looking *looking, uint32_t number)
{
	const struct lr_type_info *info = &lr_looking_plan(looking, number)->info;
	struct lr_look *look = lr_looking_look(looking, number);
	const void *object = object_at(looking, number);

	if (!lr_look_verify(looking, number))
		return;
	if (info->size_of) {
		size_t size = info->size_of(object);

		if (!lr_looking_goes_on(looking))
			return;
		look->size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
		looking->extents.all[number].size = look->size > 0 ? look->size : 1;
	}
	if (info->count_offset == 0 && info->count) {
		int64_t count = info->count(object);

		if (lr_looking_goes_on(looking) && count >= 0)
			look->count = count < INT32_MAX ? (int32_t)count : INT32_MAX;
	}
}

/* It is as large as its type, and tells no count. */
static void keep_size(struct lr_looking *looking, uint32_t number)
{
	(void)looking;
	(void)number;
}

void lr_asks_sizes(struct lr_looking *looking)
{
	static const struct ask ask = { .concerns = asks, .call = ask_size, .failed = keep_size };

	ask_of_all(looking, &ask);
	/* The counts among what was copied have our own references in them. */
	lr_spans_forget(&looking->spans);
}

/* Whom .visit calls back. */
struct visit {
	struct lr_looking *looking;
	uint32_t number;
};

static void visitor(void *visit_, const char *member, const void *target)
{
	const struct visit *visit = visit_;

	if (lr_looking_goes_on(visit->looking))
		lr_edges_add_visited(visit->looking, visit->number, member,
				     (uint64_t)(uintptr_t)target);
}

static bool visits(const struct lr_plan *plan)
{
	return plan->visits;
}

static void ask_visit(struct lr_looking *looking, uint32_t number)
{
	struct visit visit = { .looking = looking, .number = number };

	lr_looking_plan(looking, number)->info.visit(object_at(looking, number), visitor, &visit);
}

void lr_asks_visits(struct lr_looking *looking)
{
	static const struct ask ask = { .concerns = visits,
					.call = ask_visit,
					.failed = lr_edges_scan };

	ask_of_all(looking, &ask);
}
