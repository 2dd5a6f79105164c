/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The references that checks hold now, so that the child of a fork can give them back.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_HELD_H
#define LR_RUNTIME_HELD_H

#include <stdbool.h>
#include <stdint.h>

/* One reference: in a count of a kind, which carries an index. */
struct lr_held {
	void *count;
	unsigned kind; /* LASTREF_KIND_* */
	uint32_t index;
	uint32_t type; /* its id, in the process that took the reference */
	void *object;
	void (*unref)(void *object); /* the type's */
};

/**
 * lr_held_begin() - no fork from now on; the calling thread is about to take a reference for a
 * check
 *
 * Return: false if there is no room to note one, if this thread is inside the runtime already, or
 * if a fork has been under way for longer than forks take; then it is not to be taken.
 */
bool lr_held_begin(void);

/** lr_held_end() - with a note of the reference, or NULL if none was taken. */
void lr_held_end(const struct lr_held *taken);

/**
 * lr_held_give_back() - forget the note, and give the reference back unless it is the last
 *
 * Return: false if it is the last one, or the count is not sane: then the reference is still the
 * caller's.
 */
bool lr_held_give_back(const struct lr_held *held);

/** lr_held_find() - one that the calling thread holds. Return: false if it holds none. */
bool lr_held_find(struct lr_held *ret);

/** What fork() calls: before, after in the parent, and first of all in the child. */
void lr_held_prepare_fork(void);
void lr_held_end_fork(void);
void lr_held_end_fork_in_child(void);

/** lr_held_restart_in_child() - after any fork: forget what other threads held. */
void lr_held_restart_in_child(void);

#endif
