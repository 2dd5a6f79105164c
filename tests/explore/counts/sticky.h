/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sticky.h - the naive sticky counter: a scheme that lastref must not have, and that the explorer must catch
 *
 * The top bit says dead. An unref that leaves zero sets it by compare-exchange, and whoever manages that destroys; a tryref adds one
 * and looks at the bit. Between the decrement and the compare-exchange others may revive the object, give it up, destroy and free it:
 * the compare-exchange then is a use after free. In a grace period it would be right.
 */
#ifndef EXPLORE_COUNTS_STICKY_H
#define EXPLORE_COUNTS_STICKY_H

#include <stdbool.h>
#include <stdint.h>

struct sticky_count {
	uint64_t word;
};

#define STICKY_DEAD ((uint64_t)1 << 63)

static inline void sticky_init(struct sticky_count *count)
{
	__atomic_store_n(&count->word, 1, __ATOMIC_RELAXED);
}

static inline void sticky_ref(struct sticky_count *count)
{
	__atomic_fetch_add(&count->word, 1, __ATOMIC_RELAXED);
}

static inline bool sticky_tryref(struct sticky_count *count)
{
	return !(__atomic_fetch_add(&count->word, 1, __ATOMIC_ACQUIRE) & STICKY_DEAD);
}

static inline bool sticky_unref(struct sticky_count *count)
{
	uint64_t zero = 0;

	if (__atomic_sub_fetch(&count->word, 1, __ATOMIC_RELEASE) != 0)
		return false;
	return __atomic_compare_exchange_n(&count->word, &zero, STICKY_DEAD, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline int64_t sticky_read(struct sticky_count *count)
{
	uint64_t word = __atomic_load_n(&count->word, __ATOMIC_RELAXED);

	return word & STICKY_DEAD ? 0 : (int64_t)word;
}

#endif
