/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small words for the compiler.
 *
 * Layer: base.
 */
#ifndef LR_BASE_ATTRIBUTES_H
#define LR_BASE_ATTRIBUTES_H

#define LR_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define LR_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define LR_COLD __attribute__((noinline, cold))
#define LR_NOINLINE __attribute__((noinline))
#define LR_ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* A compiler barrier: what stands before it in the program is stored before what stands after it, as seen by this thread. */
#define LR_BARRIER() __asm__ volatile("" ::: "memory")

#endif
