/* SPDX-License-Identifier: Apache-2.0 */
/**
 * count.h - the functions of one count as a struct explore_count
 *
 * Include "../atomics.h", then the header under test, then this; then EXPLORE_FUNCTIONS(type, prefix), and fill the struct.
 * Mutants are built from the same file with another HEADER, COUNT (the name of the struct) and COUNT_NAME.
 */
#ifndef EXPLORE_COUNTS_COUNT_H
#define EXPLORE_COUNTS_COUNT_H

#include "../explore.h"

#include <inttypes.h>
#include <stdio.h>

/* Functions with a memory pointer in place of the count's type. */
#define EXPLORE_FUNCTIONS(type, prefix)                                                            \
	_Static_assert(sizeof(type) <= EXPLORE_OBJECT_SIZE, "raise EXPLORE_OBJECT_SIZE");          \
	static void count_init(void *memory)                                                       \
	{                                                                                          \
		prefix##_init((type *)memory);                                                     \
	}                                                                                          \
	static void count_ref(void *memory)                                                        \
	{                                                                                          \
		prefix##_ref((type *)memory);                                                      \
	}                                                                                          \
	static bool count_tryref(void *memory)                                                     \
	{                                                                                          \
		return prefix##_tryref((type *)memory);                                            \
	}                                                                                          \
	static bool count_unref(void *memory)                                                      \
	{                                                                                          \
		return prefix##_unref((type *)memory);                                             \
	}                                                                                          \
	static int64_t count_read(void *memory)                                                    \
	{                                                                                          \
		return prefix##_read((type *)memory);                                              \
	}

/* Those that schemes outside lastref do not have. */
#define EXPLORE_MORE_FUNCTIONS(type, prefix, immortal_initializer)                                 \
	static bool count_unref_unless_last(void *memory)                                          \
	{                                                                                          \
		return prefix##_unref_unless_last((type *)memory);                                 \
	}                                                                                          \
	static bool count_is_unique(void *memory)                                                  \
	{                                                                                          \
		return prefix##_is_unique((type *)memory);                                         \
	}                                                                                          \
	static void count_restore(void *memory, int64_t references)                                \
	{                                                                                          \
		prefix##_restore_((type *)memory, references);                                     \
	}                                                                                          \
	static void count_immortal(void *memory)                                                   \
	{                                                                                          \
		static const type immortal = immortal_initializer;                                 \
		*(type *)memory = immortal;                                                        \
	}

/* The dead and the immortal zone of a 32-bit count, by the distance from where they rest. */
static inline int explore_show_zone(char *text, size_t size, int64_t word)
{
	bool immortal = word < -0x40000000;
	int64_t distance = word + (immortal ? 0x60000000 : 0x20000000);

	if (word == 0)
		return snprintf(text, size, "0");
	return snprintf(text, size, distance ? "%s%+" PRId64 : "%s", immortal ? "immortal" : "dead",
			distance);
}

#endif
