/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols for the process's own reports.
 *
 * Layer: runtime. Locks: none of ours; for a report the loader's, of its list of modules.
 *
 * For a report the questions and answers go through two memfds, so that neither side can block on a full pipe. The log asks
 * a command that stays (symbol_server.c).
 */
#include "runtime/symbols.h"

#include "base/fds.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/sink.h"
#include "runtime/arena.h"
#include "runtime/command.h"
#include "runtime/exported.h"
#include "runtime/loader.h"
#include "runtime/modules.h"
#include "runtime/symbol_server.h"
#include "runtime/thread.h"

#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_memfd(const char *name)
{
	return lr_fd_lift(memfd_create(name, MFD_CLOEXEC));
}

static void take_answers(struct lr_symbols_in_process *symbols, int fd)
{
	struct stat stat;
	void *mapped;

	if (fstat(fd, &stat) != 0 || stat.st_size <= 0)
		return;
	mapped = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapped == MAP_FAILED)
		return;
	symbols->answers = mapped;
	symbols->answers_size = (size_t)stat.st_size;
}

/* Modules that took each other's place have equal addresses. Each module's name in the image is its own. */
static bool is_same(const struct lr_address *a, const struct lr_address *b)
{
	return a->pc == b->pc && a->module == b->module;
}

/* Where @address is noted, or is to be. At least half of the table is free. */
static uint32_t *note_of(const struct lr_symbols_in_process *symbols, const struct lr_address *address)
{
	size_t mask = symbols->table_room - 1;
	size_t at = lr_hash_word(address->pc ^ (uintptr_t)address->module) & mask;

	while (symbols->table[at] && !is_same(&symbols->asked[symbols->table[at] - 1], address))
		at = (at + 1) & mask;
	return &symbols->table[at];
}

static bool map_questions(struct lr_symbols_in_process *symbols, size_t count)
{
	symbols->table_room = 16;
	while (symbols->table_room < 2 * count)
		symbols->table_room *= 2;
	symbols->mapped = count * (sizeof(*symbols->asked) + sizeof(*symbols->starts)) +
			  symbols->table_room * sizeof(*symbols->table);
	symbols->asked = count > 0 ? lr_pages_map(symbols->mapped) : NULL;
	if (!symbols->asked)
		return false;
	symbols->starts = (size_t *)(symbols->asked + count);
	symbols->table = (uint32_t *)(symbols->starts + count);
	return true;
}

/* Keep what is asked. Most stacks end alike, and many begin alike. */
static bool keep_questions(struct lr_symbols_in_process *symbols,
			   const struct lr_address *addresses, size_t count)
{
	if (!map_questions(symbols, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		uint32_t *note = note_of(symbols, &addresses[i]);

		if (*note)
			continue;
		symbols->asked[symbols->asked_count++] = addresses[i];
		*note = (uint32_t)symbols->asked_count;
	}
	return true;
}

/* Answers stand in the order of the questions, each ended by an empty line. */
static void find_answers(struct lr_symbols_in_process *symbols)
{
	size_t at = 0;

	for (size_t i = 0; i < symbols->asked_count; i++) {
		symbols->starts[i] = at;
		while (at < symbols->answers_size) {
			const char *line = symbols->answers + at;
			const char *newline = memchr(line, '\n', symbols->answers_size - at);

			at = newline ? (size_t)(newline + 1 - symbols->answers) :
				       symbols->answers_size;
			if (newline == line)
				break;
		}
	}
}

static void ask_all(struct lr_symbols_in_process *symbols)
{
	int questions = make_memfd("lastref questions");
	int answers = make_memfd("lastref answers");
	struct lr_sink sink;

	lr_sink_init(&sink, questions);
	for (size_t i = 0; i < symbols->asked_count; i++)
		lr_symbol_question(&sink, &symbols->asked[i]);
	if (questions >= 0 && answers >= 0 && lr_sink_flush(&sink) == 0 &&
	    lseek(questions, 0, SEEK_SET) == 0 && lr_command_run(questions, answers))
		take_answers(symbols, answers);
	if (questions >= 0)
		close(questions);
	if (answers >= 0)
		close(answers);
}

static void prepare(void *context, const struct lr_address *addresses, size_t count)
{
	struct lr_symbols_in_process *symbols = context;

	if (!keep_questions(symbols, addresses, count))
		return;
	ask_all(symbols);
	find_answers(symbols);
}

static void prepare_for_log(void *context, const struct lr_address *addresses, size_t count)
{
	struct lr_symbols_in_process *symbols = context;

	if (!keep_questions(symbols, addresses, count))
		return;
	lr_symbol_server_ask(symbols->asked, symbols->asked_count, &symbols->answers,
			     &symbols->answers_size);
	find_answers(symbols);
}

/* Copies a field up to a tab or the line's end into @field; returns what follows it. "?" is nothing known. */
static const char *take_field(const char *at, const char *end, char *field, size_t size)
{
	size_t length = 0;

	for (; at < end && *at != '\t'; at++) {
		if (length + 1 < size)
			field[length++] = *at;
	}
	field[length] = '\0';
	if (strcmp(field, "?") == 0)
		field[0] = '\0';
	return at < end ? at + 1 : end;
}

static void emit_line(const char *at, const char *end, lr_frame_emit emit, void *context)
{
	char function[1024];
	char file[1024];
	char line[16];
	char column[16];
	struct lr_frame frame = { 0 };

	at = take_field(at, end, function, sizeof(function));
	at = take_field(at, end, file, sizeof(file));
	at = take_field(at, end, line, sizeof(line));
	take_field(at, end, column, sizeof(column));
	frame.function = function[0] ? function : NULL;
	frame.file = file[0] ? file : NULL;
	frame.line = (unsigned int)strtoul(line, NULL, 10);
	frame.column = (unsigned int)strtoul(column, NULL, 10);
	emit(&frame, context);
}

/* An answer is ended by an empty line. */
static void emit_answer(const struct lr_symbols_in_process *symbols, size_t start,
			lr_frame_emit emit, void *context)
{
	const char *end = symbols->answers + symbols->answers_size;
	const char *at = symbols->answers + start;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!newline || newline == at)
			return;
		emit_line(at, newline, emit, context);
		at = newline + 1;
	}
}

/* Return: true if the command has told of @address. */
static bool resolve_by_command(const struct lr_symbols_in_process *symbols,
			       const struct lr_address *address, lr_frame_emit emit, void *context)
{
	uint32_t ordinal = symbols->answers ? *note_of(symbols, address) : 0;

	if (ordinal == 0)
		return false;
	emit_answer(symbols, symbols->starts[ordinal - 1], emit, context);
	return true;
}

struct exported {
	const struct lr_address *address;
	char name[1024];
};

/* What is there now need not be what the stack went through. */
static bool is_loaded(const struct lr_address *address)
{
	struct lr_cfi_image unused;
	const struct lr_module *module;
	uint32_t id;

	if (!lr_modules_find((uintptr_t)address->pc, &unused, &id))
		return false;
	module = lr_image_module(&lr_arena_image, id);
	return module && lr_image_text(&lr_arena_image, module->path, NULL) == address->module;
}

static void copy_name(struct exported *exported)
{
	const char *name = NULL;

	if (is_loaded(exported->address))
		name = lr_exported_name((uintptr_t)exported->address->pc);
	if (name) {
		strncpy(exported->name, name, sizeof(exported->name) - 1);
		exported->name[sizeof(exported->name) - 1] = '\0';
	}
}

/* Once is enough: this is called for the loader's lock alone. */
static int copy_name_locked(struct dl_phdr_info *module, size_t size, void *exported)
{
	(void)module;
	(void)size;
	copy_name(exported);
	return 1;
}

/*
 * A report has stacks of old, and another thread may unload one of their modules at any moment, and free what the loader knew of it:
 * but not while dl_iterate_phdr() calls. The lock that it takes may be taken twice by one thread, but not by a signal handler that
 * interrupted the taking itself. A handler that interrupted us does without the name, and so does the child of a fork: in which, without other threads,
 * nobody can unload anything.
 */
static void find_exported(struct exported *exported)
{
	static __thread volatile bool is_asking;

	if (lr_loader_may_hang()) {
		if (!lr_thread_others_run())
			copy_name(exported);
		return;
	}
	if (is_asking)
		return;
	is_asking = true;
	dl_iterate_phdr(copy_name_locked, exported);
	is_asking = false;
}

static void resolve(void *context, const struct lr_address *address, lr_frame_emit emit,
		    void *emit_context)
{
	struct exported exported = { .address = address };
	struct lr_frame frame = { .function = exported.name };

	if (resolve_by_command(context, address, emit, emit_context))
		return;
	find_exported(&exported);
	if (exported.name[0])
		emit(&frame, emit_context);
}

/* The log has the stack of this very call, whose modules stay, and perhaps in a handler, which must not wait for a lock. */
static void resolve_for_log(void *context, const struct lr_address *address, lr_frame_emit emit,
			    void *emit_context)
{
	struct lr_frame frame = { 0 };

	if (resolve_by_command(context, address, emit, emit_context))
		return;
	frame.function = lr_exported_name((uintptr_t)address->pc);
	if (frame.function)
		emit(&frame, emit_context);
}

void lr_symbols_in_process_init(struct lr_symbols_in_process *symbols,
				struct lr_symbolizer *symbolizer)
{
	memset(symbols, 0, sizeof(*symbols));
	symbolizer->context = symbols;
	symbolizer->prepare = prepare;
	symbolizer->resolve = resolve;
}

void lr_symbols_in_process_init_for_log(struct lr_symbols_in_process *symbols,
					struct lr_symbolizer *symbolizer)
{
	lr_symbols_in_process_init(symbols, symbolizer);
	symbolizer->prepare = prepare_for_log;
	symbolizer->resolve = resolve_for_log;
}

void lr_symbols_in_process_finish(struct lr_symbols_in_process *symbols)
{
	lr_pages_unmap(symbols->asked, symbols->mapped);
	if (symbols->answers)
		munmap(symbols->answers, symbols->answers_size);
}

void lr_symbols_restart_in_child(void)
{
	lr_symbol_server_restart_in_child();
}
