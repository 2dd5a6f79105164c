/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first steps of the hot count's operations, compiled twice: as they come, with inline assembly where there is some, and
 * with LASTREF_PORTABLE.
 */
#ifndef TESTS_SUPPORT_HOT_PATHS_H
#define TESTS_SUPPORT_HOT_PATHS_H

#include <stdbool.h>
#include <stdint.h>

/* What one operation made of a word. */
struct hot_step {
	int64_t word;
	int64_t token;
	bool is_slow; /* the operation goes on out of line; of a tryref: it failed */
};

struct hot_paths {
	bool is_assembly;
	void (*ref)(int64_t word, struct hot_step *ret);
	void (*tryref)(int64_t word, struct hot_step *ret);
	void (*unref)(int64_t word, struct hot_step *ret);
};

extern const struct hot_paths hot_paths_assembly;
extern const struct hot_paths hot_paths_builtins;

#endif
