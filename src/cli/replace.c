/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are replaced as a whole or not at all.
 *
 * Layer: cli. Locks: none; one thread. A file is written beside its place and renamed, so that a full disk or a
 * kill leaves either the file of last time or the new one, never a part.
 *
 * What is not obvious: rename() replaces whatever has the name. -o /dev/null, or -o /dev/stdout, which is a
 * link, must not turn those into plain files for everybody; so a link is followed first, only a regular
 * file is replaced, and what can be written as it is goes straight there (straight.c).
 */
#include "cli/replace.h"

#include "base/fds.h"
#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/straight.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder of @path: what stands before its last slash, or ".". From malloc(). */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Where a file of this name is: behind a link, if it is one. From malloc(). */
static char *real_place(const char *path)
{
	struct stat status;

	if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
		return realpath(path, NULL);
	return strdup(path);
}

/* Can a file be made in @folder, where @place is? Return: 0 or a negative errno. */
static int try_folder(const char *folder, const char *place)
{
	char temporary[PATH_MAX];
	/* A file without a name: nothing is left of it whatever happens. */
	int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	/* Not every file system can do that. */
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		fd = lr_fd_create_beside(place, 0600, temporary, sizeof(temporary));
		if (fd < 0)
			return fd;
		unlink(temporary);
	}
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int check_folder(const char *output, const char *option, const char *folder, const char *place)
{
	int error = try_folder(folder, place);

	if (error == -ENOENT && access(folder, F_OK) != 0)
		lr_complain("cannot write %s: there is no folder %s; make it, or name another file with %s",
			    output, folder, option);
	else if (error == -EROFS)
		lr_complain("cannot write %s: the file system of %s is read-only; name another file with %s",
			    output, folder, option);
	else if (error != 0)
		lr_complain("cannot write %s: no file can be made in %s (%s); name another file with %s",
			    output, folder, strerror(-error), option);
	return error;
}

/* What has the name already must be a file that may be replaced. */
static int check_place(const char *output, const char *option, const char *place)
{
	struct stat status;

	if (lstat(place, &status) != 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		lr_complain("cannot write %s: %s; name another file with %s", output,
			    strerror(errno), option);
		return -errno;
	}
	if (S_ISREG(status.st_mode))
		return 0;
	lr_complain("cannot write %s: it is %s with %s", output,
		    S_ISDIR(status.st_mode) ?
			    "a folder; name a file in it" :
			    "no regular file, and would be replaced by one; name another",
		    option);
	return -EEXIST;
}

static int check_names(const char *output, const char *option, const char *place)
{
	char *folder = folder_of(place);
	int error = -ENOMEM;

	if (folder == NULL) {
		lr_complain("out of memory");
	} else {
		error = check_place(output, option, place);
		if (error == 0)
			error = check_folder(output, option, folder, place);
	}
	free(folder);
	return error;
}

int lr_replace_check(const char *output, const char *option)
{
	char *place;
	int error;

	if (lr_straight_is(output))
		return lr_straight_check(output, option);
	place = real_place(output);
	if (place == NULL) {
		error = errno;
		lr_complain("cannot write %s: the link leads nowhere (%s); name another file with %s",
			    output, strerror(error), option);
		return -error;
	}
	if (*place == '\0' || place[strlen(place) - 1] == '/') {
		lr_complain("cannot write %s: it is a folder; name a file in it with %s", output,
			    option);
		error = EISDIR;
	} else {
		error = -check_names(output, option, place);
	}
	free(place);
	return -error;
}

static bool is_same_file(const char *one, const char *other)
{
	struct stat first, second;

	return stat(one, &first) == 0 && S_ISREG(first.st_mode) && stat(other, &second) == 0 &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

int lr_replace_check_report(const char *output, const char *option, const char *const *inputs,
			    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (inputs[i] == NULL || !is_same_file(output, inputs[i]))
			continue;
		lr_complain("cannot write %s: it is read, too; name another file with %s", output,
			    option);
		return -EEXIST;
	}
	if (!lr_inputs_is_image(output))
		return lr_replace_check(output, option);
	lr_complain("cannot write %s: it is what `lastref run -o` wrote, and would be lost; name another file with %s",
		    output, option);
	return -EEXIST;
}

static int fill_and_rename(const char *place, lr_replace_fill fill, void *context)
{
	char temporary[PATH_MAX];
	int fd = lr_fd_create_beside(place, 0666, temporary, sizeof(temporary));
	int error;

	if (fd < 0)
		return fd;
	error = fill(context, fd);
	/* Some file systems tell only here that there was no room. */
	if (close(fd) != 0 && error == 0)
		error = -errno;
	if (error == 0 && rename(temporary, place) != 0)
		error = -errno;
	if (error != 0)
		unlink(temporary);
	return error;
}

/*
 * No signal may end lastref between making the temporary file and renaming it. One says that the file is too large, as the error of
 * write() does; it is ignored and not blocked, because a blocked one stays for later.
 */
static int replace(const char *place, lr_replace_fill fill, void *context)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction too_large;
	sigset_t all, before;
	int error;

	sigfillset(&all);
	sigdelset(&all, SIGXFSZ);
	sigprocmask(SIG_BLOCK, &all, &before);
	sigaction(SIGXFSZ, &ignore, &too_large);
	error = fill_and_rename(place, fill, context);
	sigaction(SIGXFSZ, &too_large, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}

int lr_replace_file(const char *output, const char *option, lr_replace_fill fill, void *context)
{
	char *place;
	int error;

	if (lr_straight_is(output))
		return lr_straight_write(output, option, fill, context);
	place = real_place(output);
	if (place == NULL) {
		error = -errno;
		lr_complain("cannot write %s: %s", output, strerror(-error));
		return error;
	}
	error = check_place(output, option, place);
	if (error == 0) {
		error = replace(place, fill, context);
		if (error != 0)
			lr_complain("cannot write %s: %s; the report is not saved: make room, or name another "
				    "file with %s",
				    output, strerror(-error), option);
	}
	free(place);
	return error;
}
