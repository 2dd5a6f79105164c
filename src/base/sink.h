/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink: text that is written out in pieces, to a file descriptor, with no allocation and no stdio lock.
 *
 * A piece ends where a line ends, unless the line alone is longer than the buffer: others write to the same file meanwhile.
 *
 * Layer: base. A sink belongs to one thread.
 */
#ifndef LR_BASE_SINK_H
#define LR_BASE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So long without room in a pipe that does not block is an error, EAGAIN. */
#define LR_SINK_PATIENCE_S 3

struct lr_sink {
	int fd;	   /* -1: what does not fit into the buffer is dropped */
	int error; /* first errno of a failed write; what comes after it is dropped */
	size_t length;
	char *memory; /* used instead of buffer if not NULL */
	size_t room;
	char buffer[4096];
};

void lr_sink_init(struct lr_sink *sink, int fd);

/* A sink that collects up to @size bytes in @memory (sink->length of them) and drops what is more. */
void lr_sink_init_memory(struct lr_sink *sink, char *memory, size_t size);

/* Write out what is buffered. Return: 0, or the negative errno of the first write that failed. */
int lr_sink_flush(struct lr_sink *sink);

void lr_sink_bytes(struct lr_sink *sink, const char *bytes, size_t length);
void lr_sink_text(struct lr_sink *sink, const char *text);
void lr_sink_printf(struct lr_sink *sink, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A number in plain digits, and one as 0x1f. */
void lr_sink_decimal(struct lr_sink *sink, uint64_t number);
void lr_sink_hex(struct lr_sink *sink, uint64_t number);

/* A number with separators between thousands: 10,001. */
void lr_sink_number(struct lr_sink *sink, uint64_t number);

/* A number of bytes for people: 480 B, 12 KB, 1.5 MB. */
void lr_sink_size(struct lr_sink *sink, uint64_t bytes);

/* Text of unknown origin: printable UTF-8 as it is, all else as \xNN; cut after @limit bytes of input with "...". */
void lr_sink_foreign(struct lr_sink *sink, const char *bytes, size_t length, size_t limit);

#endif
