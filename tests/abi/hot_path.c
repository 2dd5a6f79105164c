/* SPDX-License-Identifier: Apache-2.0 */
/* What the object-code test disassembles: the template's hot operations, each as a function of its own. Compiled, not run. */
#include <lastref/lastref.h>

#include <stdlib.h>

struct box {
	struct lastref_count refs;
};

static void box_destroy(struct box *box)
{
	free(box);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy);

struct box *hot_ref(struct box *box);
void hot_unref(struct box *box);
void hot_set(struct box **slot, struct box *box);
void hot_clear(struct box **slot);

struct box *hot_ref(struct box *box)
{
	return box_ref(box);
}

void hot_unref(struct box *box)
{
	box_unref(box);
}

void hot_set(struct box **slot, struct box *box)
{
	box_ref_set(slot, box);
}

void hot_clear(struct box **slot)
{
	box_ref_clear(slot);
}
