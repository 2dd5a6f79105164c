/* SPDX-License-Identifier: Apache-2.0 */
/* A type that a program and a library share, where one of them is built with checking and the other without. */
#ifndef LINK_CROSS_H
#define LINK_CROSS_H

#include <lastref/lastref.h>

#include <stdlib.h>

struct box {
	struct lastref_count refs;
	char content[24];
};

struct entry {
	struct lastref_cache_count refs;
	char content[24];
};

static void box_destroy(struct box *box)
{
	free(box);
}

static void entry_destroy(struct entry *entry)
{
	free(entry);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy);
LASTREF_DEFINE(entry, struct entry, refs, entry_destroy);

__attribute__((unused)) static struct box *box_new(void)
{
	struct box *box = calloc(1, sizeof(*box));

	if (!box)
		abort();
	box_ref_init(box);
	return box;
}

/* What the library can do: its only symbol. */
struct library {
	struct box *(*make)(void);
	void (*hold)(struct box *box);
	void (*release)(struct box *box);
	void (*evict)(struct entry *entry);
};

extern const struct library library;

#endif
