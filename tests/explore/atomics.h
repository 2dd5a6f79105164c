/* SPDX-License-Identifier: Apache-2.0 */
/**
 * atomics.h - the __atomic builtins as scheduling points
 *
 * Included before a header under test, it turns each of the header's atomic operations into: wait until the scheduler picks
 * this thread, then access the memory, all at once. So the explorer runs the header's own code, and sees it as what it is made
 * of. Interleavings are sequentially consistent: the orderings are taken for granted here, and are ThreadSanitizer's part. A
 * fence is nothing, then. A weak compare-exchange may fail without a reason, as often as the search allows.
 */
#ifndef EXPLORE_ATOMICS_H
#define EXPLORE_ATOMICS_H

#include "explore.h"

#define __atomic_load_n(pointer, order)                                                            \
	__extension__({                                                                            \
		__auto_type load_from_ = (pointer);                                                \
		explore_point(POINT_LOAD);                                                         \
		__auto_type loaded_ = *load_from_;                                                 \
		explore_done("load", 0, loaded_, loaded_);                                         \
		loaded_;                                                                           \
	})

#define __atomic_store_n(pointer, value, order)                                                    \
	__extension__({                                                                            \
		__auto_type store_to_ = (pointer);                                                 \
		__typeof__(*store_to_) stored_ = (value);                                          \
		explore_point(POINT_STORE);                                                        \
		__auto_type overwritten_ = *store_to_;                                             \
		*store_to_ = stored_;                                                              \
		explore_done("store", 0, overwritten_, stored_);                                   \
	})

/* Adds modulo the size of the word; @before_ is left for the caller of the macro, @after_ too. */
#define EXPLORE_ADD_(pointer, value, name, sign, returned)                                         \
	__extension__({                                                                            \
		__auto_type add_to_ = (pointer);                                                   \
		int64_t added_ = (int64_t)(value);                                                 \
		explore_point(POINT_ADD);                                                          \
		__auto_type before_ = *add_to_;                                                    \
		__auto_type after_ = before_;                                                      \
		after_ = (__typeof__(after_))((uint64_t)before_ sign(uint64_t) added_);            \
		*add_to_ = after_;                                                                 \
		explore_done(name, added_, before_, after_);                                       \
		returned;                                                                          \
	})

#define __atomic_fetch_add(pointer, value, order) EXPLORE_ADD_(pointer, value, "add", +, before_)
#define __atomic_add_fetch(pointer, value, order) EXPLORE_ADD_(pointer, value, "add", +, after_)
#define __atomic_fetch_sub(pointer, value, order) EXPLORE_ADD_(pointer, value, "sub", -, before_)
#define __atomic_sub_fetch(pointer, value, order) EXPLORE_ADD_(pointer, value, "sub", -, after_)

#define __atomic_exchange_n(pointer, value, order)                                                 \
	__extension__({                                                                            \
		__auto_type exchange_at_ = (pointer);                                              \
		__typeof__(*exchange_at_) put_ = (value);                                          \
		explore_point(POINT_EXCHANGE);                                                     \
		__auto_type taken_ = *exchange_at_;                                                \
		*exchange_at_ = put_;                                                              \
		explore_done("exchange", 0, taken_, put_);                                         \
		taken_;                                                                            \
	})

#define __atomic_compare_exchange_n(pointer, expected, desired, weak, success, failure)            \
	__extension__({                                                                            \
		__auto_type change_at_ = (pointer);                                                \
		__auto_type expected_ = (expected);                                                \
		__typeof__(*change_at_) desired_ = (desired);                                      \
		explore_point(POINT_COMPARE);                                                      \
		__auto_type found_ = *change_at_;                                                  \
		bool equal_ = found_ == *expected_ && !((weak) && explore_fails_by_chance());      \
		if (equal_)                                                                        \
			*change_at_ = desired_;                                                    \
		else                                                                               \
			*expected_ = found_;                                                       \
		explore_done(equal_ ? "change" : "change fails", 0, found_,                        \
			     equal_ ? desired_ : found_);                                          \
		equal_;                                                                            \
	})

#define __atomic_thread_fence(order) ((void)0)
#define __atomic_signal_fence(order) ((void)0)

#endif
