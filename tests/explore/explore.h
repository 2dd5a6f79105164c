/* SPDX-License-Identifier: Apache-2.0 */
/**
 * explore.h - the parts of the interleaving explorer, and what they know of each other
 *
 *	atomics.h	the atomic operations of the code under test, as calls of explore_point() and explore_done()
 *	counts/		the counts under test: the real headers, and schemes that must fail
 *	script.c	what a thread does: words such as "tryref unref"
 *	world.c		the object, its lookups, its end; and what must never happen to it
 *	history.c	do the results of all calls make sense in some order of the calls?
 *	search.c	one schedule after the other, until there is none left
 *	trace.c		what a failed schedule looks like
 *	scenarios.c	what is tested
 *	tests.c		runs it
 *	main.c		the command line
 */
#ifndef EXPLORE_EXPLORE_H
#define EXPLORE_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fiber.h"

#define EXPLORE_THREADS 6
#define EXPLORE_WORDS 8
#define EXPLORE_CALLS 24
#define EXPLORE_STEPS 400
#define EXPLORE_OBJECT_SIZE 64

/* ---- the counts under test ---- */

/**
 * struct explore_count - the functions of a count, on memory of EXPLORE_OBJECT_SIZE bytes
 * @name: as on the command line
 * @init: one reference
 * @restore: as many references; NULL if the count has no such thing
 * @immortal: what the static initializer for immortal objects gives; NULL likewise
 * @show: what a value of the atomic word means, as text
 * @rests: it is a cache's count, with evict() and is_evicted()
 * @read_is_vague: read() need not fit into an order of the calls
 * @is_careful: is_unique() may say no, and unref_unless_last() that it is the last, because of an unref that is not over
 * @aborts: it does not say what it does if a misuse is reported and the program goes on, so a schedule ends there
 *
 * The others are as in <lastref/count.h>; functions that a scheme lacks are NULL.
 */
struct explore_count {
	const char *name;
	void (*init)(void *memory);
	void (*restore)(void *memory, int64_t references);
	void (*immortal)(void *memory);
	void (*ref)(void *memory);
	bool (*tryref)(void *memory);
	bool (*unref)(void *memory);
	bool (*unref_unless_last)(void *memory);
	bool (*is_unique)(void *memory);
	int64_t (*read)(void *memory);
	bool (*evict)(void *memory);
	bool (*is_evicted)(void *memory);
	int (*show)(char *text, size_t size, int64_t word);
	bool rests;
	bool read_is_vague;
	bool is_careful;
	bool aborts;
};

/** explore_find_count() - by name; NULL if there is none */
const struct explore_count *explore_find_count(const char *name);

/* ---- what happens in one schedule ---- */

enum explore_word {
	WORD_REF,
	WORD_UNREF,
	WORD_UNREF_UNLESS_LAST,
	WORD_IS_UNIQUE,
	WORD_READ,
	WORD_TRYREF,
	WORD_LOOK,
	WORD_EVICT,
	WORD_IS_EVICTED,
	WORD_INIT,
	WORD_EXTRA_REF,
	WORD_EXTRA_UNREF,
	WORD_LOCK,
	WORD_UNLOCK,
	WORD_END,
};

extern const char *const explore_word_names[];

enum explore_point_kind {
	POINT_LOAD,
	POINT_STORE,
	POINT_ADD,
	POINT_EXCHANGE,
	POINT_COMPARE,
	POINT_LOOKUP,
	POINT_UNLINK,
	POINT_LOCK,
};

/** struct explore_call - one call of a function of the count; @begin and @end are its first and last step */
struct explore_call {
	enum explore_word word;
	int thread;
	unsigned begin;
	unsigned end;
	int64_t result;
};

/** enum explore_mode - what the threads of a scenario do wrong, which decides what is demanded */
enum explore_mode {
	MODE_CORRECT, /* nothing: every call's result is right, the object is destroyed once */
	MODE_MISUSE, /* one reference is used that nobody gave: it is reported, the object is not destroyed twice, ... */
	MODE_OVERFLOW, /* too many references: it is reported, and the object is never destroyed */
	MODE_IMMORTAL, /* nothing: but the object is never destroyed */
};

/**
 * struct explore_setup - what is explored
 * @threads: each a list of words, see script.c
 * @references: restored at first; 0: one for each thread that begins with a word that needs one
 * @at_rest: a cache's object that nobody holds at first
 * @zeroed: the count was never initialized
 * @reused: the memory stays a count and becomes the next object; without it, it is freed
 * @blames: whoever uses a reference that nobody gave is reported in person, unless there was one to steal
 * @unnoticed: the misuse need not be reported; all else is demanded
 * @bounded: a thread that could go on is stopped @preemptions times at most; without it, any number of times
 * @chances: how many weak compare-exchanges may fail without a reason
 * @schedule: one schedule, for a test that runs no other
 */
struct explore_setup {
	const struct explore_count *count;
	enum explore_mode mode;
	const char *threads[EXPLORE_THREADS];
	int64_t references;
	bool at_rest;
	bool zeroed;
	bool reused;
	bool blames;
	bool unnoticed;
	bool bounded;
	int preemptions;
	int chances;
	const char *schedule;
};

struct explore_thread {
	struct fiber fiber;
	int number;
	enum explore_word script[EXPLORE_WORDS + 1];
	struct explore_call *call;
	bool looks_up;
	bool has_lock;
};

struct explore_world {
	const struct explore_setup *setup;
	union {
		char bytes[EXPLORE_OBJECT_SIZE];
		int64_t alignment;
	} object;
	struct explore_call calls[EXPLORE_CALLS];
	int call_count;
	int64_t references_at_first;
	int lookups;
	bool gone;
	bool freed;
	bool locked;
	int destroyed;
	unsigned destroyed_at;
	int reports;
	unsigned reported_at;
	int reported_thread;
};

extern struct explore_world explore_world;

/* script.c */

/** explore_parse() - the words of @text into @thread's script. Return: 0, or -1 and a message on standard error */
int explore_parse(const char *text, struct explore_thread *thread);

/** explore_needs_reference() - does a thread whose script begins with @word hold a reference when it starts? */
bool explore_needs_reference(enum explore_word word);

/** explore_perform() - do all words of the script */
void explore_perform(struct explore_thread *thread);

/* world.c */

void explore_world_begin(const struct explore_setup *setup, int64_t references);
void explore_world_end(void);
struct explore_call *explore_call_begin(enum explore_word word, int thread);
void explore_call_end(struct explore_call *call, int64_t result);
void explore_destroyed(void);
void explore_lookup_ends(struct explore_thread *thread);
void explore_touched(const struct explore_thread *thread);

/* history.c */

/** explore_explain() - is there an order of the calls of @world in which each result is right? */
bool explore_explain(const struct explore_world *world);

/* ---- the schedule ---- */

/** explore_point() - before an access: returns when it is this thread's turn */
void explore_point(enum explore_point_kind kind);

/** explore_fails_by_chance() - should this compare-exchange fail without a reason? */
bool explore_fails_by_chance(void);

/** explore_fail() - the schedule has failed, for the reason given as by printf(). Does not return in a thread of the schedule. */
void explore_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** explore_end_schedule() - the program would have ended here. Does not return in a thread of the schedule. */
void explore_end_schedule(void);

/** explore_step() - how many steps have been made, the one in progress included */
unsigned explore_step(void);

/** explore_running() - the thread whose turn it is; NULL before and after all threads */
struct explore_thread *explore_running(void);

/* trace.c; while explore_tracing is not set, nothing comes here */

extern bool explore_tracing;

void explore_trace_step(const char *what);
void explore_trace_access(const char *what, int64_t operand, int64_t before, int64_t after);
void explore_trace_event(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void explore_done(const char *what, int64_t operand, int64_t before, int64_t after)
{
	if (__builtin_expect(explore_tracing, 0))
		explore_trace_access(what, operand, before, after);
}

#define explore_event_step(what)                                                                   \
	do {                                                                                       \
		if (__builtin_expect(explore_tracing, 0))                                          \
			explore_trace_step(what);                                                  \
	} while (0)

#define explore_event(...)                                                                         \
	do {                                                                                       \
		if (__builtin_expect(explore_tracing, 0))                                          \
			explore_trace_event(__VA_ARGS__);                                          \
	} while (0)

/* ---- the search ---- */

#define EXPLORE_REASON 160
#define EXPLORE_SCHEDULE 512

/**
 * struct explore_result - what a search found
 * @schedules: how many were run
 * @failures: how many of them failed; 1 at most unless all were asked for
 * @reason, @schedule: of the first that failed; the schedule is what explore_replay() takes
 */
struct explore_result {
	uint64_t schedules;
	uint64_t failures;
	unsigned longest;
	double seconds;
	char reason[EXPLORE_REASON];
	char schedule[EXPLORE_SCHEDULE];
};

/** explore_search() - run every schedule of @setup; stop at the first that fails unless @all. Return: 0, or -1: a bad script */
int explore_search(const struct explore_setup *setup, bool all, struct explore_result *result);

/**
 * explore_replay() - run one schedule: a letter a step, A the first thread; small if a compare-exchange fails by chance
 *
 * A letter of a thread that cannot go on is left out; at the end of the letters the threads go on in their order.
 */
int explore_replay(const struct explore_setup *setup, const char *schedule,
		   struct explore_result *result);

/** explore_show() - replay, and print every step on standard output */
void explore_show(const struct explore_setup *setup, const char *schedule);

/* tests.c */

/** explore_tests() - run the tests of the quick or the full form, TAP on standard output. Return: how many failed */
int explore_tests(bool full);

#endif
