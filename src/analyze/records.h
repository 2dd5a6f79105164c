/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of an image that may change meanwhile, and runs of elements that lie side by side.
 *
 * Layer: analyze.
 */
#ifndef LR_ANALYZE_RECORDS_H
#define LR_ANALYZE_RECORDS_H

#include "format/image.h"

struct lr_live {
	struct lr_record copy;
	uint64_t ordinal;
};

/*
 * Takes a record that may change hands meanwhile; see struct lr_record. Return: false if it is not
 * live.
 */
static inline bool lr_live_take(const struct lr_record *record, uint64_t ordinal, struct lr_live *ret)
{
	uint32_t state;

	ret->ordinal = ordinal;
	ret->copy.birth = __atomic_load_n(&record->birth, __ATOMIC_ACQUIRE);
	state = __atomic_load_n(&record->state, __ATOMIC_ACQUIRE);
	ret->copy.state = state;
	ret->copy.object = __atomic_load_n(&record->object, __ATOMIC_ACQUIRE);
	ret->copy.site = __atomic_load_n(&record->site, __ATOMIC_ACQUIRE);
	/*
	 * Pairs with the release stores in lr_registry_add(), which begin with the state and the
	 * birth number.
	 */
	if (__atomic_load_n(&record->birth, __ATOMIC_RELAXED) != ret->copy.birth)
		return false;
	state &= LR_STATE_MASK;
	return state == LR_STATE_ALIVE || state == LR_STATE_DYING;
}

/* As above, by ordinal, which may be of no record. */
static inline bool lr_live_find(const struct lr_image *image, uint64_t ordinal, struct lr_live *ret)
{
	const struct lr_record *record = lr_image_at(image, LR_RECORDS, ordinal);

	return record && lr_live_take(record, ordinal, ret);
}

static inline uint32_t lr_birth_type(uint64_t birth)
{
	return (uint32_t)(birth >> LR_BIRTH_NUMBER_BITS);
}

static inline uint64_t lr_birth_number(uint64_t birth)
{
	return birth & LR_BIRTH_NUMBER_MASK;
}

static inline bool lr_live_is_alive(const struct lr_live *live)
{
	return (live->copy.state & LR_STATE_MASK) == LR_STATE_ALIVE;
}

static inline bool lr_live_is_reported(const struct lr_live *live)
{
	return lr_live_is_alive(live) && (live->copy.state & LR_ALIVE_REPORTED);
}

static inline bool lr_live_is_ignored(const struct lr_live *live)
{
	return lr_live_is_alive(live) && (live->copy.state & LR_ALIVE_IGNORED);
}

/*
 * The elements of @kind from @ordinal on, as far as they lie side by side; how many in @ret_count.
 * NULL at the end. To go through a million elements one by one, lr_image_at() takes a third of the
 * time of all that is done with them.
 */
static inline const void *lr_run_at(const struct lr_image *image, enum lr_segment_kind kind,
				    uint64_t ordinal, uint64_t *ret_count)
{
	uint64_t in_segment = LR_SEGMENT_SIZE / lr_image_element_size(kind);
	uint64_t there = in_segment - ordinal % in_segment;
	uint64_t count = lr_image_count(image, kind);
	const void *run = lr_image_at(image, kind, ordinal);

	*ret_count = run && there < count - ordinal ? there : count - ordinal;
	return run;
}

#endif
