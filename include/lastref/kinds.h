/* SPDX-License-Identifier: Apache-2.0 */
/**
 * kinds.h - one set of operations for all kinds of counts
 *
 * For the template, which knows the kind of its member when it is compiled (then the switches below are gone), and for the library, which
 * finds it in the descriptor. Nothing here is for use by hand.
 */
#ifndef LASTREF_KINDS_H
#define LASTREF_KINDS_H

#include <lastref/count.h>

#define LASTREF_KIND_STANDARD_ 1u
#define LASTREF_KIND_HOT_ 2u
#define LASTREF_KIND_CACHE_ 3u

/* The kind of a member of a type; 0 if it is none of the counts. */
#ifdef __cplusplus
template <typename Count> struct lastref_kind_of_ {
	static constexpr unsigned value = 0;
};
template <> struct lastref_kind_of_<struct lastref_count> {
	static constexpr unsigned value = LASTREF_KIND_STANDARD_;
};
template <> struct lastref_kind_of_<struct lastref_hot_count> {
	static constexpr unsigned value = LASTREF_KIND_HOT_;
};
template <> struct lastref_kind_of_<struct lastref_cache_count> {
	static constexpr unsigned value = LASTREF_KIND_CACHE_;
};
#define LASTREF_MEMBER_KIND_(object_type, member)                                                  \
	(lastref_kind_of_<decltype(((object_type *)0)->member)>::value)
#else
#define LASTREF_MEMBER_KIND_(object_type, member)                                                  \
	_Generic(((object_type *)0)->member, struct lastref_count                                  \
		 : LASTREF_KIND_STANDARD_, struct lastref_hot_count                                \
		 : LASTREF_KIND_HOT_, struct lastref_cache_count                                   \
		 : LASTREF_KIND_CACHE_, default : 0u)
#endif

LASTREF_INLINE_ void lastref_any_init_(unsigned kind, void *count)
{
	if (kind == LASTREF_KIND_HOT_)
		lastref_hot_count_init((struct lastref_hot_count *)count);
	else if (kind == LASTREF_KIND_CACHE_)
		lastref_cache_count_init((struct lastref_cache_count *)count);
	else
		lastref_count_init((struct lastref_count *)count);
}

LASTREF_INLINE_ bool lastref_any_restore_(unsigned kind, void *count, int64_t value)
{
	if (kind == LASTREF_KIND_HOT_)
		return lastref_hot_count_restore_((struct lastref_hot_count *)count, value);
	if (kind == LASTREF_KIND_CACHE_)
		return lastref_cache_count_restore_((struct lastref_cache_count *)count, value);
	return lastref_count_restore_((struct lastref_count *)count, value);
}

LASTREF_INLINE_ bool lastref_any_ref_begin_(unsigned kind, void *count, int64_t *token)
{
	if (kind == LASTREF_KIND_HOT_)
		return lastref_hot_count_ref_begin_((struct lastref_hot_count *)count, token);
	if (kind == LASTREF_KIND_CACHE_)
		return lastref_cache_count_ref_begin_((struct lastref_cache_count *)count, token);
	return lastref_count_ref_begin_((struct lastref_count *)count, token);
}

LASTREF_INLINE_ void lastref_any_ref_slow_(unsigned kind, void *count, int64_t token,
					   const struct lastref_type *type, const void *object)
{
	if (kind == LASTREF_KIND_HOT_)
		lastref_hot_count_ref_slow_((struct lastref_hot_count *)count, token, type, object);
	else if (kind == LASTREF_KIND_CACHE_)
		lastref_cache_count_ref_slow_((struct lastref_cache_count *)count, token, type,
					      object);
	else
		lastref_count_ref_slow_((struct lastref_count *)count, token, type, object);
}

LASTREF_INLINE_ bool lastref_any_tryref_(unsigned kind, void *count, int64_t *token,
					 const struct lastref_type *type, const void *object)
{
	if (kind == LASTREF_KIND_HOT_)
		return lastref_hot_count_tryref_as_((struct lastref_hot_count *)count, token, type,
						    object);
	if (kind == LASTREF_KIND_CACHE_)
		return lastref_cache_count_tryref_as_((struct lastref_cache_count *)count, token,
						      type, object);
	return lastref_count_tryref_as_((struct lastref_count *)count, token, type, object);
}

LASTREF_INLINE_ bool lastref_any_unref_begin_(unsigned kind, void *count, int64_t *token)
{
	if (kind == LASTREF_KIND_HOT_)
		return lastref_hot_count_unref_begin_((struct lastref_hot_count *)count, token);
	if (kind == LASTREF_KIND_CACHE_)
		return lastref_cache_count_unref_begin_((struct lastref_cache_count *)count, token);
	return lastref_count_unref_begin_((struct lastref_count *)count, token);
}

LASTREF_INLINE_ bool lastref_any_unref_end_(unsigned kind, void *count, int64_t token,
					    const struct lastref_type *type, const void *object)
{
	if (kind == LASTREF_KIND_HOT_)
		return lastref_hot_count_unref_end_((struct lastref_hot_count *)count, token, type,
						    object);
	if (kind == LASTREF_KIND_CACHE_)
		return lastref_cache_count_unref_end_((struct lastref_cache_count *)count, token,
						      type, object);
	return lastref_count_unref_end_((struct lastref_count *)count, token, type, object);
}

LASTREF_INLINE_ bool lastref_any_unref_unless_last_(unsigned kind, void *count, int64_t *token,
						    const struct lastref_type *type,
						    const void *object)
{
	if (kind == LASTREF_KIND_HOT_)
		return lastref_hot_count_unref_unless_last_as_((struct lastref_hot_count *)count,
							       token, type, object);
	if (kind == LASTREF_KIND_CACHE_)
		return lastref_cache_count_unref_unless_last_as_((struct lastref_cache_count *)count,
								 token, type, object);
	return lastref_count_unref_unless_last_as_((struct lastref_count *)count, token, type,
						   object);
}

LASTREF_INLINE_ int64_t lastref_any_read_(unsigned kind, const void *count)
{
	if (kind == LASTREF_KIND_HOT_)
		return lastref_hot_count_read((const struct lastref_hot_count *)count);
	if (kind == LASTREF_KIND_CACHE_)
		return lastref_cache_count_read((const struct lastref_cache_count *)count);
	return lastref_count_read((const struct lastref_count *)count);
}

/* The number of references that a token stands for, which is a word as it was. */
LASTREF_INLINE_ int64_t lastref_any_value_(unsigned kind, int64_t token)
{
	if (kind == LASTREF_KIND_HOT_)
		return lastref_hot_count_value_(token);
	if (kind == LASTREF_KIND_CACHE_)
		return lastref_cache_count_value_(token);
	return lastref_count_value_(token);
}

/* Not dead, and initialised: also at rest, and immortal. */
LASTREF_INLINE_ bool lastref_any_is_alive_(unsigned kind, const void *count)
{
	if (kind == LASTREF_KIND_HOT_)
		return lastref_hot_count_is_alive_((const struct lastref_hot_count *)count);
	if (kind == LASTREF_KIND_CACHE_)
		return lastref_cache_count_is_alive_((const struct lastref_cache_count *)count);
	return lastref_count_is_alive_((const struct lastref_count *)count);
}

/* Where the index is. */
LASTREF_INLINE_ uint32_t *lastref_any_index_(unsigned kind, void *count)
{
	if (kind == LASTREF_KIND_HOT_)
		return &((struct lastref_hot_count *)count)->index;
	if (kind == LASTREF_KIND_CACHE_)
		return &((struct lastref_cache_count *)count)->index;
	return &((struct lastref_count *)count)->index;
}

/* Ends the life of an object at rest. An object of another kind never rests. */
LASTREF_INLINE_ bool lastref_any_evict_(unsigned kind, void *count)
{
	return kind == LASTREF_KIND_CACHE_ &&
	       lastref_cache_count_evict((struct lastref_cache_count *)count);
}

LASTREF_INLINE_ bool lastref_any_is_evicted_(unsigned kind, const void *count)
{
	return kind == LASTREF_KIND_CACHE_ &&
	       lastref_cache_count_is_evicted((const struct lastref_cache_count *)count);
}

#endif
