/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors.
 *
 * Layer: base. Locks: none.
 */
#include "base/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HIGH 512
#define NAMES_TRIED 10000
/* As long as it gets: 10 digits of either number. */
#define SUFFIX_MAX (sizeof(".lastref-.") - 1 + 20)

int lr_fd_lift(int fd)
{
	int lifted;

	if (fd < 0 || fd > 2)
		return fd;
	lifted = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (lifted < 0)
		lifted = -errno;
	close(fd);
	return lifted;
}

int lr_fd_lift_high(int fd)
{
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, HIGH);

	if (high < 0)
		return lr_fd_lift(fd);
	close(fd);
	return high;
}

/* How much of @path may stand before the suffix: a file system refuses the whole name if it gets too long. */
static int length_before_suffix(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return (int)(name - path) + (int)strnlen(name, NAME_MAX - SUFFIX_MAX);
}

/* The process id keeps processes apart, and the number threads; what is there all the same was left by another process. */
int lr_fd_create_beside(const char *path, unsigned int mode, char *ret_name, size_t size)
{
	static unsigned int number;
	int before = length_before_suffix(path);
	int fd = -1;

	for (int i = 0; fd < 0 && i < NAMES_TRIED; i++) {
		unsigned int mine = __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED);
		int length = snprintf(ret_name, size, "%.*s.lastref-%d.%u", before, path,
				      (int)getpid(), mine);

		if (length < 0 || (size_t)length >= size)
			return -ENAMETOOLONG;
		fd = open(ret_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	return fd < 0 ? -EEXIST : fd;
}

int lr_fd_write_at(void *fd, uint64_t offset, const void *bytes, size_t size)
{
	const char *from = bytes;

	while (size > 0) {
		ssize_t written = pwrite(*(const int *)fd, from, size, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		from += written;
		offset += (uint64_t)written;
		size -= (size_t)written;
	}
	return 0;
}
