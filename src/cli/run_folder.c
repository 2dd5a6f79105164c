/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private folder of one `lastref run`.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * Arenas are written to all the time and read once, so memory is the place for them. But /dev/shm of a
 * container is often 64 MB, too little for a few processes: a place with room is preferred to the first that
 * exists.
 */
#include "cli/run_folder.h"

#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ROOM_WANTED (UINT64_C(256) << 20)
/* A process that CMD left running may make a file while the folder is being emptied. */
#define REMOVE_ATTEMPTS 10

static bool has_room(const char *place)
{
	struct statvfs file_system;

	return statvfs(place, &file_system) == 0 &&
	       (uint64_t)file_system.f_bavail * file_system.f_frsize >= ROOM_WANTED;
}

/* Return: 0 or a negative errno. */
static int make_in(const char *place, struct lr_run_folder *folder)
{
	char *path;
	int error;
	int fd;

	if (asprintf(&path, "%s/lastref-XXXXXX", place) < 0)
		return -ENOMEM;
	if (mkdtemp(path) == NULL) {
		error = -errno;
		free(path);
		return error;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		error = -errno;
		rmdir(path);
		free(path);
		return error;
	}
	folder->path = path;
	folder->fd = fd;
	return 0;
}

int lr_run_folder_make(struct lr_run_folder *folder)
{
	const char *places[] = { "/dev/shm", getenv("TMPDIR"), "/tmp" };
	int error = -ENOENT;

	for (int want_room = 1; want_room >= 0; want_room--) {
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			/* CMD may change its folder, so the path must be absolute. */
			if (places[i] == NULL || places[i][0] != '/' ||
			    (want_room && !has_room(places[i])))
				continue;
			error = make_in(places[i], folder);
			if (error == 0)
				return 0;
		}
	}
	lr_complain("cannot make a folder in /dev/shm, $TMPDIR or /tmp: %s; set TMPDIR to a writable one",
		    strerror(-error));
	return error;
}

static void empty(int folder_fd)
{
	DIR *listing = fdopendir(fcntl(folder_fd, F_DUPFD_CLOEXEC, 3));
	const struct dirent *entry;

	if (listing == NULL)
		return;
	rewinddir(listing);
	while ((entry = readdir(listing)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(folder_fd, entry->d_name, 0);
	}
	closedir(listing);
}

void lr_run_folder_remove(struct lr_run_folder *folder)
{
	int error = 0;

	for (int i = 0; i < REMOVE_ATTEMPTS; i++) {
		empty(folder->fd);
		error = rmdir(folder->path) == 0 || errno == ENOENT ? 0 : errno;
		if (error != ENOTEMPTY)
			break;
	}
	if (error != 0)
		lr_complain("cannot remove the folder %s: %s; remove it by hand", folder->path,
			    strerror(error));
	close(folder->fd);
	free(folder->path);
}
