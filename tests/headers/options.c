/* SPDX-License-Identifier: Apache-2.0 */
/* The macros with options, by name: valid C from C11 on and valid C++ from C++20 on. Compiled, not run. */
#include <lastref/lastref.h>

#include <stdio.h>
#include <stdlib.h>

struct box {
	struct lastref_count refs;
	int content;
};

static void box_destroy(struct box *box)
{
	free(box);
}

static int box_describe(const void *object, char *buf, size_t size)
{
	return snprintf(buf, size, "%d", ((const struct box *)object)->content);
}

static size_t box_size_of(const void *object)
{
	(void)object;
	return sizeof(struct box);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy, .describe = box_describe,
	       .leak_message = box_describe, .log = true, .size_of = box_size_of);

static const struct lastref_type hand_written =
	LASTREF_TYPE("hand.written", struct box, .describe = box_describe, .log = true);

struct entry {
	struct lastref_cache_count refs;
};

static void entry_rests(void *object)
{
	(void)object;
}

LASTREF_DEFINE(entry, struct entry, refs, NULL, .describe = box_describe, .at_rest = entry_rests);

struct hot {
	struct lastref_hot_count refs;
	struct box *one;
	struct {
		struct box *left, *right;
	} pair;
	struct box *many[4];
	struct entry *a, *b, *c, *d, *e;
};

static void hot_visit(const void *object, lastref_visitor visitor, void *context)
{
	visitor(context, "one", ((const struct hot *)object)->one);
}

LASTREF_DEFINE(hot, struct hot, refs, NULL, .owns = LASTREF_OWNS(struct hot, one, pair.left, many),
	       .visit = hot_visit, .size_of = box_size_of);

static const struct lastref_type owns_one =
	LASTREF_TYPE("hand.one", struct hot, .owns = LASTREF_OWNS(struct hot, one));
static const struct lastref_type owns_eight =
	LASTREF_TYPE("hand.eight", struct hot,
		     .owns = LASTREF_OWNS(struct hot, one, pair.left, pair.right, a, b, c, d, e));

static const struct lastref_type owns_nothing =
	LASTREF_TYPE("hand.nothing", struct hot, .owns = LASTREF_OWNS_NOTHING);

int main(void)
{
	struct entry entry;
	struct hot hot;
	struct box *box = (struct box *)calloc(1, sizeof(*box));

	if (!box)
		return 1;
	entry_ref_init(&entry);
	entry_unref(&entry);
	hot_ref_init(&hot);
	hot_unref(&hot);
	box_ref_init(box);
	lastref_register(&hand_written, box);
	lastref_unregister(&hand_written, box);
	lastref_register(&owns_one, &hot);
	lastref_unregister(&owns_one, &hot);
	lastref_register(&owns_nothing, &hot);
	lastref_unregister(&owns_nothing, &hot);
	lastref_register(&owns_eight, &hot);
	lastref_unregister(&owns_eight, &hot);
	box_unref(box);
	return 0;
}
