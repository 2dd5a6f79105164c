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

enum option_value {
	PREEMPTIONS = 256,
	CHANCES,
	MODE,
	REFERENCES,
	ZEROED,
	REUSED,
	ALL,
	REPLAY,
	TESTS,
};

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

struct asked {
	struct explore_setup setup;
	const char *tests;
	bool all;
};

/* Return: 0, or -1 if @option is not known or its argument is wrong. */
static int take_option(int option, struct asked *asked)
{
	switch (option) {
	case PREEMPTIONS:
		asked->setup.bounded = true;
		asked->setup.preemptions = atoi(optarg);
		return 0;
	case CHANCES:
		asked->setup.chances = atoi(optarg);
		return 0;
	case MODE:
		return find_mode(optarg, &asked->setup.mode);
	case REFERENCES:
		asked->setup.references = atoll(optarg);
		return 0;
	case ZEROED:
		asked->setup.zeroed = true;
		return 0;
	case REUSED:
		asked->setup.reused = true;
		return 0;
	case ALL:
		asked->all = true;
		return 0;
	case REPLAY:
		asked->setup.schedule = optarg;
		return 0;
	case TESTS:
		asked->tests = optarg;
		return 0;
	default:
		return -1;
	}
}

int main(int argc, char **argv)
{
	struct asked asked = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (take_option(option, &asked) < 0)
			return wrong("no such option or value", argv[optind - 1]);
	}
	if (asked.tests)
		return explore_tests(strcmp(asked.tests, "full") == 0) ? 1 : 0;
	argv += optind;
	if (!argv[0] || !argv[1] || argc - optind - 1 > EXPLORE_THREADS)
		return wrong("a count and one to six scripts are needed", "");
	asked.setup.count = explore_find_count(argv[0]);
	if (!asked.setup.count)
		return wrong("no such count", argv[0]);
	for (int i = 0; argv[i + 1]; i++)
		asked.setup.threads[i] = argv[i + 1];
	if (!asked.setup.schedule)
		return search_and_print(&asked.setup, asked.all);
	explore_show(&asked.setup, asked.setup.schedule);
	return 0;
}
