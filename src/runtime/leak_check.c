/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leak check.
 *
 * Layer: runtime. Locks: none here, but checks by several threads look at objects one after the other, see turn.c; the analysis reads the arena
 * while other threads may write it.
 *
 * A check that the program calls prints at once and marks what it reported, so that the check at exit, or the parent under
 * `lastref run`, does not say the same again. The marks are set last of all, when nothing is left to do but to print: a function of the program
 * that the check calls may end the thread or the process, and what has a mark is told by nobody any more. An object born
 * meanwhile is neither reported nor marked: the check sets a checkpoint when it begins, and leaves out what is younger.
 */
#include "runtime/leak_check.h"

#include "analyze/causes.h"
#include "analyze/findings.h"
#include "base/pages.h"
#include "runtime/arena.h"
#include "runtime/describe.h"
#include "runtime/looks.h"
#include "runtime/registry.h"
#include "runtime/settle.h"
#include "runtime/snapshot.h"
#include "runtime/start.h"
#include "runtime/tell.h"
#include "runtime/turn.h"
#include "runtime/types.h"

#include <lastref/check.h>
#include <lastref/kinds.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAUSES_DESCRIBED 10

/* Findings with what they were made of, and the notes of their examples. */
struct check {
	uint32_t process; /* the objects are of this one's */
	struct lr_looks looks;
	struct lr_findings findings;
	struct lr_description *descriptions;
	size_t described;
};

/*
 * .visit, .describe and the like may fork, and so may a handler of reports. In the child nothing of
 * the check is to be used but to be freed.
 */
static bool is_of_this_process(const struct check *check)
{
	return lr_start_is_process(check->process);
}

static void analyze(struct check *check, const struct lr_findings_options *options,
		    const struct lr_looks_options *what)
{
	memset(check, 0, sizeof(*check));
	check->process = lr_start_process();
	lr_turn_begin();
	lr_looks_make(&check->looks, what);
	lr_turn_end();
	if (!is_of_this_process(check))
		return;
	/* Without memory for causes the sums are there all the same, and the report says what is missing. */
	lr_findings_make(&check->findings, &check->looks.image, options);
}

static void describe(struct check *check)
{
	struct lr_findings *findings = &check->findings;

	if (!is_of_this_process(check))
		return;
	lr_findings_mark(findings, CAUSES_DESCRIBED);
	for (size_t i = 0; i < findings->cause_count; i++)
		check->described += findings->causes[i].shown ? findings->causes[i].example_count : 0;
	check->descriptions = lr_pages_map(check->described * sizeof(*check->descriptions) + 1);
	if (!check->descriptions) {
		findings->incomplete = true;
		return;
	}
	lr_turn_begin();
	lr_describe_examples(findings, check->descriptions);
	lr_turn_end();
}

static void make_check(struct check *check, const struct lr_findings_options *options, bool for_parent)
{
	const struct lr_looks_options what = {
		.in_arena = for_parent,
	};

	analyze(check, options, &what);
	describe(check);
}

static void free_check(struct check *check)
{
	lr_pages_unmap(check->descriptions, check->described * sizeof(*check->descriptions) + 1);
	lr_findings_free(&check->findings);
	lr_looks_free(&check->looks);
}

/*
 * An object inside its destructor has no room for the mark: its birth number is kept, so that it is counted once; and the process with
 * it, since a child deals the numbers again. When there are more than fit, some are counted at each check.
 */
static bool is_first_report(uint64_t birth)
{
	static uint64_t reported[64];
	uint64_t name = birth ^ (uint64_t)lr_arena_header()->pid << 24;

	for (size_t i = 0; i < sizeof(reported) / sizeof(reported[0]); i++) {
		uint64_t kept = 0;

		if (__atomic_compare_exchange_n(&reported[i], &kept, name, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
		if (kept == name)
			return false;
	}
	return true;
}

/* Between two checkpoints; all checkpoints if these are 0. */
struct ages {
	uint32_t since;
	uint32_t until;
};

/* Is a check of what was born then about an object in this state? */
static bool is_leak(uint32_t state, const struct ages *ages)
{
	uint32_t age = (state & ~LR_STATE_MASK) >> LR_ALIVE_AGE_SHIFT;

	if ((state & LR_STATE_MASK) == LR_STATE_DYING)
		return ages->since == 0;
	return (state & LR_STATE_MASK) == LR_STATE_ALIVE && !(state & LR_ALIVE_IGNORED) &&
	       age >= ages->since && (ages->until == 0 || age < ages->until);
}

/* Return: true if no check reported this leak before. */
static bool mark(struct lr_record *record, uint32_t state)
{
	if ((state & LR_STATE_MASK) == LR_STATE_DYING)
		return is_first_report(__atomic_load_n(&record->birth, __ATOMIC_RELAXED));
	/* If the object begins to die now, its thread's plain store or this exchange comes last; both are right. */
	return !(state & LR_ALIVE_REPORTED) &&
	       __atomic_compare_exchange_n(&record->state, &state, state | LR_ALIVE_REPORTED, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Is there anything that a check may be about? Mostly there is not after a request, and the analysis takes much longer than this. */
static bool any_leak(const struct ages *ages)
{
	uint64_t count = lr_image_count(&lr_arena_image, LR_RECORDS);

	for (uint64_t i = 0; i < count; i++) {
		if (is_leak(lr_record_state(lr_arena_at(LR_RECORDS, (uint32_t)i)), ages))
			return true;
	}
	return false;
}

/* Return: how many were not marked before. */
static uint64_t mark_all(const struct ages *ages)
{
	uint64_t count = lr_image_count(&lr_arena_image, LR_RECORDS);
	uint64_t marked = 0;

	for (uint64_t i = 0; i < count; i++) {
		struct lr_record *record = lr_arena_at(LR_RECORDS, (uint32_t)i);
		uint32_t state = lr_record_state(record);

		marked += is_leak(state, ages) && mark(record, state);
	}
	return marked;
}

static bool is_told(const struct lr_graph *graph, uint32_t node)
{
	uint32_t label = lr_label_value(graph, node);

	return !lr_graph_is_old(graph, node) &&
	       (label < LR_LABEL_GONE || label == LR_LABEL_SHARED || label == LR_LABEL_LOST);
}

/* Return: true if no check reported the object of this node before. */
static bool mark_node(const struct lr_graph *graph, uint32_t node)
{
	struct lr_live live;

	/* It died meanwhile, and is told. */
	if (!lr_graph_take(graph, node, &live))
		return true;
	return mark(lr_arena_at(LR_RECORDS, graph->nodes[node].record), live.copy.state);
}

static uint64_t mark_nodes(const struct lr_graph *graph)
{
	uint64_t marked = 0;

	for (uint32_t i = 0; i < graph->node_count; i++)
		marked += is_told(graph, i) && mark_node(graph, i);
	return marked;
}

/* Mark what the analysis has found, and count what was not marked before. Without memory for a graph, all that it may have found. */
static void mark_found(const struct lr_findings *findings, const struct ages *ages)
{
	if (findings->objects > 0)
		lr_arena_count(LR_REPORTED,
			       findings->graph ? mark_nodes(findings->graph) : mark_all(ages));
}

/* What an earlier check wrote down of the object, or NULL. */
static struct lr_note *find_note(uint64_t birth)
{
	uint64_t count = lr_image_count(&lr_arena_image, LR_NOTES);

	for (uint64_t i = 0; i < count; i++) {
		struct lr_note *note = lr_arena_at(LR_NOTES, (uint32_t)i);

		/*
		 * Pairs with the releases of ignore.c: its flag is set before the birth number is,
		 * and cleared after it.
		 */
		if (__atomic_load_n(&note->birth, __ATOMIC_ACQUIRE) == birth &&
		    !(__atomic_load_n(&note->flags, __ATOMIC_ACQUIRE) & LR_NOTE_IGNORED) &&
		    __atomic_load_n(&note->birth, __ATOMIC_RELAXED) == birth)
			return note;
	}
	return NULL;
}

/* The text as @note has it already, if it is the same. Without memory for a new one the object has none. */
static lr_text_ref text_for(const struct lr_note *note, const struct lr_description *description)
{
	size_t length = 0;
	const char *text = lr_image_text(&lr_arena_image, note->text, &length);

	if (description->length == 0)
		return 0;
	if (length == description->length && memcmp(text, description->text, length) == 0)
		return note->text;
	return lr_arena_add_text(description->text, description->length);
}

/* Another thread may be about to write a snapshot. */
static void update_note(struct lr_note *note, const struct lr_description *description)
{
	__atomic_store_n(&note->text, text_for(note, description), __ATOMIC_RELAXED);
	__atomic_store_n(&note->count, description->note.count, __ATOMIC_RELAXED);
	__atomic_store_n(&note->size, description->note.size, __ATOMIC_RELAXED);
	__atomic_store_n(&note->flags, description->note.flags, __ATOMIC_RELAXED);
}

/*
 * For the readers of the image: what nobody can ask the objects when they are dead. An object has one note, which says what was
 * seen last: a program may take snapshots for ever, and only a text that has changed takes room again.
 */
static void leave_notes(const struct check *check)
{
	for (size_t i = 0; check->descriptions && i < check->described; i++) {
		const struct lr_description *description = &check->descriptions[i];
		struct lr_note *note = find_note(description->note.birth);
		uint32_t unused;

		if (!note && description->note.flags != 0) {
			note = lr_arena_add(LR_NOTES, &unused);
			if (!note)
				return;
			note->birth = description->note.birth;
		}
		if (note)
			update_note(note, description);
	}
}

static void panic_if_asked(void)
{
	if (lastref_get_leak_mode() == LASTREF_LEAKS_PANIC)
		abort();
}

/*
 * For a check within a check, by a .describe or .visit, or by a destructor that the descriptions cause: the outer one is about to report the same, and if
 * this one asked objects in its turn there would be no end.
 */
static size_t only_count(uint32_t since)
{
	const struct lr_findings_options options = { .since = since,
						     .is_current = lr_describe_is_current };
	struct lr_findings findings;
	size_t objects;

	lr_findings_make(&findings, &lr_arena_image, &options);
	objects = (size_t)findings.objects;
	lr_findings_free(&findings);
	return objects;
}

/* How many objects could not be registered. They may live. */
static uint64_t losses(void)
{
	const struct lr_image_header *header = lr_arena_header();

	return lr_image_counter(header, LR_LOST_OBJECTS) + lr_image_counter(header, LR_LOST_TYPES);
}

/*
 * What is marked is told a while later. The check at exit, which skips it, ends the process: so it waits
 * for those that are in between. A report handler that calls exit() waits for other threads only.
 */
static uint32_t reporting;
static __thread uint32_t own_reporting; /* those of this thread */
static bool is_exiting;

static uint64_t told_losses; /* of this process, by reports of checks that the program called */

void lr_leak_check_restart_in_child(void)
{
	told_losses = 0;
	reporting = own_reporting;
	is_exiting = false;
}

/* Return: false if the check at exit has begun, which reports all that lives. */
static bool begin_report(void)
{
	own_reporting++;
	/* In one order with the store and the load of check_at_exit(): one of the two sees the other. */
	__atomic_fetch_add(&reporting, 1, __ATOMIC_SEQ_CST);
	return !__atomic_load_n(&is_exiting, __ATOMIC_SEQ_CST);
}

static void end_reports(uint32_t count)
{
	__atomic_fetch_sub(&reporting, count, __ATOMIC_RELEASE);
	own_reporting -= count;
}

/* What it was to report has no mark, so others do. A handler of reports that ends the thread has been told. */
void lr_leak_check_leave(void)
{
	if (own_reporting > 0)
		end_reports(own_reporting);
}

static bool any_caches(void)
{
	for (uint32_t id = 1; id <= lr_types_count(); id++) {
		const struct lr_type_info *type = lr_type_by_id(id);

		if (type && type->count_kind == LASTREF_KIND_CACHE_)
			return true;
	}
	return false;
}

/* What a check that the program calls is about. */
struct scope {
	bool is_request; /* lastref_leaks_since(), else lastref_leak_check() */
	struct ages ages;
};

/*
 * Also an older entry at rest may hold what seems to be left behind by a request; but to look at a whole cache is worth while
 * only if there seems to be anything.
 */
static void check_scope(struct check *check, const struct scope *scope)
{
	const struct lr_findings_options options = {
		.spares_resting = scope->is_request,
		.since = scope->ages.since,
		.until = scope->ages.until,
		.is_current = lr_describe_is_current,
	};
	struct lr_looks_options what = { .since = options.since, .until = options.until };

	analyze(check, &options, &what);
	if (scope->is_request && check->findings.objects > 0 && any_caches()) {
		free_check(check);
		what.caches = true;
		analyze(check, &options, &what);
	}
	describe(check);
}

/* Return: how many objects it is about. */
static size_t tell(struct check *check, const struct scope *scope, bool has_news)
{
	size_t objects = (size_t)check->findings.objects;

	mark_found(&check->findings, &scope->ages);
	if (objects > 0 || has_news)
		lr_tell(&check->findings, scope->ages.since > 0 && objects > 0);
	return objects;
}

static size_t mark_and_tell(struct scope scope)
{
	struct check check;
	uint64_t lost = losses();
	/* Silence would say that nothing lives; but a program that checks after each request is told of the same losses once. */
	bool has_news = lost > __atomic_load_n(&told_losses, __ATOMIC_RELAXED);
	size_t objects;
	uint32_t now;

	if (!any_leak(&scope.ages) && !has_news)
		return 0;
	now = lr_registry_checkpoint();
	scope.ages.until = now < LR_ALIVE_AGE_MAX ? now : 0;
	check_scope(&check, &scope);
	objects = is_of_this_process(&check) ? tell(&check, &scope, has_news) : 0;
	if (is_of_this_process(&check) && has_news)
		__atomic_store_n(&told_losses, lost, __ATOMIC_RELAXED);
	free_check(&check);
	if (is_of_this_process(&check) && objects > 0)
		panic_if_asked();
	return objects;
}

static size_t check_and_tell(const struct scope *scope)
{
	size_t objects;

	if (!lr_start_checking())
		return 0;
	if (lr_turn_is_ours())
		return only_count(scope->ages.since);
	lr_settle();
	objects = begin_report() ? mark_and_tell(*scope) : only_count(scope->ages.since);
	end_reports(1);
	return objects;
}

/* A thread that is canceled halfway would take the report with it, and leave descriptors and a child. */
static size_t check_now(bool is_request, uint32_t since)
{
	const struct scope scope = { .is_request = is_request, .ages = { .since = since } };
	uint32_t process;
	size_t objects;
	int cancel_state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	/* Again in a child that a function of the program forked while it was asked: about its own objects. */
	do {
		process = lr_start_process();
		objects = check_and_tell(&scope);
	} while (!lr_start_is_process(process));
	pthread_setcancelstate(cancel_state, NULL);
	return objects;
}

size_t lastref_leak_check(void)
{
	return check_now(false, 0);
}

lastref_checkpoint lastref_checkpoint_now(void)
{
	/* In the child of a fork that called no handlers, everything begins anew. */
	lr_start_checking();
	return lr_registry_checkpoint();
}

size_t lastref_leaks_since(lastref_checkpoint since)
{
	return check_now(true, since < LR_ALIVE_AGE_MAX ? (uint32_t)since : LR_ALIVE_AGE_MAX);
}

static int write_check(struct check *check, const char *path)
{
	leave_notes(check);
	lr_looks_show(&check->looks);
	return lr_snapshot_write(&check->looks.image, path);
}

static int take_snapshot(const char *path)
{
	static const struct lr_findings_options options = { .is_current = lr_describe_is_current };
	struct check check;
	int error;

	if (!lr_start_checking())
		return -ENODATA;
	if (!lr_turn_is_ours()) {
		make_check(&check, &options, false);
		error = is_of_this_process(&check) ? write_check(&check, path) : -ECANCELED;
		free_check(&check);
		return error;
	}
	return lr_snapshot_write(&lr_arena_image, path);
}

int lastref_snapshot(const char *path)
{
	int cancel_state;
	int error;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	error = take_snapshot(path);
	pthread_setcancelstate(cancel_state, NULL);
	return error;
}

size_t lastref_live_objects(void)
{
	/* In the child of a fork that called no handlers, the figures are still the parent's. */
	lr_start_checking();
	return (size_t)lr_registry_live();
}

/*
 * The program has ended in order, and what it printed must not be lost because it leaked. A thread that is stuck in an
 * output of its own keeps its text.
 */
static void flush_output(void)
{
	if (ftrylockfile(stdout) != 0)
		return;
	fflush_unlocked(stdout);
	funlockfile(stdout);
}

/* exit() within exit() goes on with what is left of it: libc flushes every file, and waits for no thread's lock. */
static void exit_with_exitcode(int status, void *unused)
{
	(void)status;
	(void)unused;
	exit(lr_start_settings()->exitcode);
}

/*
 * We are in a destructor of this library, and those of others may still have to run. All of them together are one exit handler
 * of the dynamic linker's, the first of the program and so the last to run. A second exit() here would not come back to it; but
 * exit() looks for handlers that were added meanwhile when it returns, and then finds this one.
 */
static void change_status(void)
{
	if (on_exit(exit_with_exitcode, NULL) != 0)
		exit(lr_start_settings()->exitcode);
}

/* What could not be kept or analyzed may have leaked: silence would say that it did not. */
static bool is_in_doubt(const struct check *check)
{
	return check->findings.incomplete || losses() > 0;
}

static void tell_at_exit(struct check *check)
{
	if (lr_arena_is_shared())
		leave_notes(check);
	else if (check->findings.objects > 0 || is_in_doubt(check) ||
		 lr_arena_header()->counters[LR_UNWRITTEN_EVENTS] > 0)
		lr_tell(&check->findings, false);
}

static void check_at_exit(void)
{
	struct lr_findings_options options = { .is_current = lr_describe_is_current };
	struct check check;
	bool leaked;

	lr_settle();
	__atomic_store_n(&is_exiting, true, __ATOMIC_SEQ_CST);
	/* What a check that is stuck has marked was perhaps never told. */
	options.skip_reported = lr_turn_await(&reporting, own_reporting);
	make_check(&check, &options, lr_arena_is_shared());
	leaked = check.findings.objects > 0;
	if (is_of_this_process(&check))
		tell_at_exit(&check);
	free_check(&check);
	if (!is_of_this_process(&check))
		return;
	leaked = leaked || lr_image_counter(lr_arena_header(), LR_REPORTED) > 0;
	__atomic_store_n(&lr_arena_header()->state, LR_PROCESS_CHECKED, __ATOMIC_RELEASE);
	if (!leaked)
		return;
	lr_arena_tell_run('l');
	if (lastref_get_leak_mode() == LASTREF_LEAKS_PANIC)
		flush_output();
	panic_if_asked();
	if (lr_start_settings()->exitcode != 0)
		change_status();
}

/* The program's exit() need not be a point where a pending pthread_cancel() ends the thread, and with it the exit. */
void lr_leak_check_at_exit(void)
{
	int cancel_state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	check_at_exit();
	pthread_setcancelstate(cancel_state, NULL);
}
