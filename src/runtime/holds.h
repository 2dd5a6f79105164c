/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds: is an object still there, and may its type's functions be called on it now?
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_HOLDS_H
#define LR_RUNTIME_HOLDS_H

#include "runtime/types.h"

#include <lastref/kinds.h>

/* An object, as its record says. */
struct lr_object {
	const struct lr_type_info *type;
	uint64_t address;
	uint64_t record; /* ordinal */
	uint64_t birth;
};

/* Room for a copy of any count: the largest, whose alignment is enough for all. */
union lr_any_count {
	struct lastref_count standard;
	struct lastref_hot_count hot;
	struct lastref_cache_count cache;
};

size_t lr_count_size(unsigned kind);

/* What a count says of the object that it was read in. */
#define LR_COUNT_FOREIGN (-1) /* it carries another index: other memory by now */
#define LR_COUNT_DEAD (-2)

/**
 * lr_count_judge() - what a copy of the bytes of a count says
 * @count: of @type's kind
 * @ordinal: of the record whose object's it should be
 *
 * Return: the references, INT64_MAX of an immortal object, or LR_COUNT_FOREIGN or LR_COUNT_DEAD.
 */
int64_t lr_count_judge(const struct lr_type_info *type, union lr_any_count *count, uint64_t ordinal);

/**
 * lr_count_give() - give one reference of a count back, unless it is the last
 *
 * Finds no misuse, so that it can be called with a lock held. Return: false if it is the last, or
 * the count is not one that a check took a reference of.
 */
bool lr_count_give(unsigned kind, void *count);

/** lr_object_count() - where the count of an object of the template is. */
void *lr_object_count(const struct lr_object *object);

/**
 * lr_object_look() - is the memory of an object of the template there, and does its count say that
 * the object lives in it?
 * @ret_count: as from lr_count_judge(); written unless the memory is not there
 *
 * Return: 1 if so; 0 if not; or a negative errno if the kernel does not say.
 */
int lr_object_look(const struct lr_object *object, int64_t *ret_count);

/**
 * lr_object_is_alive() - is the object still what the record says?
 *
 * Called with the gate shut and its lock held, so that the answer stays true until the lock is
 * given back.
 */
bool lr_object_is_alive(const struct lr_object *object, int64_t *ret_count);

/**
 * lr_object_can_be_held() - is it of a type of which a reference may be taken?
 *
 * Of an entry of a cache none is taken while other threads run: who gives up the last one puts the
 * entry on the cache's lists, under the cache's lock, which only the program knows; if that were a
 * check, the entry would rest where nobody evicts it.
 */
bool lr_object_can_be_held(const struct lr_type_info *type);

/**
 * lr_object_hold() - take a reference, if the object is still what the record says
 *
 * Called with the gate shut, and the library of the type's unref pinned.
 */
bool lr_object_hold(const struct lr_object *object);

/**
 * lr_object_let_go() - give that reference back. It may have become the last one: then the
 * destructor runs here
 * @object: whose ->type is a copy of the caller's, if a function of the program ran meanwhile. It
 *	may have forked, and the table of types is not the child's.
 */
void lr_object_let_go(const struct lr_object *object);

/** lr_object_let_go_all() - the calling thread ends: let go of all that it holds. */
void lr_object_let_go_all(void);

/**
 * lr_functions_are_there() - are the type's functions still in the modules that they were copied
 * from?
 *
 * Not to be called within lr_fault_guard_run().
 */
bool lr_functions_are_there(const struct lr_type_info *type);

#endif
