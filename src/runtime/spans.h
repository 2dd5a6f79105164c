/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans: the program's memory, copied in large pieces.
 *
 * Layer: runtime. Not thread-safe: a struct belongs to one check.
 */
#ifndef LR_RUNTIME_SPANS_H
#define LR_RUNTIME_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LR_SPAN_MAX ((size_t)256 * 1024)

/* A copy of [begin, end). */
struct lr_spans {
	char *room;
	uint64_t begin;
	uint64_t end;
	bool is_forbidden; /* process_vm_readv(2) is */
};

/** lr_spans_init() - Return: 0 or -ENOMEM. */
int lr_spans_init(struct lr_spans *spans);

void lr_spans_finish(struct lr_spans *spans);

/** lr_spans_forget() - what was copied is not what is there now. */
static inline void lr_spans_forget(struct lr_spans *spans)
{
	spans->begin = spans->end = 0;
}

/** lr_spans_find() - @size bytes at @address, if they are in the copy already; else NULL. */
static inline const char *lr_spans_find(const struct lr_spans *spans, uint64_t address, size_t size)
{
	uint64_t at = address - spans->begin;
	uint64_t length = spans->end - spans->begin;

	return at <= length && size <= length - at ? spans->room + at : NULL;
}

/**
 * lr_spans_read() - copy memory that may not be there
 * @size: what is needed, LR_SPAN_MAX at the most
 * @end: up to where it is worth while to read along
 * @ret: the copy, good until the next call
 *
 * Return: 1 if all @size bytes were readable, 0 if not, or a negative errno if the kernel does not say.
 */
int lr_spans_read(struct lr_spans *spans, uint64_t address, size_t size, uint64_t end,
		  const char **ret);

#endif
