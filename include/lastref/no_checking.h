/* SPDX-License-Identifier: Apache-2.0 */
/**
 * no_checking.h - check.h without the library: LASTREF_NO_CHECKING and LASTREF_FREESTANDING
 *
 * Every function of check.h is here, so that one source can be built in all ways. Nothing is registered, nothing reported: the leak
 * mode stays off, and a misuse handler is never called.
 *
 * An object may cross from code that checks. Its count has an index then, and a last unref here must not leave it in that code's
 * registry as leaked for ever. So only for such an object, and only at its death, the library is looked for, by a note in each
 * module of the process: it is found whether it is a shared library, part of the program, or of a plugin, and whatever symbols
 * these export. A LASTREF_FREESTANDING death is not told.
 */
#ifndef LASTREF_NO_CHECKING_H
#define LASTREF_NO_CHECKING_H

#include <lastref/check.h>
#include <lastref/version.h>

#if !LASTREF_CHECKING_

#ifndef LASTREF_FREESTANDING
#include <link.h>
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

LASTREF_INLINE_ lastref_checkpoint lastref_checkpoint_now(void)
{
	return 0;
}

LASTREF_INLINE_ size_t lastref_leaks_since(lastref_checkpoint since)
{
	(void)since;
	return 0;
}

LASTREF_INLINE_ void lastref_ignore(const void *object, const char *reason)
{
	(void)object;
	(void)reason;
}

/* As in a process where checking is off. */
LASTREF_INLINE_ int lastref_snapshot(const char *path)
{
	(void)path;
	return -LASTREF_NO_DATA_;
}

LASTREF_INLINE_ void lastref_set_report_handler(lastref_report_handler handler, void *context)
{
	(void)handler;
	(void)context;
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
	lastref_misuse_stop_("THE TYPE HAS NO SUCH FUNCTION (.ref, .tryref or .unref)",
			     lastref_misuse_name_(type), object);
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

#ifdef LASTREF_FREESTANDING

LASTREF_INLINE_ void lastref_death_begin_(struct lastref_death_ *death,
					  const struct lastref_type *type, const void *object,
					  uint32_t index)
{
	(void)death;
	(void)type;
	(void)object;
	(void)index;
}

LASTREF_INLINE_ void lastref_death_end_(struct lastref_death_ death)
{
	(void)death;
}

#else

/*
 * How a library with checking is found: by a note of ELF, which tells how far from it this struct is. (src/runtime/copies.h has the
 * whole of it; members are only ever added at the end.)
 */
struct lastref_copy_ {
	uint32_t size;
	uint32_t role;
	const unsigned char *own;
	const unsigned char *used;
	uint32_t (*dying)(const struct lastref_type *type, const void *object, uint32_t index);
	void (*died)(uint32_t index);
};

struct lastref_note_ {
	uint32_t name_size;
	uint32_t size;
	uint32_t type;
	char name[8];
	int32_t distance;
};

/* struct dl_phdr_info, which <link.h> declares only with _GNU_SOURCE, as far as it is needed. */
struct lastref_module_ {
	ElfW(Addr) base;
	const char *path;
	const ElfW(Phdr) * headers;
	ElfW(Half) count;
};

LASTREF_EXTERN_C_ int lastref_each_module_(int (*visit)(struct lastref_module_ *, size_t, void *),
					   void *context) __asm__("dl_iterate_phdr");

/* An object that dies, until a library says that it knows it. */
struct lastref_dying_ {
	const struct lastref_type *type;
	const void *object;
	uint32_t index;
	struct lastref_death_ *death;
};

/* Return: 1 if the library of this note knew the object, which ends the search. */
LASTREF_COLD_ int lastref_dying_ask_(const struct lastref_dying_ *dying, const char *place)
{
	const struct lastref_copy_ *copy;
	struct lastref_note_ note;

	__builtin_memcpy(&note, place, sizeof(note));
	if (note.name_size != 8 || note.size != 4 || note.type != 1 ||
	    __builtin_memcmp(note.name, "lastref", 8) != 0)
		return 0;
	copy = (const struct lastref_copy_ *)((uintptr_t)place +
					      offsetof(struct lastref_note_, distance) +
					      (uintptr_t)(intptr_t)note.distance);
	dying->death->died = copy->died;
	dying->death->index = copy->dying(dying->type, dying->object, dying->index);
	return dying->death->index != 0;
}

LASTREF_COLD_ int lastref_dying_in_notes_(const struct lastref_dying_ *dying, const char *place,
					  size_t size, size_t align)
{
	uint32_t head[3];
	size_t length;

	for (; size >= sizeof(head); place += length, size -= length) {
		__builtin_memcpy(head, place, sizeof(head));
		length = sizeof(head) + ((head[0] + align - 1) & ~(align - 1)) +
			 ((head[1] + align - 1) & ~(align - 1));
		if (length > size)
			return 0;
		if (length == sizeof(struct lastref_note_) && lastref_dying_ask_(dying, place))
			return 1;
	}
	return 0;
}

LASTREF_COLD_ int lastref_dying_in_module_(struct lastref_module_ *module, size_t size, void *dying)
{
	(void)size;
	for (unsigned i = 0; i < module->count; i++) {
		const ElfW(Phdr) *header = &module->headers[i];
		uintptr_t place = module->base + header->p_vaddr;

		if (header->p_type == PT_NOTE &&
		    lastref_dying_in_notes_((const struct lastref_dying_ *)dying, (const char *)place,
					    header->p_memsz, header->p_align == 8 ? 8 : 4))
			return 1;
	}
	return 0;
}

LASTREF_COLD_ void lastref_death_begin_(struct lastref_death_ *death, const struct lastref_type *type,
					const void *object, uint32_t index)
{
	struct lastref_dying_ dying = { type, object, index, death };

	lastref_each_module_(lastref_dying_in_module_, &dying);
}

LASTREF_INLINE_ void lastref_death_end_(struct lastref_death_ death)
{
	death.died(death.index);
}

#endif

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
