/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptions.
 *
 * Layer: runtime. Locks: the gate's, for a few loads and one tryref; none while the program's functions run.
 *
 * holds.c says if an object and its type's functions are still there. What its questions let through, an object that was freed but has
 * its count yet, is met by the fault guard.
 */
#include "runtime/describe.h"

#include "base/pages.h"
#include "runtime/fault_guard.h"
#include "runtime/gate.h"
#include "runtime/holds.h"
#include "runtime/pin.h"
#include "runtime/start.h"
#include "runtime/thread.h"
#include "runtime/turn.h"

#include <string.h>

bool lr_describe_is_current(uint64_t ordinal, const struct lr_record *record)
{
	const struct lr_object object = {
		.type = lr_type_by_id((uint32_t)(record->birth >> LR_BIRTH_NUMBER_BITS)),
		.address = ~record->object,
		.record = ordinal,
		.birth = record->birth,
	};
	int64_t unused;

	return object.type && object.type->count_offset != 0 && lr_object_look(&object, &unused) > 0;
}

/* Said only of an object that would have told something. */
static void not_asked(const struct lr_type_info *type, struct lr_description *ret)
{
	if (type->describe || type->leak_message)
		ret->note.flags |= LR_NOTE_NOT_ASKED;
}

/* One object, and what is to be found out of it. */
struct question {
	const struct lr_object *object;
	int64_t extra; /* references that the check itself holds */
	bool functions_are_there;
	struct lr_description *ret;
};

static void *address_of(const struct lr_object *object)
{
	return (void *)(uintptr_t)object->address;
}

static void ask_text(const struct question *question)
{
	const struct lr_type_info *type = question->object->type;
	struct lr_description *ret = question->ret;
	int (*ask)(const void *, char *, size_t) =
		type->leak_message ? type->leak_message : type->describe;
	int length;

	if (!ask)
		return;
	/* One byte is kept back, so that what writes a byte too many does no harm and what forgets the zero has one. */
	length = ask(address_of(question->object), ret->text, sizeof(ret->text) - 1);
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
	const struct lr_type_info *type = question->object->type;
	int64_t count;

	if (type->count_offset != 0)
		count = lastref_any_read_(type->count_kind, lr_object_count(question->object));
	else if (type->count && question->functions_are_there)
		count = type->count(address_of(question->object));
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
	const struct lr_type_info *type = question->object->type;
	struct lr_note *note = &question->ret->note;

	ask_count(question);
	if (!question->functions_are_there)
		return;
	if (type->size_of) {
		note->size = type->size_of(address_of(question->object));
		note->flags |= LR_NOTE_SIZE;
	}
	ask_text(question);
}

/* The object cannot die during this; but it may have been freed, or hold a pointer to what was. */
static void ask(const struct lr_object *object, int64_t extra, struct lr_description *ret)
{
	struct question question = {
		.object = object,
		.extra = extra,
		.functions_are_there = lr_functions_are_there(object->type),
		.ret = ret,
	};

	if (!question.functions_are_there)
		not_asked(object->type, ret);
	if (!lr_fault_guard_run(ask_all, &question))
		ret->note.flags |= LR_NOTE_FAULTED;
}

static void describe_alone(const struct lr_object *object, struct lr_description *ret)
{
	int64_t count = 0;
	int there = object->type->count_offset != 0 ?
			    lr_object_look(object, &count) :
			    lr_pages_readable(address_of(object), object->type->size);

	if (there > 0)
		ask(object, 0, ret);
	else if (there == 0 && count == LR_COUNT_DEAD)
		ret->note.flags |= LR_NOTE_DEAD;
	else if (there == 0)
		ret->note.flags |= LR_NOTE_UNREADABLE;
	else
		not_asked(object->type, ret);
}

/* Of an entry of a cache the count is all that can be had. */
static void look_at_entry(const struct lr_object *object, struct lr_description *ret)
{
	int64_t count;
	bool is_alive;

	lr_gate_lock();
	is_alive = lr_object_is_alive(object, &count);
	lr_gate_unlock();
	if (is_alive)
		note_count(object->type, count, &ret->note);
}

/* The library of the type's unref stays: the last reference may become ours, when its program thinks it is done with it. */
static void describe_pinned(const struct lr_object *object, struct lr_description *ret)
{
	bool held = false;

	if (!lr_functions_are_there(object->type) || !lr_gate_shut_one()) {
		not_asked(object->type, ret);
		return;
	}
	if (lr_object_can_be_held(object->type))
		held = lr_object_hold(object);
	else
		look_at_entry(object, ret);
	lr_gate_open();
	if (!held) {
		not_asked(object->type, ret);
		return;
	}
	ask(object, 1, ret);
	lr_object_let_go(object);
}

static void describe_among_threads(const struct lr_object *object, struct lr_description *ret)
{
	const struct lr_type_info *type = object->type;
	struct lr_pin pin;

	if (type->count_offset == 0 || !type->unref || !lr_pin_take(&pin, (uintptr_t)type->unref)) {
		not_asked(type, ret);
		return;
	}
	describe_pinned(object, ret);
	lr_pin_drop(&pin);
}

/* The type is a copy: a function of the program may fork, and the table of types is not the child's. */
static void describe(struct lr_example *example, bool alone, struct lr_description *ret)
{
	struct lr_type_info type;
	const struct lr_object object = {
		.type = &type,
		.address = example->object,
		.record = example->record,
		.birth = example->birth,
	};

	memset(ret, 0, sizeof(*ret));
	ret->note.birth = example->birth;
	if (!example->dying &&
	    lr_type_copy((uint32_t)(example->birth >> LR_BIRTH_NUMBER_BITS), &type)) {
		if (alone)
			describe_alone(&object, ret);
		else
			describe_among_threads(&object, ret);
	}
	example->note = &ret->note;
	example->text = ret->text;
	example->text_length = ret->length;
}

void lr_describe_examples(struct lr_findings *findings, struct lr_description *room)
{
	uint32_t process = lr_start_process();
	bool alone = !lr_thread_others_run();

	for (size_t i = 0; i < findings->cause_count; i++) {
		struct lr_cause *cause = &findings->causes[i];

		for (uint32_t e = 0; cause->shown && e < cause->example_count; e++) {
			describe(&cause->examples[e], alone, room++);
			if (!lr_start_is_process(process))
				return;
			lr_turn_step();
		}
	}
}
