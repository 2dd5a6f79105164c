/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All schedules, one after the other. Layer: tests. Locks: none: the threads are fibers.
 *
 * Depth first and stateless: a schedule is run from its beginning to its end; then the last choice that has an alternative left
 * takes it, what was chosen before is replayed, and what comes after is chosen anew. So nothing of a state has to be saved, and the
 * memory that is needed is one choice a step. The order is always the same: who runs goes on if it can, else the lowest number.
 *
 * Threads with equal scripts are exchangeable: a schedule with two of them exchanged is the same schedule with other names. So a
 * thread does not start before those of lower number with its script have started.
 *
 * The code between two points sees and changes nothing that is shared but through them, so it runs along with the point before it.
 */
#include "explore.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* One choice: a thread, or (@is_chance) whether a compare-exchange fails. @left: the alternatives that were not tried. */
struct choice {
	uint8_t chosen;
	uint8_t left;
	bool is_chance;
};

static struct {
	struct choice path[EXPLORE_STEPS];
	int length;
	/* Instead of the path, when a given schedule is replayed. */
	const char *letters;
} search;

static struct {
	const struct explore_setup *setup;
	struct fiber main;
	struct explore_thread threads[EXPLORE_THREADS];
	int thread_count;
	int64_t references;
	unsigned twins[EXPLORE_THREADS];
	struct explore_thread *running;
	bool starting;
	bool ended;
	bool failed;
	unsigned alive;
	unsigned started;
	unsigned wants_lock;
	int depth;
	int preemptions;
	int chances;
	unsigned step;
	char reason[EXPLORE_REASON];
} run;

unsigned explore_step(void)
{
	return run.step;
}

struct explore_thread *explore_running(void)
{
	return run.running;
}

void explore_end_schedule(void)
{
	struct explore_thread *self = run.running;

	run.ended = true;
	if (!self)
		return;
	/* Nobody comes back to this fiber: the next schedule begins it anew. */
	run.running = NULL;
	fiber_switch(&self->fiber, &run.main);
}

void explore_fail(const char *format, ...)
{
	va_list args;

	if (run.failed)
		return;
	run.failed = true;
	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, one line above. */
	vsnprintf(run.reason, sizeof(run.reason), format, args);
	va_end(args);
	explore_end_schedule();
}

static unsigned bit(const struct explore_thread *thread)
{
	return 1u << thread->number;
}

/* The threads that can make a step. */
static unsigned enabled(void)
{
	unsigned threads = run.alive;

	if (explore_world.locked)
		threads &= ~run.wants_lock;
	return threads;
}

static unsigned without_idle_twins(unsigned threads)
{
	for (int i = 1; i < run.thread_count; i++) {
		if (run.twins[i] & ~run.started)
			threads &= ~(1u << i);
	}
	return threads;
}

static int lowest(unsigned threads)
{
	return __builtin_ctz(threads);
}

static void remember(int chosen, unsigned left, bool is_chance)
{
	struct choice *choice = &search.path[search.length];

	search.length++;
	choice->chosen = (uint8_t)chosen;
	choice->left = (uint8_t)left;
	choice->is_chance = is_chance;
}

static int choose_new(unsigned threads)
{
	int self = run.running ? run.running->number : -1;
	int chosen;

	threads = without_idle_twins(threads);
	if (self >= 0 && threads >> self & 1) {
		chosen = self;
		if (run.setup->bounded && run.preemptions >= run.setup->preemptions)
			threads = 1u << self;
	} else {
		chosen = lowest(threads);
	}
	remember(chosen, threads & ~(1u << chosen), false);
	return chosen;
}

static int choose_by_letter(unsigned threads)
{
	while (*search.letters) {
		int number = (*search.letters++ | 0x20) - 'a';

		if (number >= 0 && number < run.thread_count && threads >> number & 1)
			return number;
	}
	if (run.running && threads & bit(run.running))
		return run.running->number;
	return lowest(threads);
}

/* Whose turn is it? NULL if nobody can make a step. */
static struct explore_thread *choose(void)
{
	unsigned threads = enabled();
	int chosen;

	if (threads == 0)
		return NULL;
	if (search.letters)
		chosen = choose_by_letter(threads);
	else if (run.depth < search.length)
		chosen = search.path[run.depth].chosen;
	else
		chosen = choose_new(threads);
	run.depth++;
	if (run.running && chosen != run.running->number && threads & bit(run.running))
		run.preemptions++;
	run.started |= 1u << chosen;
	return &run.threads[chosen];
}

/* Goes on with @next in place of @self; returns when it is @self's turn again. */
static void give_turn(struct explore_thread *self, struct explore_thread *next)
{
	if (next == self)
		return;
	run.running = next;
	fiber_switch(&self->fiber, next ? &next->fiber : &run.main);
}

static void stop_endless_schedule(void)
{
	if (run.depth >= EXPLORE_STEPS - EXPLORE_THREADS - 2)
		explore_fail("the schedule has no end");
}

void explore_point(enum explore_point_kind kind)
{
	struct explore_thread *self = run.running;

	if (!self) {
		run.step++;
		return;
	}
	stop_endless_schedule();
	if (kind == POINT_LOCK)
		run.wants_lock |= bit(self);
	if (run.starting)
		fiber_switch(&self->fiber, &run.main);
	else
		give_turn(self, choose());
	run.wants_lock &= ~bit(self);
	run.step++;
	if (self->call && self->call->begin == 0)
		self->call->begin = run.step;
	if (kind < POINT_LOOKUP)
		explore_touched(self);
}

bool explore_fails_by_chance(void)
{
	bool fails;

	if (!run.running || run.chances >= run.setup->chances)
		return false;
	if (search.letters) {
		fails = search.letters[-1] >= 'a';
	} else {
		if (run.depth == search.length)
			remember(0, 1u << 1, true);
		fails = search.path[run.depth].chosen;
		run.depth++;
	}
	run.chances += fails;
	return fails;
}

static void run_thread(void)
{
	struct explore_thread *self = run.running;

	explore_perform(self);
	run.alive &= ~bit(self);
	if (run.starting)
		fiber_switch(&self->fiber, &run.main);
	give_turn(self, choose());
}

/* Each thread goes up to its first point. */
static void start_threads(void)
{
	run.starting = true;
	for (int i = 0; i < run.thread_count; i++) {
		struct explore_thread *thread = &run.threads[i];

		thread->call = NULL;
		thread->looks_up = false;
		thread->has_lock = false;
		fiber_begin(&thread->fiber, run_thread);
		run.running = thread;
		fiber_switch(&run.main, &thread->fiber);
	}
	run.starting = false;
	run.running = NULL;
}

static void run_schedule(void)
{
	struct explore_thread *first;

	run.running = NULL;
	run.ended = false;
	run.failed = false;
	run.depth = 0;
	run.preemptions = 0;
	run.chances = 0;
	run.started = 0;
	run.wants_lock = 0;
	run.alive = (1u << run.thread_count) - 1;
	explore_world_begin(run.setup, run.references);
	run.step = 0;
	start_threads();
	first = choose();
	if (first) {
		run.running = first;
		fiber_switch(&run.main, &first->fiber);
	}
	run.running = NULL;
	if (!run.ended && run.alive)
		explore_fail("deadlock");
	if (!run.ended)
		explore_world_end();
}

/* The last choice that has an alternative takes it. Return: false if there is none. */
static bool next_schedule(void)
{
	while (search.length > 0) {
		struct choice *last = &search.path[search.length - 1];

		if (last->left) {
			last->chosen = (uint8_t)lowest(last->left);
			last->left &= (uint8_t) ~(1u << last->chosen);
			return true;
		}
		search.length--;
	}
	return false;
}

static void write_schedule(char text[EXPLORE_SCHEDULE])
{
	int length = 0;

	for (int i = 0; i < search.length; i++) {
		const struct choice *choice = &search.path[i];

		if (!choice->is_chance)
			text[length++] = (char)('A' + choice->chosen);
		else if (choice->chosen)
			text[length - 1] = (char)(text[length - 1] + 'a' - 'A');
	}
	text[length] = 0;
}

static unsigned twins_before(const char *const threads[], int number)
{
	unsigned twins = 0;

	for (int i = 0; i < number; i++) {
		if (strcmp(threads[i], threads[number]) == 0)
			twins |= 1u << i;
	}
	return twins;
}

static int prepare(const struct explore_setup *setup)
{
	int64_t references = 0;

	run.setup = setup;
	run.thread_count = 0;
	for (int i = 0; i < EXPLORE_THREADS && setup->threads[i]; i++) {
		struct explore_thread *thread = &run.threads[i];

		if (explore_parse(setup->threads[i], thread) < 0)
			return -1;
		thread->number = i;
		if (!thread->fiber.stack)
			fiber_create(&thread->fiber);
		references += explore_needs_reference(thread->script[0]);
		run.twins[i] = twins_before(setup->threads, i);
		run.thread_count++;
	}
	run.references = setup->references || setup->at_rest ? setup->references : references;
	search.length = 0;
	search.letters = NULL;
	return 0;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void note_failure(struct explore_result *result)
{
	if (result->failures++ > 0)
		return;
	memcpy(result->reason, run.reason, sizeof(result->reason));
	if (!search.letters)
		write_schedule(result->schedule);
}

static void note_schedule(struct explore_result *result)
{
	result->schedules++;
	if (run.step > result->longest)
		result->longest = run.step;
	if (run.failed)
		note_failure(result);
}

int explore_search(const struct explore_setup *setup, bool all, struct explore_result *result)
{
	double begin = seconds_now();

	memset(result, 0, sizeof(*result));
	if (prepare(setup) < 0)
		return -1;
	do {
		run_schedule();
		note_schedule(result);
		/* A failed schedule ends early: what it would have chosen later is not known, and is no other failure. */
		if (result->failures && !all)
			break;
	} while (next_schedule());
	result->seconds = seconds_now() - begin;
	return 0;
}

int explore_replay(const struct explore_setup *setup, const char *schedule,
		   struct explore_result *result)
{
	memset(result, 0, sizeof(*result));
	if (prepare(setup) < 0)
		return -1;
	search.letters = schedule;
	run_schedule();
	note_schedule(result);
	snprintf(result->schedule, sizeof(result->schedule), "%s", schedule);
	return 0;
}
