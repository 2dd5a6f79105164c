/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Baselines.
 *
 * Layer: analyze. Locks: none.
 */
#include "analyze/baseline.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PREFIX "lr-"
#define DIGITS 8
#define FINGERPRINT_LENGTH (sizeof(PREFIX) - 1 + DIGITS)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_fingerprint(const char *begin, const char *end, uint32_t *ret)
{
	if ((size_t)(end - begin) < FINGERPRINT_LENGTH ||
	    memcmp(begin, PREFIX, sizeof(PREFIX) - 1) != 0)
		return false;
	*ret = 0;
	for (size_t i = sizeof(PREFIX) - 1; i < FINGERPRINT_LENGTH; i++) {
		int value = digit(begin[i]);

		if (value < 0)
			return false;
		*ret = *ret << 4 | (uint32_t)value;
	}
	begin += FINGERPRINT_LENGTH;
	return begin == end || is_blank(*begin);
}

/* Return: 1 a cause, 0 nothing, -1 a wrong line. */
static int parse_line(const char *begin, const char *end, struct lr_known *ret)
{
	while (begin < end && is_blank(*begin))
		begin++;
	while (end > begin && is_blank(end[-1]))
		end--;
	if (begin == end || *begin == '#')
		return 0;
	if (!parse_fingerprint(begin, end, &ret->fingerprint))
		return -1;
	begin += FINGERPRINT_LENGTH;
	while (begin < end && is_blank(*begin))
		begin++;
	ret->words = begin;
	ret->length = (size_t)(end - begin);
	return 1;
}

long lr_baseline_parse(const char *text, size_t size, struct lr_known *known, unsigned int *ret_line)
{
	const char *end = text + size;
	unsigned int line = 0;
	long count = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		struct lr_known found;
		int kind = parse_line(text, newline ? newline : end, &found);

		found.line = ++line;
		if (kind < 0) {
			*ret_line = line;
			return -EINVAL;
		}
		if (kind > 0 && known)
			known[count] = found;
		count += kind;
		text = newline ? newline + 1 : end;
	}
	return count;
}
