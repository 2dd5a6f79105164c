/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds.
 *
 * Layer: runtime. Locks: held.c's and the gate's, for a few loads and one tryref.
 *
 * A registered object may be gone all the same: freed without its last unref, its page unmapped, its library unloaded. So
 * memory is asked of the kernel before it is read, a count must be alive and carry the record's own index, and a function must still be in
 * the module that it was copied from.
 */
#include "runtime/holds.h"

#include "base/pages.h"
#include "runtime/arena.h"
#include "runtime/event_log.h"
#include "runtime/fault_guard.h"
#include "runtime/gate.h"
#include "runtime/held.h"
#include "runtime/registry.h"

size_t lr_count_size(unsigned kind)
{
	return kind == LASTREF_KIND_HOT_ ? sizeof(struct lastref_hot_count) :
					   sizeof(struct lastref_count);
}

int64_t lr_count_judge(const struct lr_type_info *type, union lr_any_count *count, uint64_t ordinal)
{
	if (*lastref_any_index_(type->count_kind, count) != lr_registry_index(ordinal))
		return LR_COUNT_FOREIGN;
	if (!lastref_any_is_alive_(type->count_kind, count))
		return LR_COUNT_DEAD;
	return lastref_any_read_(type->count_kind, count);
}

void *lr_object_count(const struct lr_object *object)
{
	return (void *)(uintptr_t)(object->address + object->type->count_offset - 1);
}

/* The count is copied by the kernel: between two steps of this thread another one may give the memory back. */
int lr_object_look(const struct lr_object *object, int64_t *ret_count)
{
	const struct lr_type_info *type = object->type;
	union lr_any_count count;
	int there = lr_pages_readable((const void *)(uintptr_t)object->address, type->size);

	if (there > 0)
		there = lr_pages_copy(&count, lr_object_count(object),
				      lr_count_size(type->count_kind));
	if (there <= 0)
		return there;
	*ret_count = lr_count_judge(type, &count, object->record);
	return *ret_count >= 0;
}

bool lr_object_is_alive(const struct lr_object *object, int64_t *ret_count)
{
	const struct lr_record *record = lr_arena_at(LR_RECORDS, (uint32_t)object->record);

	/* In this order: what is alive now stays so, and its birth number is the one that counts. */
	return (lr_record_state(record) & LR_STATE_MASK) == LR_STATE_ALIVE &&
	       __atomic_load_n(&record->birth, __ATOMIC_RELAXED) == object->birth &&
	       lr_object_look(object, ret_count) > 0;
}

bool lr_object_can_be_held(const struct lr_type_info *type)
{
	return type->count_offset != 0 && type->unref && type->count_kind != LASTREF_KIND_CACHE_;
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

static bool give_standard(struct lastref_count *count)
{
	int32_t old = __atomic_load_n(&count->count, __ATOMIC_RELAXED);

	do {
		if (old < 2)
			return false;
		/* Pairs with the acquire of the last unref. */
	} while (!__atomic_compare_exchange_n(&count->count, &old, old - 1, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return true;
}

static bool give_hot(struct lastref_hot_count *count)
{
	int64_t old = __atomic_load_n(&count->word, __ATOMIC_RELAXED);

	do {
		int64_t references = lastref_hot_count_value_(old);

		if (references < 2 || references == INT64_MAX)
			return false;
		/* Pairs with the acquire of the exchange that decides death. */
	} while (!__atomic_compare_exchange_n(&count->word, &old, old - 1, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return true;
}

bool lr_count_give(unsigned kind, void *count)
{
	return kind == LASTREF_KIND_HOT_ ? give_hot(count) : give_standard(count);
}

static bool take(const struct lr_object *object)
{
	void *count = lr_object_count(object);
	bool taken = false;
	int64_t unused;

	lr_gate_lock();
	if (lr_object_is_alive(object, &unused))
		taken = object->type->count_kind == LASTREF_KIND_HOT_ ? take_hot(count) :
									take_standard(count);
	lr_gate_unlock();
	return taken;
}

static struct lr_held note_of(const struct lr_object *object)
{
	return (struct lr_held){
		.count = lr_object_count(object),
		.kind = object->type->count_kind,
		.index = lr_registry_index(object->record),
		.type = object->type->id,
		.object = (void *)(uintptr_t)object->address,
		.unref = object->type->unref,
	};
}

bool lr_object_hold(const struct lr_object *object)
{
	const struct lr_held held = note_of(object);
	bool taken;

	if (!lr_held_begin())
		return false;
	taken = take(object);
	lr_held_end(taken ? &held : NULL);
	return taken;
}

/*
 * What a check holds does not show in the event log, which is about the program's references; but if all others went meanwhile, this
 * thread is a holder like any other: the destructor runs here, and the log has both ends of this reference.
 */
static void let_go_last(const struct lr_held *held)
{
	const struct lr_type_info *type = NULL;

	/* In the child of a fork by .visit or the like nobody knows the object, and the log has no birth of it either. */
	if (lr_registry_find(held->index, held->object))
		type = lr_type_by_id(held->type);
	if (type && type->logged)
		lr_log_event(type, "tryref", held->object, held->index, 1, 0);
	held->unref(held->object);
}

void lr_object_let_go(const struct lr_object *object)
{
	const struct lr_type_info *type = object->type;
	const struct lr_held held = note_of(object);
	/* For the report, should the program have given up our reference as well. */
	const struct lastref_type named = { .name = lr_type_name(type->id), .size = type->size };
	int64_t unused;

	if (!lr_held_give_back(&held) &&
	    !lastref_any_unref_unless_last_(type->count_kind, held.count, &unused, &named,
					    held.object))
		let_go_last(&held);
}

void lr_object_let_go_all(void)
{
	struct lr_held held;

	while (lr_held_find(&held)) {
		if (!lr_held_give_back(&held))
			let_go_last(&held);
	}
}

/* One answer of lr_functions_are_there(). */
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
bool lr_functions_are_there(const struct lr_type_info *type)
{
	struct functions_question question = { .type = type };

	return lr_fault_guard_run(ask_for_functions, &question) && question.are_there;
}
