/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors.
 *
 * Layer: base. Locks: none.
 */
#include "base/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define HIGH 512

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
