/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory by the page.
 *
 * Layer: base. Locks: none. Readability is asked of process_vm_readv(2) on ourselves: it fails where a load would fault. Where a
 * sandbox forbids that call, as those of containers may, or there is none, as in emulators, what is copied goes through a pipe:
 * write(2) of memory that is not there is an error too. Without a pipe it is not known, which costs a description and never a crash.
 */
#include "base/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOM_MIN 64 /* elements */

static size_t round_up(size_t size)
{
	return (size + 4095) & ~(size_t)4095;
}

void *lr_pages_map(size_t size)
{
	void *pages = mmap(NULL, round_up(size), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
}

void lr_pages_unmap(void *pages, size_t size)
{
	if (pages)
		munmap(pages, round_up(size));
}

bool lr_pages_grow(void *array_, size_t *room, size_t count, size_t size)
{
	void **array = array_;
	size_t more = *room ? *room : ROOM_MIN;
	void *larger;

	if (count <= *room)
		return true;
	while (more < count)
		more *= 2;
	larger = lr_pages_map(more * size);
	if (!larger)
		return false;
	if (*array)
		memcpy(larger, *array, *room * size);
	lr_pages_unmap(*array, *room * size);
	*array = larger;
	*room = more;
	return true;
}

/* A pipe has room for a page at least, and what is less than that leaves it at once. */
static int pass_through(const int ends[2], char *to, const char *from, size_t size)
{
	while (size > 0) {
		size_t part = size < 4096 ? size : 4096;
		ssize_t written = write(ends[1], from, part);

		if (written < 0 && errno != EFAULT)
			return -errno;
		if (written != (ssize_t)part)
			return false;
		if (read(ends[0], to, part) != written)
			return -EIO;
		to += part;
		from += part;
		size -= part;
	}
	return true;
}

static int copy_by_pipe(char *to, const char *from, size_t size)
{
	int ends[2];
	int copied;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	copied = pass_through(ends, to, from, size);
	close(ends[0]);
	close(ends[1]);
	return copied;
}

int lr_pages_copy(void *to, const void *address, size_t size)
{
	struct iovec local = { .iov_base = to, .iov_len = size };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)address, .iov_len = size };
	ssize_t copied = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	if (copied < 0 && (errno == ENOSYS || errno == EPERM))
		return copy_by_pipe(to, address, size);
	if (copied < 0 && errno != EFAULT)
		return -errno;
	return copied == (ssize_t)size;
}

static int byte_is_readable(uintptr_t address)
{
	char byte;

	return lr_pages_copy(&byte, (const void *)address, 1);
}

int lr_pages_readable(const void *address, size_t size)
{
	uintptr_t at = (uintptr_t)address;
	uintptr_t end = at + (size > 0 ? size : 1);

	if (end < at)
		return false;
	for (; at < end; at = (at | 4095) + 1) {
		int readable = byte_is_readable(at);

		if (readable <= 0)
			return readable;
	}
	return true;
}
