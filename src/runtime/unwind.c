/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk: leaves frame after frame by the rules of cfi.h, which are cached by return address, and stops where the memo of the
 * thread's last stack takes over.
 *
 * Layer: runtime, on x86_64; other machines have machine_any.c. Locks: none. A cached rule is one word, tag and all, so a reader sees a
 * whole rule or none.
 *
 * Why the memo must be verified to its end
 *      Two calls of one function from two places leave equal inner frames: the same slot, the same return address, the same rbp. The
 *      stacks differ further out. So at the first frame that equals one of the memo, each remembered frame outside of it is
 *      compared with the stack words it was read from. Loads only: that is what makes a known stack cheap.
 *
 * What may be read
 *      The thread's own stack (own_stack.h), from the frame's stack pointer to the stack's end, by plain loads. Anything else (a
 *      fibre, an alternate signal stack) through the kernel, a window at a time, because nobody knows where such a stack ends.
 *
 * New frames are put at the end of the memo's array, growing downward, and moved to the kept frames later, in stack.c: a capture
 * needs little room on the stack it captures, which may be a fibre's.
 */
#include "runtime/unwind.h"

#include "base/attributes.h"
#include "format/image.h"
#include "runtime/arena.h"
#include "runtime/cfi.h"
#include "runtime/modules.h"

#include <sys/uio.h>
#include <unistd.h>

#define WORD sizeof(uintptr_t)

/* In a vector register, where gcc may pack words that are stored together, each use of one takes as long as a load. */
#define KEEP_IN_REGISTER(word) __asm__("" : "+r"(word))

/*
 * A cached rule: pc >> 16 (31 bits), kind (3), frame address offset and fp offset in words (15 each, signed). The low 16 bits of pc
 * follow from the place in the table and the tag. A pc of more than 47 bits is no code.
 */
#define PC_BITS 47
#define RULES 65536u

static uint64_t rules[RULES];
static uint32_t rules_generation = 1; /* lr_modules_generation when they were last emptied */

struct walk {
	struct lr_stack_thread *thread;
	struct lr_memo_frame frame; /* the frame reached; not pushed yet */
	uintptr_t sp;		    /* in that frame */
	uintptr_t own_end; /* no word of the thread's own stack begins here or above; 0 if sp is not in it */
	uint32_t old;		/* memo[0..old) may still be met */
	uint32_t fresh;		/* memo[fresh..) are the new frames, innermost last */
	uint32_t depth;		/* wanted */
	bool is_void;		/* modules changed under the walk */
	uintptr_t window_start; /* what the kernel read of a foreign stack */
	uintptr_t window_end;
	uintptr_t window[64];
};

static inline uint32_t rule_place(uintptr_t pc)
{
	return (uint32_t)(pc ^ (pc >> 16)) & (RULES - 1);
}

static inline enum lr_rule_kind word_kind(uint64_t word)
{
	return (enum lr_rule_kind)(word >> 30 & 7);
}

static inline int64_t word_cfa_offset(uint64_t word)
{
	return ((int64_t)(word << 34) >> 46) & ~INT64_C(7);
}

static inline int64_t word_fp_offset(uint64_t word)
{
	return (int64_t)(word << 49) >> 46;
}

static bool fits(int64_t offset)
{
	return offset >= -(1 << 14) * 8 && offset < (1 << 14) * 8;
}

static struct lr_rule rule_from_word(uint64_t word)
{
	return (struct lr_rule){
		.kind = word_kind(word),
		.cfa_offset = word_cfa_offset(word),
		.fp_offset = word_fp_offset(word),
	};
}

/*
 * Each pc has two places, which are neighbors; the fast path looks at the first. So a word may be taken for that of the address
 * one byte off, but no two return addresses are: a call is longer than a byte.
 */
static void cache_rule(uintptr_t pc, const struct lr_rule *rule)
{
	uint32_t place = rule_place(pc);
	uint64_t word = (uint64_t)(pc >> 16) << 33 | (uint64_t)rule->kind << 30 |
			((uint64_t)(rule->cfa_offset / 8) & 0x7fff) << 15 |
			((uint64_t)(rule->fp_offset / 8) & 0x7fff);

	if (!fits(rule->cfa_offset) || !fits(rule->fp_offset))
		return;
	if (__atomic_load_n(&rules[place], __ATOMIC_RELAXED) != 0)
		place ^= 1;
	__atomic_store_n(&rules[place], word, __ATOMIC_RELAXED);
}

static void empty_rules(void)
{
	for (uint32_t i = 0; i < RULES; i++) {
		/* Pages that were never written need not be now. */
		if (__atomic_load_n(&rules[i], __ATOMIC_RELAXED) != 0)
			__atomic_store_n(&rules[i], 0, __ATOMIC_RELAXED);
	}
}

/* The thread's first capture, or modules were replaced since its last one. */
static LR_COLD void prepare(struct lr_stack_thread *thread)
{
	/* Pairs with the release in modules.c: whoever sees the generation sees the modules of it. */
	uint32_t generation = __atomic_load_n(&lr_modules_generation, __ATOMIC_ACQUIRE);

	if (__atomic_exchange_n(&rules_generation, generation, __ATOMIC_RELAXED) != generation)
		empty_rules();
	thread->memo_length = 0;
	thread->generation = generation;
}

/* Have the kernel read a window from @address on. Nothing is read beyond a page that is not there. */
static void move_window(struct walk *walk, uintptr_t address)
{
	size_t in_page = 4096 - (address & 4095);
	size_t first = in_page < sizeof(walk->window) ? in_page : sizeof(walk->window);
	struct iovec local = { .iov_base = walk->window, .iov_len = sizeof(walk->window) };
	struct iovec remote[2] = {
		{ .iov_base = (void *)address, .iov_len = first },
		{ .iov_base = (void *)(address + first), .iov_len = sizeof(walk->window) - first },
	};
	ssize_t got = process_vm_readv(getpid(), &local, 1, remote, 2, 0);

	walk->window_start = address;
	walk->window_end = address + (got > 0 ? (size_t)got : 0);
}

static bool read_foreign(struct walk *walk, uintptr_t address, uintptr_t *ret_value)
{
	if (address < walk->window_start || address + WORD > walk->window_end)
		move_window(walk, address);
	if (address + WORD > walk->window_end)
		return false;
	*ret_value = walk->window[(address - walk->window_start) / WORD];
	return true;
}

/* A leaf that a signal interrupted may have words below its sp (the red zone). Nobody else has, and no stack need be there. */
static bool may_be_read(const struct walk *walk, uintptr_t address)
{
	if (LR_LIKELY(address >= walk->sp))
		return true;
	return (walk->frame.flags & LR_SITE_EXACT) && address >= walk->sp - 128 &&
	       lr_own_stack_is_there(address);
}

/* Read a word of the frame. */
static bool read_word(struct walk *walk, uintptr_t address, uintptr_t *ret_value)
{
	if ((address & (WORD - 1)) != 0 || !may_be_read(walk, address))
		return false;
	if (walk->own_end == 0)
		return read_foreign(walk, address, ret_value);
	if (address < walk->thread->own.low || address >= walk->own_end)
		return false;
	*ret_value = lr_load_word(address);
	return true;
}

static void set_sp(struct walk *walk, uintptr_t sp)
{
	struct lr_own_stack *own = &walk->thread->own;
	bool is_own = LR_LIKELY(lr_own_stack_holds(own, sp)) || lr_own_stack_reach(own, sp);

	walk->sp = sp;
	walk->own_end = is_own ? own->high - WORD + 1 : 0;
}

static bool find_cached(uintptr_t pc, struct lr_rule *ret_rule)
{
	uint32_t place = rule_place(pc);

	for (uint32_t i = 0; i < 2; i++) {
		uint64_t word = __atomic_load_n(&rules[place ^ i], __ATOMIC_RELAXED);

		if (word >> 33 == pc >> 16 && word_kind(word) != LR_RULE_NONE) {
			*ret_rule = rule_from_word(word);
			return true;
		}
	}
	return false;
}

/* The rule of an interrupted instruction is not cached: the word of a return address has another meaning. */
static bool find_rule(struct walk *walk, struct lr_rule *ret_rule)
{
	uintptr_t pc = walk->frame.pc;
	bool is_exact = walk->frame.flags & LR_SITE_EXACT;
	struct lr_cfi_image image;
	uint32_t id;

	if (pc == 0 || pc >> PC_BITS != 0)
		return false;
	if (!is_exact && find_cached(pc, ret_rule))
		return true;
	if (!lr_modules_find(is_exact ? pc : pc - 1, &image, &id))
		return false;
	/* Pairs with the release in modules.c. */
	if (__atomic_load_n(&lr_modules_generation, __ATOMIC_ACQUIRE) != walk->thread->generation) {
		walk->is_void = true;
		return false;
	}
	*ret_rule = lr_cfi_find(&image, is_exact ? pc : pc - 1);
	if (!is_exact)
		cache_rule(pc, ret_rule);
	return true;
}

/*
 * Offsets in struct ucontext of the kernel and glibc: uc_mcontext.gregs[REG_RBP], [REG_RSP], [REG_RIP]. If the frame is no signal's but its
 * information is wrong, sp is anything: an address far below all that the thread's stack ever was, too.
 */
static bool leave_signal(struct walk *walk)
{
	uintptr_t context = walk->sp;
	uintptr_t sp;

	walk->thread->memo_is_for_once = true;
	walk->frame.fp_slot = context + 120;
	walk->frame.slot = context + 168;
	walk->frame.cfa_word = 0;
	walk->frame.flags = LR_SITE_EXACT;
	if (!read_word(walk, context + 120, &walk->frame.fp) ||
	    !read_word(walk, context + 160, &sp) || !read_word(walk, context + 168, &walk->frame.pc))
		return false;
	set_sp(walk, sp);
	return walk->frame.pc != 0 && (walk->own_end == 0 || lr_own_stack_is_there(sp));
}

/* Find the frame address, and where fp was saved if it was. */
static bool apply(struct walk *walk, const struct lr_rule *rule, uintptr_t *ret_cfa)
{
	struct lr_memo_frame *frame = &walk->frame;
	uintptr_t fp = frame->fp;

	frame->cfa_word = 0;
	if (rule->kind == LR_RULE_DRAP) {
		frame->fp_slot = fp + (uintptr_t)rule->fp_offset;
		frame->cfa_word = (int16_t)((rule->cfa_offset - rule->fp_offset) / (int64_t)WORD);
		if (!fits(rule->cfa_offset) || !fits(rule->fp_offset))
			return false;
		return read_word(walk, fp + (uintptr_t)rule->cfa_offset, ret_cfa);
	}
	*ret_cfa = (rule->kind == LR_RULE_SP ? walk->sp : fp) + (uintptr_t)rule->cfa_offset;
	frame->fp_slot = *ret_cfa + (uintptr_t)(rule->fp_offset ? rule->fp_offset : -(int64_t)WORD);
	return true;
}

/* Any frame that can be left. Moves @walk to the next one out. */
static LR_NOINLINE bool leave_slow(struct walk *walk)
{
	struct lr_rule rule;
	uintptr_t cfa;

	if (!find_rule(walk, &rule) || rule.kind == LR_RULE_END)
		return false;
	if (rule.kind == LR_RULE_SIGNAL)
		return leave_signal(walk);
	if (!apply(walk, &rule, &cfa) || cfa <= walk->sp ||
	    !read_word(walk, cfa - WORD, &walk->frame.pc))
		return false;
	walk->frame.slot = cfa - WORD;
	if (walk->frame.fp_slot != walk->frame.slot &&
	    !read_word(walk, walk->frame.fp_slot, &walk->frame.fp))
		return false;
	walk->frame.flags = 0;
	walk->sp = cfa;
	return walk->frame.pc != 0;
}

/*
 * The frames that are met by the million: rule cached, on the thread's own stack, fp saved in the frame or not at all. Whether it is
 * saved differs from frame to frame, so that choice is a mask; whether it is used is a branch, because most frames do not, and
 * need not wait for its value then.
 */
static inline __attribute__((always_inline)) bool leave(struct walk *walk,
							struct lr_memo_frame *frame, uintptr_t *sp)
{
	uint64_t word = __atomic_load_n(&rules[rule_place(frame->pc)], __ATOMIC_RELAXED);
	uintptr_t base = LR_UNLIKELY(word_kind(word) == LR_RULE_FP) ? frame->fp : *sp;
	uintptr_t cfa = base + (uintptr_t)word_cfa_offset(word);
	uintptr_t fp_offset = (uintptr_t)word_fp_offset(word);
	uintptr_t saves_fp = -(uintptr_t)(fp_offset != 0);
	uintptr_t slot = cfa - WORD;
	uintptr_t fp_slot = slot + ((fp_offset + WORD) & saves_fp);
	bool is_plain = word >> 33 == frame->pc >> 16 && word_kind(word) - 1u <= LR_RULE_FP - 1u;
	bool is_inside = slot >= *sp && slot < walk->own_end && (slot & (WORD - 1)) == 0;

	if (LR_UNLIKELY(!is_plain || !is_inside || fp_slot < *sp || fp_slot > slot ||
			(frame->flags & LR_SITE_EXACT) != 0)) {
		walk->frame = *frame;
		walk->sp = *sp;
		if (!leave_slow(walk))
			return false;
		*frame = walk->frame;
		*sp = walk->sp;
		return true;
	}
	frame->pc = lr_load_word(slot);
	frame->slot = slot;
	frame->cfa_word = 0;
	frame->fp_slot = fp_slot;
	frame->fp ^= (frame->fp ^ lr_load_word(fp_slot)) & saves_fp;
	*sp = cfa;
	return LR_LIKELY(frame->pc != 0);
}

/* How many frames of the memo end with @frame? 0 if it is not there. */
static inline uint32_t meet(struct walk *walk, const struct lr_memo_frame *frame)
{
	uint32_t place = *lr_memo_index(walk->thread, frame->slot);
	const struct lr_memo_frame *there = &walk->thread->memo[place];

	uintptr_t difference =
		(there->slot ^ frame->slot) | (there->pc ^ frame->pc) | (there->fp ^ frame->fp);

	/* One branch: that the slot alone is equal is as likely as not. */
	return (difference | frame->flags) == 0 && place < walk->old ? place + 1 : 0;
}

/* memo[@known - 1] was met. Returns the first of the frames up to it that are sure: 0 if all are. */
static inline uint32_t verify(const struct lr_memo_frame *memo, uint32_t known)
{
	/* The way from memo[i] to memo[i - 1] is in the words from which memo[i - 1] was read. */
	for (uint32_t i = known - 1; i > 0; i--) {
		const struct lr_memo_frame *outer = &memo[i - 1];

		/* First, because if it differs then slot is an old address, with anything there. */
		if (LR_UNLIKELY(outer->cfa_word != 0) &&
		    lr_load_word(outer->fp_slot + (uintptr_t)(outer->cfa_word * (int64_t)WORD)) !=
			    outer->slot + WORD)
			return i;
		if (LR_UNLIKELY(lr_load_word(outer->slot) != outer->pc))
			return i;
		if (outer->fp_slot != outer->slot &&
		    LR_UNLIKELY(lr_load_word(outer->fp_slot) != outer->fp))
			return i;
	}
	return 0;
}

/* memo[@sure..@known) are frames of this stack too, but not those outside of them: take them as new frames. */
static void take_over(struct walk *walk, uint32_t sure, uint32_t known)
{
	struct lr_memo_frame *memo = walk->thread->memo;

	for (uint32_t i = known; i > sure; i--)
		memo[--walk->fresh] = memo[i - 1];
	walk->frame = memo[walk->fresh];
	walk->sp = walk->frame.slot + WORD;
	walk->old = sure > 0 ? sure - 1 : 0;
}

static struct lr_walked finish(struct walk *walk, uint32_t kept, bool is_whole)
{
	uint32_t most = walk->depth > LR_STACK_DEPTH_MAX / 2 ? walk->depth : LR_STACK_DEPTH_MAX / 2;

	/* Where the stack goes on, frames that will be met inside of these need room. */
	if (!is_whole && kept == 0 && LR_STACK_DEPTH_MAX - walk->fresh > most)
		walk->fresh = LR_STACK_DEPTH_MAX - most;
	walk->thread->memo_is_whole = is_whole;
	return (struct lr_walked){ .kept = kept, .fresh = walk->fresh };
}

static inline void push(struct walk *walk, const struct lr_memo_frame *frame)
{
	struct lr_memo_frame *place = &walk->thread->memo[--walk->fresh];

	lr_store_word(&place->slot, frame->slot);
	lr_store_word(&place->pc, frame->pc);
	lr_store_word(&place->fp, frame->fp);
	lr_store_word(&place->fp_slot, frame->fp_slot);
	place->flags = frame->flags;
	place->cfa_word = frame->cfa_word;
	if (walk->old > walk->fresh)
		walk->old = walk->fresh;
}

/* From walk->frame outward until the memo takes over, the stack ends, or there is no room. */
static struct lr_walked go(struct walk *walk)
{
	struct lr_stack_thread *thread = walk->thread;
	struct lr_memo_frame frame = walk->frame;
	uintptr_t sp = walk->sp;

	do {
		uint32_t known;

		KEEP_IN_REGISTER(frame.pc);
		KEEP_IN_REGISTER(frame.slot);
		KEEP_IN_REGISTER(frame.fp);
		known = meet(walk, &frame);

		if (known > 0) {
			uint32_t sure = verify(thread->memo, known);

			if (sure == 0 && (thread->memo_is_whole ||
					  known + LR_STACK_DEPTH_MAX - walk->fresh >= walk->depth))
				return finish(walk, known, thread->memo_is_whole);
			take_over(walk, sure, known);
			frame = walk->frame;
			sp = walk->sp;
		} else {
			if (walk->fresh == 0)
				return finish(walk, 0, false);
			push(walk, &frame);
		}
	} while (leave(walk, &frame, &sp));
	return finish(walk, 0, true);
}

struct lr_walked lr_unwind(struct lr_stack_thread *thread, const struct lr_stack_start *start,
			   uint32_t depth)
{
	struct lr_walked walked = { 0 };
	struct walk walk;

	/* Modules that are replaced again and again during one walk are no reason to walk for ever. */
	for (int attempt = 0; attempt < 4; attempt++) {
		if (LR_UNLIKELY(thread->generation !=
				__atomic_load_n(&lr_modules_generation, __ATOMIC_RELAXED)))
			prepare(thread);
		walk.thread = thread;
		walk.frame = (struct lr_memo_frame){
			.slot = start->cfa - WORD,
			.pc = start->pc,
			.fp = start->fp,
			.fp_slot = start->cfa - WORD,
		};
		set_sp(&walk, start->cfa);
		walk.old = thread->memo_is_for_once ? 0 : thread->memo_length;
		walk.fresh = LR_STACK_DEPTH_MAX;
		walk.depth = depth;
		walk.is_void = false;
		walk.window_start = 0;
		walk.window_end = 0;
		thread->memo_is_for_once = walk.own_end == 0;
		walked = go(&walk);
		if (LR_LIKELY(!walk.is_void))
			break;
	}
	return walked;
}

void lr_unwind_restart_in_child(void)
{
	lr_own_stack_restart_in_child();
}
