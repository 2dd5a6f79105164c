/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the tables of scenarios.c and says how it went, as TAP. Layer: tests. Locks: none.
 *
 * A scheme that must fail is searched until it does, and what was found is found again by the schedule that is printed. D1 to D7 are
 * driven by their own schedule, and lastref's counts go through every other schedule of these threads as well.
 */
#include "scenarios.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNTS(COUNT)                                                                              \
	COUNT(standard)                                                                            \
	COUNT(hot)                                                                                 \
	COUNT(cache)                                                                               \
	COUNT(original)                                                                            \
	COUNT(sticky)                                                                              \
	COUNT(standard_without_dead)                                                               \
	COUNT(hot_without_mark)                                                                    \
	COUNT(hot_without_leaving)                                                                 \
	COUNT(hot_without_deciding_anew)                                                           \
	COUNT(cache_touched_at_rest)                                                               \
	COUNT(cache_evicted_in_two_steps)

#define DECLARE_COUNT(name) extern const struct explore_count explore_##name;
COUNTS(DECLARE_COUNT)

#define ADDRESS_OF_COUNT(name) &explore_##name,
static const struct explore_count *const all_counts[] = { COUNTS(ADDRESS_OF_COUNT) };

static const struct {
	unsigned bit;
	const char *name;
} counts_of_lastref[] = {
	{ STANDARD, "standard" },
	{ HOT, "hot" },
	{ CACHE, "cache" },
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

const struct explore_count *explore_find_count(const char *name)
{
	for (size_t i = 0; i < LENGTH(all_counts); i++) {
		if (strcmp(all_counts[i]->name, name) == 0)
			return all_counts[i];
	}
	return NULL;
}

static struct {
	int number;
	int failed;
} tap;

static void comment(const struct explore_setup *setup, const struct explore_result *result)
{
	printf("# %" PRIu64 " schedules of %u steps at most, ", result->schedules, result->longest);
	if (setup->bounded)
		printf("with %d preemptions at most, ", setup->preemptions);
	else
		printf("all there are, ");
	printf("%.2f s\n", result->seconds);
}

static void say(bool passed, const char *prefix, const char *name, const char *suffix)
{
	tap.number++;
	tap.failed += !passed;
	printf("%sok %d - %s_%s%s\n", passed ? "" : "not ", tap.number, prefix, name, suffix);
	fflush(stdout);
}

static void search_must_pass(const char *name, const char *suffix, const struct explore_setup *setup)
{
	struct explore_result result;
	bool passed = explore_search(setup, false, &result) == 0 && result.failures == 0 &&
		      result.schedules > 0;

	if (result.failures)
		explore_show(setup, result.schedule);
	else
		comment(setup, &result);
	say(passed, setup->count->name, name, suffix);
}

static void run_known(const struct explore_known *known)
{
	struct explore_setup setup = known->setup;
	struct explore_result result;
	bool passed;

	setup.count = &explore_standard;
	passed = explore_search(&setup, false, &result) == 0 && result.failures == 0 &&
		 result.schedules == known->schedules;
	comment(&setup, &result);
	say(passed, "the_search_runs", known->name, "");
}

static void replay_must_pass(const char *name, const char *suffix,
			     const struct explore_setup *setup, const char *schedule)
{
	struct explore_result result;
	bool passed = explore_replay(setup, schedule, &result) == 0 && result.failures == 0;

	if (!passed)
		explore_show(setup, schedule);
	say(passed, setup->count->name, name, suffix);
}

static void run_right(const struct explore_right *right, bool full)
{
	if (right->full && !full)
		return;
	for (size_t i = 0; i < LENGTH(counts_of_lastref); i++) {
		struct explore_setup setup = right->setup;

		if (!(right->counts & counts_of_lastref[i].bit))
			continue;
		setup.count = explore_find_count(counts_of_lastref[i].name);
		if (setup.schedule)
			replay_must_pass(right->name, "", &setup, setup.schedule);
		else
			search_must_pass(right->name, "", &setup);
	}
}

static bool failed_for(const struct explore_result *result, const char *reason)
{
	if (result->failures && strstr(result->reason, reason))
		return true;
	printf("# wanted: %s; found: %s\n", reason, result->failures ? result->reason : "nothing");
	return false;
}

static void run_wrong(const struct explore_wrong *wrong)
{
	struct explore_setup setup = wrong->setup;
	struct explore_result result, again;
	bool passed;

	setup.count = explore_find_count(wrong->count);
	passed = explore_search(&setup, false, &result) == 0 && failed_for(&result, wrong->reason);
	/* What is found must be found again, by what is printed. */
	if (passed) {
		explore_replay(&setup, result.schedule, &again);
		passed = failed_for(&again, result.reason);
		printf("# %s, found in schedule %" PRIu64 ": %s\n", result.reason, result.schedules,
		       result.schedule);
	}
	say(passed, wrong->count, wrong->name, "_is_caught");
}

static void run_defect_of_original(const struct explore_defect *defect)
{
	struct explore_setup setup = defect->setup;
	struct explore_result result;
	bool passed;

	setup.count = &explore_original;
	passed = explore_replay(&setup, setup.schedule, &result) == 0 &&
		 failed_for(&result, defect->reason);
	say(passed, "original", defect->name, "_goes_wrong");

	passed = explore_search(&setup, false, &result) == 0 && result.failures > 0;
	comment(&setup, &result);
	say(passed, "original", defect->name, "_is_found_by_search");
}

static void run_defect(const struct explore_defect *defect)
{
	run_defect_of_original(defect);
	for (size_t i = 0; i < LENGTH(counts_of_lastref); i++) {
		struct explore_setup setup = defect->setup;

		if (!(counts_of_lastref[i].bit & (STANDARD | HOT)))
			continue;
		setup.count = explore_find_count(counts_of_lastref[i].name);
		replay_must_pass(defect->name, "_goes_right", &setup, setup.schedule);
		if (defect->searched & counts_of_lastref[i].bit)
			search_must_pass(defect->name, "_goes_right_in_every_schedule", &setup);
	}
}

int explore_tests(bool full)
{
	tap.number = 0;
	tap.failed = 0;
	for (const struct explore_known *known = explore_knowns; known->name; known++)
		run_known(known);
	for (const struct explore_right *right = explore_rights; right->name; right++)
		run_right(right, full);
	for (const struct explore_wrong *wrong = explore_wrongs; wrong->name; wrong++)
		run_wrong(wrong);
	for (const struct explore_defect *defect = explore_defects; defect->name; defect++)
		run_defect(defect);
	printf("1..%d\n", tap.number);
	return tap.failed;
}
