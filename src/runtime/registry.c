/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry.
 *
 * Layer: runtime. Locks: pool_lock, once every 32 births or deaths at the most.
 *
 * A record belongs to the thread that took it until its state says ALIVE, then to whoever holds the object's last reference, then to
 * the thread that ended its death. So records need no lock and no atomic read-modify-write; what a concurrent check may see
 * of them is said at struct lr_record.
 *
 * After a fork the child's indexes begin above all of its parent's. An inherited object's index is therefore below `base`, and that
 * alone tells it.
 */
#include "runtime/registry.h"

#include "base/attributes.h"
#include "base/pages.h"
#include "base/ranks.h"
#include "runtime/arena.h"
#include "runtime/gate.h"
#include "runtime/ignore.h"

#define BATCH (LR_RING_SIZE / 2)
#define NUMBERS_AT_ONCE 1024u

/* Free records that no thread's ring has room for: a stack of arrays. */
struct chunk {
	struct chunk *next;
	uint32_t count;
	uint32_t indexes[BATCH * 31];
};

static struct lr_lock pool_lock = LR_LOCK_INIT(LR_RANK_POOL);
static struct chunk *pool;	     /* guarded by pool_lock */
static struct chunk *spare;	     /* an empty one, guarded by pool_lock */
static uint32_t fresh, fresh_end;    /* indexes never used, guarded by pool_lock */
static uint64_t died_without_thread; /* relaxed */
/*
 * Which indexes there are: from base, that of record ordinal 0, so many. The base changes in the child of a fork only, which is
 * alone; the size grows under pool_lock, after the segments are there.
 *
 * The first is above the upper half of any address of a program (47 bits on x86-64, 48 on aarch64), whole or shifted and mixed as malloc()
 * writes them into what is freed: so a pointer that lies where a count was never has the index of the object that was there. And it is a
 * number that nobody else counts from: the pages of a check may lie where an object was.
 */
#define INDEX_FIRST 0x5eed5u
static uint32_t base = INDEX_FIRST;
static uint32_t size;

/* What the state of a record says from birth on: alive, and how many checkpoints there were. Relaxed: who calls is ordered by its own means. */
static uint32_t alive = LR_STATE_ALIVE;

#define RECORDS_PER_SEGMENT ((uint32_t)(LR_SEGMENT_SIZE / sizeof(struct lr_record)))

static struct lr_record *record_at(uint32_t index)
{
	uint32_t ordinal = index - base;
	void *const *segments = lr_arena_image.spaces[LR_RECORDS].segments;

	return (struct lr_record *)segments[ordinal / RECORDS_PER_SEGMENT] +
	       ordinal % RECORDS_PER_SEGMENT;
}

/* Caller holds pool_lock. Returns how many indexes it stored, up to BATCH. */
static uint32_t take_batch(uint32_t *indexes)
{
	if (pool && pool->count > 0) {
		pool->count -= BATCH;
		for (uint32_t i = 0; i < BATCH; i++)
			indexes[i] = pool->indexes[pool->count + i];
		return BATCH;
	}
	if (fresh == fresh_end) {
		uint32_t before = lr_arena_image.spaces[LR_RECORDS].count;
		int64_t first = lr_arena_add_records();

		if (first < 0 || first + base > LR_INDEX_MAX - LR_SEGMENT_SIZE)
			return 0;
		fresh = base + (uint32_t)first;
		fresh_end = fresh + (lr_arena_image.spaces[LR_RECORDS].count - before) *
					    RECORDS_PER_SEGMENT;
		/* Pairs with the acquire in is_there(). */
		__atomic_store_n(&size, fresh_end - base, __ATOMIC_RELEASE);
	}
	for (uint32_t i = 0; i < BATCH; i++)
		indexes[i] = fresh++;
	return BATCH;
}

static LR_COLD bool refill(struct lr_thread *thread)
{
	uint32_t indexes[BATCH];
	uint32_t n;

	lr_lock(&pool_lock);
	n = take_batch(indexes);
	if (pool && pool->count == 0 && pool->next) {
		struct chunk *empty = pool;

		pool = empty->next;
		if (spare)
			lr_pages_unmap(empty, sizeof(*empty));
		else
			spare = empty;
	}
	lr_unlock(&pool_lock);
	for (uint32_t i = 0; i < n; i++)
		thread->ring[(thread->ring_head + i) % LR_RING_SIZE] = indexes[i];
	thread->ring_count = n;
	return n > 0;
}

/* Caller holds pool_lock. */
static bool pool_has_room(void)
{
	struct chunk *chunk;

	if (pool && pool->count + BATCH <= LR_ARRAY_SIZE(pool->indexes))
		return true;
	chunk = spare ? spare : lr_pages_map(sizeof(*chunk));
	spare = NULL;
	if (!chunk)
		return false;
	chunk->next = pool;
	chunk->count = 0;
	pool = chunk;
	return true;
}

/* Give the oldest half of the ring to the pool. Without memory for it the records are lost for good, and nothing else. */
static LR_COLD void flush(struct lr_thread *thread)
{
	lr_lock(&pool_lock);
	if (pool_has_room()) {
		for (uint32_t i = 0; i < BATCH; i++)
			pool->indexes[pool->count++] =
				thread->ring[(thread->ring_head + i) % LR_RING_SIZE];
	}
	lr_unlock(&pool_lock);
	thread->ring_head = (thread->ring_head + BATCH) % LR_RING_SIZE;
	thread->ring_count -= BATCH;
}

static LR_COLD struct lr_cursor *new_cursor_block(struct lr_thread *thread, uint32_t ordinal)
{
	uint32_t first = ordinal - ordinal % LR_CURSORS_IN_BLOCK;
	struct lr_cursor_block *block;
	uint32_t unused;

	block = lr_arena_add(LR_CURSORS, &unused);
	if (!block)
		return NULL;
	block->first_type = first;
	block->owned = true;
	thread->cursors[ordinal / LR_CURSORS_IN_BLOCK] = block;
	return &block->cursors[ordinal % LR_CURSORS_IN_BLOCK];
}

static LR_COLD void deal_numbers(struct lr_cursor *cursor, uint32_t type)
{
	struct lr_type_entry *entry = lr_arena_at(LR_TYPES, type - 1);

	cursor->next = __atomic_fetch_add(&entry->dealt, NUMBERS_AT_ONCE, __ATOMIC_RELAXED) + 1;
	cursor->end = cursor->next + NUMBERS_AT_ONCE;
}

/* Have the next birth number of a type at hand. Return: false without memory. */
static LR_COLD bool prepare_number(struct lr_thread *thread, uint32_t type)
{
	struct lr_cursor_block *block = thread->cursors[(type - 1) / LR_CURSORS_IN_BLOCK];
	struct lr_cursor *cursor = block ? &block->cursors[(type - 1) % LR_CURSORS_IN_BLOCK] :
					   new_cursor_block(thread, type - 1);

	if (!cursor)
		return false;
	if (cursor->next == cursor->end)
		deal_numbers(cursor, type);
	thread->cursor = cursor;
	thread->cursor_type = type;
	return true;
}

static void count_one(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static bool is_prepared(const struct lr_thread *thread, uint32_t type)
{
	return LR_LIKELY(thread->ring_count != 0) && LR_LIKELY(thread->cursor_type == type) &&
	       LR_LIKELY(thread->cursor->next != thread->cursor->end);
}

/* What lr_registry_add() needs and has not at hand; out of line and called last, so that the common way saves no register. */
static LR_COLD uint32_t prepare_and_add(struct lr_thread *thread, uint32_t type, const void *object,
					uint32_t site)
{
	if ((thread->ring_count == 0 && !refill(thread)) || !prepare_number(thread, type)) {
		lr_arena_count(LR_LOST_OBJECTS, 1);
		return 0;
	}
	return lr_registry_add(thread, type, object, site);
}

uint32_t lr_registry_add(struct lr_thread *thread, uint32_t type, const void *object, uint32_t site)
{
	struct lr_record *record;
	uint32_t index;

	if (!is_prepared(thread, type))
		return prepare_and_add(thread, type, object, site);
	index = thread->ring[thread->ring_head];
	thread->ring_head = (thread->ring_head + 1) % LR_RING_SIZE;
	thread->ring_count--;
	record = record_at(index);
	/* A reader that saw the former object's birth number must not take these fields for that object's. */
	__atomic_store_n(&record->state, LR_STATE_FREE, __ATOMIC_RELAXED);
	__atomic_store_n(&record->birth,
			 (uint64_t)type << LR_BIRTH_NUMBER_BITS | thread->cursor->next++,
			 __ATOMIC_RELEASE);
	__atomic_store_n(&record->object, ~(uint64_t)(uintptr_t)object, __ATOMIC_RELEASE);
	__atomic_store_n(&record->site, site, __ATOMIC_RELAXED);
	/* Pairs with the acquire in lr_record_state(). */
	__atomic_store_n(&record->state, __atomic_load_n(&alive, __ATOMIC_RELAXED), __ATOMIC_RELEASE);
	count_one(&thread->born);
	return index;
}

uint32_t lr_registry_index(uint64_t ordinal)
{
	return base + (uint32_t)ordinal;
}

bool lr_registry_is_inherited(uint32_t index)
{
	return index >= INDEX_FIRST && index < base;
}

/* Is there a record of @index in this process? An index below base wraps around, and is too large as well. */
static bool is_there(uint32_t index)
{
	/* Pairs with the release in take_batch(). */
	return index - base < __atomic_load_n(&size, __ATOMIC_ACQUIRE);
}

struct lr_record *lr_registry_find(uint32_t index, const void *object)
{
	struct lr_record *record;

	if (!is_there(index))
		return NULL;
	record = record_at(index);
	/* An index that is not of @object may lead to a record that another thread is writing. */
	return __atomic_load_n(&record->object, __ATOMIC_RELAXED) == ~(uint64_t)(uintptr_t)object ?
		       record :
		       NULL;
}

uint32_t lr_registry_checkpoint(void)
{
	uint32_t before = __atomic_load_n(&alive, __ATOMIC_RELAXED);
	uint32_t next;

	do {
		uint32_t age = (before & ~LR_STATE_MASK) >> LR_ALIVE_AGE_SHIFT;

		if (age == LR_ALIVE_AGE_MAX)
			return age;
		next = LR_STATE_ALIVE | (age + 1) << LR_ALIVE_AGE_SHIFT;
	} while (!__atomic_compare_exchange_n(&alive, &before, next, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return (next & ~LR_STATE_MASK) >> LR_ALIVE_AGE_SHIFT;
}

void lr_registry_each_recent(const struct lr_thread *thread,
			     void (*visit)(struct lr_record *record, void *context), void *context)
{
	uint32_t used = LR_RING_SIZE - thread->ring_count;

	for (uint32_t i = 1; i <= used; i++) {
		uint32_t index = thread->ring[(thread->ring_head - i) % LR_RING_SIZE];

		if (index != 0 && is_there(index))
			visit(record_at(index), context);
	}
}

void lr_registry_prefetch(uint32_t index)
{
	if (is_there(index))
		__builtin_prefetch(record_at(index), 1);
}

bool lr_registry_begin_death(struct lr_record *record, uint32_t site)
{
	uint32_t state = __atomic_load_n(&record->state, __ATOMIC_RELAXED);

	if (LR_UNLIKELY((state & LR_STATE_MASK) != LR_STATE_ALIVE))
		return false;
	__atomic_store_n(&record->state, LR_STATE_DYING | site, __ATOMIC_RELEASE);
	if (LR_UNLIKELY(state & LR_ALIVE_IGNORED))
		lr_ignore_end(record->birth);
	lr_gate_pass();
	return true;
}

static void put_in_ring(struct lr_thread *thread, uint32_t index)
{
	thread->ring[(thread->ring_head + thread->ring_count) % LR_RING_SIZE] = index;
	thread->ring_count++;
	count_one(&thread->died);
}

/* There is no room in the ring; or no ring, without a thread's struct: then the record stays dead. */
static LR_COLD void put_away(struct lr_thread *thread, uint32_t index)
{
	if (!thread) {
		__atomic_fetch_add(&died_without_thread, 1, __ATOMIC_RELAXED);
		return;
	}
	flush(thread);
	put_in_ring(thread, index);
}

void lr_registry_end_death(struct lr_thread *thread, uint32_t index)
{
	struct lr_record *record;
	uint32_t site;

	/* The destructor forked, and this is the child: the object was the parent's. */
	if (!is_there(index))
		return;
	record = record_at(index);
	site = lr_record_state(record) & ~LR_STATE_MASK;
	__atomic_store_n(&record->state, LR_STATE_DEAD | site, __ATOMIC_RELEASE);
	if (LR_UNLIKELY(!thread) || LR_UNLIKELY(thread->ring_count == LR_RING_SIZE))
		put_away(thread, index);
	else
		put_in_ring(thread, index);
}

uint64_t lr_registry_live(void)
{
	uint64_t live = -__atomic_load_n(&died_without_thread, __ATOMIC_RELAXED);

	for (const struct lr_thread *thread = lr_thread_each(); thread; thread = thread->next)
		live += __atomic_load_n(&thread->born, __ATOMIC_RELAXED) -
			__atomic_load_n(&thread->died, __ATOMIC_RELAXED);
	return live;
}

void lr_registry_restart_in_child(void)
{
	lr_lock_restart(&pool_lock);
	base += size;
	size = 0;
	fresh = fresh_end = 0;
	died_without_thread = 0;
	while (pool) {
		struct chunk *chunk = pool;

		pool = chunk->next;
		lr_pages_unmap(chunk, sizeof(*chunk));
	}
}
