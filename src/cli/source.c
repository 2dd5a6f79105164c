/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are read whole.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: all readers want a regular file, whose size is known and of which a part can be read again. So what is none is
 * copied to one that has no name, in memory, and only this file knows of pipes.
 *
 * A named pipe may have no writer yet, and that must not keep us for ever. It is opened without waiting, and then
 *	read() says EAGAIN	there is a writer: wait for it as long as it takes
 *	read() says 0		there is none. If something was read, or poll() says POLLHUP, there was one, and this is the end; else one
 *				may still come
 *
 * A name of a descriptor stands for what is open there. To open a pipe anew would be to forget that it had a writer.
 */
#include "cli/source.h"

#include "base/clock.h"
#include "base/fds.h"
#include "cli/straight.h"
#include "format/image.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITER_WAIT_MS 5000
#define PIECE (64 * 1024)
/* In memory. Nobody writes so much text by hand. */
#define IMAGE_MAX (UINT64_C(4) << 30)
#define OTHER_MAX (UINT64_C(64) << 20)

/*
 * The pipe was at its end, and nothing was read from it. The timer of the progress line interrupts poll() again and again, so the time
 * counts from the first call, which sets @deadline. Return: may it go on? Or a negative errno.
 */
static int wait_for_writer(int fd, int64_t *deadline)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int64_t now = (int64_t)(lr_clock_ns(CLOCK_MONOTONIC) / LR_NS_PER_MS);
	int count;

	if (*deadline == 0)
		*deadline = now + WRITER_WAIT_MS;
	if (now >= *deadline)
		return -ETIMEDOUT;
	count = poll(&ready, 1, (int)(*deadline - now));
	return count <= 0 || ready.revents & POLLIN;
}

/* Read some bytes. @may_begin: a writer may still come. Return: how many, 0 at the end, or a negative errno. */
static ssize_t read_some(int fd, bool may_begin, char *bytes, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int64_t deadline = 0;

	for (;;) {
		ssize_t n = read(fd, bytes, size);
		int goes_on = n == 0 && may_begin ? wait_for_writer(fd, &deadline) : 0;

		if (n >= 0 && goes_on <= 0)
			return n > 0 ? n : goes_on;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n < 0 && errno == EAGAIN) {
			deadline = 0;
			poll(&ready, 1, -1);
		}
	}
}

static bool has_magic(const char *bytes, size_t size)
{
	const size_t length = sizeof(LR_IMAGE_MAGIC);

	return size > 0 && memcmp(bytes, LR_IMAGE_MAGIC, size < length ? size : length) == 0;
}

static int copy_to_memory(int from, bool is_pipe, int memory)
{
	static char piece[PIECE];
	uint64_t size = 0;
	uint64_t limit = OTHER_MAX;

	for (;;) {
		ssize_t n = read_some(from, is_pipe && size == 0, piece, sizeof(piece));
		int error;

		if (n <= 0)
			return (int)n;
		if (size == 0 && has_magic(piece, (size_t)n))
			limit = IMAGE_MAX;
		if (size + (uint64_t)n > limit)
			return -EFBIG;
		error = lr_fd_write_at(&memory, size, piece, (size_t)n);
		if (error != 0)
			return error;
		size += (uint64_t)n;
	}
}

/* Return: a file in memory with all that @fd gives. */
static int spool(int fd, bool is_pipe)
{
	int memory = memfd_create("lastref input", MFD_CLOEXEC);
	int error = memory < 0 ? -errno : copy_to_memory(fd, is_pipe, memory);

	if (error == 0)
		return memory;
	if (memory >= 0)
		close(memory);
	return error;
}

/* A regular file is opened anew all the same: it is read from its begin. */
static int open_source(const char *name)
{
	int from = strcmp(name, "/dev/stdin") == 0 ? STDIN_FILENO : lr_straight_descriptor(name);
	struct stat status;

	if (from >= 0 && fstat(from, &status) == 0 && !S_ISREG(status.st_mode))
		return fcntl(from, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

int lr_source_open(const char *name)
{
	int fd = open_source(name);
	struct stat status;
	int result;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) != 0)
		result = -errno;
	else if (S_ISREG(status.st_mode))
		return fd;
	else
		result = S_ISDIR(status.st_mode) ? -EISDIR : spool(fd, S_ISFIFO(status.st_mode));
	close(fd);
	return result;
}

const char *lr_source_explain(int error)
{
	switch (error) {
	case -EISDIR:
		return "it is a folder";
	case -ETIMEDOUT:
		return "it is a pipe, and nobody writes to it";
	case -EFBIG:
		return "it is no file, and gives more than is kept in memory: 4 GB of an image, 64 MB of anything else; "
		       "write it to a file first";
	default:
		return strerror(-error);
	}
}

bool lr_source_is_image(int fd)
{
	char magic[sizeof(LR_IMAGE_MAGIC)];
	ssize_t n = pread(fd, magic, sizeof(magic), 0);

	return n > 0 && has_magic(magic, (size_t)n);
}
