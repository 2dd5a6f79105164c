/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk: from a frame to the outermost one, into the thread's memo.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_UNWIND_H
#define LR_RUNTIME_UNWIND_H

#include "runtime/stack.h"

#include <stdint.h>

/* What a walk found. The stack is memo[0..kept), then memo[fresh..LR_STACK_DEPTH_MAX), outermost first. */
struct lr_walked {
	uint32_t kept;	/* frames of the last stack that are of this one too */
	uint32_t fresh; /* their hash and site are not set */
};

/**
 * lr_unwind() - walk the stack that begins at @start
 * @thread: the calling thread's, not busy with another walk
 * @start: where to begin
 * @depth: how many innermost frames the caller needs; there are at least so many, unless the stack has fewer
 *
 * There is at least one frame. A frame that cannot be left ends the stack; so does one that is outside of readable memory.
 */
struct lr_walked lr_unwind(struct lr_stack_thread *thread, const struct lr_stack_start *start,
			   uint32_t depth);

/** lr_unwind_restart_in_child() - after fork(). */
void lr_unwind_restart_in_child(void);

/** lr_memo_index() - where in the memo's index is a frame with this slot? */
static inline uint8_t *lr_memo_index(struct lr_stack_thread *thread, uintptr_t slot)
{
	return &thread->memo_index[slot / sizeof(uintptr_t) % LR_MEMO_INDEX_SIZE];
}

/*
 * Frames are written and moved word by word. Compilers would like to do two words at once, but a processor that is asked for two
 * words with one load, which were written one by one a moment ago, waits until both writes have reached the cache.
 */
static inline uintptr_t lr_load_word(uintptr_t address)
{
	return *(const volatile uintptr_t *)address;
}

static inline void lr_store_word(uintptr_t *place, uintptr_t word)
{
	*(volatile uintptr_t *)place = word;
}

#endif
