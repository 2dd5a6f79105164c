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
 * makes these functions, static inline; the member's type, one of the counts of count.h, says how it counts. A ref, a tryref and an
 * unref that is not the last cost one atomic operation (a tryref starts anew when another thread came between) and one test of a byte:
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
 *								0 is dead, negative is misuse, over INT32_MAX (for a cache
 *								count: from there on) immortal
 *	bool dentry_ref_evict(struct dentry *d)			ends the life of an object at rest: runs the destructor, for exactly one
 *								caller, who gets true. False if somebody holds it
 *	bool dentry_ref_is_evicted(const struct dentry *d)	as lastref_cache_count_is_evicted()
 *	const struct lastref_type *dentry_ref_type(void)	the descriptor, for lastref_ref() and its like
 *
 * Objects with a struct lastref_cache_count do not die by their last unref: they come to rest, and their unref calls nothing but
 * .at_rest if that option is set (unref_with: destroy(d, context) instead). They stay registered until they are evicted, and
 * dentry_ref_restore(d, 0) makes one at rest. For other counts nothing ever rests, and evict returns false.
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

#include <lastref/analyze.h>
#include <lastref/check.h>
#include <lastref/kinds.h>

#ifdef __cplusplus
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

/* Do operations of this kind (LASTREF_WATCH_...) call the runtime? It may see a switch late, as may any load. */
LASTREF_INLINE_ bool lastref_watched_(unsigned char which)
{
#if !LASTREF_CHECKING_
	(void)which;
	return false;
#elif LASTREF_THREAD_SANITIZER_
	return __atomic_load_n(&lastref_watch, __ATOMIC_RELAXED) & which;
#else
	/* A plain load, which the test of a bit takes as its operand. */
	return lastref_watch & which;
#endif
}

LASTREF_INLINE_ void lastref_object_init_(const struct lastref_type *type, const void *object,
					  unsigned kind, void *count)
{
	lastref_any_init_(kind, count);
	if (LASTREF_UNLIKELY_(lastref_watched_(LASTREF_WATCH_BIRTHS_)))
		lastref_object_born(type, object, lastref_any_index_(kind, count), 1);
}

/* The cold ends of ref return the object, so that the whole of an outlined x_ref() ends in a jump. */
LASTREF_COLD_ void *lastref_object_ref_slow_(const struct lastref_type *type, void *object,
					     unsigned kind, void *count, int64_t token)
{
	lastref_any_ref_slow_(kind, count, token, type, object);
	return object;
}

LASTREF_INLINE_ void *lastref_object_ref_(const struct lastref_type *type, void *object,
					  unsigned kind, void *count)
{
	int64_t token;

	if (LASTREF_UNLIKELY_(lastref_watched_(LASTREF_WATCH_REFS_)))
		return lastref_watched_ref(type, object, kind, count);
	if (LASTREF_UNLIKELY_(lastref_any_ref_begin_(kind, count, &token)))
		return lastref_object_ref_slow_(type, object, kind, count, token);
	return object;
}

LASTREF_INLINE_ bool lastref_object_tryref_(const struct lastref_type *type, const void *object,
					    unsigned kind, void *count)
{
	int64_t token;

	if (LASTREF_UNLIKELY_(lastref_watched_(LASTREF_WATCH_REFS_)))
		return lastref_watched_tryref(type, object, kind, count);
	return lastref_any_tryref_(kind, count, &token, type, object);
}

LASTREF_INLINE_ bool lastref_object_unref_(const struct lastref_type *type, const void *object,
					   unsigned kind, void *count)
{
	int64_t token;

	if (LASTREF_UNLIKELY_(lastref_watched_(LASTREF_WATCH_REFS_)))
		return lastref_watched_unref(type, object, kind, count);
	if (LASTREF_UNLIKELY_(lastref_any_unref_begin_(kind, count, &token)))
		return lastref_any_unref_end_(kind, count, token, type, object);
	return false;
}

LASTREF_INLINE_ bool lastref_object_unref_unless_last_(const struct lastref_type *type,
						       const void *object, unsigned kind, void *count)
{
	int64_t token;

	if (LASTREF_UNLIKELY_(lastref_watched_(LASTREF_WATCH_REFS_)))
		return lastref_watched_unref_unless_last(type, object, kind, count);
	return lastref_any_unref_unless_last_(kind, count, &token, type, object);
}

/*
 * The index is copied before the destructor, which frees the object; after it the runtime gets the index only. An object
 * without one (born while checking was off) calls nothing.
 */
LASTREF_INLINE_ struct lastref_death_ lastref_object_begin_death_(const struct lastref_type *type,
								  const void *object, uint32_t index)
{
	struct lastref_death_ death;

	/* One by one: for an initialiser clang calls memset(), which not every freestanding program has. */
	death.index = 0;
	death.died = LASTREF_NULL_;
	if (index != 0)
		lastref_death_begin_(&death, type, object, index);
	return death;
}

LASTREF_INLINE_ void lastref_object_end_death_(struct lastref_death_ death)
{
	if (death.index != 0)
		lastref_death_end_(death);
}

/* The object came to rest; unless the caller of unref holds its cache's lock, it may be evicted by now. */
LASTREF_INLINE_ void lastref_object_rested_(const struct lastref_type *type, void *object)
{
	void (*at_rest)(void *) =
		type->options && type->options->at_rest ? type->options->at_rest : type->at_rest;

	if (at_rest)
		at_rest(object);
}

/* @count was begun by the caller: gcc warns of memory that is passed on without anything stored in it. */
LASTREF_COLD_ void lastref_object_restore_begun_(const struct lastref_type *type, const void *object,
						 unsigned kind, void *count, int64_t value)
{
	bool is_live = lastref_any_restore_(kind, count, value);

	if (value < 0)
		lastref_misuse_restore_negative(type, object, 0);
	if (is_live && lastref_watched_(LASTREF_WATCH_BIRTHS_))
		lastref_object_born(type, object, lastref_any_index_(kind, count),
				    lastref_any_read_(kind, count));
}

LASTREF_INLINE_ void lastref_object_restore_(const struct lastref_type *type, const void *object,
					     unsigned kind, void *count, int64_t value)
{
	lastref_any_init_(kind, count);
	lastref_object_restore_begun_(type, object, kind, count, value);
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
	linkage bool name##_ref_evict(object_type *object);                                        \
	linkage bool name##_ref_is_evicted(const object_type *object);                             \
	linkage void name##_ref_set(object_type **slot, object_type *object);                      \
	linkage void name##_ref_clear(object_type **slot);                                         \
	linkage void name##_ref_move(object_type **to, object_type **from);                        \
	linkage void name##_ref_adopt(object_type **slot, object_type *object);                    \
	linkage object_type *name##_ref_steal(object_type **slot);                                 \
	linkage const struct lastref_type *name##_ref_type(void)

/* The two arguments that say where an object's count is, and of which kind. */
#define LASTREF_MEMBER_(object, object_type, member)                                               \
	LASTREF_MEMBER_KIND_(object_type, member), &(object)->member

/* The end of an object, out of line: of the last reference, or by evict. */
#define LASTREF_DEFINE_END_(name, object_type, member, destroy)                                    \
	LASTREF_STATIC_ASSERT_(LASTREF_MEMBER_KIND_(object_type, member) != 0,                     \
			       "the member is no count of lastref/count.h");                       \
	LASTREF_OUTLINE_ void name##_lastref_die_(object_type *object_)                            \
	{                                                                                          \
		struct lastref_death_ death_ =                                                     \
			lastref_object_begin_death_(name##_ref_type(), object_,                    \
						    object_->member.index);                        \
		LASTREF_DESTROY_(destroy, object_);                                                \
		lastref_object_end_death_(death_);                                                 \
	}                                                                                          \
	LASTREF_OUTLINE_ void name##_lastref_die_with_(object_type *object_,                       \
						       void (*with_)(object_type *, void *),       \
						       void *context_)                             \
	{                                                                                          \
		struct lastref_death_ death_ =                                                     \
			lastref_object_begin_death_(name##_ref_type(), object_,                    \
						    object_->member.index);                        \
		if (with_)                                                                         \
			with_(object_, context_);                                                  \
		lastref_object_end_death_(death_);                                                 \
	}                                                                                          \
	LASTREF_INLINE_ void name##_lastref_last_(object_type *object_)                            \
	{                                                                                          \
		if (LASTREF_MEMBER_KIND_(object_type, member) == LASTREF_KIND_CACHE_)              \
			lastref_object_rested_(name##_ref_type(), object_);                        \
		else                                                                               \
			name##_lastref_die_(object_);                                              \
	}                                                                                          \
	LASTREF_INLINE_ void name##_lastref_last_with_(object_type *object_,                       \
						       void (*with_)(object_type *, void *),       \
						       void *context_)                             \
	{                                                                                          \
		if (LASTREF_MEMBER_KIND_(object_type, member) != LASTREF_KIND_CACHE_)              \
			name##_lastref_die_with_(object_, with_, context_);                        \
		else if (with_)                                                                    \
			with_(object_, context_);                                                  \
	}

/* The descriptor's functions: what lastref_ref() and its like call. */
#define LASTREF_DEFINE_SUPPORT_(name, object_type, member)                                         \
	LASTREF_COLD_ void name##_lastref_watched_(object_type *object_)                           \
	{                                                                                          \
		if (lastref_watched_unref(name##_ref_type(), object_,                              \
					  LASTREF_MEMBER_(object_, object_type, member)))          \
			name##_lastref_last_(object_);                                             \
	}                                                                                          \
	LASTREF_OUTLINE_ void name##_lastref_end_(object_type *object_, int64_t token_)            \
	{                                                                                          \
		if (lastref_any_unref_end_(LASTREF_MEMBER_(object_, object_type, member), token_,  \
					   name##_ref_type(), object_))                            \
			name##_lastref_last_(object_);                                             \
	}                                                                                          \
	LASTREF_INLINE_ void name##_lastref_drop_(object_type *object_)                            \
	{                                                                                          \
		int64_t token_;                                                                    \
		if (LASTREF_UNLIKELY_(lastref_watched_(LASTREF_WATCH_REFS_))) {                    \
			name##_lastref_watched_(object_);                                          \
			return;                                                                    \
		}                                                                                  \
		if (LASTREF_UNLIKELY_(lastref_any_unref_begin_(                                    \
			    LASTREF_MEMBER_(object_, object_type, member), &token_)))              \
			name##_lastref_end_(object_, token_);                                      \
	}                                                                                          \
	static __attribute__((unused)) int64_t name##_lastref_count_(const void *object_)          \
	{                                                                                          \
		const object_type *typed_ = (const object_type *)object_;                          \
		return lastref_any_read_(LASTREF_MEMBER_(typed_, object_type, member));            \
	}                                                                                          \
	static __attribute__((unused)) void name##_lastref_ref_(void *object_)                     \
	{                                                                                          \
		object_type *typed_ = (object_type *)object_;                                      \
		lastref_object_ref_(name##_ref_type(), object_,                                    \
				    LASTREF_MEMBER_(typed_, object_type, member));                 \
	}                                                                                          \
	static __attribute__((unused)) bool name##_lastref_tryref_(void *object_)                  \
	{                                                                                          \
		object_type *typed_ = (object_type *)object_;                                      \
		return lastref_object_tryref_(name##_ref_type(), object_,                          \
					      LASTREF_MEMBER_(typed_, object_type, member));       \
	}                                                                                          \
	static __attribute__((unused)) void name##_lastref_unref_(void *object_)                   \
	{                                                                                          \
		name##_lastref_drop_((object_type *)object_);                                      \
	}

/* The functions that a user calls. */
#define LASTREF_DEFINE_FUNCTIONS_(linkage, name, object_type, member)                                \
	linkage void name##_ref_init(object_type *object_)                                           \
	{                                                                                            \
		lastref_object_init_(name##_ref_type(), object_,                                     \
				     LASTREF_MEMBER_(object_, object_type, member));                 \
	}                                                                                            \
	linkage object_type *name##_ref(object_type *object_)                                        \
	{                                                                                            \
		return (object_type *)lastref_object_ref_(name##_ref_type(), object_,                \
							  LASTREF_MEMBER_(object_, object_type,      \
									  member));                  \
	}                                                                                            \
	linkage object_type *name##_tryref(object_type *object_)                                     \
	{                                                                                            \
		return lastref_object_tryref_(name##_ref_type(), object_,                            \
					      LASTREF_MEMBER_(object_, object_type, member)) ?       \
			       object_ :                                                             \
			       LASTREF_NULL_;                                                        \
	}                                                                                            \
	linkage object_type *name##_unref(object_type *object_)                                      \
	{                                                                                            \
		if (object_)                                                                         \
			name##_lastref_drop_(object_);                                               \
		return LASTREF_NULL_;                                                                \
	}                                                                                            \
	linkage bool name##_unref_unless_last(object_type *object_)                                  \
	{                                                                                            \
		return lastref_object_unref_unless_last_(name##_ref_type(), object_,                 \
							 LASTREF_MEMBER_(object_, object_type,       \
									 member));                   \
	}                                                                                            \
	linkage void name##_unref_with(object_type *object_,                                         \
				       void (*destroy_)(object_type * object_, void *context_),      \
				       void *context_)                                               \
	{                                                                                            \
		if (object_ && lastref_object_unref_(name##_ref_type(), object_,                     \
						     LASTREF_MEMBER_(object_, object_type, member))) \
			name##_lastref_last_with_(object_, destroy_, context_);                      \
	}                                                                                            \
	linkage void name##_unref_any(void *object_)                                                 \
	{                                                                                            \
		name##_unref((object_type *)object_);                                                \
	}                                                                                            \
	linkage int64_t name##_ref_count(const object_type *object_)                                 \
	{                                                                                            \
		return lastref_any_read_(LASTREF_MEMBER_(object_, object_type, member));             \
	}                                                                                            \
	linkage void name##_ref_restore(object_type *object_, int64_t count_)                        \
	{                                                                                            \
		lastref_object_restore_(name##_ref_type(), object_,                                  \
					LASTREF_MEMBER_(object_, object_type, member), count_);      \
	}                                                                                            \
	linkage bool name##_ref_evict(object_type *object_)                                          \
	{                                                                                            \
		if (!lastref_any_evict_(LASTREF_MEMBER_(object_, object_type, member)))              \
			return false;                                                                \
		name##_lastref_die_(object_);                                                        \
		return true;                                                                         \
	}                                                                                            \
	linkage bool name##_ref_is_evicted(const object_type *object_)                               \
	{                                                                                            \
		return lastref_any_is_evicted_(LASTREF_MEMBER_(object_, object_type, member));       \
	}

/* The functions of slots. Each empties or fills the slot before it releases what was there. */
#define LASTREF_DEFINE_SLOTS_(linkage, name, object_type)                                          \
	linkage void name##_ref_adopt(object_type **slot_, object_type *object_)                   \
	{                                                                                          \
		object_type *before_ = *slot_;                                                     \
		lastref_slot_change_(slot_, before_, object_);                                     \
		*slot_ = object_;                                                                  \
		if (before_ != object_)                                                            \
			name##_unref(before_);                                                     \
	}                                                                                          \
	linkage object_type *name##_ref_steal(object_type **slot_)                                 \
	{                                                                                          \
		object_type *object_ = *slot_;                                                     \
		lastref_slot_change_(slot_, object_, LASTREF_NULL_);                               \
		*slot_ = LASTREF_NULL_;                                                            \
		return object_;                                                                    \
	}                                                                                          \
	linkage void name##_ref_set(object_type **slot_, object_type *object_)                     \
	{                                                                                          \
		object_type *before_ = *slot_;                                                     \
		if (object_)                                                                       \
			name##_ref(object_);                                                       \
		lastref_slot_change_(slot_, before_, object_);                                     \
		*slot_ = object_;                                                                  \
		name##_unref(before_);                                                             \
	}                                                                                          \
	linkage void name##_ref_clear(object_type **slot_)                                         \
	{                                                                                          \
		name##_unref(name##_ref_steal(slot_));                                             \
	}                                                                                          \
	linkage void name##_ref_move(object_type **to_, object_type **from_)                       \
	{                                                                                          \
		object_type *before_ = *to_;                                                       \
		object_type *moved_ = *from_;                                                      \
		if (to_ == from_)                                                                  \
			return;                                                                    \
		lastref_slot_change_(from_, moved_, LASTREF_NULL_);                                \
		*from_ = LASTREF_NULL_;                                                            \
		lastref_slot_change_(to_, before_, moved_);                                        \
		*to_ = moved_;                                                                     \
		name##_unref(before_);                                                             \
	}

#define LASTREF_DEFINE_ALL_(linkage, name, object_type, member, destroy)                           \
	LASTREF_DEFINE_END_(name, object_type, member, destroy)                                    \
	LASTREF_DEFINE_SUPPORT_(name, object_type, member)                                         \
	LASTREF_DEFINE_FUNCTIONS_(linkage, name, object_type, member)                              \
	LASTREF_DEFINE_SLOTS_(linkage, name, object_type)

/* The members of the descriptor that the template sets itself, in the struct's order. */
#if defined(__cplusplus) && __cplusplus < 202002L
#define LASTREF_DESCRIPTOR_(name_, object_type, member, options_)                                  \
#name_, #object_type, sizeof(object_type), name_##_lastref_count_, name_##_lastref_ref_,   \
		name_##_lastref_tryref_, name_##_lastref_unref_, options_,                         \
		LASTREF_OFFSET_(object_type, member) + 1, LASTREF_MEMBER_KIND_(object_type, member)
#else
#define LASTREF_DESCRIPTOR_(name_, object_type, member, options_)                                  \
	.name = #name_, .c_type = #object_type, .size = sizeof(object_type),                       \
	.count = name_##_lastref_count_, .ref = name_##_lastref_ref_,                              \
	.tryref = name_##_lastref_tryref_, .unref = name_##_lastref_unref_, .options = options_,   \
	.count_offset = LASTREF_OFFSET_(object_type, member) + 1,                                  \
	.count_kind = LASTREF_MEMBER_KIND_(object_type, member)
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
		static const struct lastref_type type_ = { __VA_ARGS__ };                          \
		return &type_;                                                                     \
	}                                                                                          \
	LASTREF_OFFSET_END_

#if !LASTREF_ANALYZING_

/**
 * LASTREF_DEFINE() - give a type its functions, in a header or in a .c file
 * @name: prefix of the functions, and the type's name in reports
 * @object_type: the type, `struct dentry`
 * @member: the count in it: a struct lastref_count, lastref_hot_count or lastref_cache_count
 * After these: the destructor, `void destroy(struct dentry *)`, or NULL; and options, in the order of struct lastref_type:
 * `.describe = f, .leak_message = f, .log = true, .owns = LASTREF_OWNS(...), .visit = f, .size_of = f, .at_rest = f`. (In C++, options need C++20; in C++17 use LASTREF_DEFINE_TYPE().)
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
 * @options: pointer to it, with static storage; its .name .describe .leak_message .log .owns .visit .size_of are read at first use, its .at_rest at each rest
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

#endif

/**
 * LASTREF_AUTO() - a local variable that releases its reference at the end of the scope
 *
 *	LASTREF_AUTO(dentry) struct dentry *d = dentry_new("etc");
 */
#define LASTREF_AUTO(name) __attribute__((cleanup(name##_ref_clear)))

#endif
