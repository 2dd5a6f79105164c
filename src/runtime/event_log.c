/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event log.
 *
 * Layer: runtime. Locks: none; and while a stack is written in full, the mark on that stack.
 *
 *	lastref: [stack 4711.12] dcache.c:41 dentry_new < lookup < main
 *	lastref: [dentry#17 0x55d0c1a2b2a0] ref to 2 [thread 4713 stack 4711.12]
 *
 * One write(2) an event: what was written when the call returned is in the file however the program ends, and nothing need be flushed.
 * A buffer or a shared mapping would be faster still, but could not be read while the program runs, or not be a terminal or a pipe.
 *
 * The first event with a stack has the stack's line before its own in the same write, and no other event with that stack may be
 * written before it. So the stack has a mark:
 *
 *	thread A: composes both lines			thread B: composes both lines
 *	thread A: marks the stack LOGGING		thread B: finds the mark, sleeps
 *	thread A: writes, LOGGED			thread B: wakes up, writes its event alone
 *
 * If A's write fails, the mark is taken off, and B is the one that writes the stack. All that takes long or may need somebody else comes
 * before the mark: names are found (a loader's lock, a command), room in a full pipe is waited for. Between mark and LOGGED no handler
 * runs, because it might log an event with that very stack, or leave by longjmp(). A signal without one may end the program.
 */
#include "runtime/event_log.h"

#include "base/attributes.h"
#include "base/pages.h"
#include "base/sink.h"
#include "export/stack_line.h"
#include "format/settings.h"
#include "runtime/arena.h"
#include "runtime/output.h"
#include "runtime/quiet_write.h"
#include "runtime/registry.h"
#include "runtime/start.h"
#include "runtime/symbols.h"
#include "runtime/thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_LIMIT 120

/* Both lines. In pages, not on the stack: the event may be that of a signal handler. */
struct first_event {
	struct lr_address addresses[LR_STACK_DEPTH_MAX];
	struct lr_sink sink;
	char text[56 * 1024];
	size_t stack_length; /* of the first line */
	size_t length;
};

struct event {
	const struct lr_type_info *type;
	const char *what;
	const void *object;
	uint32_t index;
	int64_t count;
	uint32_t site;
};

static void write_stack_name(struct lr_sink *sink, uint32_t site)
{
	lr_sink_text(sink, "stack ");
	if (site == 0) {
		lr_sink_text(sink, "?");
		return;
	}
	lr_sink_decimal(sink, lr_arena_header()->pid);
	lr_sink_text(sink, ".");
	lr_sink_decimal(sink, site);
}

static bool is_capital(char letter)
{
	return letter >= 'A' && letter <= 'Z';
}

/* In the log also the words of a misuse are in small letters, as those of all else are already. */
static void write_what(struct lr_sink *sink, const char *what)
{
	char small[100];
	size_t length;

	if (LR_LIKELY(!is_capital(what[0]))) {
		lr_sink_text(sink, what);
		return;
	}
	for (length = 0; what[length] != '\0' && length < sizeof(small); length++)
		small[length] =
			(char)(is_capital(what[length]) ? what[length] - 'A' + 'a' : what[length]);
	lr_sink_bytes(sink, small, length);
}

static void compose_event(struct lr_sink *sink, const struct event *event)
{
	const struct lr_record *record =
		event->index ? lr_registry_find(event->index, event->object) : NULL;
	const char *name = lr_type_name(event->type->id);

	lr_sink_text(sink, "lastref: [");
	lr_sink_foreign(sink, name, strlen(name), NAME_LIMIT);
	if (record) {
		lr_sink_text(sink, "#");
		lr_sink_decimal(sink, __atomic_load_n(&record->birth, __ATOMIC_RELAXED) &
					      LR_BIRTH_NUMBER_MASK);
	}
	lr_sink_text(sink, " ");
	lr_sink_hex(sink, (uintptr_t)event->object);
	lr_sink_text(sink, "] ");
	write_what(sink, event->what);
	if (event->count == INT64_MAX) {
		lr_sink_text(sink, " (immortal)");
	} else if (event->count >= 0) {
		lr_sink_text(sink, " to ");
		lr_sink_decimal(sink, (uint64_t)event->count);
	}
	lr_sink_text(sink, " [thread ");
	lr_sink_decimal(sink, (uint64_t)lr_thread_number());
	lr_sink_text(sink, " ");
	write_stack_name(sink, event->site);
	lr_sink_text(sink, "]\n");
}

static void compose_stack(struct lr_sink *sink, struct first_event *first, const struct event *event)
{
	struct lr_symbols_in_process symbols;
	struct lr_symbolizer symbolizer;
	const struct lr_frames frames = {
		.image = &lr_arena_image,
		.symbolizer = &symbolizer,
		.type_name = lr_type_name(event->type->id),
		.room = LR_FRAMES_ALL,
	};
	size_t count = lr_frames_addresses(&lr_arena_image, event->site, first->addresses,
					   LR_STACK_DEPTH_MAX);

	lr_symbols_in_process_init_for_log(&symbols, &symbolizer);
	symbolizer.prepare(symbolizer.context, first->addresses, count);
	lr_sink_text(sink, "lastref: [");
	write_stack_name(sink, event->site);
	lr_sink_text(sink, "] ");
	lr_stack_line(sink, &frames, event->site, NULL);
	lr_symbols_in_process_finish(&symbols);
}

static void compose_first(struct first_event *first, const struct event *event)
{
	struct lr_sink *sink = &first->sink;

	/* A stack that is longer is cut off; its event has the room that is left then. */
	lr_sink_init_memory(sink, first->text, sizeof(first->text) - sizeof(sink->buffer));
	compose_stack(sink, first, event);
	sink->room = sizeof(first->text);
	lr_sink_text(sink, "\n");
	first->stack_length = sink->length;
	compose_event(sink, event);
	first->length = sink->length;
}

/* Once: who reads the log must hear that it ends, and where standard error is the log, nothing can be said. */
static void tell_failure(int error)
{
	static bool told;
	struct lr_sink sink;
	const char *path = lr_output_path();

	if (path[0] == '\0' || __atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		return;
	lr_sink_init(&sink, lr_start_error_output());
	lr_sink_text(&sink, "lastref: cannot write the event log to ");
	lr_sink_foreign(&sink, path, strlen(path), LR_SETTING_TEXT_MAX);
	lr_sink_text(&sink, ": ");
	lr_sink_text(&sink, strerrordesc_np(error));
	lr_sink_text(&sink, "; what it does not take is counted\n");
	lr_sink_flush(&sink);
}

/* Return: how many bytes were written. */
static size_t write_lines(const char *text, size_t length)
{
	struct lr_quiet_write quiet;
	size_t written;
	int error;

	lr_quiet_write_begin(&quiet);
	error = lr_output_write(text, length, &written);
	if (error != 0) {
		lr_arena_count(LR_UNWRITTEN_EVENTS, 1);
		tell_failure(-error);
	}
	lr_quiet_write_end(&quiet, error != 0);
	return written;
}

static void write_event_alone(const struct event *event)
{
	struct lr_sink sink;

	lr_sink_init(&sink, -1);
	compose_event(&sink, event);
	write_lines(sink.buffer, sink.length);
}

/* Return: false if another thread has written the stack meanwhile. */
static bool mark_stack(struct lr_site *site)
{
	for (;;) {
		/* Pairs with the release in unmark_stack(): the stack's line was written before. */
		uint32_t flags = __atomic_load_n(&site->flags, __ATOMIC_ACQUIRE);

		if (flags & LR_SITE_LOGGED)
			return false;
		if (flags & LR_SITE_LOGGING)
			syscall(SYS_futex, &site->flags, FUTEX_WAIT, flags, NULL, NULL, 0);
		else if (__atomic_compare_exchange_n(&site->flags, &flags, flags | LR_SITE_LOGGING,
						     false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	}
}

static void unmark_stack(struct lr_site *site, bool written)
{
	uint32_t flags = __atomic_load_n(&site->flags, __ATOMIC_RELAXED) & ~LR_SITE_LOGGING;

	/* Pairs with the acquire in mark_stack() and in lr_log_event(). */
	__atomic_store_n(&site->flags, written ? flags | LR_SITE_LOGGED : flags, __ATOMIC_RELEASE);
	syscall(SYS_futex, &site->flags, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Here, while signals arrive, so that a program whose log nobody reads can be ended by one. */
static void wait_for_room(void)
{
	struct pollfd output = { .fd = lr_output_open(), .events = POLLOUT };

	if (output.fd >= 0)
		poll(&output, 1, -1);
}

/* All others do what they do by default, also while a write waits for room that a line is too long for. */
static void find_handled_signals(sigset_t *ret_handled)
{
	struct sigaction action;

	sigemptyset(ret_handled);
	for (int number = 1; number <= SIGRTMAX; number++) {
		if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
		    action.sa_handler != SIG_IGN)
			sigaddset(ret_handled, number);
	}
}

static void write_first(const struct first_event *first, struct lr_site *site)
{
	size_t skipped = first->stack_length;
	sigset_t before;
	sigset_t handled;

	wait_for_room();
	find_handled_signals(&handled);
	pthread_sigmask(SIG_BLOCK, &handled, &before);
	if (mark_stack(site)) {
		skipped = 0;
		unmark_stack(site, write_lines(first->text, first->length) >= first->stack_length);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (skipped > 0)
		write_lines(first->text + skipped, first->length - skipped);
}

static void write_event_with_stack(struct event *event, struct lr_site *site)
{
	struct first_event *first = lr_pages_map(sizeof(*first));

	if (first) {
		compose_first(first, event);
		write_first(first, site);
		lr_pages_unmap(first, sizeof(*first));
		return;
	}
	/* No line may have the number of a stack that is written nowhere. */
	lr_arena_count(LR_LOST_SITES, 1);
	event->site = 0;
	write_event_alone(event);
}

void lr_log_event(const struct lr_type_info *type, const char *what, const void *object,
		  uint32_t index, int64_t count, uint32_t site_id)
{
	struct event event = { type, what, object, index, count, site_id };
	struct lr_site *site = site_id ? lr_arena_at(LR_SITES, site_id - 1) : NULL;
	int saved_errno = errno;
	int cancel;

	/* A birth or a ref is no point where pthread_cancel() ends the thread; open() and poll() are. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	/* Pairs with the release in unmark_stack(). */
	if (!site || (__atomic_load_n(&site->flags, __ATOMIC_ACQUIRE) & LR_SITE_LOGGED))
		write_event_alone(&event);
	else
		write_event_with_stack(&event, site);
	pthread_setcancelstate(cancel, NULL);
	errno = saved_errno;
}
