/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks: from the caller's registers to a site, in one step.
 *
 * A site is a deduplicated call stack, numbered; it is a node of a trie whose path to the root is the stack (struct lr_site).
 * Capturing walks the stack with unwind rules from .eh_frame (cfi.h), cached one 8-byte word a return address, and stops as soon
 * as it meets a frame of the thread's last stack and has verified that one to the root. On a machine without an unwinder
 * (machine.h) a stack is the caller's address.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_STACK_H
#define LR_RUNTIME_STACK_H

#include "format/settings.h"
#include "runtime/machine.h"
#include "runtime/own_stack.h"

#include <stdbool.h>
#include <stdint.h>

#define LR_MEMO_INDEX_SIZE 256

/*
 * One frame of the memo of a thread's last stack. Kept outermost first, so that new inner frames replace the end.
 *
 * Where a walk goes from a frame depends on pc, sp and fp in it and on the words it reads. So a frame with equal slot (sp is
 * slot + 8), pc and fp leads to the remembered frames if the words from which these came still hold the same.
 */
struct lr_memo_frame {
	uintptr_t slot; /* address of the stack word that holds pc */
	uintptr_t pc;	/* return address */
	uintptr_t fp;	/* rbp in the frame that pc returns to */
	uintptr_t fp_slot; /* address of the stack word from which fp was restored; slot if it was not */
	uint64_t hash;	/* of the frames from memo[0] to here, see stack.c */
	uint32_t site;	/* of the stack that ends here; 0 not known */
	uint16_t flags; /* LR_SITE_EXACT */
	int16_t cfa_word; /* where slot + 8 itself was read: that many words from fp_slot; 0 if it was computed */
};

_Static_assert(LR_STACK_DEPTH_MAX <= 256, "a place in the memo is a byte");

/* What stacks need of a thread. Zeroed memory is a thread that has not captured yet. */
struct lr_stack_thread {
	struct lr_own_stack own;
	volatile bool busy; /* a capture is under way: one that a signal handler begins meanwhile gives site 0 */
	bool memo_is_whole; /* memo[0] is the outermost frame of the stack, not where the walk was cut */
	bool memo_is_for_once; /* the walk read what loads alone cannot verify: the next one begins anew */
	uint32_t memo_length;
	uint32_t generation; /* lr_modules_generation at the last capture; another one empties the memo */
	uint8_t memo_index[LR_MEMO_INDEX_SIZE]; /* by slot, where in the memo it may be; any value is harmless */
	struct lr_memo_frame memo[LR_STACK_DEPTH_MAX];
};

/**
 * lr_stack_set_depth() - how many frames a site keeps, 1..LR_STACK_DEPTH_MAX. Before the first capture.
 */
void lr_stack_set_depth(int depth);

/**
 * lr_stack_capture() - the site of a stack
 * @thread: the calling thread's
 * @start: from LR_STACK_HERE() in the function that the program called
 *
 * Lock-free once the modules on the stack were seen before; never allocates from malloc. Safe where a signal handler interrupts
 * it and captures too; but if the handler leaves by longjmp(), the thread stays busy for ever. A handler that interrupted a part
 * of the runtime with a lock must not capture, see lr_lock_held(). On a stack that is not the thread's own (a fibre,
 * sigaltstack), each capture asks the kernel to read the stack, and where the kernel refuses, the site is the caller's address
 * only. errno is kept.
 *
 * Return: the site's id (ordinal + 1 in LR_SITES of the arena), or 0 if there was no memory or the thread is busy.
 */
uint32_t lr_stack_capture(struct lr_stack_thread *thread, const struct lr_stack_start *start);

/** lr_stack_restart_in_child() - after fork(): the arena is empty again, so sites and modules begin anew. */
void lr_stack_restart_in_child(void);

#endif
