/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call frame information: how to leave the frame that stands at some address, read from a module's .eh_frame.
 *
 * Layer: runtime. Pure: reads only inside the image it is given, allocates nothing, takes no lock.
 */
#ifndef LR_RUNTIME_CFI_H
#define LR_RUNTIME_CFI_H

#include <stdbool.h>
#include <stdint.h>

enum lr_rule_kind {
	LR_RULE_NONE,
	LR_RULE_SP,   /* the frame address is sp + cfa_offset */
	LR_RULE_FP,   /* the frame address is fp + cfa_offset */
	LR_RULE_DRAP, /* the frame address is stored at fp + cfa_offset, and fp at fp + fp_offset: gcc's realigned stacks */
	LR_RULE_SIGNAL, /* sp points to the ucontext of a signal handler */
	LR_RULE_END,	/* the outermost frame, or one that cannot be left */
};

/*
 * How to leave a frame. The return address stands below the frame address, which is the sp after the return. Offsets are bytes and
 * multiples of 8.
 */
struct lr_rule {
	enum lr_rule_kind kind;
	int64_t cfa_offset;
	int64_t fp_offset; /* fp was saved at frame address + this; 0 if the frame left it alone */
};

/* A module in memory. */
struct lr_cfi_image {
	uintptr_t start; /* the range that may be read */
	uintptr_t end;
	uintptr_t header; /* its .eh_frame_hdr; 0 if it has none */
};

/**
 * lr_cfi_find() - the rule in force at an instruction
 * @image: the module that holds @pc
 * @pc: the instruction: for a return address, the byte before it
 *
 * Trusts nothing in the image: what is corrupt, or outside of what compilers emit, gives LR_RULE_END.
 */
struct lr_rule lr_cfi_find(const struct lr_cfi_image *image, uintptr_t pc);

#endif
