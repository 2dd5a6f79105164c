/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes of words and strings.
 *
 * Layer: base. The finalizer is that of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014); the string hash is FNV-1a
 * (Fowler, Noll, Vo).
 */
#ifndef LR_BASE_HASH_H
#define LR_BASE_HASH_H

#include <stdint.h>

static inline uint64_t lr_hash_word(uint64_t word)
{
	word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
	return word ^ (word >> 31);
}

static inline uint64_t lr_hash_text(uint64_t seed, const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}

/*
 * Two hashes of 32 bits in one word, for sums of which one half must not depend on the other: the upper half is of @upper, the
 * lower one of @lower.
 */
static inline uint64_t lr_hash_halves(uint64_t upper, uint64_t lower)
{
	return (upper >> 32 << 32) | lower >> 32;
}

static inline uint64_t lr_hash_add_halves(uint64_t a, uint64_t b)
{
	return ((a >> 32) + (b >> 32)) << 32 | (uint32_t)(a + b);
}

#endif
