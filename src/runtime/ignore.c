/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that live on purpose.
 *
 * Layer: runtime. Locks: ignored_lock, for the table of notes.
 *
 * An object is named by its address alone, and the registry finds by index. What is ignored was
 * born a moment ago, as a rule, by the same thread; so the thread's last records are looked at
 * first, and all of them only if it is not there.
 *
 * The note of a reason is given back when the object dies, with the room of its text, and the next
 * one has it: a program may ignore and destroy for ever. An object that begins to die on another
 * thread in the very moment in which it is ignored may keep its note.
 */
#include "runtime/ignore.h"

#include "base/attributes.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/ranks.h"
#include "runtime/arena.h"
#include "runtime/copies.h"
#include "runtime/registry.h"
#include "runtime/start.h"
#include "runtime/thread.h"

#include <lastref/check.h>
#include <string.h>

#define FIRST_ROOM 256u

/* An ignored object and its note. */
struct ignored {
	uint64_t birth; /* 0: the place is empty */
	uint32_t note;	/* ordinal */
};

static struct lr_lock ignored_lock = LR_LOCK_INIT(LR_RANK_IGNORED); /* guards all below */
static struct ignored *table;					    /* by hash, open addressing */
static uint32_t room; /* of the table: a power of two, or 0 */
static uint32_t used;
static uint32_t free_notes; /* ordinal + 1 of the first one; each has the next one's in its count */

struct search {
	uint64_t object; /* complemented, as in records */
	bool found;
	uint64_t birth; /* of an object that was found and was not ignored before; else 0 */
};

/*
 * The flag is set once, and with it a note of the reason is left. An object that begins to die
 * meanwhile needs neither.
 */
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

static uint32_t place_of(uint64_t birth)
{
	return (uint32_t)lr_hash_word(birth) & (room - 1);
}

/* Where the note of @birth is in the table, or where it would be. */
static uint32_t find_place(uint64_t birth)
{
	uint32_t at = place_of(birth);

	while (table[at].birth != 0 && table[at].birth != birth)
		at = (at + 1) & (room - 1);
	return at;
}

/* At most half full. Return: false without memory. */
static bool make_room(void)
{
	struct ignored *former = table;
	uint32_t former_room = room;
	struct ignored *larger;

	if (used < room / 2)
		return true;
	larger = room < 1u << 30 ?
			 lr_pages_map((size_t)(room ? room * 2 : FIRST_ROOM) * sizeof(*larger)) :
			 NULL;
	if (!larger)
		return false;
	room = room ? room * 2 : FIRST_ROOM;
	table = larger;
	for (uint32_t i = 0; i < former_room; i++) {
		if (former[i].birth != 0)
			table[find_place(former[i].birth)] = former[i];
	}
	lr_pages_unmap(former, former_room * sizeof(*former));
	return true;
}

/* What comes behind moves up, so that nothing is looked for behind an empty place. */
static void remove_at(uint32_t hole)
{
	uint32_t at = hole;

	used--;
	table[hole].birth = 0;
	for (;;) {
		at = (at + 1) & (room - 1);
		if (table[at].birth == 0)
			return;
		if (((at - place_of(table[at].birth)) & (room - 1)) >= ((at - hole) & (room - 1))) {
			table[hole] = table[at];
			table[at].birth = 0;
			hole = at;
		}
	}
}

static struct lr_note *take_note(uint32_t *ret_ordinal)
{
	struct lr_note *note;

	if (free_notes == 0)
		return lr_arena_add(LR_NOTES, ret_ordinal);
	*ret_ordinal = free_notes - 1;
	note = lr_arena_at(LR_NOTES, *ret_ordinal);
	free_notes = (uint32_t)note->count;
	return note;
}

/*
 * A check may be about to read the note that it was: of that, it may find the wrong words, but
 * never more than there are.
 */
static void overwrite(lr_text_ref text, const char *reason, uint32_t length)
{
	char *place = (char *)(uintptr_t)lr_image_text(&lr_arena_image, text, NULL);

	memcpy(place - sizeof(length), &length, sizeof(length));
	memcpy(place, reason, length);
	place[length] = '\0';
}

/*
 * The room for a text stays with its note, in `count` where it has none. Without memory for one the
 * object is ignored all the same.
 */
static void set_reason(struct lr_note *note, const char *reason)
{
	uint32_t length = reason ? (uint32_t)strnlen(reason, LR_TEXT_MAX) : 0;
	lr_text_ref text = note->text;

	if (length > note->size) {
		text = lr_arena_add_text(reason, length);
		note->size = text != 0 ? length : 0;
	} else if (length > 0) {
		overwrite(text, reason, length);
	}
	note->count = length > 0 ? 0 : text;
	__atomic_store_n(&note->text, length > 0 ? text : 0, __ATOMIC_RELAXED);
}

static void give_note_back(struct ignored *ignored)
{
	struct lr_note *note = lr_arena_at(LR_NOTES, ignored->note);

	__atomic_store_n(&note->birth, 0, __ATOMIC_RELAXED);
	/* Who finds no flag sees that the birth number is gone, and takes it for no other note. */
	__atomic_store_n(&note->flags, 0, __ATOMIC_RELEASE);
	if (note->text == 0)
		note->text = (lr_text_ref)note->count;
	note->count = free_notes;
	free_notes = ignored->note + 1;
}

static void leave_note(uint64_t birth, const char *reason)
{
	struct lr_note *note;
	uint32_t ordinal;

	lr_lock(&ignored_lock);
	note = make_room() ? take_note(&ordinal) : NULL;
	if (note) {
		table[find_place(birth)] = (struct ignored){ .birth = birth, .note = ordinal };
		used++;
		set_reason(note, reason);
		/* The words come before what says that they count. */
		__atomic_store_n(&note->flags, LR_NOTE_IGNORED, __ATOMIC_RELEASE);
		/* And both before what says whose they are, for find_note() of leak_check.c. */
		__atomic_store_n(&note->birth, birth, __ATOMIC_RELEASE);
	}
	lr_unlock(&ignored_lock);
}

/* No note of it: there was no memory, or lastref_ignore() is just about to leave one. */
void lr_ignore_end(uint64_t birth)
{
	uint32_t at;

	lr_lock(&ignored_lock);
	at = room > 0 ? find_place(birth) : 0;
	if (room > 0 && table[at].birth == birth) {
		give_note_back(&table[at]);
		remove_at(at);
	}
	lr_unlock(&ignored_lock);
}

void lr_ignore_restart_in_child(void)
{
	lr_lock_restart(&ignored_lock);
	lr_pages_unmap(table, room * sizeof(*table));
	table = NULL;
	room = used = free_notes = 0;
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
