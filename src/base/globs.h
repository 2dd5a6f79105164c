/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of shell patterns.
 *
 * Layer: base. Thread-safe.
 */
#ifndef LR_BASE_GLOBS_H
#define LR_BASE_GLOBS_H

#include <stdbool.h>

/* Does @name match one of the fnmatch(3) patterns in @globs, separated by commas? */
bool lr_globs_match(const char *globs, const char *name);

#endif
