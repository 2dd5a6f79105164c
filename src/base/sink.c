/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sinks: buffered text output by write(2) alone.
 *
 * Layer: base. Locks: none. Numbers are formatted by snprintf(), which neither allocates nor locks
 * for the formats used here; foreign bytes never reach a format string.
 */
#include "base/sink.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void lr_sink_init(struct lr_sink *sink, int fd)
{
	sink->fd = fd;
	sink->error = 0;
	sink->length = 0;
	sink->memory = NULL;
	sink->room = sizeof(sink->buffer);
}

void lr_sink_init_memory(struct lr_sink *sink, char *memory, size_t size)
{
	lr_sink_init(sink, -1);
	sink->memory = memory;
	sink->room = size;
}

/*
 * A write said EAGAIN: the pipe is full and does not block. Wait for who reads it, but not for ever. The
 * system call puts into the time what is left of it.
 * Return: true if there is room now; else errno says why not, EAGAIN where nobody reads.
 */
static bool wait_for_room(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
	struct timespec left = { .tv_sec = LR_SINK_PATIENCE_S };
	long ready;

	do
		ready = syscall(SYS_ppoll, &pollfd, 1, &left, NULL, 0);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		errno = EAGAIN;
	return ready > 0;
}

/* The first @length bytes of the buffer. */
static void write_out(struct lr_sink *sink, size_t length)
{
	size_t done = 0;

	while (sink->fd >= 0 && sink->error == 0 && done < length) {
		/* Not write(): that is a point where pthread_cancel() ends the thread, and a misuse must not be one. */
		ssize_t n = syscall(SYS_write, sink->fd, sink->buffer + done, length - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR && (errno != EAGAIN || !wait_for_room(sink->fd)))
			sink->error = errno;
	}
	sink->length -= length;
	memmove(sink->buffer, sink->buffer + length, sink->length);
}

int lr_sink_flush(struct lr_sink *sink)
{
	write_out(sink, sink->length);
	return -sink->error;
}

/* The buffer is full: the lines in it that are whole go out. */
static void make_room(struct lr_sink *sink)
{
	const char *newline = memrchr(sink->buffer, '\n', sink->length);

	write_out(sink, newline ? (size_t)(newline + 1 - sink->buffer) : sink->length);
}

void lr_sink_bytes(struct lr_sink *sink, const char *bytes, size_t length)
{
	char *buffer = sink->memory ? sink->memory : sink->buffer;

	while (length > 0) {
		size_t room = sink->room - sink->length;
		size_t n = length < room ? length : room;

		memcpy(buffer + sink->length, bytes, n);
		sink->length += n;
		bytes += n;
		length -= n;
		if (sink->length < sink->room)
			continue;
		if (sink->fd < 0)
			return;
		make_room(sink);
	}
}

void lr_sink_text(struct lr_sink *sink, const char *text)
{
	lr_sink_bytes(sink, text, strlen(text));
}

void lr_sink_printf(struct lr_sink *sink, const char *format, ...)
{
	char line[512];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (n > 0)
		lr_sink_bytes(sink, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void lr_sink_decimal(struct lr_sink *sink, uint64_t number)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	lr_sink_bytes(sink, text + at, sizeof(text) - at);
}

void lr_sink_hex(struct lr_sink *sink, uint64_t number)
{
	char text[16];
	size_t at = sizeof(text);

	do {
		text[--at] = "0123456789abcdef"[number % 16];
		number /= 16;
	} while (number > 0);
	lr_sink_text(sink, "0x");
	lr_sink_bytes(sink, text + at, sizeof(text) - at);
}

void lr_sink_number(struct lr_sink *sink, uint64_t number)
{
	char text[32];
	size_t at = sizeof(text);
	int digits = 0;

	do {
		if (digits > 0 && digits % 3 == 0)
			text[--at] = ',';
		text[--at] = (char)('0' + number % 10);
		number /= 10;
		digits++;
	} while (number > 0);
	lr_sink_bytes(sink, text + at, sizeof(text) - at);
}

void lr_sink_size(struct lr_sink *sink, uint64_t bytes)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
	uint64_t whole = bytes;
	uint64_t rest = 0;
	size_t unit = 0;

	while (whole >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		rest = whole % 1024;
		whole /= 1024;
		unit++;
	}
	lr_sink_number(sink, whole);
	if (unit > 0 && whole < 10 && rest * 10 / 1024 > 0)
		lr_sink_printf(sink, ".%u", (unsigned int)(rest * 10 / 1024));
	lr_sink_printf(sink, " %s", units[unit]);
}

/*
 * Not so: C1 controls, surrogates, line and paragraph separators, the marks that turn the direction
 * of text, and what is no character and may stand in no XML.
 */
static bool is_visible(uint32_t code)
{
	return code >= 0xa0 && !(code >= 0xd800 && code < 0xe000) &&
	       !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069) &&
	       (code & 0xfffe) != 0xfffe && !(code >= 0xfdd0 && code <= 0xfdef);
}

/* Length of the printable UTF-8 character at @at, or 0. Overlong forms, surrogates and control characters are not printable. */
static size_t printable(const unsigned char *at, size_t left)
{
	uint32_t code;
	size_t length;

	if (at[0] >= 0x20 && at[0] < 0x7f)
		return 1;
	length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 0;
	if (length == 0 || length > left || at[0] > 0xf4)
		return 0;
	code = at[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if ((length == 3 && code < 0x800) || (length == 4 && code < 0x10000) || code > 0x10ffff)
		return 0;
	return is_visible(code) ? length : 0;
}

void lr_sink_foreign(struct lr_sink *sink, const char *bytes, size_t length, size_t limit)
{
	size_t end = length < limit ? length : limit;
	size_t at = 0;

	while (at < end) {
		const unsigned char *byte = (const unsigned char *)bytes + at;
		size_t n = printable(byte, length - at);

		if (n > 0)
			lr_sink_bytes(sink, bytes + at, n);
		else
			lr_sink_printf(sink, "\\x%02x", *byte);
		at += n > 0 ? n : 1;
	}
	if (at < length)
		lr_sink_text(sink, "...");
}
