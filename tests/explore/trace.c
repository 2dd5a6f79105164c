/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One schedule for a reader: a line a step, in the order in which it happened. Layer: tests. Locks: none.
 *
 * README.md has an example and says how to read it.
 */
#include "explore.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

bool explore_tracing;

static char thread_letter(void)
{
	const struct explore_thread *thread = explore_running();

	return thread ? (char)('A' + thread->number) : '-';
}

static const char *call_name(void)
{
	const struct explore_thread *thread = explore_running();

	return thread && thread->call ? explore_word_names[thread->call->word] : "";
}

static const char *value_text(char text[64], int64_t word)
{
	const struct explore_count *count = explore_world.setup->count;

	count->show(text, 64, word);
	return text;
}

void explore_trace_access(const char *what, int64_t operand, int64_t before, int64_t after)
{
	char text[64], changed[64];

	if (!explore_running())
		return;
	printf("%5u  %c  %-18s %-12s ", explore_step(), thread_letter(), call_name(), what);
	if (before == after && !operand)
		printf("%s\n", value_text(text, before));
	else
		printf("%s -> %s\n", value_text(text, before), value_text(changed, after));
}

void explore_trace_step(const char *what)
{
	printf("%5u  %c  %s\n", explore_step(), thread_letter(), what);
}

void explore_trace_event(const char *format, ...)
{
	va_list args;

	printf("       %c  ... ", thread_letter());
	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, one line above. */
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void show_setup(const struct explore_setup *setup)
{
	printf("count %s\n", setup->count->name);
	for (int i = 0; i < EXPLORE_THREADS && setup->threads[i]; i++)
		printf("    %c: %s\n", 'A' + i, setup->threads[i]);
	printf(" step     call               access       the word\n");
}

void explore_show(const struct explore_setup *setup, const char *schedule)
{
	struct explore_result result;

	show_setup(setup);
	explore_tracing = true;
	explore_replay(setup, schedule, &result);
	explore_tracing = false;
	if (result.failures)
		printf("FAILED: %s\n", result.reason);
	else
		printf("nothing is wrong in this schedule\n");
	printf("replay: %s\n", schedule);
}
