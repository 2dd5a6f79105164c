/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that live on purpose.
 *
 * Layer: runtime. Locks: none.
 *
 * An object is named by its address alone, and the registry finds by index. What is ignored was born a moment ago, as a rule, by the same thread; so
 * the thread's last records are looked at first, and all of them only if it is not there.
 */
#include "base/attributes.h"
#include "runtime/arena.h"
#include "runtime/copies.h"
#include "runtime/registry.h"
#include "runtime/start.h"
#include "runtime/thread.h"

#include <lastref/check.h>
#include <string.h>

struct search {
	uint64_t object; /* complemented, as in records */
	bool found;
	uint64_t birth; /* of an object that was found and was not ignored before; else 0 */
};

/* The flag is set once, and with it a note of the reason is left. An object that begins to die meanwhile needs neither. */
static void look_at(struct lr_record *record, void *search_)
{
	struct search *search = search_;
	uint64_t birth = __atomic_load_n(&record->birth, __ATOMIC_ACQUIRE);
	uint32_t state = lr_record_state(record);

	if (__atomic_load_n(&record->object, __ATOMIC_RELAXED) != search->object ||
	    (state & LR_STATE_MASK) != LR_STATE_ALIVE)
		return;
	if (state & LR_ALIVE_IGNORED) {
		search->found = true;
	} else if (__atomic_compare_exchange_n(&record->state, &state, state | LR_ALIVE_IGNORED,
					       false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		search->found = true;
		search->birth = birth;
	}
}

static void look_at_all(struct search *search)
{
	uint64_t count = lr_image_count(&lr_arena_image, LR_RECORDS);

	for (uint64_t i = 0; i < count; i++)
		look_at(lr_arena_at(LR_RECORDS, (uint32_t)i), search);
}

/* Without memory for the reason the object is ignored all the same. */
static void leave_note(uint64_t birth, const char *reason)
{
	uint32_t unused;
	struct lr_note *note = lr_arena_add(LR_NOTES, &unused);

	if (!note)
		return;
	note->birth = birth;
	note->text = reason ? lr_arena_add_text(reason, strlen(reason)) : 0;
	note->flags = LR_NOTE_IGNORED;
}

void lastref_ignore(const void *object, const char *reason)
{
	struct search search = { .object = ~(uint64_t)(uintptr_t)object };
	struct lr_thread *thread;

	if (!object || !lr_start_checking())
		return;
	thread = lr_thread_self();
	if (thread)
		lr_registry_each_recent(thread, look_at, &search);
	if (!search.found)
		look_at_all(&search);
	if (search.birth != 0)
		leave_note(search.birth, reason);
	else if (!search.found)
		lr_arena_count(LR_UNKNOWN_IGNORED, 1);
}
