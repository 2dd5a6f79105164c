/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The type of the corpus. In each file of it, functions called wrong_... have a bug, and the comment before tells which; those called
 * right_... are the same without it. Analyzed, never run.
 */
#ifndef ANALYZE_DENTRY_H
#define ANALYZE_DENTRY_H

#include <lastref/lastref.h>

#include <stdlib.h>

struct dentry {
	struct lastref_count refs;
	struct dentry *parent;
	int number;
};

static int dentry_describe(const void *object, char *buf, size_t size)
{
	(void)object;
	(void)buf;
	return (int)size;
}

static void dentry_destroy(struct dentry *d);

LASTREF_DEFINE(dentry, struct dentry, refs, dentry_destroy, .describe = dentry_describe);

static void dentry_destroy(struct dentry *d)
{
	dentry_ref_clear(&d->parent);
	free(d);
}

/* A constructor: NULL without memory. */
LASTREF_RETURNS(dentry) struct dentry *dentry_open(const char *path);

/* Functions that it knows nothing of. */
int dentry_check(const struct dentry *d);
void table_add(struct dentry *d); /* takes over the caller's reference */

#endif
