/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that go through the library: those of types with an event log, and the generic ones.
 *
 * Layer: runtime. Locks: none.
 *
 * What an event needs of the object, its index, is copied before the count is changed: after an unref the object may be gone.
 */
/* Inline assembly does not tell what an operation found; the log wants it. */
#define LASTREF_PORTABLE

#include "base/attributes.h"
#include "base/ranks.h"
#include "runtime/addresses.h"
#include "runtime/arena.h"
#include "runtime/event_log.h"
#include "runtime/misuse.h"
#include "runtime/start.h"
#include "runtime/types.h"

#include <lastref/kinds.h>
#include <pthread.h>

static void write_event(const struct lastref_type *type, const char *what, const void *object,
			uint32_t index, int64_t count, const struct lr_stack_start *start)
{
	struct lr_thread *thread;
	struct lr_type_info *info;

	/* In a signal handler that interrupted the runtime itself, nothing may be set up and no lock taken. */
	if (!lr_lock_held() && !lr_start_checking())
		return;
	thread = lr_lock_held() ? NULL : lr_thread_self();
	info = thread ? lr_type_find(thread, type) : NULL;
	if (!info)
		lr_arena_count(LR_LOST_EVENTS, 1);
	else if (info->logged && info->checked)
		lr_log_event(info, what, object, index, count,
			     lr_stack_capture(lr_thread_stack(thread, info->id, false), start));
}

/* What an operation did, for the log. */
struct outcome {
	const char *what;
	int64_t count; /* that resulted; negative if there is none */
};

/*
 * @misuses: how many there were before the operation. One more is no ref, tryref or unref: the log
 * says what it is.
 */
static struct outcome judge(const char *what, int64_t count, uint32_t misuses)
{
	if (LR_UNLIKELY(lr_misuse_count() != misuses))
		return (struct outcome){ .what = lr_misuse_words(), .count = -1 };
	return (struct outcome){ .what = what, .count = count };
}

/* A ref is no point where pthread_cancel() ends the thread, and writing its event must not make it one. */
static void log_event(const struct lastref_type *type, struct outcome outcome, const void *object,
		      uint32_t index, const struct lr_stack_start *start)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	write_event(type, outcome.what, object, index, outcome.count, start);
	pthread_setcancelstate(before, NULL);
}

/* The count after an operation that found @token and added @step. What is dead or immortal stays so. */
static int64_t resulting(unsigned kind, int64_t token, int64_t step)
{
	int64_t before = lastref_any_value_(kind, token);

	return before == INT64_MAX || before + step < 0 ? before : before + step;
}

void *lastref_watched_ref(const struct lastref_type *type, void *object, unsigned kind, void *count)
{
	struct lr_stack_start start = LR_STACK_HERE();
	uint32_t misuses = lr_misuse_count();
	int64_t token;
	bool slow = lastref_any_ref_begin_(kind, count, &token);

	if (slow)
		lastref_any_ref_slow_(kind, count, token, type, object);
	log_event(type, judge("ref", resulting(kind, token, slow ? 0 : 1), misuses), object,
		  *lastref_any_index_(kind, count), &start);
	return object;
}

bool lastref_watched_tryref(const struct lastref_type *type, const void *object, unsigned kind,
			    void *count)
{
	struct lr_stack_start start = LR_STACK_HERE();
	uint32_t misuses = lr_misuse_count();
	int64_t token;

	if (!lastref_any_tryref_(kind, count, &token, type, object))
		return false;
	/* The reference just taken keeps the object, so its index may be read. */
	log_event(type, judge("tryref", resulting(kind, token, 1), misuses), object,
		  *lastref_any_index_(kind, count), &start);
	return true;
}

bool lastref_watched_unref(const struct lastref_type *type, const void *object, unsigned kind,
			   void *count)
{
	struct lr_stack_start start = LR_STACK_HERE();
	uint32_t index = *lastref_any_index_(kind, count);
	uint32_t misuses = lr_misuse_count();
	int64_t token;
	bool last = lastref_any_unref_begin_(kind, count, &token) &&
		    lastref_any_unref_end_(kind, count, token, type, object);

	log_event(type, judge("unref", resulting(kind, token, -1), misuses), object, index, &start);
	return last;
}

bool lastref_watched_unref_unless_last(const struct lastref_type *type, const void *object,
				       unsigned kind, void *count)
{
	struct lr_stack_start start = LR_STACK_HERE();
	uint32_t index = *lastref_any_index_(kind, count);
	uint32_t misuses = lr_misuse_count();
	int64_t token;

	if (!lastref_any_unref_unless_last_(kind, count, &token, type, object))
		return false;
	log_event(type, judge("unref", resulting(kind, token, -1), misuses), object, index, &start);
	return true;
}

static void log_by_hand(const struct lastref_type *type, const char *what, const void *object,
			int64_t count, const struct lr_stack_start *start)
{
	log_event(type, (struct outcome){ what, count }, object,
		  lr_address_find(object) & ~LR_ADDRESS_REMOVED, start);
}

void lastref_log_ref(const struct lastref_type *type, const void *object, int64_t count)
{
	struct lr_stack_start start = LR_STACK_HERE();

	log_by_hand(type, "ref", object, count, &start);
}

void lastref_log_tryref(const struct lastref_type *type, const void *object, int64_t count)
{
	struct lr_stack_start start = LR_STACK_HERE();

	log_by_hand(type, "tryref", object, count, &start);
}

void lastref_log_unref(const struct lastref_type *type, const void *object, int64_t count)
{
	struct lr_stack_start start = LR_STACK_HERE();

	log_by_hand(type, "unref", object, count, &start);
}

static LR_COLD void no_function(const struct lastref_type *type, const void *object,
				const struct lr_stack_start *start)
{
	struct lr_misuse misuse = {
		.kind = LASTREF_MISUSE_NO_FUNCTION,
		.type = type,
		.object = object,
		.start = *start,
	};

	lr_misuse_report(&misuse);
}

void *lastref_ref(const struct lastref_type *type, void *object)
{
	struct lr_stack_start start = LR_STACK_HERE();

	if (type->ref)
		type->ref(object);
	else
		no_function(type, object, &start);
	return object;
}

void *lastref_tryref(const struct lastref_type *type, void *object)
{
	struct lr_stack_start start = LR_STACK_HERE();

	if (type->tryref)
		return type->tryref(object) ? object : NULL;
	no_function(type, object, &start);
	return NULL;
}

void *lastref_unref(const struct lastref_type *type, void *object)
{
	struct lr_stack_start start = LR_STACK_HERE();

	if (object && type->unref)
		type->unref(object);
	else if (object)
		no_function(type, object, &start);
	return NULL;
}

int64_t lastref_ref_count(const struct lastref_type *type, const void *object)
{
	return type->count ? type->count(object) : -1;
}
