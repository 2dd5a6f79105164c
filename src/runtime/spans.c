/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans.
 *
 * Layer: runtime. Locks: none.
 *
 * The kernel copies, by process_vm_readv(2) on ourselves: it stops where a load would fault, and its loads are none of ours, so a thread
 * that writes there meanwhile is in no race with this one. One call for each object would cost more than all the rest of a check; so what
 * lies behind the object that is asked for comes along, and most objects are there already when their turn comes.
 */
#include "runtime/spans.h"

#include "base/pages.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

int lr_spans_init(struct lr_spans *spans)
{
	*spans = (struct lr_spans){ .room = lr_pages_map(LR_SPAN_MAX) };
	return spans->room ? 0 : -ENOMEM;
}

void lr_spans_finish(struct lr_spans *spans)
{
	lr_pages_unmap(spans->room, LR_SPAN_MAX);
}

/* Return: how many bytes were copied, or a negative errno if the kernel does not say if they are there. */
static ssize_t copy_what_is_there(struct lr_spans *spans, uint64_t address, size_t size)
{
	struct iovec local = { .iov_base = spans->room, .iov_len = size };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)address, .iov_len = size };
	ssize_t copied = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	if (copied >= 0)
		return copied;
	if (errno == EPERM || errno == ENOSYS)
		spans->is_forbidden = true;
	return errno == EFAULT ? 0 : -errno;
}

/* The other way says of all bytes together if they are there. */
static ssize_t copy_otherwise(const struct lr_spans *spans, uint64_t address, size_t size)
{
	int copied = lr_pages_copy(spans->room, (const void *)(uintptr_t)address, size);

	return copied > 0 ? (ssize_t)size : copied;
}

static ssize_t copy(struct lr_spans *spans, uint64_t address, size_t size)
{
	ssize_t copied = -EPERM;

	if (!spans->is_forbidden)
		copied = copy_what_is_there(spans, address, size);
	return spans->is_forbidden ? copy_otherwise(spans, address, size) : copied;
}

int lr_spans_read(struct lr_spans *spans, uint64_t address, size_t size, uint64_t end,
		  const char **ret)
{
	size_t wanted = end > address + size ? (size_t)(end - address) : size;
	ssize_t copied;

	if (wanted > LR_SPAN_MAX)
		wanted = LR_SPAN_MAX;
	copied = copy(spans, address, wanted);
	/* What is behind it must not be in the way. */
	if (copied < (ssize_t)size && wanted > size)
		copied = copy(spans, address, size);
	spans->begin = address;
	spans->end = address + (copied > 0 ? (uint64_t)copied : 0);
	if (copied < 0)
		return (int)copied;
	*ret = spans->room;
	return copied >= (ssize_t)size;
}
