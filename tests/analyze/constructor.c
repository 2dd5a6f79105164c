/* SPDX-License-Identifier: Apache-2.0 */
/* The file that defines the constructor: analyzed with LASTREF_RETURNS() defined as nothing. See dentry.h. */
#include "dentry.h"

int wrong_second_in_its_own_file(const char *path);
int right_in_its_own_file(const char *path);
int wrong_unref_twice_in_its_own_file(const char *path);

struct dentry *dentry_open(const char *path)
{
	struct dentry *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->number = path[0];
	dentry_ref_init(d);
	return d;
}

/* finds: malloc-leak */
int wrong_second_in_its_own_file(const char *path)
{
	struct dentry *d = dentry_open(path);
	struct dentry *again;

	if (!d)
		return -1;
	again = dentry_ref(d);
	dentry_unref(d);
	return again->number;
}

int right_in_its_own_file(const char *path)
{
	struct dentry *d = dentry_open(path);
	struct dentry *again;

	if (!d)
		return -1;
	again = dentry_ref(d);
	dentry_unref(d);
	dentry_unref(again);
	return 0;
}

/* finds: double-free */
int wrong_unref_twice_in_its_own_file(const char *path)
{
	struct dentry *d = dentry_open(path);

	dentry_unref(d);
	dentry_unref(d);
	return 0;
}
