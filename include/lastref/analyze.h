/* SPDX-License-Identifier: Apache-2.0 */
/**
 * analyze.h - what gcc -fanalyzer is told of references
 *
 *	gcc -fanalyzer -DLASTREF_ANALYZE -c -o /dev/null dentry.c
 *
 * finds references that an error path forgets, unrefs too many, second references that are lost, and objects that are used after the
 * caller's reference is gone. For that, LASTREF_DEFINE() and its like only declare their functions, as ones that nothing is known of
 * but who returns a reference and who takes it. So such an object file is for analysis, and does not link.
 *
 * With C++, with clang, and without LASTREF_ANALYZE, nothing of this is there. docs/guide/static-analysis.md has what is found, and
 * what is not.
 */
#ifndef LASTREF_ANALYZE_H
#define LASTREF_ANALYZE_H

#include <lastref/check.h>

#if defined(LASTREF_ANALYZE) && defined(__GNUC__) && !defined(__clang__) && !defined(__cplusplus)
#define LASTREF_ANALYZING_ 1
#else
#define LASTREF_ANALYZING_ 0
#endif

#if LASTREF_ANALYZING_
#define LASTREF_RETURNS_(name)                                                                     \
	__attribute__((malloc(name##_unref, 1), malloc(name##_unref_any, 1),                       \
		       malloc(name##_unref_with, 1)))
#else
#define LASTREF_RETURNS_(name)
#endif

/**
 * LASTREF_RETURNS() - the function that is declared next returns a reference, which is its caller's
 * @name: as in LASTREF_DEFINE() or LASTREF_DECLARE(), which comes before
 *
 *	LASTREF_RETURNS(dentry) struct dentry *dentry_new(const char *name);
 *
 * The function may return NULL. For static analysis; nothing elsewhere. A file that defines such functions and calls them is to be
 * analyzed with -D'LASTREF_RETURNS(name)=': where gcc sees a body, it takes what is returned for lost.
 */
#ifndef LASTREF_RETURNS
#define LASTREF_RETURNS(name) LASTREF_RETURNS_(name)
#endif

#if LASTREF_ANALYZING_

/* That an object is on the stack, or came from malloc() in the same function, is no mistake here: its unref is not its free(). */
#pragma GCC diagnostic ignored "-Wmismatched-dealloc"
#pragma GCC diagnostic ignored "-Wfree-nonheap-object"
#pragma GCC diagnostic ignored "-Wanalyzer-mismatching-deallocation"
#pragma GCC diagnostic ignored "-Wanalyzer-free-of-non-heap"

/*
 * What takes a reference declares its object const: the analyzer believes of all else that it might give up the caller's own. The slot
 * functions stay unknown to it: what is in a slot is out of its sight.
 */
#define LASTREF_ANALYZED_(name, object_type)                                                        \
	extern void name##_ref_init(object_type *object);                                           \
	extern object_type *name##_unref(object_type *object);                                      \
	extern bool name##_unref_unless_last(object_type *object);                                  \
	extern void name##_unref_with(object_type *object,                                          \
				      void (*destroy)(object_type * object, void *context),         \
				      void *context);                                               \
	extern void name##_unref_any(void *object);                                                 \
	LASTREF_RETURNS_(name)                                                                      \
	__attribute__((returns_nonnull)) extern object_type *name##_ref(const object_type *object); \
	LASTREF_RETURNS_(name) extern object_type *name##_tryref(const object_type *object);        \
	extern int64_t name##_ref_count(const object_type *object);                                 \
	extern void name##_ref_restore(object_type *object, int64_t count);                         \
	extern bool name##_ref_evict(object_type *object);                                          \
	extern bool name##_ref_is_evicted(const object_type *object);                               \
	extern void name##_ref_set(object_type **slot, object_type *object);                        \
	extern void name##_ref_clear(object_type **slot);                                           \
	extern void name##_ref_move(object_type **to, object_type **from);                          \
	extern void name##_ref_adopt(object_type **slot, object_type *object);                      \
	LASTREF_RETURNS_(name) extern object_type *name##_ref_steal(object_type **slot);            \
	extern const struct lastref_type *name##_ref_type(void)

/* The functions that the user wrote for the template are used, though nothing here calls them. */
#define LASTREF_ANALYZED_TYPE_(name_, object_type, destroy, ...)                                   \
	LASTREF_ANALYZED_(name_, object_type);                                                     \
	__attribute__((unused)) static void *const name_##_lastref_destroy_ =                      \
		__extension__(void *)(destroy);                                                    \
	__attribute__((unused)) static const struct lastref_type name_##_lastref_options_ = {      \
		.name = #name_, __VA_ARGS__                                                        \
	};                                                                                         \
	extern const struct lastref_type *name_##_ref_type(void)

#define LASTREF_DEFINE(name, object_type, member, ...)                                             \
	LASTREF_ANALYZED_TYPE_(name, object_type, LASTREF_FIRST_(__VA_ARGS__, ),                   \
			       LASTREF_REST_(__VA_ARGS__, ))
#define LASTREF_DEFINE_TYPE(name, object_type, member, destroy, type)                              \
	LASTREF_ANALYZED_TYPE_(name, object_type, destroy, .options = (type))
#define LASTREF_DECLARE(name, object_type) LASTREF_ANALYZED_(name, object_type)
#define LASTREF_DEFINE_EXTERN LASTREF_DEFINE

#endif

#endif
