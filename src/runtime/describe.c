/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptions.
 *
 * Layer: runtime. Locks: the gate's, for a few loads and one tryref; none while the program's functions run.
 *
 * A registered object may be gone all the same: freed without its last unref, its page unmapped, its library unloaded. So
 * memory is asked of the kernel before it is read, a count must be alive and carry the record's own index, and a function must still be in
 * the module that it was copied from. What these questions let through is met by the fault guard.
 *
 * Of an entry of a cache no reference is taken while other threads run. Who gives up the last one puts the entry on the cache's
 * lists, under the cache's lock, which only the program knows; if that were a check, the entry would rest where nobody evicts it.
 */
#include "runtime/describe.h"

#include "base/pages.h"
#include "runtime/arena.h"
#include "runtime/event_log.h"
#include "runtime/fault_guard.h"
#include "runtime/gate.h"
#include "runtime/pin.h"
#include "runtime/registry.h"
#include "runtime/thread.h"
#include "runtime/types.h"

#include <lastref/kinds.h>
#include <string.h>

static void *count_of(const struct lr_type_info *type, uint64_t object)
{
	return (void *)(uintptr_t)(object + type->count_offset - 1);
}

/* Room for any count: the largest, whose alignment is enough for all. */
union any_count {
	struct lastref_count standard;
	struct lastref_hot_count hot;
	struct lastref_cache_count cache;
};

static size_t count_size(unsigned kind)
{
	return kind == LASTREF_KIND_HOT_ ? sizeof(struct lastref_hot_count) :
					   sizeof(struct lastref_count);
}

#define IS_DEAD (-1)

/*
 * Is the memory there, and does the count say that this record's object lives in it? The count is copied by the kernel: between two
 * steps of this thread another one may give the memory back. Return: 1 yes, 0 no, or a negative errno if the kernel does not say.
 * @ret_count is written with 1, and with 0 if the count is this object's and dead: IS_DEAD.
 */
static int copy_ours(const struct lr_type_info *type, uint64_t object, uint64_t ordinal,
		     int64_t *ret_count)
{
	union any_count count;
	int there = lr_pages_readable((const void *)(uintptr_t)object, type->size);

	if (there > 0)
		there = lr_pages_copy(&count, count_of(type, object), count_size(type->count_kind));
	if (there <= 0)
		return there;
	if (*lastref_any_index_(type->count_kind, &count) != lr_registry_index(ordinal))
		return 0;
	if (!lastref_any_is_alive_(type->count_kind, &count)) {
		*ret_count = IS_DEAD;
		return 0;
	}
	*ret_count = lastref_any_read_(type->count_kind, &count);
	return 1;
}

static int is_ours(const struct lr_type_info *type, uint64_t object, uint64_t ordinal)
{
	int64_t unused;

	return copy_ours(type, object, ordinal, &unused);
}

bool lr_describe_is_current(uint64_t ordinal, const struct lr_record *record)
{
	const struct lr_type_info *type =
		lr_type_by_id((uint32_t)(record->birth >> LR_BIRTH_NUMBER_BITS));

	return type && type->count_offset != 0 && is_ours(type, ~record->object, ordinal) > 0;
}

/* One answer of functions_are_there(). */
struct functions_question {
	const struct lr_type_info *type;
	bool are_there;
};

static void ask_for_functions(void *question_)
{
	struct functions_question *question = question_;

	question->are_there = lr_type_modules(question->type) == question->type->functions_modules;
}

/* A library's own memory tells which one it is, and may go while it is read. */
static bool functions_are_there(const struct lr_type_info *type)
{
	struct functions_question question = { .type = type };

	return lr_fault_guard_run(ask_for_functions, &question) && question.are_there;
}

/* Said only of an object that would have told something. */
static void not_asked(const struct lr_type_info *type, struct lr_description *ret)
{
	if (type->describe || type->leak_message)
		ret->note.flags |= LR_NOTE_NOT_ASKED;
}

/* One object, and what is to be found out of it. */
struct question {
	const struct lr_type_info *type;
	const void *object;
	int64_t extra; /* references that the check itself holds */
	bool functions_are_there;
	struct lr_description *ret;
};

static void ask_text(const struct question *question)
{
	const struct lr_type_info *type = question->type;
	struct lr_description *ret = question->ret;
	int (*ask)(const void *, char *, size_t) =
		type->leak_message ? type->leak_message : type->describe;
	int length;

	if (!ask)
		return;
	/* One byte is kept back, so that what writes a byte too many does no harm and what forgets the zero has one. */
	length = ask(question->object, ret->text, sizeof(ret->text) - 1);
	if (length <= 0)
		return;
	ret->length = strnlen(ret->text, (size_t)length < sizeof(ret->text) ? (size_t)length :
									      sizeof(ret->text) - 1);
	if (ret->length > 0)
		ret->note.flags |= type->leak_message ? LR_NOTE_MESSAGE : LR_NOTE_DESCRIBED;
}

/* A count that lives with no references is one at rest. */
static void note_count(const struct lr_type_info *type, int64_t count, struct lr_note *note)
{
	note->count = count;
	note->flags |= LR_NOTE_COUNT;
	if (count == 0 && type->count_kind == LASTREF_KIND_CACHE_)
		note->flags |= LR_NOTE_AT_REST;
}

/* The count of the template is read here, so that it is known also when the type's library is gone. */
static void ask_count(const struct question *question)
{
	const struct lr_type_info *type = question->type;
	int64_t count;

	if (type->count_offset != 0)
		count = lastref_any_read_(type->count_kind,
					  count_of(type, (uint64_t)(uintptr_t)question->object));
	else if (type->count && question->functions_are_there)
		count = type->count(question->object);
	else
		return;
	if (count != INT64_MAX)
		count -= question->extra;
	note_count(type, count, &question->ret->note);
}

/* Each answer is in the note before the next one is asked for: what a fault cuts off is only the rest. */
static void ask_all(void *question_)
{
	const struct question *question = question_;
	struct lr_note *note = &question->ret->note;

	ask_count(question);
	if (!question->functions_are_there)
		return;
	if (question->type->size_of) {
		note->size = question->type->size_of(question->object);
		note->flags |= LR_NOTE_SIZE;
	}
	ask_text(question);
}

/* The object cannot die during this; but it may have been freed, or hold a pointer to what was. */
static void ask(const struct lr_type_info *type, const void *object, int64_t extra,
		struct lr_description *ret)
{
	struct question question = {
		.type = type,
		.object = object,
		.extra = extra,
		.functions_are_there = functions_are_there(type),
		.ret = ret,
	};

	if (!question.functions_are_there)
		not_asked(type, ret);
	if (!lr_fault_guard_run(ask_all, &question))
		ret->note.flags |= LR_NOTE_FAULTED;
}

static void describe_alone(const struct lr_type_info *type, const struct lr_example *example,
			   struct lr_description *ret)
{
	const void *object = (const void *)(uintptr_t)example->object;
	int64_t count = 0;
	int there = type->count_offset != 0 ?
			    copy_ours(type, example->object, example->record, &count) :
			    lr_pages_readable(object, type->size);

	if (there > 0)
		ask(type, object, 0, ret);
	else if (there == 0 && count == IS_DEAD)
		ret->note.flags |= LR_NOTE_DEAD;
	else if (there == 0)
		ret->note.flags |= LR_NOTE_UNREADABLE;
	else
		not_asked(type, ret);
}

/* Is the object still what the record says? With the gate shut and its lock held, it stays so until the lock is given back. */
static bool is_alive_here(const struct lr_type_info *type, const struct lr_example *example,
			  int64_t *ret_count)
{
	const struct lr_record *record = lr_arena_at(LR_RECORDS, (uint32_t)example->record);

	/* In this order: what is alive now stays so, and its birth number is the one that counts. */
	return (lr_record_state(record) & LR_STATE_MASK) == LR_STATE_ALIVE &&
	       __atomic_load_n(&record->birth, __ATOMIC_RELAXED) == example->birth &&
	       copy_ours(type, example->object, example->record, ret_count) > 0;
}

/*
 * A tryref that never finds a misuse, as it must not report one with a lock held: it changes the word only from one sane value
 * to the next, and leaves alone what is near an overflow, immortal, or in the gap of a last unref.
 */
static bool take_standard(struct lastref_count *count)
{
	int32_t old = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	do {
		if (old < 1 || old > INT32_MAX / 2)
			return false;
		/* Pairs with the release of every unref, as tryref does. */
	} while (!__atomic_compare_exchange_n(&count->count, &old, old + 1, true, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

/* As take_standard(). */
static bool take_hot(struct lastref_hot_count *count)
{
	int64_t old = __atomic_load_n(&count->word, __ATOMIC_RELAXED);

	do {
		int64_t references = lastref_hot_count_value_(old);

		if (references < 1 || references > INT32_MAX)
			return false;
		/* Pairs with the release of every unref, as tryref does. */
	} while (!__atomic_compare_exchange_n(&count->word, &old, old + 1, true, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

/* Take a reference, if the object is still what the record says. */
static bool hold(const struct lr_type_info *type, const struct lr_example *example)
{
	void *count = count_of(type, example->object);
	bool held = false;
	int64_t unused;

	lr_gate_lock();
	if (is_alive_here(type, example, &unused))
		held = type->count_kind == LASTREF_KIND_HOT_ ? take_hot(count) : take_standard(count);
	lr_gate_unlock();
	return held;
}

/*
 * Give the reference back. It does not show in the event log, which is about the program's references; but if all others went meanwhile,
 * this thread is a holder like any other: the destructor runs here, and the log has both ends of this reference.
 */
static void let_go(const struct lr_type_info *type, const struct lr_example *example)
{
	/* For the report, should the program have given up our reference as well. */
	const struct lastref_type named = { .name = lr_type_name(type->id), .size = type->size };
	void *object = (void *)(uintptr_t)example->object;
	int64_t unused;

	if (lastref_any_unref_unless_last_(type->count_kind, count_of(type, example->object),
					   &unused, &named, object))
		return;
	if (type->logged)
		lr_log_event(type, "tryref", object, lr_registry_index(example->record), 1, 0);
	type->unref(object);
}

/* Of an entry of a cache the count is all that can be had: see above. */
static void look_at_entry(const struct lr_type_info *type, const struct lr_example *example,
			  struct lr_description *ret)
{
	int64_t count;
	bool is_alive;

	lr_gate_lock();
	is_alive = is_alive_here(type, example, &count);
	lr_gate_unlock();
	if (is_alive)
		note_count(type, count, &ret->note);
}

/* The library of the type's unref stays: the last reference may become ours, when its program thinks it is done with it. */
static void describe_pinned(const struct lr_type_info *type, const struct lr_example *example,
			    struct lr_description *ret)
{
	void *object = (void *)(uintptr_t)example->object;
	bool held = false;

	if (!functions_are_there(type) || !lr_gate_shut_one()) {
		not_asked(type, ret);
		return;
	}
	if (type->count_kind == LASTREF_KIND_CACHE_)
		look_at_entry(type, example, ret);
	else
		held = hold(type, example);
	lr_gate_open();
	if (!held) {
		not_asked(type, ret);
		return;
	}
	ask(type, object, 1, ret);
	let_go(type, example);
}

static void describe_among_threads(const struct lr_type_info *type,
				   const struct lr_example *example, struct lr_description *ret)
{
	struct lr_pin pin;

	if (type->count_offset == 0 || !type->unref || !lr_pin_take(&pin, (uintptr_t)type->unref)) {
		not_asked(type, ret);
		return;
	}
	describe_pinned(type, example, ret);
	lr_pin_drop(&pin);
}

static void describe(struct lr_example *example, bool alone, struct lr_description *ret)
{
	const struct lr_type_info *type =
		lr_type_by_id((uint32_t)(example->birth >> LR_BIRTH_NUMBER_BITS));

	memset(ret, 0, sizeof(*ret));
	ret->note.birth = example->birth;
	if (type && !example->dying) {
		if (alone)
			describe_alone(type, example, ret);
		else
			describe_among_threads(type, example, ret);
	}
	example->note = &ret->note;
	example->text = ret->text;
	example->text_length = ret->length;
}

void lr_describe_examples(struct lr_findings *findings, struct lr_description *room)
{
	bool alone = !lr_thread_others_run();

	for (size_t i = 0; i < findings->cause_count; i++) {
		struct lr_cause *cause = &findings->causes[i];

		for (uint32_t e = 0; cause->shown && e < cause->example_count; e++)
			describe(&cause->examples[e], alone, room++);
	}
}
