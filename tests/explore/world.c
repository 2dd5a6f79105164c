/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one object of a schedule, and what must never happen to it. Layer: tests. Locks: none.
 *
 * Freed memory is not given back: it is marked, and an access to it by anybody but a lookup in progress fails the schedule. The
 * destroyer waits for the lookups in progress, as a lock or RCU makes it, and not an instant longer: the object is free at once when
 * it is destroyed and nobody looks. A destroyer that takes its time would only hide accesses that come too late.
 *
 * A misuse may touch the object after its end, and so may the threads beside it. What is demanded then is that the count itself
 * keeps its head, so in those schedules the memory stays.
 */
#include "explore.h"

#include <inttypes.h>
#include <string.h>

#include <lastref/count.h>

struct explore_world explore_world;

static void count_begin(const struct explore_setup *setup, int64_t references)
{
	void *memory = explore_world.object.bytes;

	memset(memory, 0, EXPLORE_OBJECT_SIZE);
	if (setup->zeroed)
		return;
	if (setup->mode == MODE_IMMORTAL) {
		setup->count->immortal(memory);
		return;
	}
	if (setup->references > 0 || setup->at_rest) {
		setup->count->restore(memory, references);
		return;
	}
	setup->count->init(memory);
	for (int64_t i = 1; i < references; i++)
		setup->count->ref(memory);
}

void explore_world_begin(const struct explore_setup *setup, int64_t references)
{
	struct explore_world *world = &explore_world;

	world->setup = setup;
	world->call_count = 0;
	world->references_at_first = references;
	world->lookups = 0;
	world->gone = false;
	world->freed = false;
	world->locked = false;
	world->destroyed = 0;
	world->reports = 0;
	count_begin(setup, references);
}

struct explore_call *explore_call_begin(enum explore_word word, int thread)
{
	struct explore_world *world = &explore_world;
	struct explore_call *call = &world->calls[world->call_count];

	if (world->call_count == EXPLORE_CALLS)
		explore_fail("more than %d calls: raise EXPLORE_CALLS", EXPLORE_CALLS);
	world->call_count++;
	call->word = word;
	call->thread = thread;
	/* Its first step sets it; a call that is not over is over at the end of time. */
	call->begin = 0;
	call->end = UINT32_MAX;
	call->result = 0;
	return call;
}

static void check_tryref(const struct explore_call *call)
{
	const struct explore_world *world = &explore_world;

	if (!call->result) {
		if (world->setup->mode == MODE_IMMORTAL || world->setup->mode == MODE_OVERFLOW)
			explore_fail("tryref fails on an immortal object");
		return;
	}
	if (world->destroyed && !world->setup->reused && call->begin > world->destroyed_at)
		explore_fail("a tryref that began after the object's end succeeds");
	if (world->reports && world->setup->mode == MODE_MISUSE && call->begin > world->reported_at)
		explore_fail("a tryref that began after the misuse was reported succeeds");
}

/* What a vague read may say: never more than all the references that the schedule can have. */
static void check_read(const struct explore_call *call)
{
	const struct explore_world *world = &explore_world;
	int64_t most = world->references_at_first + world->call_count;

	if (world->setup->mode == MODE_CORRECT && (call->result < 0 || call->result > most))
		explore_fail("read says %" PRId64 ", and there never were more than %" PRId64
			     " references",
			     call->result, most);
}

/* How many references were held for certain at @step: taken by calls that were over, given up by none that had begun. */
static int64_t references_held(unsigned step)
{
	int64_t held = explore_world.references_at_first;

	for (int i = 0; i < explore_world.call_count; i++) {
		const struct explore_call *call = &explore_world.calls[i];

		if ((call->word == WORD_TRYREF && call->result) || call->word == WORD_REF)
			held += call->end < step;
		else if (call->word == WORD_UNREF ||
			 (call->word == WORD_UNREF_UNLESS_LAST && call->result))
			/* A call whose first step is still to come has begun nothing. */
			held -= call->begin > 0 && call->begin < step;
	}
	return held;
}

/* The last access of such a call decides: nobody but the caller held a reference then. */
static void check_unref_unless_last(const struct explore_call *call)
{
	if (explore_world.setup->mode == MODE_CORRECT && !call->result &&
	    references_held(call->end) > 1)
		explore_fail("unref_unless_last takes one of several references for the last");
}

void explore_call_end(struct explore_call *call, int64_t result)
{
	call->result = result;
	call->end = explore_step();
	if (call->begin == 0)
		call->begin = call->end;
	explore_event("%s returns %" PRId64, explore_word_names[call->word], result);
	if (call->word == WORD_TRYREF)
		check_tryref(call);
	else if (call->word == WORD_UNREF_UNLESS_LAST)
		check_unref_unless_last(call);
	else if (call->word == WORD_READ || call->word == WORD_LOOK)
		check_read(call);
}

static int number_of(enum explore_word word)
{
	int number = 0;

	for (int i = 0; i < explore_world.call_count; i++)
		number += explore_world.calls[i].word == word;
	return number;
}

static void free_if_nobody_looks(void)
{
	struct explore_world *world = &explore_world;

	if (!world->gone || world->lookups > 0)
		return;
	world->freed = true;
	explore_event("the object's memory is freed");
}

void explore_destroyed(void)
{
	struct explore_world *world = &explore_world;

	explore_event("the object is destroyed");
	world->destroyed++;
	world->destroyed_at = explore_step();
	if (world->setup->mode == MODE_OVERFLOW || world->setup->mode == MODE_IMMORTAL)
		explore_fail("an immortal object is destroyed");
	if (world->destroyed > 1 + number_of(WORD_INIT))
		explore_fail("the object is destroyed twice");
	if (world->setup->reused || world->setup->mode != MODE_CORRECT)
		return;
	explore_point(POINT_UNLINK);
	explore_event_step("the object can no longer be found");
	world->gone = true;
	free_if_nobody_looks();
}

void explore_lookup_ends(struct explore_thread *thread)
{
	thread->looks_up = false;
	explore_world.lookups--;
	free_if_nobody_looks();
}

void explore_touched(const struct explore_thread *thread)
{
	if (explore_world.freed && !thread->looks_up)
		explore_fail("thread %c touches the object after it was freed", 'A' + thread->number);
}

/* How many references there are when all calls are over. */
static int64_t references_at_last(void)
{
	int64_t references = explore_world.references_at_first;

	for (int i = 0; i < explore_world.call_count; i++) {
		const struct explore_call *call = &explore_world.calls[i];

		if (call->word == WORD_TRYREF || call->word == WORD_UNREF_UNLESS_LAST)
			references += call->word == WORD_TRYREF ? call->result : -call->result;
		else if (call->word == WORD_REF || call->word == WORD_INIT)
			references++;
		else if (call->word == WORD_UNREF)
			references--;
	}
	return references;
}

static void check_blame(void)
{
	const struct explore_world *world = &explore_world;

	for (int i = 0; i < world->call_count; i++) {
		const struct explore_call *call = &world->calls[i];

		if (call->word != WORD_EXTRA_UNREF && call->word != WORD_EXTRA_REF)
			continue;
		if (references_held(call->begin) <= 0 && world->reported_thread != call->thread)
			explore_fail("the misuse of thread %c is reported in thread %c",
				     'A' + call->thread, 'A' + world->reported_thread);
	}
}

static void report(const char *what)
{
	struct explore_world *world = &explore_world;
	const struct explore_thread *thread = explore_running();

	explore_event("misuse is reported: %s", what);
	if (world->setup->mode == MODE_CORRECT || world->setup->mode == MODE_IMMORTAL)
		explore_fail("a misuse is reported that nobody committed: %s", what);
	if (world->reports++ > 0)
		return;
	world->reported_at = explore_step();
	world->reported_thread = thread ? thread->number : -1;
	if (!world->setup->count->aborts)
		return;
	if (world->setup->blames)
		check_blame();
	explore_end_schedule();
}

/* One more call, after all threads. */
static int64_t call_at_last(enum explore_word word, bool (*function)(void *))
{
	struct explore_call *call = explore_call_begin(word, -1);

	call->begin = explore_step() + 1;
	explore_call_end(call, function(explore_world.object.bytes));
	return call->result;
}

static void end_correct(void)
{
	const struct explore_world *world = &explore_world;
	const struct explore_count *count = world->setup->count;
	int64_t references = references_at_last();

	if (count->rests) {
		if (call_at_last(WORD_EVICT, count->evict))
			explore_destroyed();
	} else if (references == 0) {
		if (world->destroyed != 1 + number_of(WORD_INIT))
			explore_fail("the object is never destroyed");
		call_at_last(WORD_TRYREF, count->tryref);
	}
	if (!explore_explain(world))
		explore_fail("the calls' results make sense in no order of the calls");
}

static void end_misuse(void)
{
	const struct explore_world *world = &explore_world;
	const struct explore_count *count = world->setup->count;

	/* A reference that nobody gave, but given up, and both while somebody else held one, did no harm. */
	if (world->reports == 0 && !world->setup->unnoticed &&
	    !(world->destroyed == !count->rests && explore_explain(world)))
		explore_fail("the misuse is not reported");
	if (world->setup->blames)
		check_blame();
	call_at_last(WORD_TRYREF, count->tryref);
}

static void end_immortal(void)
{
	const struct explore_world *world = &explore_world;

	if (world->setup->mode == MODE_OVERFLOW && world->reports == 0)
		explore_fail("the overflow is not reported");
	call_at_last(WORD_TRYREF, world->setup->count->tryref);
	if (world->setup->count->read(explore_world.object.bytes) != INT64_MAX)
		explore_fail("the object is not immortal at the end");
}

void explore_world_end(void)
{
	switch (explore_world.setup->mode) {
	case MODE_CORRECT:
		end_correct();
		break;
	case MODE_MISUSE:
		end_misuse();
		break;
	case MODE_OVERFLOW:
	case MODE_IMMORTAL:
		end_immortal();
		break;
	}
}

/* What the headers under test call. They return, as a program's handler may. */
#define DEFINE_MISUSE(name, kind, text)                                                            \
	void lastref_misuse_##name(const struct lastref_type *type, const void *object,            \
				   uint32_t index)                                                 \
	{                                                                                          \
		(void)type;                                                                        \
		(void)object;                                                                      \
		(void)index;                                                                       \
		report(text);                                                                      \
	}
LASTREF_COUNT_MISUSES_(DEFINE_MISUSE)
