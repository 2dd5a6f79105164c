/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: one record for every live counted object, found by the index that the object carries.
 *
 * No hash and no lock on the way: a thread takes a record from its own ring of free ones, and the index in the object's count word leads
 * back to it. Objects that count by hand have no such word; addresses.h serves them.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_REGISTRY_H
#define LR_RUNTIME_REGISTRY_H

#include "runtime/thread.h"

/* The top bit of an index is left to those who store one. */
#define LR_INDEX_MAX 0x7fffffffu

/**
 * lr_registry_add() - an object is born
 * @thread: the caller's
 * @type: id of its type
 * @site: of its birth
 *
 * Return: its index, not 0; or 0 if there is no record for it (counted as lost).
 */
uint32_t lr_registry_add(struct lr_thread *thread, uint32_t type, const void *object, uint32_t site);

/**
 * lr_registry_find() - the record of an object
 * @index: as read from the object; anything, if the object was overwritten
 *
 * Return: the record if @index is one of this process and its record is of @object, in whatever state; else NULL.
 */
struct lr_record *lr_registry_find(uint32_t index, const void *object);

/** lr_registry_index() - the index of the record with an ordinal. */
uint32_t lr_registry_index(uint64_t ordinal);

/** lr_registry_is_inherited() - was the object of @index born before the fork that made this process? */
bool lr_registry_is_inherited(uint32_t index);

/** lr_registry_prefetch() - have the record of @index brought near; any @index is fine. */
void lr_registry_prefetch(uint32_t index);

/**
 * lr_registry_begin_death() - the destructor is about to run
 * @site: of the last unref
 *
 * Return: true if @record was alive; false if it is in another state (a misuse, or nothing of ours).
 */
bool lr_registry_begin_death(struct lr_record *record, uint32_t site);

/** lr_registry_end_death() - the object that lr_registry_begin_death() accepted is gone; its record is free. */
void lr_registry_end_death(struct lr_thread *thread, uint32_t index);

/** lr_registry_live() - how many objects are registered. Exact when no other thread is at work. */
uint64_t lr_registry_live(void);

/** lr_registry_restart_in_child() - after fork(): objects born before are the parent's, and their indexes mean nothing here. */
void lr_registry_restart_in_child(void);

/* The value below the state bits, and the state alone. */
static inline uint32_t lr_record_state(const struct lr_record *record)
{
	return __atomic_load_n(&record->state, __ATOMIC_ACQUIRE);
}

/**
 * lr_registry_checkpoint() - what is born from now on is told from what was born before
 *
 * Return: the age of what is born from now on: struct lr_record has it, in the state. After LR_ALIVE_AGE_MAX checkpoints there are no new ones.
 */
uint32_t lr_registry_checkpoint(void);

/** lr_registry_each_recent() - the records that the calling thread dealt last, some tens of them at the most, the last first. */
void lr_registry_each_recent(const struct lr_thread *thread,
			     void (*visit)(struct lr_record *record, void *context), void *context);

#endif
