/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a stack to its site.
 *
 * Layer: runtime. Locks: none.
 *
 * The hash of a path is made of a polynomial over its return addresses, H(frames + f) = H(frames) * B + mix(f). The memo keeps H for
 * each frame, so a stack of which the inner frames are new costs one multiplication a new frame and one look-up; and H of the
 * innermost N frames of a longer stack is a difference of two of them, with no walk through the N.
 */
#include "runtime/stack.h"

#include "base/attributes.h"
#include "format/image.h"
#include "runtime/modules.h"
#include "runtime/sites.h"
#include "runtime/unwind.h"

#include <errno.h>

/* Odd numbers of random bits. */
#define BASE UINT64_C(0x9e6c63d0676a9a99)
#define MIX_PC UINT64_C(0xd6e8feb86659fd93)
#define MIX_PATH UINT64_C(0xa0761d6478bd642f)
#define MIX_CUT UINT64_C(0xe7037ed1a0b428db)

static uint32_t depth = LR_STACK_DEPTH_DEFAULT;

void lr_stack_set_depth(int frames)
{
	depth = (uint32_t)frames;
	if (frames < 1)
		depth = 1;
	else if (frames > LR_STACK_DEPTH_MAX)
		depth = LR_STACK_DEPTH_MAX;
}

static inline uint64_t mix_frame(uintptr_t pc, uint32_t flags)
{
	uint64_t word = pc | (uint64_t)flags << 48;

	if (LR_UNLIKELY(lr_modules_were_replaced()))
		word += lr_modules_salt(pc) * BASE;
	word *= MIX_PC;
	return word ^ word >> 32;
}

/* Join the new frames to those that were kept. They move down or stay, so the first goes first. */
static inline void keep(struct lr_stack_thread *thread, const struct lr_walked *walked)
{
	uint64_t hash = walked->kept > 0 ? thread->memo[walked->kept - 1].hash : 0;
	uint32_t place = walked->kept;

	for (uint32_t i = walked->fresh; i < LR_STACK_DEPTH_MAX; i++, place++) {
		const struct lr_memo_frame *from = &thread->memo[i];
		struct lr_memo_frame *to = &thread->memo[place];
		uintptr_t slot = lr_load_word((uintptr_t)&from->slot);
		uintptr_t pc = lr_load_word((uintptr_t)&from->pc);

		lr_store_word(&to->slot, slot);
		lr_store_word(&to->pc, pc);
		lr_store_word(&to->fp, lr_load_word((uintptr_t)&from->fp));
		lr_store_word(&to->fp_slot, lr_load_word((uintptr_t)&from->fp_slot));
		to->flags = from->flags;
		to->cfa_word = from->cfa_word;
		hash = hash * BASE + mix_frame(pc, to->flags);
		to->hash = hash;
		to->site = 0;
		*lr_memo_index(thread, slot) = (uint8_t)place;
	}
	thread->memo_length = place;
}

static uint64_t power(uint32_t exponent)
{
	uint64_t result = 1;

	for (uint64_t square = BASE; exponent > 0; exponent >>= 1, square *= square) {
		if (exponent & 1)
			result *= square;
	}
	return result;
}

/* What part of the memo a site is made of. */
struct path {
	const struct lr_memo_frame *memo;
	uint32_t first; /* memo[first] is its outermost frame */
	bool is_cut;
};

/* Of the path's frames up to memo[@last]. */
static inline uint64_t path_hash(const struct path *path, uint32_t last)
{
	uint64_t hash = path->memo[last].hash;

	if (path->first > 0)
		hash -= path->memo[path->first - 1].hash * power(last + 1 - path->first);
	if (path->is_cut)
		hash ^= MIX_CUT;
	return (hash ^ hash >> 32) * MIX_PATH;
}

/* The nodes of memo[first..last], of which those near the root are there already. Returns the innermost one's id or 0. */
static LR_NOINLINE uint32_t intern(const struct path *path, uint32_t last)
{
	uint32_t parent = 0;
	uint32_t next = last;

	for (; next > path->first; next--) {
		parent = lr_sites_find(path_hash(path, next - 1), path->memo[next - 1].pc);
		if (parent != 0)
			break;
	}
	for (; next <= last; next++) {
		uint32_t flags = path->memo[next].flags;

		if (path->is_cut && next == path->first)
			flags |= LR_SITE_CUT;
		parent = lr_sites_intern(path_hash(path, next), path->memo[next].pc, parent, flags);
		if (parent == 0)
			return 0;
	}
	return parent;
}

static uint32_t site_of_memo(struct lr_stack_thread *thread)
{
	uint32_t last = thread->memo_length - 1;
	struct lr_memo_frame *innermost = &thread->memo[last];
	struct path path = { .memo = thread->memo };

	if (innermost->site != 0)
		return innermost->site;
	if (last >= depth)
		path.first = last + 1 - depth;
	path.is_cut = path.first > 0 || !thread->memo_is_whole;
	innermost->site = lr_sites_find(path_hash(&path, last), innermost->pc);
	if (innermost->site == 0)
		innermost->site = intern(&path, last);
	return innermost->site;
}

uint32_t lr_stack_capture(struct lr_stack_thread *thread, const struct lr_stack_start *start)
{
	int saved_errno = errno;
	struct lr_walked walked;
	uint32_t site;

	if (thread->busy)
		return 0;
	thread->busy = true;
	LR_BARRIER();
	walked = lr_unwind(thread, start, depth);
	keep(thread, &walked);
	site = site_of_memo(thread);
	LR_BARRIER();
	thread->busy = false;
	errno = saved_errno;
	return site;
}

void lr_stack_restart_in_child(void)
{
	lr_sites_restart_in_child();
	lr_modules_restart_in_child();
	lr_unwind_restart_in_child();
}
