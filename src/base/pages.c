/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory by the page.
 *
 * Layer: base. Locks: none. Readability is asked of process_vm_readv(2) on ourselves: it fails where a load would fault. Where
 * a sandbox forbids that call, write(2) to a pipe is the classic substitute; we say that it is not known instead, which costs a
 * description and never a crash.
 */
#include "base/pages.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

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

int lr_pages_copy(void *to, const void *address, size_t size)
{
	struct iovec local = { .iov_base = to, .iov_len = size };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)address, .iov_len = size };

	ssize_t copied = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

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
