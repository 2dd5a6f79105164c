/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live objects of one type at one address: all but one were freed without their last unref.
 *
 * Layer: analyze. Memory from mmap: two bytes an object, and more only for those that are suspect.
 */
#ifndef LR_ANALYZE_PLACES_H
#define LR_ANALYZE_PLACES_H

#include "analyze/findings.h"
#include "analyze/records.h"

struct lr_places {
	const struct lr_image *image;
	const struct lr_findings_options *options;
	unsigned char *sieve; /* two bits a slot; see places.c */
	uint64_t slots;
	uint32_t *table; /* of the suspects: record ordinal + 1, hashed by address and type */
	uint64_t table_mask;
	uint64_t suspects;
	bool some_overwritten;
};

/* Born between the checkpoints that are asked for? */
static inline bool lr_places_is_young(const struct lr_findings_options *options,
				      const struct lr_live *live)
{
	uint32_t age = (live->copy.state & ~LR_STATE_MASK) >> LR_ALIVE_AGE_SHIFT;

	if (!lr_live_is_alive(live))
		return options->since == 0;
	return age >= options->since && (options->until == 0 || age < options->until);
}

/**
 * lr_places_init() - for at most @live live records
 *
 * Of those that @options leave out only such have a place as an earlier check reported.
 *
 * Return: false without memory; then every record passes for current.
 */
bool lr_places_init(struct lr_places *places, const struct lr_image *image,
		    const struct lr_findings_options *options, uint64_t live);
void lr_places_finish(struct lr_places *places);

/** lr_places_is_overwritten() - is it another object that is there now? */
bool lr_places_is_overwritten(const struct lr_places *places, const struct lr_live *live);

#endif
