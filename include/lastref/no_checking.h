/* SPDX-License-Identifier: Apache-2.0 */
/**
 * no_checking.h - check.h without the library: LASTREF_NO_CHECKING and LASTREF_FREESTANDING
 *
 * Every function of check.h is here, so that one source can be built in all ways. Nothing is registered, nothing reported: the leak
 * mode stays off, and a misuse handler is never called.
 *
 * An object may cross from code that checks. Its count has an index then, and a last unref here must not leave it in that code's
 * registry as leaked for ever. So only for such an object, and only at its death, the library is looked up with dlsym(): it is
 * found if it is a shared library, or part of a program that exports its symbols. A LASTREF_FREESTANDING death is not told.
 */
#ifndef LASTREF_NO_CHECKING_H
#define LASTREF_NO_CHECKING_H

#include <lastref/check.h>
#include <lastref/version.h>

#if !LASTREF_CHECKING_

#ifndef LASTREF_FREESTANDING
#include <dlfcn.h>
#endif

LASTREF_INLINE_ const char *lastref_version(void)
{
	return LASTREF_VERSION_STRING;
}

LASTREF_INLINE_ void lastref_set_leak_mode(enum lastref_leak_mode mode)
{
	(void)mode;
}

LASTREF_INLINE_ enum lastref_leak_mode lastref_get_leak_mode(void)
{
	return LASTREF_LEAKS_OFF;
}

LASTREF_INLINE_ void lastref_register(const struct lastref_type *type, const void *object)
{
	(void)type;
	(void)object;
}

LASTREF_INLINE_ void lastref_unregister(const struct lastref_type *type, const void *object)
{
	(void)type;
	(void)object;
}

LASTREF_INLINE_ void lastref_log_ref(const struct lastref_type *type, const void *object,
				     int64_t count)
{
	(void)type;
	(void)object;
	(void)count;
}

LASTREF_INLINE_ void lastref_log_tryref(const struct lastref_type *type, const void *object,
					int64_t count)
{
	lastref_log_ref(type, object, count);
}

LASTREF_INLINE_ void lastref_log_unref(const struct lastref_type *type, const void *object,
				       int64_t count)
{
	lastref_log_ref(type, object, count);
}

LASTREF_INLINE_ size_t lastref_leak_check(void)
{
	return 0;
}

LASTREF_INLINE_ size_t lastref_live_objects(void)
{
	return 0;
}

LASTREF_INLINE_ void lastref_set_misuse_handler(lastref_misuse_handler handler, void *context)
{
	(void)handler;
	(void)context;
}

LASTREF_COLD_ void lastref_misuse_no_function_(const struct lastref_type *type, const void *object)
{
	(void)type;
	(void)object;
	lastref_misuse_stop_("THE TYPE HAS NO SUCH FUNCTION (.ref, .tryref or .unref)", type->name,
			     object);
}

LASTREF_INLINE_ void *lastref_ref(const struct lastref_type *type, void *object)
{
	if (!type->ref)
		lastref_misuse_no_function_(type, object);
	type->ref(object);
	return object;
}

LASTREF_INLINE_ void *lastref_tryref(const struct lastref_type *type, void *object)
{
	if (!type->tryref)
		lastref_misuse_no_function_(type, object);
	return type->tryref(object) ? object : LASTREF_NULL_;
}

LASTREF_INLINE_ void *lastref_unref(const struct lastref_type *type, void *object)
{
	if (object && !type->unref)
		lastref_misuse_no_function_(type, object);
	if (object)
		type->unref(object);
	return LASTREF_NULL_;
}

LASTREF_INLINE_ int64_t lastref_ref_count(const struct lastref_type *type, const void *object)
{
	return type->count ? type->count(object) : -1;
}

/* A function of the library by its name, of a type that the caller knows; NULL where there is none. */
LASTREF_COLD_ void lastref_elsewhere_(const char *name, void *ret_function, size_t size)
{
#ifdef LASTREF_FREESTANDING
	(void)name;
	(void)ret_function;
	(void)size;
#else
	/* The handle 0 is RTLD_DEFAULT, which <dlfcn.h> names only with _GNU_SOURCE. */
	void *found = dlsym(LASTREF_NULL_, name);

	__builtin_memcpy(ret_function, &found, size);
#endif
}

LASTREF_COLD_ uint32_t lastref_object_dying(const struct lastref_type *type, const void *object,
					    uint32_t index)
{
	uint32_t (*dying)(const struct lastref_type *, const void *, uint32_t) = LASTREF_NULL_;

	lastref_elsewhere_("lastref_object_dying", &dying, sizeof(dying));
	return dying ? dying(type, object, index) : 0;
}

LASTREF_COLD_ void lastref_object_died(uint32_t index)
{
	void (*died)(uint32_t) = LASTREF_NULL_;

	lastref_elsewhere_("lastref_object_died", &died, sizeof(died));
	if (died)
		died(index);
}

/* What the template calls only where lastref_watched_() says so, which it never does here. */

LASTREF_INLINE_ void lastref_object_born(const struct lastref_type *type, const void *object,
					 uint32_t *index, int64_t count)
{
	(void)type;
	(void)object;
	(void)index;
	(void)count;
}

LASTREF_INLINE_ void *lastref_watched_ref(const struct lastref_type *type, void *object,
					  unsigned kind, void *count)
{
	(void)type;
	(void)kind;
	(void)count;
	return object;
}

LASTREF_INLINE_ bool lastref_watched_tryref(const struct lastref_type *type, const void *object,
					    unsigned kind, void *count)
{
	(void)type;
	(void)object;
	(void)kind;
	(void)count;
	return false;
}

LASTREF_INLINE_ bool lastref_watched_unref(const struct lastref_type *type, const void *object,
					   unsigned kind, void *count)
{
	return lastref_watched_tryref(type, object, kind, count);
}

LASTREF_INLINE_ bool lastref_watched_unref_unless_last(const struct lastref_type *type,
						       const void *object, unsigned kind, void *count)
{
	return lastref_watched_tryref(type, object, kind, count);
}

#endif

#endif
