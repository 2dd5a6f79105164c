/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that go through the library: those of types with an event log, and the generic ones.
 *
 * Layer: runtime. Locks: none.
 *
 * What an event needs of the object, its index, is copied before the count is changed: after an unref the object may be gone.
 */
#include "base/attributes.h"
#include "base/ranks.h"
#include "runtime/addresses.h"
#include "runtime/arena.h"
#include "runtime/event_log.h"
#include "runtime/misuse.h"
#include "runtime/start.h"
#include "runtime/types.h"

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

/* A ref is no point where pthread_cancel() ends the thread, and writing its event must not make it one. */
static void log_event(const struct lastref_type *type, const char *what, const void *object,
		      uint32_t index, int64_t count, const struct lr_stack_start *start)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	write_event(type, what, object, index, count, start);
	pthread_setcancelstate(before, NULL);
}

/* The count after an operation that found @old and added @step, as lastref_count_read() would tell it. */
static int64_t resulting(int32_t old, int32_t step)
{
	if (old > 0)
		return (int64_t)old + step;
	return lastref_count_is_immortal_(old) ? INT64_MAX : 0;
}

void *lastref_watched_ref(const struct lastref_type *type, void *object, struct lastref_count *count)
{
	struct lr_stack_start start = LR_STACK_HERE();
	int32_t old = __atomic_fetch_add(&count->count, 1, __ATOMIC_RELAXED);

	if (old <= 0)
		lastref_count_ref_slow_(count, old, type, object);
	log_event(type, "ref", object, count->index, resulting(old, 1), &start);
	return object;
}

bool lastref_watched_tryref(const struct lastref_type *type, const void *object,
			    struct lastref_count *count)
{
	struct lr_stack_start start = LR_STACK_HERE();

	if (!lastref_count_tryref_as_(count, type, object))
		return false;
	/* The reference just taken keeps the object, so its index may be read. */
	log_event(type, "tryref", object, count->index, lastref_count_read(count), &start);
	return true;
}

bool lastref_watched_unref(const struct lastref_type *type, const void *object,
			   struct lastref_count *count)
{
	struct lr_stack_start start = LR_STACK_HERE();
	uint32_t index = count->index;
	int32_t old = __atomic_fetch_sub(&count->count, 1, __ATOMIC_RELEASE);
	bool last = old <= 1 && lastref_count_unref_end_(count, old, type, object);

	log_event(type, "unref", object, index, resulting(old, -1), &start);
	return last;
}

bool lastref_watched_unref_unless_last(const struct lastref_type *type, const void *object,
				       struct lastref_count *count)
{
	struct lr_stack_start start = LR_STACK_HERE();
	uint32_t index = count->index;
	int64_t before = lastref_count_read(count);

	if (!lastref_count_unref_unless_last_as_(count, type, object))
		return false;
	log_event(type, "unref", object, index, before == INT64_MAX ? before : before - 1, &start);
	return true;
}

static void log_by_hand(const struct lastref_type *type, const char *what, const void *object,
			int64_t count, const struct lr_stack_start *start)
{
	log_event(type, what, object, lr_address_find(object) & ~LR_ADDRESS_REMOVED, count, start);
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
