/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spots: what one fingerprint and one place in the code have in all processes of a report, and
 * which spots are one entry.
 *
 * Layer: analyze. Scratch memory comes from mmap: the process under test makes a report of itself.
 * Not thread-safe.
 */
#ifndef LR_ANALYZE_SPOTS_H
#define LR_ANALYZE_SPOTS_H

#include "analyze/findings.h"
#include "analyze/fingerprint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LR_SPOT_NONE UINT32_MAX

struct lr_spot {
	uint32_t base;	       /* lr_fingerprint() of its causes */
	uint32_t entry;	       /* set by lr_spots_number() */
	uint64_t last_process; /* that has it, in the order of adding, from 1 */
	/* of the build that compares lowest, where several have these lines */
	struct lr_code_place place;
};

struct lr_spot_use {
	uint32_t spot; /* ordinal; LR_SPOT_NONE without memory for it */
	bool is_suppressed;
};

/* A group of spots that are one entry. */
struct lr_spot_entry {
	uint32_t fingerprint; /* no two have the same */
	uint32_t base;	      /* of its spots */
	uint32_t color;	      /* which entry of this base, from 0 */
	bool has_lines;	      /* so has one of its spots */
	bool shares_lines;    /* with another entry, which is told from it by columns */
};

struct lr_spots {
	struct lr_spot *all;
	size_t count;
	size_t room;
	uint32_t *table; /* ordinal + 1, by base */
	size_t table_room;
	struct lr_spot_use *uses; /* one a cause, process after process */
	size_t use_count;
	size_t use_room;
	size_t *processes; /* where the uses of each end */
	size_t process_count;
	size_t process_room;
	/* made by lr_spots_number(), by base, then in the order of the code */
	struct lr_spot_entry *entries;
	size_t entry_count;
	size_t entry_room;
};

/** lr_spots_finish() - an all-zero struct lr_spots is an empty one */
void lr_spots_finish(struct lr_spots *spots);

/**
 * lr_spots_add_process() - note a process with room for @causes uses
 *
 * Return: false without memory; then it has none.
 */
bool lr_spots_add_process(struct lr_spots *spots, size_t causes);

/**
 * lr_spots_use() - the next cause of the process that was added last. Return: the ordinal of its
 * spot, LR_SPOT_NONE without memory.
 */
uint32_t lr_spots_use(struct lr_spots *spots, uint32_t base, const struct lr_code_place *place);

/**
 * lr_spots_next() - walk the spots of one base; begin with @after = LR_SPOT_NONE. Return:
 * LR_SPOT_NONE at the end.
 */
uint32_t lr_spots_next(const struct lr_spots *spots, uint32_t base, uint32_t after);

/**
 * lr_spots_number() - decide which spots are one entry, and number the entries
 *
 * Return: false without memory.
 */
bool lr_spots_number(struct lr_spots *spots);

/**
 * lr_spots_grow() - room for @count elements of @size, at *@array with *@room of them now. Return:
 * false without memory; all is as before then.
 */
bool lr_spots_grow(void *array, size_t *room, size_t count, size_t size);

#endif
