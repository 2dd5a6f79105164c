/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text files.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/text_file.h"

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/source.h"

#include <errno.h>
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

/* Editors put it there unasked, and it cannot be seen. */
static void drop_byte_order_mark(struct lr_text_file *file)
{
	static const char mark[] = "\xef\xbb\xbf";
	const size_t length = sizeof(mark) - 1;

	if (file->size < length || memcmp(file->text, mark, length) != 0)
		return;
	file->size -= length;
	memmove(file->text, file->text + length, file->size + 1);
}

static int read_source(struct lr_text_file *file, int fd)
{
	struct stat status;
	int error;

	if (fstat(fd, &status) != 0)
		return -errno;
	if (status.st_size > SIZE_MAX_READ)
		return -E2BIG;
	error = read_all(file, fd, (size_t)status.st_size);
	if (error == 0)
		drop_byte_order_mark(file);
	return error;
}

int lr_text_file_take(struct lr_text_file *file, const char *name, const char *purpose, int source)
{
	int error = source;

	*file = (struct lr_text_file){ .name = name };
	if (source >= 0) {
		error = read_source(file, source);
		close(source);
	}
	if (error == 0)
		return 0;
	lr_complain("cannot read the %s %s: %s", purpose, name,
		    error == -E2BIG ? "it is larger than 64 MB" : lr_source_explain(error));
	lr_text_file_finish(file);
	return error;
}

int lr_text_file_read(struct lr_text_file *file, const char *name, const char *purpose)
{
	return lr_text_file_take(file, name, purpose, lr_source_open(name));
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
