/* SPDX-License-Identifier: Apache-2.0 */
/**
 * scenarios.h - the tables of tests; each ends with a row without a name
 */
#ifndef EXPLORE_SCENARIOS_H
#define EXPLORE_SCENARIOS_H

#include "explore.h"

/* Of which counts a row speaks. */
#define STANDARD 1
#define HOT 2
#define CACHE 4

/** struct explore_known - a search whose number of schedules is known by arithmetic */
struct explore_known {
	const char *name;
	uint64_t schedules;
	struct explore_setup setup;
};

/** struct explore_right - what is right, in every schedule unless the setup names one; @full: only in the full form */
struct explore_right {
	const char *name;
	unsigned counts;
	bool full;
	struct explore_setup setup;
};

/** struct explore_wrong - what must be caught: the count, and part of the reason */
struct explore_wrong {
	const char *count;
	const char *name;
	const char *reason;
	struct explore_setup setup;
};

/**
 * struct explore_defect - a defect of the original scheme
 * @searched: the counts that are right in every schedule of these threads; in that of the setup, all are
 * @reason: part of what is wrong with the original in the schedule of the setup
 */
struct explore_defect {
	const char *name;
	unsigned searched;
	const char *reason;
	struct explore_setup setup;
};

extern const struct explore_known explore_knowns[];
extern const struct explore_right explore_rights[];
extern const struct explore_wrong explore_wrongs[];
extern const struct explore_defect explore_defects[];

#endif
