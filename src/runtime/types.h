/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types: from a descriptor, of which there may be many copies, to a small number.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_TYPES_H
#define LR_RUNTIME_TYPES_H

#include "runtime/thread.h"

#include <lastref/check.h>

/* A member by which objects of a type hold others. */
struct lr_owned_member {
	uint32_t offset;
	uint32_t size;
	lr_text_ref name;
};

/* What the runtime copied of a type. Fields may be refreshed when a library comes back; each is read once and then used. */
struct lr_type_info {
	uint32_t id;	  /* ordinal + 1 in LR_TYPES */
	const char *name; /* as stored in the arena; constant */
	bool checked;	  /* false: `types=` leaves it out */
	bool logged;
	uint32_t functions_modules; /* lr_type_modules() when the functions below were taken */
	size_t size;
	size_t count_offset; /* plus one; 0 for a type that counts by itself */
	unsigned count_kind; /* of lastref/kinds.h */
	int64_t (*count)(const void *object);
	void (*unref)(void *object);
	int (*describe)(const void *object, char *buf, size_t size);
	int (*leak_message)(const void *object, char *buf, size_t size);
	size_t (*size_of)(const void *object);
	void (*visit)(const void *object, lastref_visitor visitor, void *context);
	uint32_t owned; /* how many of the members below are in use */
	struct lr_owned_member owns[LASTREF_OWNS_MAX_];
};

/**
 * lr_type_find() - the type of a descriptor
 * @thread: the caller's
 *
 * A few compares if the thread used it lately, and that of the name if it is a library's. Return: NULL if there are too many types or no memory.
 */
struct lr_type_info *lr_type_find(struct lr_thread *thread, const struct lastref_type *type);

/** lr_type_by_id() - NULL if there is none. */
struct lr_type_info *lr_type_by_id(uint32_t id);

/** lr_type_copy() - what is known of a type now, whoever refreshes it meanwhile. Return: false if there is none. */
bool lr_type_copy(uint32_t id, struct lr_type_info *ret);

/** lr_types_count() - how many there are: the largest id. */
uint32_t lr_types_count(void);

/** lr_types_are_too_many() - may NULL of lr_type_find() mean that there is no number left, and not that memory lacks? */
bool lr_types_are_too_many(void);

/** lr_type_name() - as stored; never NULL. */
const char *lr_type_name(uint32_t id);

/**
 * lr_type_modules() - the modules in which the functions of @info are, hashed to one number
 *
 * Another number than functions_modules means that a library of theirs was unloaded: they must not be called.
 */
uint32_t lr_type_modules(const struct lr_type_info *info);

/** lr_types_start() - the globs of `types=` and `log=`; "" is all and none. They must stay. */
void lr_types_start(const char *checked_globs, const char *logged_globs);

/** lr_types_any_logged() - is there a type whose events go to the log, or a glob that may match one? */
bool lr_types_any_logged(void);

/** lr_types_restart_in_child() - after fork(): numbers begin anew. */
void lr_types_restart_in_child(void);

#endif
