/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The talk with the symbolizer that stays.
 *
 * Layer: runtime. Locks: server_lock, for a stack's questions and answers. It is held while another process is waited for, which no other
 * lock of the runtime may be: that process does not depend on ours, nothing of the program is called, signals are blocked, and whoever
 * waits for the lock has the same questions.
 *
 * One question at a time, so neither side can block on a full socket. Most frames of a new stack are known from others.
 *
 * The command ends when our end of the socket is closed, so with the program, however that ends. The program may close our end
 * too, with all else that it finds: then the number is that of no socket, or of another one, and the command is started again; but not
 * for ever.
 */
#include "runtime/symbol_server.h"

#include "base/fds.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/ranks.h"
#include "runtime/command.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define STARTS_MAX 3
#define PATIENCE_MS (30 * 1000) /* the first answer takes reading the debug information */
#define ANSWER_MAX ((size_t)64 * 1024)
#define TEXT_SIZE (16 * ANSWER_MAX)
#define PLACES 16384u
#define RESULT_SIZE (4 * ANSWER_MAX)

struct answer {
	uint64_t key;
	uint32_t at;	 /* in text */
	uint32_t length; /* 0: no answer is here */
};

static struct lr_lock server_lock = LR_LOCK_INIT(LR_RANK_SYMBOLS);
/* All below is guarded by server_lock. */
static int starts;
static bool is_running;
static int fd;
static ino_t socket_number;    /* fd's */
static struct answer *answers; /* open addressing, PLACES of them */
static uint32_t answer_count;
static char *text;
static size_t text_length;
static char question[2 * PATH_MAX + 256];

void lr_symbol_question(struct lr_sink *sink, const struct lr_address *address)
{
	lr_sink_printf(sink, "%llx ", (unsigned long long)address->offset);
	for (size_t i = 0; i < address->build_id_size; i++)
		lr_sink_printf(sink, "%02x", address->build_id[i]);
	if (address->build_id_size == 0 && address->stamp.size != 0)
		lr_sink_printf(sink, "=%llx,%llx", (unsigned long long)address->stamp.size,
			       (unsigned long long)address->stamp.modified);
	else if (address->build_id_size == 0)
		lr_sink_text(sink, "-");
	lr_sink_text(sink, " ");
	for (const char *c = address->module; *c; c++) {
		if (*c == '\n' || *c == '\\')
			lr_sink_text(sink, *c == '\n' ? "\\n" : "\\\\");
		else
			lr_sink_bytes(sink, c, 1);
	}
	lr_sink_text(sink, "\n");
}

static bool is_ours(void)
{
	struct stat file;

	return fstat(fd, &file) == 0 && S_ISSOCK(file.st_mode) && file.st_ino == socket_number;
}

static void leave(void)
{
	if (is_running && is_ours())
		close(fd);
	is_running = false;
}

static bool start(void)
{
	struct stat file;
	int ends[2];
	int theirs;

	if (starts == STARTS_MAX)
		return false;
	starts++;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	fd = lr_fd_lift_high(ends[0]);
	theirs = lr_fd_lift(ends[1]);
	is_running = fd >= 0 && theirs >= 0 && lr_command_start(theirs) && fstat(fd, &file) == 0;
	if (theirs >= 0)
		close(theirs);
	if (is_running)
		socket_number = file.st_ino;
	else if (fd >= 0)
		close(fd);
	return is_running;
}

static bool ensure_running(void)
{
	/* A program that is in a sandbox since is not to be killed for a name. */
	if (!lr_command_is_allowed())
		return false;
	return (is_running && is_ours()) || start();
}

static void forget_all(void)
{
	if (answers)
		memset(answers, 0, PLACES * sizeof(*answers));
	answer_count = 0;
	text_length = 0;
}

static bool ensure_memory(void)
{
	if (!answers)
		answers = lr_pages_map(PLACES * sizeof(*answers));
	if (!text)
		text = lr_pages_map(TEXT_SIZE);
	if (answer_count >= PLACES / 2 || text_length + ANSWER_MAX > TEXT_SIZE)
		forget_all();
	return answers && text;
}

static bool send_question(const struct lr_address *address)
{
	struct lr_sink sink;
	size_t done = 0;

	lr_sink_init_memory(&sink, question, sizeof(question));
	lr_symbol_question(&sink, address);
	while (done < sink.length) {
		ssize_t n = send(fd, question + done, sink.length - done, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* An answer ends with an empty line. */
static bool is_whole(const char *answer, size_t length)
{
	return length > 0 && answer[length - 1] == '\n' &&
	       (length == 1 || answer[length - 2] == '\n');
}

/* Behind the text that is there. Return: its length; 0 if there is no answer. */
static size_t receive_answer(void)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };
	char *answer = text + text_length;
	size_t length = 0;

	while (!is_whole(answer, length)) {
		ssize_t n = -1;

		if (length < ANSWER_MAX && poll(&wanted, 1, PATIENCE_MS) == 1)
			n = recv(fd, answer + length, ANSWER_MAX - length, 0);
		/* No such command, or it was killed; or it is stuck. */
		if (n <= 0)
			return 0;
		length += (size_t)n;
	}
	return length;
}

/* Return: NULL if it was not to be had. */
static const struct answer *find_or_ask(const struct lr_address *address)
{
	/* Paths of different modules are in different places. */
	uint64_t key = lr_hash_word(lr_hash_word((uintptr_t)address->module) + address->offset);
	struct answer *answer;
	size_t length;
	uint32_t place;

	if (!ensure_memory())
		return NULL;
	for (place = (uint32_t)key % PLACES; answers[place].length > 0; place = (place + 1) % PLACES) {
		if (answers[place].key == key)
			return &answers[place];
	}
	length = ensure_running() && send_question(address) ? receive_answer() : 0;
	if (length == 0) {
		leave();
		return NULL;
	}
	answer = &answers[place];
	*answer = (struct answer){ key, (uint32_t)text_length, (uint32_t)length };
	text_length += length;
	answer_count++;
	return answer;
}

/* Caller holds server_lock. Return: how much was written to @result, 0 if not all could be had. */
static size_t ask(const struct lr_address *addresses, size_t count, char *result)
{
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		const struct answer *answer = find_or_ask(&addresses[i]);

		if (!answer || length + answer->length > RESULT_SIZE)
			return 0;
		memcpy(result + length, text + answer->at, answer->length);
		length += answer->length;
	}
	return length;
}

bool lr_symbol_server_ask(const struct lr_address *addresses, size_t count, char **ret_answers,
			  size_t *ret_size)
{
	char *result = lr_lock_held() ? NULL : lr_pages_map(RESULT_SIZE);
	sigset_t before;
	sigset_t all;
	size_t size;

	if (!result)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	lr_lock(&server_lock);
	size = ask(addresses, count, result);
	lr_unlock(&server_lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (size == 0) {
		lr_pages_unmap(result, RESULT_SIZE);
		return false;
	}
	/* What the caller unmaps is what it knows of. */
	lr_pages_unmap(result + ((size + 4095) & ~(size_t)4095),
		       RESULT_SIZE - ((size + 4095) & ~(size_t)4095));
	*ret_answers = result;
	*ret_size = size;
	return true;
}

void lr_symbol_server_restart_in_child(void)
{
	lr_lock_restart(&server_lock);
	leave();
	starts = 0;
	lr_pages_unmap(answers, PLACES * sizeof(*answers));
	lr_pages_unmap(text, TEXT_SIZE);
	answers = NULL;
	text = NULL;
	answer_count = 0;
	text_length = 0;
}
