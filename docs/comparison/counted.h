/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counts of these programs: lastref's, or with -DBY_HAND as one writes them without a library. The programs are the same lines in both.
 */
#ifndef COUNTED_H
#define COUNTED_H

#include <stdbool.h>
#include <stdlib.h>

#ifdef BY_HAND
#define COUNT int

#define COUNTED(name, type, member, destroy, ...)                                                  \
	static inline void name##_ref_init(type *object)                                           \
	{                                                                                          \
		object->member = 1;                                                                \
	}                                                                                          \
	static inline type *name##_ref(type *object)                                               \
	{                                                                                          \
		__atomic_fetch_add(&object->member, 1, __ATOMIC_RELAXED);                          \
		return object;                                                                     \
	}                                                                                          \
	static inline void name##_unref(type *object)                                              \
	{                                                                                          \
		if (object && __atomic_sub_fetch(&object->member, 1, __ATOMIC_ACQ_REL) == 0)       \
			destroy(object);                                                           \
	}                                                                                          \
	_Static_assert(true, "")
#else
#include <lastref/lastref.h>

#define COUNT struct lastref_count
#define COUNTED LASTREF_DEFINE
#endif

/* Leaves no stale pointer on the stack, where a checker that scans it would take it for a holder. */
static inline void wipe_stack(void)
{
	volatile char bytes[4096];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = 0;
}

static inline void *zeroed(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		abort();
	return memory;
}

#endif
