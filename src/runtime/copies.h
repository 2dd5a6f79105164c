/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other copies of this library in the process: one linked statically into the program, another in a plugin.
 *
 * Two registries would each know half of the truth, and take one another's indexes for their own. So one copy checks, the first that
 * starts; the others notice it, say so and stay off. What dies through one of those is passed on to the first.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_COPIES_H
#define LR_RUNTIME_COPIES_H

#include <lastref/check.h>

enum lr_copy_role {
	LR_COPY_NEW,	/* has not started yet */
	LR_COPY_FIRST,	/* it checks */
	LR_COPY_SECOND, /* there is a first one: it stays off */
	/*
	 * Its symbols lost against those of another copy, so nobody calls it: off, and nothing to say. The byte that is `lastref_watch` for
	 * it, too, is the other's.
	 */
	LR_COPY_REPLACED,
};

/*
 * How copies see each other. They may be of different versions, so members are only ever added at the end, and whoever reads one
 * compares @size first. Code built with LASTREF_NO_CHECKING reads them too, when an object of ours dies there: struct
 * lastref_copy_ of lastref/no_checking.h is the first half of this one.
 */
struct lr_copy {
	uint32_t size;
	uint32_t role;		   /* enum lr_copy_role; atomic */
	const unsigned char *own;  /* the lastref_watch that this copy defines */
	const unsigned char *used; /* the one that its references lead to */
	/* Of the first, for what came to its end through another: as lastref_object_dying(), _died() and lastref_unregister() */
	uint32_t (*dying)(const struct lastref_type *type, const void *object, uint32_t index);
	void (*died)(uint32_t index);
	void (*unregister)(const struct lastref_type *type, const void *object);
	void (*noticed)(void); /* another copy has noticed it */
};

/** lr_copies_start() - find out which one this copy is. Once, at the start of the process or of the module, before all else. */
enum lr_copy_role lr_copies_start(void);

/** lr_copies_role() - what lr_copies_start() returned; LR_COPY_NEW before that. */
enum lr_copy_role lr_copies_role(void);

/**
 * lr_copies_keep_module() - this copy's code must stay when its plugin is closed
 *
 * The destructor of a thread's key points into it, which dlclose() knows nothing of.
 */
void lr_copies_keep_module(void);

/** lr_copies_say_off() - say, once, that checking was asked of this copy and which one it is left to. @fd may be -1. */
void lr_copies_say_off(int fd);

extern const struct lr_copy *lr_copies_first_;

/** lr_copies_first() - the copy that checks in place of this one; NULL if this one does, or is never called. */
static inline const struct lr_copy *lr_copies_first(void)
{
	return lr_copies_first_;
}

/** lr_copies_unregister() - in object.c: lastref_unregister() on behalf of another copy. What is not known is no misuse. */
void lr_copies_unregister(const struct lastref_type *type, const void *object);

#endif
