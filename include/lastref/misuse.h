/* SPDX-License-Identifier: Apache-2.0 */
/**
 * misuse.h - where the counts go when they are misused
 *
 * There is one cold function for each misuse, so that a backtrace alone names the bug. In the library they report, and abort
 * unless a handler is set (lastref_set_misuse_handler()). With LASTREF_NO_CHECKING they are part of the header, write one line with
 * write(2) and abort; with LASTREF_FREESTANDING they trap.
 */
#ifndef LASTREF_MISUSE_H
#define LASTREF_MISUSE_H

#include <lastref/build.h>

struct lastref_type;

/* Every misuse of a count: the function's name, its enum lastref_misuse_kind, and what the message calls it. */
#define LASTREF_COUNT_MISUSES_(MISUSE)                                                              \
	MISUSE(ref_dead, REF_DEAD, "REF ON A DEAD OBJECT")                                          \
	MISUSE(ref_uninitialized, REF_UNINITIALIZED, "REF ON AN OBJECT THAT WAS NEVER INITIALIZED") \
	MISUSE(ref_at_rest, REF_AT_REST, "REF ON AN OBJECT AT REST (only tryref revives it)")       \
	MISUSE(unref_dead, UNREF_DEAD, "ONE UNREF TOO MANY (the object is dead)")                   \
	MISUSE(unref_uninitialized, UNREF_UNINITIALIZED,                                            \
	       "UNREF ON AN OBJECT THAT WAS NEVER INITIALIZED")                                     \
	MISUSE(unref_at_rest, UNREF_AT_REST, "ONE UNREF TOO MANY (the object is at rest)")          \
	MISUSE(overflow, OVERFLOW,                                                                  \
	       "MORE THAN 2,147,483,647 REFERENCES (the object is immortal from now on)")           \
	MISUSE(restore_negative, RESTORE_NEGATIVE, "RESTORED WITH A NEGATIVE COUNT")

/*
 * lastref_misuse_ref_dead() and its like: @type is NULL for a bare count, and then @object is the count itself; @index is
 * the object's in the leak checker's registry, 0 if it has none. The object is never followed.
 */
#if LASTREF_CHECKING_

#define LASTREF_DECLARE_MISUSE_(name, kind, text)                                                  \
	LASTREF_EXTERN_C_ LASTREF_API void lastref_misuse_##name(const struct lastref_type *type,  \
								 const void *object,               \
								 uint32_t index);
LASTREF_COUNT_MISUSES_(LASTREF_DECLARE_MISUSE_)
#undef LASTREF_DECLARE_MISUSE_

#else

#ifndef LASTREF_FREESTANDING
#include <stdlib.h>
#include <unistd.h>

LASTREF_COLD_ size_t lastref_misuse_append_(char *line, size_t length, size_t room, const char *text)
{
	while (*text && length < room)
		line[length++] = *text++;
	return length;
}

/* One write(2), so that the lines of two threads do not mix. */
LASTREF_COLD_ void lastref_misuse_stop_(const char *text, const char *name, const void *object)
{
	static const char digits[] = "0123456789abcdef";
	char line[256];
	char address[2 * sizeof(uintptr_t) + 1];
	size_t place = sizeof(address) - 1;
	size_t length;
	uintptr_t rest = (uintptr_t)object;

	address[place] = '\0';
	do
		address[--place] = digits[rest & 15];
	while (rest >>= 4);
	length = lastref_misuse_append_(line, 0, sizeof(line) - 32, "lastref: MISUSE  ");
	length = lastref_misuse_append_(line, length, sizeof(line) - 32, text);
	length = lastref_misuse_append_(line, length, sizeof(line) - 32, ": ");
	length = lastref_misuse_append_(line, length, sizeof(line) - 32, name);
	length = lastref_misuse_append_(line, length, sizeof(line), " at 0x");
	length = lastref_misuse_append_(line, length, sizeof(line) - 1, &address[place]);
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0)
		abort();
	abort();
}
#else
#define lastref_misuse_stop_(text, name, object) __builtin_trap()
#endif

/* Of struct lastref_type, which check.h defines, the name is the first member. */
LASTREF_INLINE_ const char *lastref_misuse_name_(const struct lastref_type *type)
{
	const char *name = type ? *(const char *const *)(const void *)type : "(bare count)";

	return name ? name : "(unnamed)";
}

#define LASTREF_DEFINE_MISUSE_(name, kind, text)                                                   \
	LASTREF_COLD_ void lastref_misuse_##name(const struct lastref_type *type,                  \
						 const void *object, uint32_t index)               \
	{                                                                                          \
		(void)type;                                                                        \
		(void)object;                                                                      \
		(void)index;                                                                       \
		lastref_misuse_stop_(text, lastref_misuse_name_(type), object);                    \
	}
LASTREF_COUNT_MISUSES_(LASTREF_DEFINE_MISUSE_)
#undef LASTREF_DEFINE_MISUSE_

#endif

#endif
