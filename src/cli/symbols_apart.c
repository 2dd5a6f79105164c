/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols read in a child.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * The child is a fork of this process, so it has the questions already; it only answers, in their order. How far it came is how
 * many answers there are, and the first question without one is what it died of. Questions are sorted by module, which is
 * what is left out then.
 *
 *	answer		frame... END, or STALE for a module that is not the one that was loaded
 *	frame		FRAME, struct frame_head, function with its NUL, file with its NUL; a size is 0 where the name is not known
 */
#include "cli/symbols_apart.h"

#include "cli/cli.h"
#include "cli/progress.h"
#include "symbolize/symbolize.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUILD_ID_MAX 64
#define FRAME 'f'
#define END '.'
#define STALE '!'

struct frame_head {
	uint32_t function_size;
	uint32_t file_size;
	uint32_t line;
	uint32_t column;
};

/* What is known of an address; sorted by module, build-id, stamp, offset. */
struct entry {
	char *module;
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_size;
	struct lr_file_stamp stamp;
	uint64_t offset;
	bool asked;	    /* there is an answer, or there never will be one */
	const char *answer; /* its frames, and END or STALE; NULL if there is none */
	size_t answer_size;
};

/* The answers of one child; entries point into it. */
struct answers {
	struct answers *next;
	size_t size;
	size_t room;
	char *text;
};

/* A module of which it was said that it is stale. */
struct said {
	struct said *next;
	char module[];
};

struct lr_symbols_apart {
	struct entry *entries;
	size_t count;
	size_t room;
	struct answers *answers;
	struct said *said;
};

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare(const void *a_, const void *b_)
{
	const struct entry *a = a_;
	const struct entry *b = b_;
	int order = strcmp(a->module, b->module);

	if (order == 0)
		order = compare_numbers(a->build_id_size, b->build_id_size);
	if (order == 0)
		order = memcmp(a->build_id, b->build_id, a->build_id_size);
	if (order == 0)
		order = compare_numbers(a->stamp.size, b->stamp.size);
	if (order == 0)
		order = compare_numbers(a->stamp.modified, b->stamp.modified);
	return order ? order : compare_numbers(a->offset, b->offset);
}

/* The module's name is borrowed; false for an address that no question can be made of. */
static bool make_key(const struct lr_address *address, struct entry *ret)
{
	if (address->module[0] == '\0' || address->build_id_size > BUILD_ID_MAX)
		return false;
	*ret = (struct entry){
		.module = (char *)(uintptr_t)address->module,
		.build_id_size = address->build_id_size,
		.stamp = address->stamp,
		.offset = address->offset,
	};
	if (address->build_id_size > 0)
		memcpy(ret->build_id, address->build_id, address->build_id_size);
	return true;
}

static struct entry *find(const struct lr_symbols_apart *symbols, const struct entry *key)
{
	return symbols->count == 0 ? NULL :
				     bsearch(key, symbols->entries, symbols->count,
					     sizeof(*symbols->entries), compare);
}

/* At the end, out of order. */
static bool append(struct lr_symbols_apart *symbols, const struct entry *key)
{
	struct entry *entry;
	char *module = strdup(key->module);

	if (module && symbols->count == symbols->room) {
		size_t room = symbols->room ? 2 * symbols->room : 256;
		struct entry *moved = realloc(symbols->entries, room * sizeof(*moved));

		if (moved) {
			symbols->entries = moved;
			symbols->room = room;
		}
	}
	if (!module || symbols->count == symbols->room) {
		free(module);
		return false;
	}
	entry = &symbols->entries[symbols->count++];
	*entry = *key;
	entry->module = module;
	return true;
}

static void sort_and_drop_equal(struct lr_symbols_apart *symbols)
{
	size_t kept = 0;

	if (symbols->count == 0)
		return;
	qsort(symbols->entries, symbols->count, sizeof(*symbols->entries), compare);
	for (size_t i = 1; i < symbols->count; i++) {
		if (compare(&symbols->entries[kept], &symbols->entries[i]) == 0)
			free(symbols->entries[i].module);
		else
			symbols->entries[++kept] = symbols->entries[i];
	}
	symbols->count = kept + 1;
}

/* Those that are known already are left out, and without memory the rest. */
static void add_questions(struct lr_symbols_apart *symbols, const struct lr_address *addresses,
			  size_t count)
{
	size_t sorted = symbols->count;
	struct entry key;

	for (size_t i = 0; i < count; i++) {
		struct lr_symbols_apart known = { .entries = symbols->entries, .count = sorted };

		if (make_key(&addresses[i], &key) && !find(&known, &key) && !append(symbols, &key))
			break;
	}
	sort_and_drop_equal(symbols);
}

static void send_frame(const struct lr_symbol_frame *frame, void *out_)
{
	struct frame_head head = {
		.function_size = frame->function ? (uint32_t)strlen(frame->function) + 1 : 0,
		.file_size = frame->file ? (uint32_t)strlen(frame->file) + 1 : 0,
		.line = frame->line,
		.column = frame->column,
	};
	FILE *out = out_;

	putc_unlocked(FRAME, out);
	fwrite_unlocked(&head, sizeof(head), 1, out);
	if (frame->function)
		fwrite_unlocked(frame->function, head.function_size, 1, out);
	if (frame->file)
		fwrite_unlocked(frame->file, head.file_size, 1, out);
}

/* What the child says in its distress is nothing that its user could make use of; nor is its core. */
static void be_quiet(void)
{
	struct rlimit none = { 0, 0 };
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	setrlimit(RLIMIT_CORE, &none);
	if (nowhere >= 0)
		dup2(nowhere, STDERR_FILENO);
}

static void answer(struct lr_symbols *reader, const struct entry *entry, FILE *out)
{
	const struct lr_symbols_file file = {
		.path = entry->module,
		.build_id = entry->build_id,
		.build_id_size = entry->build_id_size,
		.stamp = entry->stamp,
	};
	int error = lr_symbols_resolve(reader, &file, entry->offset, send_frame, out);

	putc_unlocked(error == -ESTALE ? STALE : END, out);
}

/* In the child. */
static _Noreturn void answer_all(const struct lr_symbols_apart *symbols, int fd)
{
	struct lr_symbols *reader = lr_symbols_create(false);
	FILE *out = fdopen(fd, "w");

	be_quiet();
	if (!reader || !out)
		_exit(1);
	for (size_t i = 0; i < symbols->count; i++) {
		const struct entry *entry = &symbols->entries[i];

		if (entry->asked)
			continue;
		answer(reader, entry, out);
		/* What is known of one module must be out before the next one is touched. */
		if (i + 1 < symbols->count && strcmp(entry->module, entry[1].module) != 0)
			fflush_unlocked(out);
	}
	_exit(fflush_unlocked(out) == 0 ? 0 : 1);
}

/* Return: false if there is no memory for more. */
static bool read_all(struct answers *answers, int fd)
{
	for (;;) {
		ssize_t n;

		if (answers->size == answers->room) {
			size_t room = answers->room ? 2 * answers->room : 65536;
			char *moved = realloc(answers->text, room);

			if (!moved)
				return false;
			answers->text = moved;
			answers->room = room;
		}
		n = read(fd, answers->text + answers->size, answers->room - answers->size);
		if (n > 0)
			answers->size += (size_t)n;
		else if (n == 0 || errno != EINTR)
			return n == 0;
	}
}

/* One frame at *@place, which is moved behind it. Return: false if it does not end before @end. */
static bool take_frame(const char **place, const char *end, struct lr_frame *ret)
{
	struct frame_head head;
	const char *names = *place + 1 + sizeof(head);

	if ((size_t)(end - *place) < 1 + sizeof(head))
		return false;
	memcpy(&head, *place + 1, sizeof(head));
	if ((uint64_t)head.function_size + head.file_size > (uint64_t)(end - names))
		return false;
	*ret = (struct lr_frame){
		.function = head.function_size ? names : NULL,
		.file = head.file_size ? names + head.function_size : NULL,
		.line = head.line,
		.column = head.column,
	};
	*place = names + head.function_size + head.file_size;
	return true;
}

/* Behind the answer at @place; NULL if it is not whole. */
static const char *skip_answer(const char *place, const char *end)
{
	struct lr_frame unused;

	while (place < end && *place == FRAME) {
		if (!take_frame(&place, end, &unused))
			return NULL;
	}
	return place < end && (*place == END || *place == STALE) ? place + 1 : NULL;
}

/* Once a module: who asked for lines is to know why there are none. */
static void say_stale(struct lr_symbols_apart *symbols, const struct entry *entry)
{
	size_t size = strlen(entry->module) + 1;
	struct said *said = symbols->said;

	while (said && strcmp(said->module, entry->module) != 0)
		said = said->next;
	if (said)
		return;
	said = malloc(sizeof(*said) + size);
	if (said) {
		memcpy(said->module, entry->module, size);
		said->next = symbols->said;
		symbols->said = said;
	}
	if (entry->build_id_size > 0)
		lr_complain("%s was built again since: it has another build-id; the report shows addresses in it",
			    entry->module);
	else
		lr_complain("%s was built again since: it has no build-id, and another size or time (a copy must keep its time: cp -p); the report shows addresses in it",
			    entry->module);
}

/* Give the questions their answers. Return: the first one that has none, or NULL. */
static struct entry *hand_out(struct lr_symbols_apart *symbols, const struct answers *answers)
{
	const char *place = answers->text;
	const char *end = place + answers->size;

	for (size_t i = 0; i < symbols->count; i++) {
		struct entry *entry = &symbols->entries[i];
		const char *next;

		if (entry->asked)
			continue;
		next = place ? skip_answer(place, end) : NULL;
		if (!next)
			return entry;
		entry->asked = true;
		if (next[-1] == STALE)
			say_stale(symbols, entry);
		entry->answer = place;
		entry->answer_size = (size_t)(next - place);
		place = next;
	}
	return NULL;
}

/* Nobody will ask for the rest again: of one module, or of all. */
static void give_up(struct lr_symbols_apart *symbols, const char *module)
{
	for (size_t i = 0; i < symbols->count; i++) {
		if (!module || strcmp(symbols->entries[i].module, module) == 0)
			symbols->entries[i].asked = true;
	}
}

static bool any_question(const struct lr_symbols_apart *symbols)
{
	for (size_t i = 0; i < symbols->count; i++) {
		if (!symbols->entries[i].asked)
			return true;
	}
	return false;
}

static pid_t start_child(const struct lr_symbols_apart *symbols, int *ret_fd)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		close(ends[0]);
		answer_all(symbols, ends[1]);
	}
	close(ends[1]);
	if (child < 0)
		close(ends[0]);
	*ret_fd = ends[0];
	return child;
}

/* Return: the signal or the exit status of the child, in words. */
static const char *end_of(pid_t child, char *text, size_t size)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFSIGNALED(status))
		snprintf(text, size, "signal %d", WTERMSIG(status));
	else
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
	return text;
}

/* One child. Return: false if no other one could do better. */
static bool ask_once(struct lr_symbols_apart *symbols)
{
	struct answers *answers = calloc(1, sizeof(*answers));
	struct entry *failed;
	char how[32];
	bool is_whole;
	pid_t child;
	int fd;

	lr_progress("reading symbols");
	child = answers ? start_child(symbols, &fd) : -1;
	if (child < 0) {
		free(answers);
		lr_complain("cannot read symbols: %s; the report shows addresses", strerror(errno));
		return false;
	}
	is_whole = read_all(answers, fd);
	close(fd);
	end_of(child, how, sizeof(how));
	answers->next = symbols->answers;
	symbols->answers = answers;
	failed = hand_out(symbols, answers);
	if (failed && is_whole)
		lr_complain("cannot read the symbols of %s: its reader ended with %s; the report shows addresses in it",
			    failed->module, how);
	if (failed)
		give_up(symbols, is_whole ? failed->module : NULL);
	return true;
}

static void prepare(void *symbols_, const struct lr_address *addresses, size_t count)
{
	struct lr_symbols_apart *symbols = symbols_;

	add_questions(symbols, addresses, count);
	while (any_question(symbols)) {
		if (!ask_once(symbols))
			give_up(symbols, NULL);
	}
}

static void resolve(void *symbols_, const struct lr_address *address, lr_frame_emit emit,
		    void *emit_context)
{
	struct lr_symbols_apart *symbols = symbols_;
	const struct entry *entry;
	const char *place;
	struct lr_frame frame;
	struct entry key;

	if (!make_key(address, &key))
		return;
	if (!find(symbols, &key))
		prepare(symbols, address, 1);
	entry = find(symbols, &key);
	if (!entry || !entry->answer)
		return;
	place = entry->answer;
	while (*place == FRAME && take_frame(&place, entry->answer + entry->answer_size, &frame))
		emit(&frame, emit_context);
}

bool lr_symbols_apart_is_stale(const struct lr_symbols_apart *symbols,
			       const struct lr_address *address)
{
	const struct entry *entry;
	struct entry key;

	entry = make_key(address, &key) ? find(symbols, &key) : NULL;
	return entry && entry->answer && entry->answer[0] == STALE;
}

static void resolve_nothing(void *symbols, const struct lr_address *address, lr_frame_emit emit,
			    void *emit_context)
{
	(void)symbols;
	(void)address;
	(void)emit;
	(void)emit_context;
}

struct lr_symbols_apart *lr_symbols_apart_create(void)
{
	return calloc(1, sizeof(struct lr_symbols_apart));
}

void lr_symbols_apart_destroy(struct lr_symbols_apart *symbols)
{
	if (!symbols)
		return;
	for (size_t i = 0; i < symbols->count; i++)
		free(symbols->entries[i].module);
	free(symbols->entries);
	while (symbols->said) {
		struct said *said = symbols->said;

		symbols->said = said->next;
		free(said);
	}
	while (symbols->answers) {
		struct answers *answers = symbols->answers;

		symbols->answers = answers->next;
		free(answers->text);
		free(answers);
	}
	free(symbols);
}

void lr_symbols_apart_init(struct lr_symbols_apart *symbols, struct lr_symbolizer *ret_symbolizer)
{
	*ret_symbolizer = (struct lr_symbolizer){ .resolve = resolve_nothing };
	if (symbols)
		*ret_symbolizer = (struct lr_symbolizer){
			.context = symbols,
			.prepare = prepare,
			.resolve = resolve,
		};
}
