/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread of a schedule does: a list of words, done one after the other. Layer: tests. Locks: none.
 *
 *	ref, unref, unref_unless_last, is_unique, read
 *			with a reference that the thread holds; a script that begins with one of these holds one at the start.
 *			After an unref_unless_last that returned true the script is over: there is nothing left to give up
 *	tryref		find the object and try; if it is not found or dead, the script is over
 *	look		find the object and read its count, without a reference
 *	evict, is_evicted	find the object; of a cache's count
 *	lock, unlock	the cache's lock. The end of a script unlocks
 *	init		make a new object in the memory of the old one, after the unref of the same script destroyed it; if it
 *			did not, the script is over
 *	extra_ref, extra_unref	the same calls with no reference: the misuse
 *
 * Where the scheduler may switch: before every atomic operation, before the beginning of a lookup, before a destroyed object can no
 * longer be found, and before a lock is taken. The end of a lookup and unlocking come at once with the access before: later they would only keep others waiting longer.
 */
#include "explore.h"

#include <stdio.h>
#include <string.h>

const char *const explore_word_names[] = {
	"ref",	"unref",  "unref_unless_last", "is_unique", "read",	 "tryref",
	"look", "evict",  "is_evicted",	       "init",	    "extra_ref", "extra_unref",
	"lock", "unlock",
};

static int find_word(const char *name, size_t length, enum explore_word *ret_word)
{
	for (int word = 0; word < WORD_END; word++) {
		if (strlen(explore_word_names[word]) == length &&
		    memcmp(explore_word_names[word], name, length) == 0) {
			*ret_word = (enum explore_word)word;
			return 0;
		}
	}
	fprintf(stderr, "explore: no word of a script: %.*s\n", (int)length, name);
	return -1;
}

int explore_parse(const char *text, struct explore_thread *thread)
{
	int count = 0;

	for (;;) {
		text += strspn(text, " ");
		if (!*text)
			break;
		if (count == EXPLORE_WORDS) {
			fprintf(stderr, "explore: a script of more than %d words\n", EXPLORE_WORDS);
			return -1;
		}

		size_t length = strcspn(text, " ");
		if (find_word(text, length, &thread->script[count]) < 0)
			return -1;
		text += length;
		count++;
	}
	thread->script[count] = WORD_END;
	return 0;
}

bool explore_needs_reference(enum explore_word word)
{
	return word <= WORD_READ;
}

/*
 * Between these two the memory stays, for it can be found: as in an RCU section, or under the lock of a table. Who holds the
 * cache's lock is there already.
 */
static bool lookup_begins(struct explore_thread *thread)
{
	struct explore_world *world = &explore_world;

	if (world->setup->reused || world->setup->mode != MODE_CORRECT)
		return true;
	if (!thread->has_lock)
		explore_point(POINT_LOOKUP);
	explore_event_step(world->gone ? "finds nothing" : "finds the object");
	if (world->gone)
		return false;
	world->lookups++;
	thread->looks_up = true;
	return true;
}

static int64_t call_count(enum explore_word word, void *memory)
{
	const struct explore_count *count = explore_world.setup->count;

	switch (word) {
	case WORD_REF:
	case WORD_EXTRA_REF:
		count->ref(memory);
		return 0;
	case WORD_UNREF:
	case WORD_EXTRA_UNREF:
		return count->unref(memory);
	case WORD_UNREF_UNLESS_LAST:
		return count->unref_unless_last(memory);
	case WORD_IS_UNIQUE:
		return count->is_unique(memory);
	case WORD_TRYREF:
		return count->tryref(memory);
	case WORD_EVICT:
		return count->evict(memory);
	case WORD_IS_EVICTED:
		return count->is_evicted(memory);
	case WORD_INIT:
		count->init(memory);
		return 0;
	default:
		return count->read(memory);
	}
}

static bool looks_up(enum explore_word word)
{
	return word == WORD_TRYREF || word == WORD_LOOK || word == WORD_EVICT ||
	       word == WORD_IS_EVICTED;
}

static bool gives_up(enum explore_word word)
{
	return word == WORD_UNREF || word == WORD_EXTRA_UNREF;
}

/* Return: what the call returned. */
static int64_t call(struct explore_thread *thread, enum explore_word word)
{
	const struct explore_count *count = explore_world.setup->count;
	int64_t result;

	thread->call = explore_call_begin(word, thread->number);
	result = call_count(word, explore_world.object.bytes);
	explore_call_end(thread->call, result);
	thread->call = NULL;
	if (result && (count->rests ? word == WORD_EVICT : gives_up(word)))
		explore_destroyed();
	if (thread->looks_up)
		explore_lookup_ends(thread);
	return result;
}

static void lock(struct explore_thread *thread)
{
	explore_point(POINT_LOCK);
	explore_world.locked = true;
	thread->has_lock = true;
	explore_event_step("takes the lock");
}

static void unlock(struct explore_thread *thread)
{
	explore_world.locked = false;
	thread->has_lock = false;
	explore_event("gives the lock back");
}

/* Return: false if the script is over. */
static bool perform(struct explore_thread *thread, enum explore_word word)
{
	int64_t result;

	switch (word) {
	case WORD_LOCK:
		lock(thread);
		return true;
	case WORD_UNLOCK:
		unlock(thread);
		return true;
	default:
		break;
	}
	if (looks_up(word) && !lookup_begins(thread))
		return false;
	result = call(thread, word);
	if (word == WORD_TRYREF)
		return result;
	if (word == WORD_UNREF_UNLESS_LAST)
		return !result;
	/* Only the one that destroyed the object may reuse its memory. */
	if (word == WORD_UNREF && explore_world.setup->reused)
		return result;
	return true;
}

void explore_perform(struct explore_thread *thread)
{
	for (const enum explore_word *word = thread->script; *word != WORD_END; word++) {
		if (!perform(thread, *word))
			break;
	}
	if (thread->has_lock)
		unlock(thread);
}
