/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output file.
 *
 * Layer: runtime. Locks: none. The path changes only where no other thread is: at the start, and in the child of a fork.
 *
 * The descriptor is the program's to close: daemons close all they find, and the number may then be that of a file of the program's own,
 * in which our text must not get. So the kept word has the number and, hashed, which file it was, and each use compares; that is
 * one fstat(2). It also tells that somebody removed the file: it is made again then. What happens between the comparison and the
 * write cannot be told, but for that two threads must do just that at the same instant.
 *
 * A pipe with a name is opened so that it never blocks: a program that ends must not stand still because nobody reads its report.
 */
#include "runtime/output.h"

#include "base/fds.h"
#include "base/hash.h"
#include "runtime/start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FD_BITS 24
#define READER_PAUSE_MS 10
#define READER_PAUSES 300 /* 3 s in all */

static const char *template; /* %p not replaced */
static char path[PATH_MAX];
static size_t folder_length; /* of what add_folder() put before it */
static uint64_t kept; /* descriptor + 1 in the low FD_BITS, and above it which file; 0 none */
static bool has_half_line;
static bool nobody_reads; /* a reader of the pipe was waited for, and did not come */

/* Return: how long the text is in @path. */
static size_t add_folder(void)
{
	size_t length;

	if (template[0] == '\0' || template[0] == '/' || !getcwd(path, sizeof(path)))
		return 0;
	length = strlen(path);
	/* One that is so deep is reachable from where we are only; and "(unreachable)" is the kernel's word for one that is not. */
	if (path[0] != '/' || length + strlen(template) + 16 > sizeof(path))
		return 0;
	path[length] = '/';
	return length + 1;
}

/* "%p" in the name is the process id. */
static void expand(const char *name, char *to, size_t size)
{
	size_t length = 0;

	for (; *name && length + 12 < size; name++) {
		if (name[0] == '%' && name[1] == 'p') {
			length += (size_t)snprintf(to + length, size - length, "%d", (int)getpid());
			name++;
		} else {
			to[length++] = *name;
		}
	}
	to[length] = '\0';
}

void lr_output_start(const char *name)
{
	template = name;
	folder_length = add_folder();
	expand(template, path + folder_length, sizeof(path) - folder_length);
}

const char *lr_output_path(void)
{
	return path;
}

static int kept_fd(uint64_t word)
{
	return (int)(word & ((1u << FD_BITS) - 1)) - 1;
}

static uint64_t word_of(int fd, const struct stat *file)
{
	return lr_hash_word(lr_hash_word(file->st_dev) + file->st_ino) << FD_BITS |
	       (uint64_t)(fd + 1);
}

/* Is the descriptor of @word still of the file that it was opened for? @ret_removed: which has no name any more. */
static bool is_ours(uint64_t word, bool *ret_removed)
{
	struct stat file;

	if (word == 0 || fstat(kept_fd(word), &file) != 0 || word_of(kept_fd(word), &file) != word)
		return false;
	*ret_removed = S_ISREG(file.st_mode) && file.st_nlink == 0;
	return true;
}

void lr_output_restart_in_child(void)
{
	bool removed;

	if (!template || !strstr(template, "%p"))
		return;
	if (is_ours(kept, &removed))
		close(kept_fd(kept));
	kept = 0;
	expand(template, path + folder_length, sizeof(path) - folder_length);
}

static int open_now(void)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);

	return fd >= 0 ? fd : -errno;
}

/*
 * A pipe with a name cannot be opened while nobody reads it. Who is about to read it is waited for, once; after that the program does not stand still for
 * each event.
 */
static int open_for_reader(void)
{
	static const struct timespec pause = { .tv_nsec = READER_PAUSE_MS * 1000000L };
	struct stat file;
	int fd = open_now();

	if (fd != -ENXIO || stat(path, &file) != 0 || !S_ISFIFO(file.st_mode))
		return fd;
	for (int i = 0; i < READER_PAUSES && fd == -ENXIO; i++) {
		if (__atomic_load_n(&nobody_reads, __ATOMIC_RELAXED))
			return fd;
		nanosleep(&pause, NULL);
		fd = open_now();
	}
	__atomic_store_n(&nobody_reads, fd == -ENXIO, __ATOMIC_RELAXED);
	return fd;
}

/* Only of a pipe is it known what to do when it takes nothing. Return: @fd above those of the program, or a negative errno. */
static int prepare(int fd)
{
	struct stat file;
	int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;

	if (fd < 0)
		return fd;
	if (fstat(fd, &file) == 0 && !S_ISFIFO(file.st_mode) && flags >= 0)
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	return lr_fd_lift_high(fd);
}

static int open_anew(uint64_t before)
{
	struct stat file;
	bool removed = false;
	int fd = prepare(open_for_reader());

	if (fd < 0)
		return fd;
	/* Others may be writing to the removed file, so its number stays, and stays ours. */
	if (is_ours(before, &removed) && removed && dup3(fd, kept_fd(before), O_CLOEXEC) >= 0) {
		close(fd);
		fd = kept_fd(before);
	}
	if (fd >= (1 << FD_BITS) - 1 || fstat(fd, &file) != 0)
		return -EBADF;
	if (__atomic_compare_exchange_n(&kept, &before, word_of(fd, &file), false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		return fd;
	/* Another thread was faster. */
	if (fd != kept_fd(before))
		close(fd);
	return kept_fd(before);
}

int lr_output_open(void)
{
	bool removed;
	uint64_t word;
	int fd;

	if (path[0] == '\0') {
		fd = lr_start_error_output();
		return fd >= 0 ? fd : -EBADF;
	}
	word = __atomic_load_n(&kept, __ATOMIC_RELAXED);
	if (is_ours(word, &removed) && !removed)
		return kept_fd(word);
	return open_anew(word);
}

/* Return: bytes written, or -1. By the system call: write() is a point where pthread_cancel() ends the thread. */
static ssize_t write_some(int fd, const char *text, size_t length, bool newline_first)
{
	static char newline[] = "\n";
	struct iovec pieces[2] = { { newline, 1 }, { (void *)(uintptr_t)text, length } };
	ssize_t n;

	if (!newline_first)
		return syscall(SYS_write, fd, text, length);
	n = syscall(SYS_writev, fd, pieces, 2);
	return n > 0 ? n - 1 : n;
}

/* The program stands still until somebody reads its log, as with any pipe; a signal may end it. */
static void wait_for_room(int fd)
{
	struct pollfd output = { .fd = fd, .events = POLLOUT };

	syscall(SYS_ppoll, &output, 1, NULL, NULL, 0);
}

int lr_output_write(const char *text, size_t length, size_t *ret_written)
{
	bool half = __atomic_load_n(&has_half_line, __ATOMIC_RELAXED);
	int fd = lr_output_open();
	int error = fd < 0 ? -fd : 0;
	size_t done = 0;

	while (error == 0 && done < length) {
		ssize_t n = write_some(fd, text + done, length - done, half && done == 0);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN && path[0] != '\0')
			wait_for_room(fd);
		else if (errno != EINTR)
			error = errno;
	}
	if (done > 0 && half != (text[done - 1] != '\n'))
		__atomic_store_n(&has_half_line, !half, __ATOMIC_RELAXED);
	*ret_written = done;
	return -error;
}
