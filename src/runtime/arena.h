/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: where this process keeps its image (format/image.h), segment by segment.
 *
 * Under `lastref run` it is a file mapped MAP_SHARED, which the parent reads when the process is dead, however it died;
 * else private memory. Segments are added one at a time, never moved and never given back, so a pointer to an element stays
 * good until a fork: the child begins an empty arena of its own.
 *
 * Thread safety: all functions, unless said. Locks: arena_lock (rank LR_RANK_ARENA), taken only to add a segment.
 */
#ifndef LR_RUNTIME_ARENA_H
#define LR_RUNTIME_ARENA_H

#include "format/image.h"

#include <stdint.h>

/* The image of this process. Readable at any time after lr_arena_start(); see struct lr_record for how to read records. */
extern struct lr_image lr_arena_image;

/**
 * lr_arena_start() - make the header; private, or in a new file in @folder
 * @folder: the folder of `lastref run`, or NULL. If no file can be made there, the arena is private.
 *
 * Called once before anything is added, and once more after lr_arena_restart_in_child(). Caller holds start_lock.
 */
void lr_arena_start(const char *folder);

/** lr_arena_restart_in_child() - after fork(), in the child: forget the parent's arena. lr_arena_start() makes another. */
void lr_arena_restart_in_child(void);

/** lr_arena_is_shared() - does a parent read this arena after our death? */
bool lr_arena_is_shared(void);

/**
 * lr_arena_tell_run() - if `lastref run` cannot read this arena, tell it one thing
 * @what: 'a' this process checks itself; 'l' it found leaks; 'm' there was a misuse
 *
 * Does nothing where the arena is shared or there is no `lastref run`. Never blocks.
 */
void lr_arena_tell_run(char what);

/** The header, writable. Its counters are changed with lr_arena_count() only. */
struct lr_image_header *lr_arena_header(void);

/** lr_arena_count() - add @n to a counter, relaxed. */
void lr_arena_count(enum lr_counter counter, uint64_t n);

/**
 * lr_arena_add() - a new element, zeroed
 * @kind: not LR_RECORDS (the registry deals those), not LR_TEXT, and none that lr_arena_add_segment() is used for
 * @ret_ordinal: its ordinal in the space
 *
 * Lock-free unless a segment is full.
 *
 * Return: the element, or NULL when there is no memory.
 */
void *lr_arena_add(enum lr_segment_kind kind, uint32_t *ret_ordinal);

/** lr_arena_add_text() - store a string. @length is cut at LR_TEXT_MAX. Return: its reference, 0 when there is no memory. */
lr_text_ref lr_arena_add_text(const char *text, size_t length);

/** lr_arena_add_records() - a new segment of records. Return: its first ordinal, or -ENOMEM. Caller holds the pool's lock. */
int64_t lr_arena_add_records(void);

/** lr_arena_add_segment() - one more of a kind whose elements the caller deals, zeroed. Return: 0 or -ENOMEM. */
int lr_arena_add_segment(enum lr_segment_kind kind);

/** lr_arena_at() - element @ordinal of @kind, which must be there. */
void *lr_arena_at(enum lr_segment_kind kind, uint32_t ordinal);

#endif
