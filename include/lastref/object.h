/* SPDX-License-Identifier: Apache-2.0 */
/**
 * object.h - the per-type template: ref, tryref and unref for your struct, and its destructor on the last unref
 *
 *	struct dentry {
 *		struct lastref_count refs;
 *		...
 *	};
 *	static void dentry_destroy(struct dentry *d);
 *	LASTREF_DEFINE(dentry, struct dentry, refs, dentry_destroy);
 *
 * makes these functions, static inline; ref, tryref and unref cost one atomic operation and one test of a byte:
 *
 *	void dentry_ref_init(struct dentry *d)			one reference, the caller's; registers when checking is on
 *	struct dentry *dentry_ref(struct dentry *d)		one more; returns d, which is not NULL
 *	struct dentry *dentry_tryref(struct dentry *d)		d, or NULL once it is dead; d is not NULL
 *	struct dentry *dentry_unref(struct dentry *d)		one less, destroys on the last; d may be NULL; returns NULL
 *	bool dentry_unref_unless_last(struct dentry *d)		false: it is the last; take the lock, then unref
 *	void dentry_unref_with(d, destroy, context)		as unref; the last one calls destroy(d, context), if not NULL
 *	void dentry_unref_any(void *d)				unref for callbacks that take a void *
 *	int64_t dentry_ref_count(const struct dentry *d)	as lastref_count_read()
 *	void dentry_ref_restore(struct dentry *d, int64_t n)	after loading saved state: n references, registers if n > 0;
 *								0 is dead, negative is misuse, over INT32_MAX immortal
 *	const struct lastref_type *dentry_ref_type(void)	the descriptor, for lastref_ref() and its like
 *
 * A slot is a pointer variable that holds a reference; it is guarded by whatever guards the variable, and must be NULL or
 * point to a live object before its first use:
 *
 *	void dentry_ref_set(struct dentry **slot, struct dentry *d)	refs d (or NULL), stores it, releases what was there
 *	void dentry_ref_clear(struct dentry **slot)			releases what the slot holds, stores NULL
 *	void dentry_ref_move(struct dentry **to, struct dentry **from)	the reference changes holder, from becomes NULL; what
 *									`to` held is released after that; move(&x, &x) does nothing
 *	void dentry_ref_adopt(struct dentry **slot, struct dentry *d)	the slot takes over the caller's own reference
 *	struct dentry *dentry_ref_steal(struct dentry **slot)		the caller gets the slot's reference, the slot NULL
 *
 * Memory order and misuse are those of the count's functions (count.h). The destructor runs with no lock of the runtime
 * held, on the thread of the last unref, and may itself unref: destruction of a chain is recursive (docs/guide has the loop for
 * long ones).
 */
#ifndef LASTREF_OBJECT_H
#define LASTREF_OBJECT_H

#include <lastref/check.h>
#include <lastref/count.h>

#ifdef __cplusplus
#define LASTREF_STATIC_ASSERT_(condition, message) static_assert(condition, message)

/* A destructor that is NULL arrives as the type of the literal. */
template <typename Destroy, typename Object>
LASTREF_INLINE_ void lastref_destroy_(Destroy destroy, Object *object)
{
	destroy(object);
}

template <typename Object> LASTREF_INLINE_ void lastref_destroy_(long, Object *)
{
}

template <typename Object> LASTREF_INLINE_ void lastref_destroy_(int, Object *)
{
}

template <typename Object> LASTREF_INLINE_ void lastref_destroy_(decltype(nullptr), Object *)
{
}

#define LASTREF_DESTROY_(destroy, object) lastref_destroy_((destroy), (object))
#else
#define LASTREF_STATIC_ASSERT_(condition, message) _Static_assert(condition, message)

LASTREF_INLINE_ void lastref_destroy_nothing_(void *object)
{
	(void)object;
}

/* A destructor that is NULL is a void pointer or an integer, not a function. */
#define LASTREF_DESTROY_(destroy, object)                                                          \
	_Generic((destroy), void *: lastref_destroy_nothing_, int: lastref_destroy_nothing_,       \
		 long: lastref_destroy_nothing_, default: (destroy))(object)
#endif

/*
 * What the generated functions forward to. They take the type's descriptor and the place of the count, and are inlined.
 */

/* A plain load, which the test of a bit takes as its operand. It may see a switch late, as may any load. */
LASTREF_INLINE_ unsigned char lastref_watched_by_(void)
{
#if LASTREF_THREAD_SANITIZER_
	return __atomic_load_n(&lastref_watch, __ATOMIC_RELAXED);
#else
	return lastref_watch;
#endif
}

LASTREF_INLINE_ void lastref_object_init_(const struct lastref_type *type, const void *object,
					  struct lastref_count *count)
{
	lastref_count_init(count);
	if (LASTREF_UNLIKELY_(lastref_watched_by_() & LASTREF_WATCH_BIRTHS_))
		lastref_object_born(type, object, count);
}

/* The cold ends of ref return the object, so that the whole of an outlined x_ref() ends in a jump. */
LASTREF_COLD_ void *lastref_object_ref_slow_(struct lastref_count *count, int32_t old,
					     const struct lastref_type *type, void *object)
{
	lastref_count_ref_slow_(count, old, type, object);
	return object;
}

LASTREF_INLINE_ void *lastref_object_ref_(const struct lastref_type *type, void *object,
					  struct lastref_count *count)
{
	int32_t old;

	if (LASTREF_UNLIKELY_(lastref_watched_by_() & LASTREF_WATCH_REFS_))
		return lastref_watched_ref(type, object, count);
	old = __atomic_fetch_add(&count->count, 1, __ATOMIC_RELAXED);
	if (LASTREF_UNLIKELY_(old <= 0))
		return lastref_object_ref_slow_(count, old, type, object);
	return object;
}

LASTREF_INLINE_ bool lastref_object_tryref_(const struct lastref_type *type, const void *object,
					    struct lastref_count *count)
{
	if (LASTREF_UNLIKELY_(lastref_watched_by_() & LASTREF_WATCH_REFS_))
		return lastref_watched_tryref(type, object, count);
	return lastref_count_tryref_as_(count, type, object);
}

LASTREF_INLINE_ bool lastref_object_unref_(const struct lastref_type *type, const void *object,
					   struct lastref_count *count)
{
	if (LASTREF_UNLIKELY_(lastref_watched_by_() & LASTREF_WATCH_REFS_))
		return lastref_watched_unref(type, object, count);
	return lastref_count_unref_as_(count, type, object);
}

LASTREF_INLINE_ bool lastref_object_unref_unless_last_(const struct lastref_type *type,
						       const void *object,
						       struct lastref_count *count)
{
	if (LASTREF_UNLIKELY_(lastref_watched_by_() & LASTREF_WATCH_REFS_))
		return lastref_watched_unref_unless_last(type, object, count);
	return lastref_count_unref_unless_last_as_(count, type, object);
}

/*
 * The index is copied before the destructor, which frees the object; after it the runtime gets the index only. An object
 * without one (born while checking was off) calls nothing.
 */
LASTREF_INLINE_ uint32_t lastref_object_begin_death_(const struct lastref_type *type,
						     const void *object,
						     const struct lastref_count *count)
{
	uint32_t index = count->index;

	return index != 0 ? lastref_object_dying(type, object, index) : 0;
}

LASTREF_INLINE_ void lastref_object_end_death_(uint32_t index)
{
	if (index != 0)
		lastref_object_died(index);
}

/* @count was begun by the caller: gcc warns of memory that is passed on without anything stored in it. */
LASTREF_COLD_ void lastref_object_restore_begun_(const struct lastref_type *type, const void *object,
						 struct lastref_count *count, int64_t value)
{
	if (value > INT32_MAX)
		__atomic_store_n(&count->count, LASTREF_COUNT_IMMORTAL_, __ATOMIC_RELAXED);
	else if (value > 0)
		__atomic_store_n(&count->count, (int32_t)value, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&count->count, LASTREF_COUNT_DEAD_, __ATOMIC_RELAXED);
	if (value < 0)
		lastref_misuse_restore_negative(type, object, count);
	if (value > 0 && (lastref_watched_by_() & LASTREF_WATCH_BIRTHS_))
		lastref_object_born(type, object, count);
}

LASTREF_INLINE_ void lastref_object_restore_(const struct lastref_type *type, const void *object,
					     struct lastref_count *count, int64_t value)
{
	lastref_count_init(count);
	lastref_object_restore_begun_(type, object, count, value);
}

/*
 * Every change of a slot passes here: @slot, which held @before, holds @after from now on. Whose reference that is, and who
 * releases @before, is the caller's.
 */
LASTREF_INLINE_ void lastref_slot_change_(const void *slot, const void *before, const void *after)
{
	(void)slot;
	(void)before;
	(void)after;
}

/* The part that a declaration of the type in a header and its definition share. */
#define LASTREF_DECLARE_(linkage, name, object_type)                                               \
	linkage void name##_ref_init(object_type *object);                                         \
	linkage object_type *name##_ref(object_type *object);                                      \
	linkage object_type *name##_tryref(object_type *object);                                   \
	linkage object_type *name##_unref(object_type *object);                                    \
	linkage bool name##_unref_unless_last(object_type *object);                                \
	linkage void name##_unref_with(object_type *object,                                        \
				       void (*destroy)(object_type * object, void *context),       \
				       void *context);                                             \
	linkage void name##_unref_any(void *object);                                               \
	linkage int64_t name##_ref_count(const object_type *object);                               \
	linkage void name##_ref_restore(object_type *object, int64_t count);                       \
	linkage void name##_ref_set(object_type **slot, object_type *object);                      \
	linkage void name##_ref_clear(object_type **slot);                                         \
	linkage void name##_ref_move(object_type **to, object_type **from);                        \
	linkage void name##_ref_adopt(object_type **slot, object_type *object);                    \
	linkage object_type *name##_ref_steal(object_type **slot);                                 \
	linkage const struct lastref_type *name##_ref_type(void)

/* The descriptor's functions: what lastref_ref() and its like call, and the destruction, out of line. */
#define LASTREF_DEFINE_SUPPORT_(name, object_type, member, destroy)                                \
	LASTREF_STATIC_ASSERT_(sizeof(((object_type *)0)->member) == sizeof(struct lastref_count), \
			       "the member is no struct lastref_count");                           \
	static __attribute__((noinline, unused)) void name##_lastref_last_(object_type *object)    \
	{                                                                                          \
		uint32_t index =                                                                   \
			lastref_object_begin_death_(name##_ref_type(), object, &object->member);   \
		LASTREF_DESTROY_(destroy, object);                                                 \
		lastref_object_end_death_(index);                                                  \
	}                                                                                          \
	static __attribute__((noinline, unused)) void name##_lastref_last_with_(                   \
		object_type *object, void (*with)(object_type *, void *), void *context)           \
	{                                                                                          \
		uint32_t index =                                                                   \
			lastref_object_begin_death_(name##_ref_type(), object, &object->member);   \
		if (with)                                                                          \
			with(object, context);                                                     \
		lastref_object_end_death_(index);                                                  \
	}                                                                                          \
	LASTREF_COLD_ void name##_lastref_watched_(object_type *object)                            \
	{                                                                                          \
		if (lastref_watched_unref(name##_ref_type(), object, &object->member))             \
			name##_lastref_last_(object);                                              \
	}                                                                                          \
	static __attribute__((noinline, unused)) void name##_lastref_end_(object_type *object,     \
									  int32_t old)             \
	{                                                                                          \
		if (lastref_count_unref_end_(&object->member, old, name##_ref_type(), object))     \
			name##_lastref_last_(object);                                              \
	}                                                                                          \
	LASTREF_INLINE_ void name##_lastref_drop_(object_type *object)                             \
	{                                                                                          \
		int32_t old;                                                                       \
		if (LASTREF_UNLIKELY_(lastref_watched_by_() & LASTREF_WATCH_REFS_)) {              \
			name##_lastref_watched_(object);                                           \
			return;                                                                    \
		}                                                                                  \
		old = __atomic_fetch_sub(&object->member.count, 1, __ATOMIC_RELEASE);              \
		if (LASTREF_UNLIKELY_(old <= 1))                                                   \
			name##_lastref_end_(object, old);                                          \
	}                                                                                          \
	static __attribute__((unused)) int64_t name##_lastref_count_(const void *object)           \
	{                                                                                          \
		return lastref_count_read(&((const object_type *)object)->member);                 \
	}                                                                                          \
	static __attribute__((unused)) void name##_lastref_ref_(void *object)                      \
	{                                                                                          \
		lastref_object_ref_(name##_ref_type(), object, &((object_type *)object)->member);  \
	}                                                                                          \
	static __attribute__((unused)) bool name##_lastref_tryref_(void *object)                   \
	{                                                                                          \
		return lastref_object_tryref_(name##_ref_type(), object,                           \
					      &((object_type *)object)->member);                   \
	}                                                                                          \
	static __attribute__((unused)) void name##_lastref_unref_(void *object)                    \
	{                                                                                          \
		name##_lastref_drop_((object_type *)object);                                       \
	}

/* The functions that a user calls. */
#define LASTREF_DEFINE_FUNCTIONS_(linkage, name, object_type, member)                              \
	linkage void name##_ref_init(object_type *object)                                          \
	{                                                                                          \
		lastref_object_init_(name##_ref_type(), object, &object->member);                  \
	}                                                                                          \
	linkage object_type *name##_ref(object_type *object)                                       \
	{                                                                                          \
		return (object_type *)lastref_object_ref_(name##_ref_type(), object,               \
							  &object->member);                        \
	}                                                                                          \
	linkage object_type *name##_tryref(object_type *object)                                    \
	{                                                                                          \
		return lastref_object_tryref_(name##_ref_type(), object, &object->member) ?        \
			       object :                                                            \
			       LASTREF_NULL_;                                                      \
	}                                                                                          \
	linkage object_type *name##_unref(object_type *object)                                     \
	{                                                                                          \
		if (object)                                                                        \
			name##_lastref_drop_(object);                                              \
		return LASTREF_NULL_;                                                              \
	}                                                                                          \
	linkage bool name##_unref_unless_last(object_type *object)                                 \
	{                                                                                          \
		return lastref_object_unref_unless_last_(name##_ref_type(), object,                \
							 &object->member);                         \
	}                                                                                          \
	linkage void name##_unref_with(object_type *object,                                        \
				       void (*destroy)(object_type * object, void *context),       \
				       void *context)                                              \
	{                                                                                          \
		if (object && lastref_object_unref_(name##_ref_type(), object, &object->member))   \
			name##_lastref_last_with_(object, destroy, context);                       \
	}                                                                                          \
	linkage void name##_unref_any(void *object)                                                \
	{                                                                                          \
		name##_unref((object_type *)object);                                               \
	}                                                                                          \
	linkage int64_t name##_ref_count(const object_type *object)                                \
	{                                                                                          \
		return lastref_count_read(&object->member);                                        \
	}                                                                                          \
	linkage void name##_ref_restore(object_type *object, int64_t count)                        \
	{                                                                                          \
		lastref_object_restore_(name##_ref_type(), object, &object->member, count);        \
	}

/* The functions of slots. Each empties or fills the slot before it releases what was there. */
#define LASTREF_DEFINE_SLOTS_(linkage, name, object_type)                                          \
	linkage void name##_ref_adopt(object_type **slot, object_type *object)                     \
	{                                                                                          \
		object_type *before = *slot;                                                       \
		lastref_slot_change_(slot, before, object);                                        \
		*slot = object;                                                                    \
		if (before != object)                                                              \
			name##_unref(before);                                                      \
	}                                                                                          \
	linkage object_type *name##_ref_steal(object_type **slot)                                  \
	{                                                                                          \
		object_type *object = *slot;                                                       \
		lastref_slot_change_(slot, object, LASTREF_NULL_);                                 \
		*slot = LASTREF_NULL_;                                                             \
		return object;                                                                     \
	}                                                                                          \
	linkage void name##_ref_set(object_type **slot, object_type *object)                       \
	{                                                                                          \
		object_type *before = *slot;                                                       \
		if (object)                                                                        \
			name##_ref(object);                                                        \
		lastref_slot_change_(slot, before, object);                                        \
		*slot = object;                                                                    \
		name##_unref(before);                                                              \
	}                                                                                          \
	linkage void name##_ref_clear(object_type **slot)                                          \
	{                                                                                          \
		name##_unref(name##_ref_steal(slot));                                              \
	}                                                                                          \
	linkage void name##_ref_move(object_type **to, object_type **from)                         \
	{                                                                                          \
		object_type *before = *to;                                                         \
		object_type *moved = *from;                                                        \
		if (to == from)                                                                    \
			return;                                                                    \
		lastref_slot_change_(from, moved, LASTREF_NULL_);                                  \
		*from = LASTREF_NULL_;                                                             \
		lastref_slot_change_(to, before, moved);                                           \
		*to = moved;                                                                       \
		name##_unref(before);                                                              \
	}

#define LASTREF_DEFINE_ALL_(linkage, name, object_type, member, destroy)                           \
	LASTREF_DEFINE_SUPPORT_(name, object_type, member, destroy)                                \
	LASTREF_DEFINE_FUNCTIONS_(linkage, name, object_type, member)                              \
	LASTREF_DEFINE_SLOTS_(linkage, name, object_type)

/* The members of the descriptor that the template sets itself, in the struct's order. */
#if defined(__cplusplus) && __cplusplus < 202002L
#define LASTREF_DESCRIPTOR_(name_, object_type, member, options_)                                  \
#name_, #object_type, sizeof(object_type), name_##_lastref_count_, name_##_lastref_ref_,   \
		name_##_lastref_tryref_, name_##_lastref_unref_, options_,                         \
		LASTREF_OFFSET_(object_type, member) + 1
#else
#define LASTREF_DESCRIPTOR_(name_, object_type, member, options_)                                  \
	.name = #name_, .c_type = #object_type, .size = sizeof(object_type),                       \
	.count = name_##_lastref_count_, .ref = name_##_lastref_ref_,                              \
	.tryref = name_##_lastref_tryref_, .unref = name_##_lastref_unref_, .options = options_,   \
	.count_offset = LASTREF_OFFSET_(object_type, member) + 1
#endif
#define LASTREF_OFFSET_(object_type, member) __builtin_offsetof(object_type, member)

/*
 * C++ promises offsetof for the simplest classes only, but gcc and clang have it for all whose member is not of a
 * virtual base, which is an error of its own. So a class with a virtual destructor is no reason for a warning.
 */
#ifdef __cplusplus
#define LASTREF_OFFSET_BEGIN_                                                                      \
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Winvalid-offsetof\"")
#define LASTREF_OFFSET_END_ _Pragma("GCC diagnostic pop")
#else
#define LASTREF_OFFSET_BEGIN_
#define LASTREF_OFFSET_END_
#endif

#define LASTREF_DEFINE_TYPE_FUNCTION_(linkage, name, ...)                                          \
	LASTREF_OFFSET_BEGIN_                                                                      \
	linkage const struct lastref_type *name##_ref_type(void)                                   \
	{                                                                                          \
		static const struct lastref_type type = { __VA_ARGS__ };                           \
		return &type;                                                                      \
	}                                                                                          \
	LASTREF_OFFSET_END_

/**
 * LASTREF_DEFINE() - give a type its functions, in a header or in a .c file
 * @name: prefix of the functions, and the type's name in reports
 * @object_type: the type, `struct dentry`
 * @member: the struct lastref_count in it
 * After these: the destructor, `void destroy(struct dentry *)`, or NULL; and options, in the order of struct lastref_type:
 * `.describe = f, .leak_message = f, .log = true, .size_of = f`. (In C++, options need C++20; in C++17 use LASTREF_DEFINE_TYPE().)
 *
 * Ends with a semicolon. Included in several files it is one type.
 */
#define LASTREF_DEFINE(name, object_type, member, ...)                                               \
	LASTREF_DECLARE_(LASTREF_INLINE_, name, object_type);                                        \
	LASTREF_DEFINE_ALL_(LASTREF_INLINE_, name, object_type, member,                              \
			    LASTREF_FIRST_(__VA_ARGS__, ))                                           \
	LASTREF_DEFINE_TYPE_FUNCTION_(LASTREF_INLINE_, name,                                         \
				      LASTREF_DESCRIPTOR_(name, object_type, member, LASTREF_NULL_), \
				      LASTREF_REST_(__VA_ARGS__, ))                                  \
	LASTREF_INLINE_ const struct lastref_type *name##_ref_type(void)

/**
 * LASTREF_DEFINE_TYPE() - as LASTREF_DEFINE(), with the options taken from a struct lastref_type
 * @options: pointer to it, with static storage; its .describe .leak_message .log .size_of count, read at first use
 */
#define LASTREF_DEFINE_TYPE(name, object_type, member, destroy, options)                           \
	LASTREF_DECLARE_(LASTREF_INLINE_, name, object_type);                                      \
	LASTREF_DEFINE_ALL_(LASTREF_INLINE_, name, object_type, member, destroy)                   \
	LASTREF_DEFINE_TYPE_FUNCTION_(LASTREF_INLINE_, name,                                       \
				      LASTREF_DESCRIPTOR_(name, object_type, member, options))     \
	LASTREF_INLINE_ const struct lastref_type *name##_ref_type(void)

/**
 * LASTREF_DECLARE() - declare the functions in a public header, for an opaque type
 * @name: as in LASTREF_DEFINE_EXTERN(), which defines them in one .c file
 * @object_type: `struct dentry`, declared before
 */
#define LASTREF_DECLARE(name, object_type) LASTREF_DECLARE_(LASTREF_EXTERN_C_, name, object_type)

/**
 * LASTREF_DEFINE_EXTERN() - define the functions that LASTREF_DECLARE() declared; arguments as LASTREF_DEFINE()
 */
#define LASTREF_DEFINE_EXTERN(name, object_type, member, ...)                                        \
	LASTREF_DECLARE(name, object_type);                                                          \
	LASTREF_DEFINE_ALL_(, name, object_type, member, LASTREF_FIRST_(__VA_ARGS__, ))              \
	LASTREF_DEFINE_TYPE_FUNCTION_(, name,                                                        \
				      LASTREF_DESCRIPTOR_(name, object_type, member, LASTREF_NULL_), \
				      LASTREF_REST_(__VA_ARGS__, ))                                  \
	LASTREF_EXTERN_C_ const struct lastref_type *name##_ref_type(void)

/**
 * LASTREF_AUTO() - a local variable that releases its reference at the end of the scope
 *
 *	LASTREF_AUTO(dentry) struct dentry *d = dentry_new("etc");
 */
#define LASTREF_AUTO(name) __attribute__((cleanup(name##_ref_clear)))

#endif
