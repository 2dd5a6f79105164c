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
	uint32_t next;	       /* of the same base: an older one, or LR_SPOT_NONE */
	uint32_t builds;       /* ordinal of the build that was seen last, or LR_SPOT_NONE */
	uint64_t last_process; /* that has it, in the order of adding, from 1 */
	/* of the build that compares lowest, where several have these lines */
	struct lr_code_place place;
};

/* A build of the module that a frame of a spot is in. */
struct lr_spot_build {
	uint32_t next; /* of the same spot, or LR_SPOT_NONE */
	uint32_t frame;
	uint64_t build;
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
	uint32_t *table; /* ordinal + 1, by base and place */
	uint32_t *heads; /* ordinal + 1 of the newest spot, by base; as much room */
	size_t table_room;
	struct lr_spot_build *builds;
	size_t build_count;
	size_t build_room;
	uint64_t *known; /* which spots have which builds: hashes of the three, not 0 */
	size_t known_room;
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

/** lr_spots_first() - the newest spot of a base, or LR_SPOT_NONE; the others follow by `next` */
uint32_t lr_spots_first(const struct lr_spots *spots, uint32_t base);

/**
 * lr_spots_differ() - is it certain that two spots of one base are two?
 *
 * It is where the first calls that differ are in one build of one module, whichever processes have
 * it. Between builds lines move, and each program has its own main().
 */
bool lr_spots_differ(const struct lr_spots *spots, uint32_t a, uint32_t b);

/**
 * lr_spots_number() - decide which spots are one entry, and number the entries
 *
 * Return: false without memory.
 */
bool lr_spots_number(struct lr_spots *spots);

#endif
