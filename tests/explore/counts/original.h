/* SPDX-License-Identifier: Apache-2.0 */
/**
 * original.h - two halves in one word: a scheme that lastref must not have, and that the explorer must catch
 *
 * The upper 32 bits of the word count speculative references, the lower 32 real ones. A tryref adds a speculative reference, looks
 * at the real half, and converts what it added, or takes it back. The object is destroyed by the unref that leaves the whole word
 * zero. It is right as long as no two of these meet; D1 to D7 in scenarios.c are what happens when they do.
 */
#ifndef EXPLORE_COUNTS_ORIGINAL_H
#define EXPLORE_COUNTS_ORIGINAL_H

#include <stdbool.h>
#include <stdint.h>

struct original_count {
	int64_t word;
};

#define ORIGINAL_SPECULATIVE ((int64_t)1 << 32)

void original_misuse(const char *what);

static inline void original_init(struct original_count *count)
{
	__atomic_store_n(&count->word, 1, __ATOMIC_RELAXED);
}

static inline void original_ref(struct original_count *count)
{
	if (__atomic_add_fetch(&count->word, 1, __ATOMIC_RELAXED) <= 1)
		original_misuse("ref on a dead object");
}

static inline bool original_tryref(struct original_count *count)
{
	int64_t word = __atomic_add_fetch(&count->word, ORIGINAL_SPECULATIVE, __ATOMIC_ACQUIRE);

	if ((int32_t)word == 0) {
		__atomic_fetch_sub(&count->word, ORIGINAL_SPECULATIVE, __ATOMIC_RELAXED);
		return false;
	}
	__atomic_fetch_sub(&count->word, ORIGINAL_SPECULATIVE - 1, __ATOMIC_RELAXED);
	return true;
}

static inline bool original_unref(struct original_count *count)
{
	int64_t word = __atomic_sub_fetch(&count->word, 1, __ATOMIC_ACQ_REL);

	if (word < 0)
		original_misuse("unref on a dead object");
	return word == 0;
}

static inline int64_t original_read(struct original_count *count)
{
	return __atomic_load_n(&count->word, __ATOMIC_RELAXED);
}

#endif
