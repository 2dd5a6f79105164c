/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors above standard error.
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
