/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and the paths that are made of them. A name is any bytes but '/' and NUL.
 */
#ifndef MEMFS_NAME_H
#define MEMFS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FS_NAME_MAX 255

/**
 * struct name - one name, somewhere in a path
 * @text: not ended by a NUL
 * @length: in bytes
 * @hash: of the bytes
 */
struct name {
	const char *text;
	size_t length;
	uint32_t hash;
};

/** name_of() - the name that these bytes are. */
struct name name_of(const char *text, size_t length);

/** name_is() - is it this text? */
bool name_is(const struct name *name, const char *text);

/**
 * name_next() - take the first name off a path
 * @path: advanced behind the name; slashes before it are skipped
 * @end: where the path ends
 *
 * Return: false if only slashes were left.
 */
bool name_next(const char **path, const char *end, struct name *ret_name);

/**
 * name_last() - the last name of a path, slashes after it not counted
 * @ret_start: where it starts, and so the path of its directory ends
 *
 * Return: false if the path has no name.
 */
bool name_last(const char *path, const char **ret_start, struct name *ret_name);

#endif
