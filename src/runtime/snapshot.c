/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: the image of this process as a file, while it goes on.
 *
 * Layer: runtime. Locks: none.
 *
 * The file is made beside its place, under a name that no other has, and renamed when it is whole, so that a full disk or a kill
 * leaves either the file of last time or the new one. Of several threads that write the same file, the last one's stays.
 */
#include "runtime/snapshot.h"

#include "base/clock.h"
#include "base/fds.h"
#include "base/pages.h"
#include "format/image_write.h"
#include "runtime/quiet_write.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What writing a file needs, in pages: the caller may be on a small stack. */
struct room {
	struct lr_image image; /* as lr_arena_image, with a header and spaces of its own */
	struct lr_image_scratch scratch;
	char temporary[PATH_MAX];
	struct lr_image_header header;
};

/* Without memory for the numbers the file lacks who holds whom. */
static int write_image(struct room *room, int fd)
{
	size_t size = (lr_image_count(&room->image, LR_RECORDS) + 1) * sizeof(uint32_t);
	uint32_t *numbers = lr_pages_map(size);
	int error = lr_image_write(&room->image, &room->scratch, numbers, lr_fd_write_at, &fd);

	lr_pages_unmap(numbers, size);
	return error;
}

static int write_and_rename(struct room *room, const char *path)
{
	int made = lr_fd_create_beside(path, 0600, room->temporary, sizeof(room->temporary));
	int fd = lr_fd_lift(made);
	int error = fd;

	if (made < 0)
		return made;
	if (fd >= 0)
		error = write_image(room, fd);
	/* Some file systems tell only here that there was no room. */
	if (fd >= 0 && close(fd) != 0 && error == 0)
		error = -errno;
	if (error == 0 && rename(room->temporary, path) != 0)
		error = -errno;
	if (error != 0)
		unlink(room->temporary);
	return error;
}

/* rename() would put a plain file in the place of a device. */
static bool is_replaceable(const char *path)
{
	struct stat status;

	return lstat(path, &status) != 0 || S_ISREG(status.st_mode);
}

static void fill_header(struct room *room, const struct lr_image *image)
{
	room->image = *image;
	memcpy(&room->header, image->header, sizeof(room->header));
	room->header.state = LR_PROCESS_SNAPSHOT;
	room->header.taken = lr_clock_ns(CLOCK_REALTIME);
	room->image.header = &room->header;
}

int lr_snapshot_write(const struct lr_image *image, const char *path)
{
	struct room *room = lr_pages_map(sizeof(*room));
	struct lr_quiet_write quiet;
	int error = -EEXIST;

	if (!room)
		return -ENOMEM;
	if (is_replaceable(path)) {
		fill_header(room, image);
		lr_quiet_write_begin(&quiet);
		error = write_and_rename(room, path);
		lr_quiet_write_end(&quiet, true);
	}
	lr_pages_unmap(room, sizeof(*room));
	return error;
}
