/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of objects that live on purpose.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_IGNORE_H
#define LR_RUNTIME_IGNORE_H

#include <stdint.h>

/** lr_ignore_end() - an object that lastref_ignore() was given begins to die. */
void lr_ignore_end(uint64_t birth);

/** lr_ignore_restart_in_child() - after fork(). */
void lr_ignore_restart_in_child(void);

#endif
