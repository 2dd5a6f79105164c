/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of `lastref run -o FILE`.
 *
 * Layer: cli. Locks: none; one thread. A file is written beside its place and renamed, so that a full disk or a
 * kill leaves either the file of last time or the new one, never a part.
 *
 * What is not obvious: rename() replaces whatever has the name. -o /dev/null, or -o /dev/stdout, which is a
 * link, must not turn those into plain files for everybody; so a link is followed first, and only a regular
 * file is replaced.
 */
#include "cli/run_output.h"

#include "cli/cli.h"
#include "format/image_write.h"

#include <errno.h>
#include <fcntl.h>
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

static char *temporary_name(const char *place)
{
	char *name;

	return asprintf(&name, "%s.lastref-%d", place, (int)getpid()) < 0 ? NULL : name;
}

/* Can a file be made in @folder? Return: 0 or a negative errno. */
static int try_folder(const char *folder, const char *temporary)
{
	/* A file without a name: nothing is left of it whatever happens. */
	int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	/* Not every file system can do that. */
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0)
			unlink(temporary);
	}
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int check_folder(const char *output, const char *folder, const char *temporary)
{
	int error = try_folder(folder, temporary);

	if (error == -ENOENT && access(folder, F_OK) != 0)
		lr_complain("cannot write %s: there is no folder %s; make it, or name another file with -o",
			    output, folder);
	else if (error == -EROFS)
		lr_complain("cannot write %s: the file system of %s is read-only; name another file with -o",
			    output, folder);
	else if (error != 0)
		lr_complain("cannot write %s: no file can be made in %s (%s); name another file with -o",
			    output, folder, strerror(-error));
	return error;
}

/* What has the name already must be a file that may be replaced. */
static int check_place(const char *output, const char *place)
{
	struct stat status;

	if (lstat(place, &status) != 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		lr_complain("cannot write %s: %s; name another file with -o", output,
			    strerror(errno));
		return -errno;
	}
	if (S_ISREG(status.st_mode))
		return 0;
	lr_complain("cannot write %s: it is %s with -o", output,
		    S_ISDIR(status.st_mode) ?
			    "a folder; name a file in it" :
			    "no regular file, and would be replaced by one; name another");
	return -EEXIST;
}

static int check_names(const char *output, const char *place)
{
	char *folder = folder_of(place);
	char *temporary = temporary_name(place);
	int error = -ENOMEM;

	if (folder == NULL || temporary == NULL)
		lr_complain("out of memory");
	else if (strstr(folder, "%p") != NULL) {
		lr_complain("cannot write %s: %%p may stand in the file's name, but not in its folder's",
			    output);
		error = -EINVAL;
	} else {
		error = check_place(output, place);
		if (error == 0)
			error = check_place(output, temporary);
		if (error == 0)
			error = check_folder(output, folder, temporary);
	}
	free(folder);
	free(temporary);
	return error;
}

int lr_run_output_check(const char *output)
{
	char *place = real_place(output);
	int error;

	if (place == NULL) {
		error = errno;
		lr_complain("cannot write %s: the link leads nowhere (%s); name another file with -o",
			    output, strerror(error));
		return -error;
	}
	if (*place == '\0' || place[strlen(place) - 1] == '/') {
		lr_complain("cannot write %s: it is a folder; name a file in it with -o", output);
		error = EISDIR;
	} else {
		error = -check_names(output, place);
	}
	free(place);
	return -error;
}

/* @output with each %p replaced by @pid, or with .PID behind it if there is none and the name is another process's. */
static char *expand(const char *output, pid_t pid, bool is_main)
{
	char number[16];
	size_t length = 0;
	bool replaced = false;
	char *name;

	snprintf(number, sizeof(number), "%d", (int)pid);
	name = malloc((strlen(output) + 1) * sizeof(number));
	if (name == NULL)
		return NULL;
	for (; *output != '\0'; output++) {
		if (output[0] == '%' && output[1] == 'p') {
			length += (size_t)sprintf(name + length, "%s", number);
			replaced = true;
			output++;
		} else {
			name[length++] = *output;
		}
	}
	name[length] = '\0';
	if (!replaced && !is_main)
		sprintf(name + length, ".%s", number);
	return name;
}

static int write_at(void *context, uint64_t offset, const void *bytes, size_t size)
{
	const int *fd = context;
	const char *from = bytes;

	while (size > 0) {
		ssize_t n = pwrite(*fd, from, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_and_rename(const char *place, const char *temporary, const struct lr_image *image)
{
	static struct lr_image_scratch scratch;
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	uint32_t *numbers;
	int error;

	if (fd < 0)
		return -errno;
	/* Without memory for it the file lacks who holds whom, and the report of it says so. */
	numbers = calloc(lr_image_count(image, LR_RECORDS) + 1, sizeof(*numbers));
	error = lr_image_write(image, &scratch, numbers, write_at, &fd);
	free(numbers);
	/* Some file systems tell only here that there was no room. */
	if (close(fd) != 0 && error == 0)
		error = -errno;
	if (error == 0 && rename(temporary, place) != 0)
		error = -errno;
	if (error != 0)
		unlink(temporary);
	return error;
}

/* No signal may end lastref between making the temporary file and renaming it. */
static int write_file(const char *place, const char *temporary, const struct lr_image *image)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	error = write_and_rename(place, temporary, image);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}

int lr_run_output_write(const char *output, pid_t pid, bool is_main, const struct lr_image *image)
{
	char *name = expand(output, pid, is_main);
	char *place = name != NULL ? real_place(name) : NULL;
	char *temporary = place != NULL ? temporary_name(place) : NULL;
	int error = temporary != NULL ? check_place(name, place) : -ENOMEM;

	if (error != 0) {
		if (temporary == NULL)
			lr_complain("cannot write %s: %s", output, strerror(-error));
	} else {
		error = write_file(place, temporary, image);
		if (error != 0)
			lr_complain("cannot write %s: %s; the report is not saved: make room, or name another "
				    "file with -o",
				    name, strerror(-error));
	}
	free(temporary);
	free(place);
	free(name);
	return error;
}
