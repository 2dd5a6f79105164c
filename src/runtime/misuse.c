/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Misuse.
 *
 * Layer: runtime. Locks: none. Everything is composed in memory of this call, so that two threads may misuse at once.
 *
 * The object is never followed: it is dead, or was never born. What is told of its life comes from its record, if that has not
 * passed on to another object yet.
 */
#include "runtime/misuse.h"

#include "base/attributes.h"
#include "base/pages.h"
#include "base/ranks.h"
#include "base/sink.h"
#include "export/stack_line.h"
#include "runtime/arena.h"
#include "runtime/handlers.h"
#include "runtime/copies.h"
#include "runtime/machine.h"
#include "runtime/quiet_write.h"
#include "runtime/registry.h"
#include "runtime/start.h"
#include "runtime/symbols.h"
#include "runtime/thread.h"
#include "runtime/types.h"

#include <errno.h>
#include <lastref/kinds.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In pages, not on the stack: the misuse may be on a fibre's, or in a signal handler. */
struct message {
	struct lr_sink sink;
	char text[32 * 1024];
};

#define PLACES_MAX 64

static struct lr_handler_slot handler_slot;

#define TITLE(name, kind, text) [LASTREF_MISUSE_##kind] = text,

static const char *const titles[] = {
	LASTREF_COUNT_MISUSES_(TITLE)[LASTREF_MISUSE_REGISTERED_TWICE] = "REGISTERED TWICE",
	[LASTREF_MISUSE_NOT_REGISTERED] = "UNREGISTERED, BUT NOT REGISTERED",
	[LASTREF_MISUSE_NO_FUNCTION] = "THE TYPE HAS NO SUCH FUNCTION (.ref, .tryref or .unref)",
};

/* Of this thread: of how many the handler has returned, and which was the last of these. */
static __thread uint32_t returned;
static __thread enum lastref_misuse_kind last;

uint32_t lr_misuse_count(void)
{
	return returned;
}

const char *lr_misuse_words(void)
{
	return titles[last];
}

void lastref_set_misuse_handler(lastref_misuse_handler handler, void *context)
{
	lr_handler_set(&handler_slot, (lr_handler_function)handler, context);
}

static bool by_hand(enum lastref_misuse_kind kind)
{
	return kind == LASTREF_MISUSE_REGISTERED_TWICE || kind == LASTREF_MISUSE_NOT_REGISTERED;
}

static void write_type(struct lr_sink *sink, const struct lr_misuse *misuse)
{
	const struct lastref_type *type = misuse->type;
	const char *name = type ? "(unnamed)" : "(bare count)";

	if (type && type->options && type->options->name)
		name = type->options->name;
	else if (type && type->name)
		name = type->name;
	lr_sink_foreign(sink, name, strlen(name), 120);
}

static void write_which(struct lr_sink *sink, const struct lr_misuse *misuse,
			const struct lr_record *record)
{
	if (record)
		lr_sink_printf(sink, "#%llu",
			       (unsigned long long)(record->birth & LR_BIRTH_NUMBER_MASK));
	lr_sink_printf(sink, " at 0x%llx", (unsigned long long)(uintptr_t)misuse->object);
}

/* What ended the object's life. */
static const char *death_label(const struct lr_misuse *misuse)
{
	if (by_hand(misuse->kind))
		return "UNREGISTERED AT";
	if (misuse->type && misuse->type->count_kind == LASTREF_KIND_CACHE_)
		return "EVICTED AT";
	return "LAST UNREF AT";
}

struct sites {
	uint32_t misuse;
	uint32_t birth;
	uint32_t death;
};

static void write_site(struct lr_sink *sink, const char *label, uint32_t site,
		       const struct lr_misuse *misuse, const struct lr_symbolizer *symbolizer)
{
	const struct lr_frames frames = {
		.image = &lr_arena_image,
		.symbolizer = symbolizer,
		.type_name = misuse->type ? misuse->type->name : NULL,
		.room = LR_FRAMES_SHOWN,
	};

	if (site == 0)
		return;
	lr_sink_printf(sink, "  %-15s ", label);
	lr_stack_line(sink, &frames, site, NULL);
	lr_sink_text(sink, "\n");
}

/* @addresses has room for LR_FRAMES_ASKED of each. */
static size_t list_addresses(const struct sites *sites, struct lr_address *addresses)
{
	const uint32_t ids[] = { sites->misuse, sites->birth, sites->death };
	size_t count = 0;

	for (size_t i = 0; i < LR_ARRAY_SIZE(ids); i++)
		count += lr_frames_addresses(&lr_arena_image, ids[i], addresses + count,
					     LR_FRAMES_ASKED);
	return count;
}

static void write_sites(struct lr_sink *sink, const struct lr_misuse *misuse,
			const struct sites *sites)
{
	struct lr_symbols_in_process symbols;
	struct lr_symbolizer symbolizer;
	struct lr_address addresses[3 * LR_FRAMES_ASKED];
	size_t count = list_addresses(sites, addresses);

	lr_symbols_in_process_init(&symbols, &symbolizer);
	symbolizer.prepare(symbolizer.context, addresses, count);
	write_site(sink, "AT", sites->misuse, misuse, &symbolizer);
	write_site(sink, by_hand(misuse->kind) ? "REGISTERED AT" : "BORN AT", sites->birth, misuse,
		   &symbolizer);
	write_site(sink, death_label(misuse), sites->death, misuse, &symbolizer);
	lr_symbols_in_process_finish(&symbols);
	if (!LR_MACHINE_HAS_UNWINDER && sites->misuse != 0)
		lr_sink_text(sink,
			     "  (stacks are one frame deep: lastref walks them on x86_64 only)\n");
}

static uint32_t site_of(const struct lr_misuse *misuse)
{
	struct lr_thread *thread;

	/* We are in a signal handler that interrupted the runtime itself. */
	if (lr_lock_held())
		return 0;
	lr_start_arena();
	thread = lr_thread_self();
	return thread ? lr_stack_capture(lr_thread_stack(thread, 0, false), &misuse->start) : 0;
}

/* Return: false if there is none like it. Two threads at once may leave two, which are told as one. */
static bool count_again(uint32_t site, const char *words, size_t words_length)
{
	uint64_t count = lr_image_count(&lr_arena_image, LR_NOTES);

	for (uint64_t i = 0; i < count; i++) {
		struct lr_note *note = lr_arena_at(LR_NOTES, (uint32_t)i);
		size_t length;
		const char *text;

		if (!(__atomic_load_n(&note->flags, __ATOMIC_ACQUIRE) & LR_NOTE_MISUSE) ||
		    note->size != site)
			continue;
		text = lr_image_text(&lr_arena_image, note->text, &length);
		if (length != words_length || memcmp(text, words, length) != 0)
			continue;
		__atomic_fetch_add(&note->count, 1, __ATOMIC_RELAXED);
		return true;
	}
	return false;
}

/*
 * For the readers of the image, who do not see what is printed here. A program whose handler returns
 * may misuse for ever: one note for each place, and of so many places only.
 */
static void leave_note(uint32_t site, const char *words, size_t length)
{
	static unsigned int places;
	struct lr_note *note;
	uint32_t unused;

	/* Read before it is added to, or it would wrap around some day and make room again. */
	if (site == 0 || count_again(site, words, length) ||
	    __atomic_load_n(&places, __ATOMIC_RELAXED) >= PLACES_MAX ||
	    __atomic_fetch_add(&places, 1, __ATOMIC_RELAXED) >= PLACES_MAX)
		return;
	note = lr_arena_add(LR_NOTES, &unused);
	if (!note)
		return;
	note->text = lr_arena_add_text(words, length);
	note->size = site;
	note->count = 1;
	/* Pairs with the acquire in count_again(). */
	__atomic_store_n(&note->flags, LR_NOTE_MISUSE, __ATOMIC_RELEASE);
}

/* What it is, and of which type. Return: how many bytes that are, at the end of what the sink has. */
static size_t write_title(struct lr_sink *sink, const struct lr_misuse *misuse)
{
	size_t begin;

	lr_sink_text(sink, "lastref: MISUSE  ");
	begin = sink->length;
	lr_sink_printf(sink, "%s: ", titles[misuse->kind]);
	write_type(sink, misuse);
	return sink->length - begin;
}

static void compose(struct lr_sink *sink, const struct lr_misuse *misuse)
{
	const struct lr_record *record =
		misuse->index ? lr_registry_find(misuse->index, misuse->object) : NULL;
	struct sites sites = { .misuse = site_of(misuse) };
	uint32_t state = record ? lr_record_state(record) : LR_STATE_FREE;
	size_t title;

	if (record)
		sites.birth = record->site;
	if ((state & LR_STATE_MASK) == LR_STATE_DYING || (state & LR_STATE_MASK) == LR_STATE_DEAD)
		sites.death = state & ~LR_STATE_MASK;
	title = write_title(sink, misuse);
	leave_note(sites.misuse,
		   (sink->memory ? sink->memory : sink->buffer) + sink->length - title, title);
	write_which(sink, misuse, record);
	lr_sink_text(sink, "\n");
	write_sites(sink, misuse, &sites);
	if (!record && lastref_get_leak_mode() == LASTREF_LEAKS_OFF && !lr_copies_first())
		lr_sink_text(sink,
			     "  (run with LASTREF=leaks=warn to see where the object was born and died)\n");
}

static void write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n > 0) {
			text += n;
			length -= (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			return;
		}
	}
}

/* @text is what the sink collects, or NULL if that is only its own buffer. */
static void report(const struct lr_misuse *misuse, struct lr_sink *sink, const char *text)
{
	const struct lr_handler *handler = lr_handler_get(&handler_slot);
	struct lr_quiet_write quiet;
	int cancel_state;

	/* Whoever is canceled does not abort. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	/* The symbols are asked for by way of a file. */
	lr_quiet_write_begin(&quiet);
	compose(sink, misuse);
	lr_arena_count(LR_MISUSES, 1);
	if (handler) {
		struct lastref_misuse told = {
			.kind = misuse->kind,
			.type = misuse->type,
			.object = misuse->object,
			.message = text ? text : "lastref: MISUSE (no memory for the message)\n",
		};

		lr_quiet_write_end(&quiet, true);
		pthread_setcancelstate(cancel_state, NULL);
		((lastref_misuse_handler)handler->function)(&told, handler->context);
		last = misuse->kind;
		returned++;
		return;
	}
	write_all(lr_start_error_output(), text ? text : sink->buffer, sink->length);
	abort();
}

static LR_NOINLINE void report_without_memory(const struct lr_misuse *misuse)
{
	struct lr_sink sink;

	lr_sink_init(&sink, -1);
	report(misuse, &sink, NULL);
}

void lr_misuse_report(const struct lr_misuse *misuse)
{
	struct message *message = lr_pages_map(sizeof(*message));

	if (!message) {
		report_without_memory(misuse);
		return;
	}
	lr_sink_init_memory(&message->sink, message->text, sizeof(message->text) - 1);
	report(misuse, &message->sink, message->text);
	lr_pages_unmap(message, sizeof(*message));
}

/* One function a misuse: a backtrace alone names the bug. */

#define DEFINE_MISUSE(name, kind_, text)                                                           \
	LR_COLD void lastref_misuse_##name(const struct lastref_type *type, const void *object,    \
					   uint32_t index_)                                        \
	{                                                                                          \
		const struct lr_misuse misuse = {                                                  \
			.kind = LASTREF_MISUSE_##kind_,                                            \
			.type = type,                                                              \
			.object = object,                                                          \
			.index = index_,                                                           \
			.start = LR_STACK_HERE(),                                                  \
		};                                                                                 \
		lr_misuse_report(&misuse);                                                         \
	}

LASTREF_COUNT_MISUSES_(DEFINE_MISUSE)
