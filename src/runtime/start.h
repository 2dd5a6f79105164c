/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's start, its switches and its end.
 *
 * It works before its own constructor: whoever comes first sets it up.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_START_H
#define LR_RUNTIME_START_H

#include "format/settings.h"

#include <stdbool.h>
#include <stdint.h>

/** lr_start_checking() - is checking on? Sets the runtime up if nobody has. Thread-safe. */
bool lr_start_checking(void);

/**
 * lr_start_process() - a number of this process, which the child of a fork changes
 *
 * Whoever calls a function of the program compares, by lr_start_is_process(): such a function may
 * fork, and go on in the child.
 */
uint32_t lr_start_process(void);

/**
 * lr_start_is_process() - is this still the process that lr_start_process() gave @number in?
 *
 * If not, all that the arena and the tables of types and names had is gone; what the caller mapped
 * is there, and so are the references that it holds. No lock of another thread's is taken any more,
 * whichever way was forked.
 */
bool lr_start_is_process(uint32_t number);

/** lr_start_watch() - decide anew which operations call the runtime, after a type with a log appeared. Thread-safe. */
void lr_start_watch(void);

/** lr_start_arena() - make sure that stacks can be kept, also while checking is off. Thread-safe. */
void lr_start_arena(void);

/**
 * lr_start_error_output() - where messages go: STDERR_FILENO, or -1 if it was closed when the program started
 *
 * In that case descriptor 2 is some file that the program opened itself, and our text must not get into it.
 */
int lr_start_error_output(void);

/** lr_start_settings() - what LASTREF says, or the defaults. Constant once the runtime is set up. */
const struct lr_settings *lr_start_settings(void);

#endif
