/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modules of the process: the program, its libraries, the vdso. Each that a stack went through is in the arena (LR_MODULES), so
 * that its addresses can be named after the process is dead.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_MODULES_H
#define LR_RUNTIME_MODULES_H

#include "runtime/cfi.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Changes when another module was found in the place of an unloaded one, and in the child of a fork: what was concluded from code
 * addresses before is void then. Never 0. Read with acquire.
 */
extern uint32_t lr_modules_generation;

extern bool lr_modules_any_salt; /* see lr_modules_were_replaced() */

/**
 * lr_modules_find() - the module that holds an address, noted in the arena
 * @pc: an address of code
 * @ret_image: where its call frame information is. Its header is 0 if the module has none.
 * @ret_id: ordinal + 1 in LR_MODULES, or 0 if there is no memory or more than 65,535 modules
 *
 * Lock-free for a module that was met before. Notices when the module that was met at this place is gone.
 *
 * Return: false if @pc is in no module.
 */
bool lr_modules_find(uintptr_t pc, struct lr_cfi_image *ret_image, uint32_t *ret_id);

/**
 * lr_modules_salt() - what tells equal addresses in modules that took each other's place apart
 *
 * Return: 0 for nearly every address; else the id of the module there, which took the place of another one. Both
 * are part of the hash of a stack.
 */
uint32_t lr_modules_salt(uintptr_t pc);

/** lr_modules_were_replaced() - can lr_modules_salt() be anything but 0? */
static inline bool lr_modules_were_replaced(void)
{
	return __atomic_load_n(&lr_modules_any_salt, __ATOMIC_RELAXED);
}

/** lr_modules_is_program() - is this address in the main program, which is never unloaded? False if that is not known. */
bool lr_modules_is_program(uintptr_t address);

/** lr_modules_restart_in_child() - after fork(): the arena is empty, so modules are noted anew. */
void lr_modules_restart_in_child(void);

#endif
