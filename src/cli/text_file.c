/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text files.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/text_file.h"

#include "base/sink.h"
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nobody writes so much by hand; what is longer is another file by mistake. */
#define SIZE_MAX_READ (64 << 20)
#define LINE_SHOWN 60

static int read_all(struct lr_text_file *file, int fd, size_t size)
{
	file->text = malloc(size + 1);
	if (file->text == NULL)
		return -ENOMEM;
	while (file->size < size) {
		ssize_t n = read(fd, file->text + file->size, size - file->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		file->size += (size_t)n;
	}
	file->text[file->size] = '\0';
	return 0;
}

static int read_regular(struct lr_text_file *file, int fd)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	return status.st_size > SIZE_MAX_READ ? -EFBIG : read_all(file, fd, (size_t)status.st_size);
}

static const char *explain(int error)
{
	switch (error) {
	case -EINVAL:
		return "it is not a regular file";
	case -EFBIG:
		return "it is larger than 64 MB";
	default:
		return strerror(-error);
	}
}

int lr_text_file_read(struct lr_text_file *file, const char *name, const char *purpose)
{
	/* So that a pipe without a writer does not keep us waiting. */
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int error;

	*file = (struct lr_text_file){ .name = name };
	error = fd < 0 ? -errno : read_regular(file, fd);
	if (fd >= 0)
		close(fd);
	if (error == 0)
		return 0;
	lr_complain("cannot read the %s %s: %s", purpose, name, explain(error));
	lr_text_file_finish(file);
	return error;
}

void lr_text_file_finish(struct lr_text_file *file)
{
	free(file->text);
	*file = (struct lr_text_file){ .name = file->name };
}

static const char *find_line(const struct lr_text_file *file, unsigned int line, size_t *ret_length)
{
	const char *end = file->text + file->size;
	const char *at = file->text;
	const char *newline;

	while (--line > 0) {
		newline = memchr(at, '\n', (size_t)(end - at));
		at = newline != NULL ? newline + 1 : end;
	}
	newline = memchr(at, '\n', (size_t)(end - at));
	*ret_length = (size_t)((newline != NULL ? newline : end) - at);
	return at;
}

void lr_text_file_refuse(const struct lr_text_file *file, unsigned int line, const char *expected)
{
	struct lr_sink found;
	size_t length;
	const char *text = find_line(file, line, &length);

	lr_sink_init(&found, -1);
	lr_sink_foreign(&found, text, length, LINE_SHOWN);
	lr_complain("%s:%u: expected %s, found '%.*s'", file->name, line, expected,
		    (int)found.length, found.buffer);
}
