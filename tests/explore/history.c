/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linearizability: can the calls of a schedule be put into an order, each before all that began after it ended, in which every
 * result is what a count without concurrency gives? Layer: tests. Locks: none.
 *
 * That one question holds most of what is demanded. A tryref that failed while the object was alive all along has no place in any
 * such order; nor have two unrefs that both were the last, none that was, a tryref that succeeded on the dead object, an
 * unref_unless_last that left nothing. The state after a set of calls does not depend on their order (references are added up), so
 * each set is looked at once: the search of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's memory.
 */
#include "explore.h"

#include <string.h>

/* Bit i stands for the call with number i. */
typedef uint32_t calls_mask;

struct count_state {
	int64_t references;
	bool evicted;
};

struct explanation {
	const struct explore_call *calls;
	int count;
	const struct explore_count *scheme;
	calls_mask all;
	calls_mask before[EXPLORE_CALLS];
	int seen_count;
	calls_mask seen[256];
};

static bool alive(const struct explanation *e, const struct count_state *state)
{
	return e->scheme->rests ? !state->evicted : state->references > 0;
}

static bool apply_unref(struct count_state *state, int64_t result)
{
	if (state->references == 0)
		return false;
	state->references--;
	return result == (state->references == 0);
}

static bool apply_unref_unless_last(bool is_careful, struct count_state *state, int64_t result)
{
	if (state->references == 0)
		return false;
	if (result != (state->references > 1) && (result || !is_careful))
		return false;
	if (result)
		state->references--;
	return true;
}

static bool apply_tryref(bool is_alive, struct count_state *state, int64_t result)
{
	if (result)
		state->references++;
	return result == is_alive;
}

static bool apply_evict(struct count_state *state, int64_t result)
{
	if (result != (state->references == 0 && !state->evicted))
		return false;
	if (result)
		state->evicted = true;
	return true;
}

/* Do one call without concurrency. Return: whether it gives the result that it had. */
static bool apply(const struct explanation *e, const struct explore_call *call,
		  struct count_state *state)
{
	switch (call->word) {
	case WORD_REF:
	case WORD_EXTRA_REF:
		return state->references++ > 0;
	case WORD_UNREF:
	case WORD_EXTRA_UNREF:
		return apply_unref(state, call->result);
	case WORD_UNREF_UNLESS_LAST:
		return apply_unref_unless_last(e->scheme->is_careful, state, call->result);
	case WORD_TRYREF:
		return apply_tryref(alive(e, state), state, call->result);
	case WORD_IS_UNIQUE:
		if (!call->result && e->scheme->is_careful)
			return true;
		return call->result == (state->references == 1);
	case WORD_EVICT:
		return apply_evict(state, call->result);
	case WORD_IS_EVICTED:
		return call->result == state->evicted;
	case WORD_INIT:
		return state->references++ == 0;
	default:
		return e->scheme->read_is_vague || call->result == state->references;
	}
}

static bool was_seen(struct explanation *e, calls_mask done)
{
	for (int i = 0; i < e->seen_count; i++) {
		if (e->seen[i] == done)
			return true;
	}
	/* Without room the set is looked at again should it come again: slower, not wrong. */
	if (e->seen_count < (int)(sizeof(e->seen) / sizeof(e->seen[0])))
		e->seen[e->seen_count++] = done;
	return false;
}

static bool order(struct explanation *e, calls_mask done, struct count_state state)
{
	if (done == e->all)
		return true;
	if (was_seen(e, done))
		return false;
	for (int i = 0; i < e->count; i++) {
		struct count_state next = state;

		if (done >> i & 1 || e->before[i] & ~done)
			continue;
		if (apply(e, &e->calls[i], &next) && order(e, done | (calls_mask)1 << i, next))
			return true;
	}
	return false;
}

bool explore_explain(const struct explore_world *world)
{
	struct explanation e;
	struct count_state state = { world->references_at_first, false };

	e.calls = world->calls;
	e.count = world->call_count;
	e.scheme = world->setup->count;
	e.all = ((calls_mask)1 << e.count) - 1;
	e.seen_count = 0;
	for (int i = 0; i < e.count; i++) {
		e.before[i] = 0;
		for (int j = 0; j < e.count; j++) {
			if (e.calls[j].end < e.calls[i].begin)
				e.before[i] |= (calls_mask)1 << j;
		}
	}
	return order(&e, 0, state);
}
