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
