/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a process's own report goes: to the program's handler, to the file of `output=`, or to standard error.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_TELL_H
#define LR_RUNTIME_TELL_H

#include "analyze/findings.h"

/**
 * lr_tell() - report @findings, the largest causes in full
 * @since_checkpoint: it is about what was born since a checkpoint
 *
 * Holds no lock of the runtime. Not async-signal-safe.
 */
void lr_tell(struct lr_findings *findings, bool since_checkpoint);

#endif
