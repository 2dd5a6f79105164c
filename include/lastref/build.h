/* SPDX-License-Identifier: Apache-2.0 */
/**
 * build.h - what the other headers are built from: attributes, and the three ways to link
 *
 * Define one of these, or none, before the first include, for the whole of a file:
 *
 *	(nothing)		the library: full checking, link with -llastref
 *	LASTREF_NO_CHECKING	the header alone: the same layout and the same counting, and no symbol of the library is needed. A
 *				misuse writes a line to standard error and aborts. Nothing is registered. For authors of libraries who must not
 *				impose a dependency; such objects and checked ones may meet in one process
 *	LASTREF_FREESTANDING	as LASTREF_NO_CHECKING, without a libc: a misuse is a trap (__builtin_trap())
 *
 * and, with each of them, LASTREF_PORTABLE: no inline assembly, compiler builtins only.
 */
#ifndef LASTREF_BUILD_H
#define LASTREF_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define LASTREF_EXTERN_C_ extern "C"
#define LASTREF_NULL_ nullptr
#define LASTREF_STATIC_ASSERT_(condition, message) static_assert(condition, message)
#else
#define LASTREF_EXTERN_C_ extern
#define LASTREF_NULL_ NULL
#define LASTREF_STATIC_ASSERT_(condition, message) _Static_assert(condition, message)
#endif

#if defined(LASTREF_FREESTANDING) || defined(LASTREF_NO_CHECKING)
#define LASTREF_CHECKING_ 0
#else
#define LASTREF_CHECKING_ 1
#endif

#define LASTREF_API __attribute__((visibility("default")))
#define LASTREF_INLINE_ static inline __attribute__((always_inline, unused))
#define LASTREF_COLD_ static __attribute__((noinline, cold, unused))
#define LASTREF_OUTLINE_ static __attribute__((noinline, unused))
#define LASTREF_UNLIKELY_(condition) __builtin_expect(!!(condition), 0)

/* ThreadSanitizer follows neither fences nor plain loads of what another thread switches. */
#if defined(__SANITIZE_THREAD__)
#define LASTREF_THREAD_SANITIZER_ 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LASTREF_THREAD_SANITIZER_ 1
#endif
#endif
#ifndef LASTREF_THREAD_SANITIZER_
#define LASTREF_THREAD_SANITIZER_ 0
#endif

/* A sanitizer does not see what inline assembly touches: with one, a use after free would pass unnoticed. */
#if defined(__SANITIZE_ADDRESS__)
#define LASTREF_SANITIZER_ 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(hwaddress_sanitizer) ||                      \
	__has_feature(memory_sanitizer)
#define LASTREF_SANITIZER_ 1
#endif
#endif
#ifndef LASTREF_SANITIZER_
#define LASTREF_SANITIZER_ LASTREF_THREAD_SANITIZER_
#endif

#if defined(__x86_64__) && !defined(LASTREF_PORTABLE) && !LASTREF_SANITIZER_
#define LASTREF_X86_ASM_ 1
#else
#define LASTREF_X86_ASM_ 0
#endif

#endif
