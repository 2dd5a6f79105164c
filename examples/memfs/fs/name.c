/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and paths: pure functions on bytes, no locks, no allocation.
 */
#include "name.h"

#include <string.h>

/* FNV-1a: short, and good enough for names. */
static uint32_t hash_of(const char *text, size_t length)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash;
}

struct name name_of(const char *text, size_t length)
{
	return (struct name){ .text = text, .length = length, .hash = hash_of(text, length) };
}

bool name_is(const struct name *name, const char *text)
{
	return name->length == strlen(text) && memcmp(name->text, text, name->length) == 0;
}

bool name_next(const char **path, const char *end, struct name *ret_name)
{
	const char *start = *path;
	const char *slash;

	while (start < end && *start == '/')
		start++;
	if (start == end)
		return false;
	slash = memchr(start, '/', (size_t)(end - start));
	*path = slash ? slash : end;
	*ret_name = name_of(start, (size_t)(*path - start));
	return true;
}

bool name_last(const char *path, const char **ret_start, struct name *ret_name)
{
	const char *end = path + strlen(path);
	const char *start;

	while (end > path && end[-1] == '/')
		end--;
	for (start = end; start > path && start[-1] != '/';)
		start--;
	if (start == end)
		return false;
	*ret_start = start;
	*ret_name = name_of(start, (size_t)(end - start));
	return true;
}
