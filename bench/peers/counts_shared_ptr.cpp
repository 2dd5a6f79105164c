/* SPDX-License-Identifier: Apache-2.0 */
/*
 * std::shared_ptr: a copy, and what weak_ptr::lock() gives. The count is in the block that
 * make_shared allocates, beside the object.
 */
#include "bench/peers/counts.h"

#include <memory>

namespace
{

/* With the count of 16 bytes that make_shared puts in front, as large as everybody's. */
struct object {
	char rest[COUNTS_SIZE - 16];
};

struct slot {
	std::shared_ptr<object> strong;
	std::weak_ptr<object> weak;
};

slot sets[COUNTS_SETS][COUNTS_OBJECTS];

inline __attribute__((always_inline)) void pair(const slot *slot)
{
	std::shared_ptr<object> copy(slot->strong);

	counts_show(copy.get());
}

inline __attribute__((always_inline)) void try_pair(const slot *slot)
{
	std::shared_ptr<object> copy(slot->weak.lock());

	if (!copy)
		abort();
}

void start()
{
	for (auto &set : sets) {
		for (auto &slot : set) {
			slot.strong = std::make_shared<object>();
			slot.weak = slot.strong;
		}
	}
}

void live(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		std::shared_ptr<object> made(std::make_shared<object>());

		counts_show(made.get());
	}
}

COUNTS_LOOP(loop, sets, pair)
COUNTS_LOOP(try_loop, sets, try_pair)

} /* namespace */

const struct counts_peer counts_shared_ptr = { "std::shared_ptr", start, loop, try_loop, live };
