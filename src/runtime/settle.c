/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting until the counts are quiet.
 *
 * Layer: runtime. Locks: none; records are read as every reader reads them, see struct lr_record.
 *
 * It looks at all records again and again and compares them with what it saw before. The objects are not its own: any of them may
 * die, and its memory be unmapped, between two steps. So the kernel copies the counts, hundreds in a call; where one cannot be
 * read, the call ends there, and the next one goes on behind it. What the memory of a dead object holds does no harm: at worst it
 * differs from what was there before, which is true.
 */
#include "runtime/settle.h"

#include "base/attributes.h"
#include "base/clock.h"
#include "base/pages.h"
#include "base/sink.h"
#include "runtime/arena.h"
#include "runtime/registry.h"
#include "runtime/start.h"
#include "runtime/thread.h"
#include "runtime/turn.h"
#include "runtime/types.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define COUNTS_AT_ONCE 128u
#define RECORDS_IN_STEP 1024u
#define NAMES_SHOWN 8u
#define LONGEST_PAUSE_MS 25u
#define NOT_READ_YET INT32_MIN /* the far end of the immortal zone, where no count rests */

/* What was last seen of a record. */
struct seen {
	uint64_t birth;
	uint32_t state; /* LR_STATE_*, without the value below it */
	int32_t count;
};

/* When objects of a type last changed, in milliseconds since the wait began; 0 is never. */
struct changes {
	uint64_t counts;
	uint64_t lives;
	uint64_t example; /* the birth of the last object whose count changed */
};

struct wait {
	uint64_t begin;
	uint64_t now;	   /* since begin, and never 0: when the look that is under way began */
	uint64_t changed;  /* the last look that found a change */
	struct seen *seen; /* by ordinal of the record */
	uint64_t room;
	uint64_t known;	       /* records that were there at the last look */
	struct changes *types; /* by type id */
	bool is_first_look;
};

/* Counts of which the memory is yet to be read: the first four bytes, in which those of every kind change. */
struct batch {
	struct seen *seen[COUNTS_AT_ONCE];
	struct iovec remote[COUNTS_AT_ONCE];
	int32_t counts[COUNTS_AT_ONCE];
	uint32_t length;
};

static uint64_t now_ms(void)
{
	return lr_clock_ns(CLOCK_MONOTONIC) / LR_NS_PER_MS;
}

static struct changes *changes_of(struct wait *wait, uint64_t birth)
{
	return &wait->types[birth >> LR_BIRTH_NUMBER_BITS];
}

static void compare_count(struct wait *wait, struct seen *seen, int32_t count)
{
	int32_t before = seen->count;

	seen->count = count;
	if (before == count || before == NOT_READ_YET)
		return;
	wait->changed = wait->now;
	changes_of(wait, seen->birth)->counts = wait->now;
	changes_of(wait, seen->birth)->example = seen->birth;
}

/* Where hundreds in a call are forbidden. */
static void read_singly(struct batch *batch)
{
	for (uint32_t i = 0; i < batch->length; i++) {
		if (lr_pages_copy(&batch->counts[i], batch->remote[i].iov_base, sizeof(int32_t)) <= 0)
			batch->counts[i] = 0;
	}
}

/* What cannot be read is as good as a count of 0. */
static void read_batch(struct wait *wait, struct batch *batch)
{
	uint32_t done = 0;

	memset(batch->counts, 0, batch->length * sizeof(batch->counts[0]));
	while (done < batch->length) {
		struct iovec local = { .iov_base = &batch->counts[done],
				       .iov_len = (batch->length - done) * sizeof(int32_t) };
		ssize_t got = process_vm_readv(getpid(), &local, 1, &batch->remote[done],
					       batch->length - done, 0);

		if (got < 0 && errno != EFAULT) {
			read_singly(batch);
			break;
		}
		done += (got > 0 ? (uint32_t)((size_t)got / sizeof(int32_t)) : 0) + 1;
	}
	for (uint32_t i = 0; i < batch->length; i++)
		compare_count(wait, batch->seen[i], batch->counts[i]);
	batch->length = 0;
}

static void add_to_batch(struct wait *wait, struct batch *batch, struct seen *seen, uint64_t object)
{
	const struct lr_type_info *type =
		lr_type_by_id((uint32_t)(seen->birth >> LR_BIRTH_NUMBER_BITS));

	if (!type || type->count_offset == 0)
		return;
	batch->seen[batch->length] = seen;
	batch->remote[batch->length++] = (struct iovec){
		.iov_base = (void *)(uintptr_t)(object + type->count_offset - 1),
		.iov_len = sizeof(int32_t),
	};
	if (batch->length == COUNTS_AT_ONCE)
		read_batch(wait, batch);
}

static void look_at_record(struct wait *wait, struct batch *batch, uint64_t ordinal)
{
	const struct lr_record *record = lr_arena_at(LR_RECORDS, (uint32_t)ordinal);
	struct seen *seen = &wait->seen[ordinal];
	uint64_t birth = __atomic_load_n(&record->birth, __ATOMIC_ACQUIRE);
	uint32_t state = lr_record_state(record) & LR_STATE_MASK;
	uint64_t object = ~__atomic_load_n(&record->object, __ATOMIC_ACQUIRE);

	if (birth != seen->birth || state != seen->state) {
		*seen = (struct seen){ .birth = birth, .state = state, .count = NOT_READ_YET };
		if (!wait->is_first_look && birth != 0) {
			wait->changed = wait->now;
			changes_of(wait, birth)->lives = wait->now;
		}
	}
	/* If the record is changing hands, its count is compared with one of another object: a change, as it should be. */
	if (state == LR_STATE_ALIVE)
		add_to_batch(wait, batch, seen, object);
}

/* Records are added and never taken away. */
static bool make_room(struct wait *wait, uint64_t records)
{
	uint64_t room = records + records / 4 + 1024;
	struct seen *larger;

	if (records <= wait->room)
		return true;
	larger = lr_pages_map(room * sizeof(*larger));
	if (!larger)
		return false;
	if (wait->seen)
		memcpy(larger, wait->seen, wait->known * sizeof(*larger));
	lr_pages_unmap(wait->seen, wait->room * sizeof(*larger));
	wait->seen = larger;
	wait->room = room;
	return true;
}

/* Return: false without memory. In a turn of its own: what a check holds for a moment is no change of the program's. */
static bool look(struct wait *wait)
{
	uint64_t records = lr_image_count(&lr_arena_image, LR_RECORDS);
	struct batch batch;

	batch.length = 0;
	wait->now = now_ms() - wait->begin + 1;
	if (!make_room(wait, records))
		return false;
	lr_turn_begin();
	for (uint64_t i = 0; i < records; i++) {
		look_at_record(wait, &batch, i);
		if (i % RECORDS_IN_STEP == 0)
			lr_turn_step();
	}
	read_batch(wait, &batch);
	lr_turn_end();
	wait->known = records;
	wait->is_first_look = false;
	return true;
}

/* At least as long as the look took, so that the program's threads have half of a processor that they share with us. */
static void pause_between(const struct wait *wait, uint64_t quiet)
{
	uint64_t took = now_ms() - wait->begin + 1 - wait->now;
	uint64_t pause = quiet / 8 + 1;
	struct timespec time;

	if (pause > LONGEST_PAUSE_MS)
		pause = LONGEST_PAUSE_MS;
	if (pause < took)
		pause = took;
	time.tv_sec = (time_t)(pause / 1000);
	time.tv_nsec = (long)(pause % 1000) * 1000000;
	nanosleep(&time, NULL);
}

static bool is_changing(const struct wait *wait, uint64_t last, uint64_t quiet)
{
	return last != 0 && last + quiet > wait->now;
}

static void name_changes(struct lr_sink *sink, uint32_t type, const struct changes *changes,
			 bool counts)
{
	const char *name = lr_type_name(type);

	lr_sink_text(sink, counts ? "counts of " : "births and deaths of ");
	lr_sink_bytes(sink, name, strlen(name));
	if (counts)
		lr_sink_printf(sink, " (%s#%llu)", strlen(name) < 40 ? name : "",
			       (unsigned long long)(changes->example & LR_BIRTH_NUMBER_MASK));
}

/* In the order in which types were first used. */
static void name_all(struct lr_sink *sink, const struct wait *wait, uint64_t quiet)
{
	uint32_t named = 0;

	for (uint32_t type = 1; lr_type_by_id(type); type++) {
		const struct changes *changes = &wait->types[type];
		const bool changing[] = { is_changing(wait, changes->counts, quiet),
					  is_changing(wait, changes->lives, quiet) };

		for (size_t i = 0; i < LR_ARRAY_SIZE(changing); i++) {
			if (!changing[i] || named++ >= NAMES_SHOWN)
				continue;
			if (named > 1)
				lr_sink_text(sink, ", ");
			name_changes(sink, type, changes, i == 0);
		}
	}
	if (named > NAMES_SHOWN)
		lr_sink_printf(sink, ", and %u more", named - NAMES_SHOWN);
}

/* The last such note is in force. @text of length 0: the counts came to rest this time. */
static void leave_note(const char *text, size_t length, uint64_t waited)
{
	uint32_t unused;
	struct lr_note *note = lr_arena_add(LR_NOTES, &unused);

	if (!note)
		return;
	note->flags = LR_NOTE_UNSETTLED;
	note->count = (int64_t)waited;
	note->text = length > 0 ? lr_arena_add_text(text, length) : 0;
}

static void tell(const struct wait *wait, uint64_t quiet, bool is_quiet)
{
	static bool told;
	char text[1024];
	struct lr_sink sink;

	lr_sink_init_memory(&sink, text, sizeof(text));
	if (!is_quiet)
		name_all(&sink, wait, quiet);
	if (!is_quiet || __atomic_load_n(&told, __ATOMIC_RELAXED))
		leave_note(text, sink.length, wait->now);
	__atomic_store_n(&told, !is_quiet, __ATOMIC_RELAXED);
}

/* Return: true if the counts came to rest. */
static bool wait_until_quiet(struct wait *wait, uint64_t quiet)
{
	while (look(wait)) {
		if (wait->now - wait->changed >= quiet)
			return true;
		if (wait->now >= LR_SETTLE_LIMIT * quiet)
			return false;
		pause_between(wait, quiet);
		/* The others have ended: what they did last is seen by the check itself. */
		if (!lr_thread_others_run())
			return true;
	}
	return true;
}

void lr_settle(void)
{
	uint64_t quiet = (uint64_t)lr_start_settings()->settle;
	struct wait wait = { .begin = now_ms(), .changed = 1, .is_first_look = true };
	size_t types_size = (LR_TYPES_MAX + 1) * sizeof(*wait.types);
	int cancel_state;

	if (quiet == 0 || !lr_thread_others_run())
		return;
	wait.types = lr_pages_map(types_size);
	if (!wait.types)
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	tell(&wait, quiet, wait_until_quiet(&wait, quiet));
	pthread_setcancelstate(cancel_state, NULL);
	lr_pages_unmap(wait.seen, wait.room * sizeof(*wait.seen));
	lr_pages_unmap(wait.types, types_size);
}
