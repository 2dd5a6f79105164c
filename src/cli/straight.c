/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output that goes straight where it is wanted.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: /dev/stdout and its like are links, and opening what they lead to is another thing than writing to the descriptor: a
 * file is written from its begin, over what others wrote there, and a socket cannot be opened. So these names are known here, and
 * stand for the descriptor itself.
 */
#include "cli/straight.h"

#include "base/sink.h"
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int lr_straight_descriptor(const char *name)
{
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };

	if (strcmp(name, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(name, "/dev/stderr") == 0)
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t length = strlen(folders[i]);

		if (strncmp(name, folders[i], length) == 0)
			return lr_parse_number(name + length, 0, INT_MAX - 1);
	}
	return -1;
}

bool lr_straight_is(const char *output)
{
	struct stat status;

	if (lr_straight_descriptor(output) >= 0)
		return true;
	return stat(output, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode));
}

static int complain(const char *output, const char *option, int error)
{
	lr_complain("cannot write %s: %s; name another file with %s", output, strerror(-error),
		    option);
	return error;
}

int lr_straight_check(const char *output, const char *option)
{
	int fd = lr_straight_descriptor(output);
	int flags = fd >= 0 ? fcntl(fd, F_GETFL) : O_WRONLY;

	if (flags < 0 || (fd < 0 && access(output, W_OK) != 0))
		return complain(output, option, -errno);
	if ((flags & O_ACCMODE) != O_RDONLY)
		return 0;
	lr_complain("cannot write %s: it is open for reading only; name another file with %s",
		    output, option);
	return -EBADF;
}

/* A sink waits where @to has no room. */
static int copy_all(int from, int to)
{
	char piece[16 * 1024];
	struct lr_sink sink;
	ssize_t size;

	lr_sink_init(&sink, to);
	while ((size = read(from, piece, sizeof(piece))) > 0 && sink.error == 0)
		lr_sink_bytes(&sink, piece, (size_t)size);
	return size < 0 ? -errno : lr_sink_flush(&sink);
}

static int copy_to_output(const char *output, int memory)
{
	int fd = lr_straight_descriptor(output);
	int to = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) :
			   open(output, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	int error;

	if (to < 0)
		return -errno;
	error = lseek(memory, 0, SEEK_SET) < 0 ? -errno : copy_all(memory, to);
	if (close(to) != 0 && error == 0)
		error = -errno;
	return error;
}

int lr_straight_write(const char *output, const char *option, lr_replace_fill fill, void *context)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction gone, too_large;
	int memory = memfd_create("lastref output", MFD_CLOEXEC);
	int error;

	if (memory < 0)
		return complain(output, option, -errno);
	sigaction(SIGPIPE, &ignore, &gone);
	sigaction(SIGXFSZ, &ignore, &too_large);
	error = fill(context, memory);
	if (error == 0)
		error = copy_to_output(output, memory);
	sigaction(SIGXFSZ, &too_large, NULL);
	sigaction(SIGPIPE, &gone, NULL);
	close(memory);
	return error == 0 ? 0 : complain(output, option, error);
}
