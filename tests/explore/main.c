/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The explorer's command line. Layer: tests. Locks: none.
 */
#include "explore.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: explore [OPTION...] COUNT SCRIPT...	search every schedule of these threads\n"
	"       explore --tests quick|full		the tests, as TAP\n"
	"\n"
	"    COUNT     standard, hot, cache, original, sticky, or a mutant\n"
	"    SCRIPT    what one thread does, such as \"tryref unref\"; see script.c\n"
	"    --preemptions N   at most so many: a bounded search\n"
	"    --chances N       so many weak compare-exchanges may fail without a reason\n"
	"    --mode MODE       correct (default), misuse, overflow, immortal\n"
	"    --references N    at first, in place of one a thread that begins with one\n"
	"    --zeroed          the count was never initialized\n"
	"    --reused          the memory becomes the next object\n"
	"    --all             go on after the first failure, and count them\n"
	"    --replay STRING   run this one schedule and show it\n";

static const char *const mode_names[] = { "correct", "misuse", "overflow", "immortal" };

static int wrong(const char *what, const char *text)
{
	fprintf(stderr, "explore: %s: %s\n%s", what, text, usage);
	return 2;
}

static int find_mode(const char *name, enum explore_mode *ret_mode)
{
	for (int i = 0; i < 4; i++) {
		if (strcmp(mode_names[i], name) == 0) {
			*ret_mode = (enum explore_mode)i;
			return 0;
		}
	}
	return -1;
}

static int search_and_print(const struct explore_setup *setup, bool all)
{
	struct explore_result result;

	if (explore_search(setup, all, &result) < 0)
		return 2;
	if (result.failures)
		explore_show(setup, result.schedule);
	printf("%" PRIu64 " schedules of %u steps at most, %" PRIu64 " failed, %.2f s\n",
	       result.schedules, result.longest, result.failures, result.seconds);
	return result.failures ? 1 : 0;
}

int main(int argc, char **argv)
{
	enum { PREEMPTIONS = 256, CHANCES, MODE, REFERENCES, ZEROED, REUSED, ALL, REPLAY, TESTS };
	static const struct option options[] = {
		{ "preemptions", required_argument, NULL, PREEMPTIONS },
		{ "chances", required_argument, NULL, CHANCES },
		{ "mode", required_argument, NULL, MODE },
		{ "references", required_argument, NULL, REFERENCES },
		{ "zeroed", no_argument, NULL, ZEROED },
		{ "reused", no_argument, NULL, REUSED },
		{ "all", no_argument, NULL, ALL },
		{ "replay", required_argument, NULL, REPLAY },
		{ "tests", required_argument, NULL, TESTS },
		{ NULL, 0, NULL, 0 },
	};
	struct explore_setup setup = { 0 };
	const char *replay = NULL;
	bool all = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (option) {
		case PREEMPTIONS:
			setup.bounded = true;
			setup.preemptions = atoi(optarg);
			break;
		case CHANCES:
			setup.chances = atoi(optarg);
			break;
		case MODE:
			if (find_mode(optarg, &setup.mode) < 0)
				return wrong("no mode", optarg);
			break;
		case REFERENCES:
			setup.references = atoll(optarg);
			break;
		case ZEROED:
			setup.zeroed = true;
			break;
		case REUSED:
			setup.reused = true;
			break;
		case ALL:
			all = true;
			break;
		case REPLAY:
			replay = optarg;
			break;
		case TESTS:
			return explore_tests(strcmp(optarg, "full") == 0) ? 1 : 0;
		default:
			return wrong("no such option", argv[optind - 1]);
		}
	}
	argv += optind;
	if (!argv[0] || !argv[1] || argc - optind - 1 > EXPLORE_THREADS)
		return wrong("a count and one to six scripts are needed", "");
	setup.count = explore_find_count(argv[0]);
	if (!setup.count)
		return wrong("no such count", argv[0]);
	for (int i = 0; argv[i + 1]; i++)
		setup.threads[i] = argv[i + 1];
	if (replay)
		explore_show(&setup, replay);
	return replay ? 0 : search_and_print(&setup, all);
}
