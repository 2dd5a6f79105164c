/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image file in memory of our own.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * Why it is copied and not mapped: what was checked must not change afterwards, and a file that somebody
 * truncates, or an arena with holes on a full file system, would end lastref by SIGBUS. Holes are not read.
 */
#include "cli/load.h"

#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Copy [@from, @to) of the file to its place; where it became shorter, zeros stay. Return: 0 or a negative errno. */
static int copy_extent(struct lr_loaded *loaded, int fd, off_t from, off_t to)
{
	while (from < to) {
		ssize_t n = pread(fd, (char *)loaded->bytes + from, (size_t)(to - from), from);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		from += n > 0 ? n : 0;
	}
	return 0;
}

static int copy_data(struct lr_loaded *loaded, int fd)
{
	off_t size = (off_t)loaded->size;
	off_t from, to = 0;
	int error = 0;

	while (error == 0 && to < size) {
		from = lseek(fd, to, SEEK_DATA);
		if (from < 0 && errno == ENXIO)
			return 0;
		if (from < 0)
			return copy_extent(loaded, fd, to, size);
		to = lseek(fd, from, SEEK_HOLE);
		if (to <= from || to > size)
			to = size;
		error = copy_extent(loaded, fd, from, to);
	}
	return error;
}

static int allocate(struct lr_loaded *loaded, size_t size)
{
	loaded->tables = calloc((size_t)LR_KINDS * LR_SEGMENTS_MAX, sizeof(void *));
	loaded->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (loaded->bytes == MAP_FAILED)
		loaded->bytes = NULL;
	loaded->size = size;
	return loaded->tables != NULL && loaded->bytes != NULL ? 0 : -ENOMEM;
}

int lr_load(struct lr_loaded *loaded, int fd, bool is_arena)
{
	struct stat status;
	int error;

	*loaded = (struct lr_loaded){ 0 };
	if (fstat(fd, &status) != 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (status.st_size == 0)
		return -EBADMSG;
	error = allocate(loaded, (size_t)status.st_size);
	if (error == 0)
		error = copy_data(loaded, fd);
	loaded->header = loaded->bytes;
	if (error == 0)
		error = lr_image_open(&loaded->image, loaded->bytes, loaded->size, loaded->tables,
				      !is_arena);
	return error;
}

void lr_unload(struct lr_loaded *loaded)
{
	if (loaded->bytes != NULL)
		munmap(loaded->bytes, loaded->size);
	free(loaded->tables);
}

static bool has_magic(const struct lr_loaded *loaded)
{
	return loaded->bytes != NULL && loaded->size >= sizeof(loaded->header->magic) &&
	       memcmp(loaded->header->magic, LR_IMAGE_MAGIC, sizeof(loaded->header->magic)) == 0;
}

void lr_load_explain(const char *name, const struct lr_loaded *loaded, int error, char *text,
		     size_t size)
{
	const char *reason = strerror(-error);
	char words[256];

	if (error == -EINVAL) {
		reason = "it is not a regular file; give a file that `lastref run -o` wrote";
	} else if (error == -EBADMSG && loaded->size == 0) {
		reason = "it is empty; give a file that `lastref run -o` wrote";
	} else if (error == -EBADMSG && !has_magic(loaded)) {
		reason = "it was not written by `lastref run -o`";
	} else if (error == -EBADMSG && loaded->size < sizeof(*loaded->header)) {
		snprintf(words, sizeof(words), "it ends within its first %zu bytes; make it again",
			 sizeof(*loaded->header));
		reason = words;
	} else if (error == -EBADMSG) {
		reason = "it is damaged (lengths or checksums are wrong); make it again";
	} else if (error == -ENOTSUP && loaded->header->byte_order != LR_IMAGE_BYTE_ORDER) {
		reason = "it has the byte order of another kind of machine; read it there";
	} else if (error == -ENOTSUP) {
		snprintf(words, sizeof(words),
			 "its format is version %u, and this lastref (%s) reads version %u; use "
			 "the lastref that the program was linked with",
			 loaded->header->version, argp_program_version, LR_IMAGE_VERSION);
		reason = words;
	}
	snprintf(text, size, "cannot read %s: %s", name, reason);
}
