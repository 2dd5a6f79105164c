/* SPDX-License-Identifier: Apache-2.0 */
/* References that a path forgets. See dentry.h. */
#include "dentry.h"

int wrong_return_on_error(const char *path);
int right_return_on_error(const char *path);
int wrong_second_of_two(const char *path);
int right_second_of_two(const char *path);
int right_one_exit(const char *path);

/* finds: malloc-leak */
int wrong_return_on_error(const char *path)
{
	struct dentry *d = dentry_open(path);

	if (!d)
		return -1;
	if (dentry_check(d) < 0)
		return -2;
	dentry_unref(d);
	return 0;
}

int right_return_on_error(const char *path)
{
	struct dentry *d = dentry_open(path);

	if (!d)
		return -1;
	if (dentry_check(d) < 0) {
		dentry_unref(d);
		return -2;
	}
	dentry_unref(d);
	return 0;
}

/* finds: malloc-leak */
int wrong_second_of_two(const char *path)
{
	struct dentry *first = dentry_open(path);
	struct dentry *second;

	if (!first)
		return -1;
	second = dentry_open(path);
	if (!second)
		return -2;
	dentry_unref(second);
	dentry_unref(first);
	return 0;
}

int right_second_of_two(const char *path)
{
	struct dentry *first = dentry_open(path);
	struct dentry *second;

	if (!first)
		return -1;
	second = dentry_open(path);
	if (!second) {
		dentry_unref(first);
		return -2;
	}
	dentry_unref(second);
	dentry_unref(first);
	return 0;
}

/* NULL is fine for unref. */
int right_one_exit(const char *path)
{
	struct dentry *first = dentry_open(path);
	struct dentry *second = first ? dentry_open(path) : NULL;
	int result = second ? dentry_check(second) : -1;

	dentry_unref(second);
	dentry_unref(first);
	return result;
}
