/* SPDX-License-Identifier: Apache-2.0 */
/* Switches checking on, makes three objects, unrefs one, and says how many the library knows of: 2. */
#include <lastref/lastref.h>

#include <stdio.h>
#include <stdlib.h>

struct box {
	struct lastref_count refs;
};

static void box_destroy(struct box *box)
{
	free(box);
}

LASTREF_DEFINE(box, struct box, refs, box_destroy);

int main(void)
{
	struct box *boxes[3];

	lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	for (int i = 0; i < 3; i++) {
		boxes[i] = (struct box *)calloc(1, sizeof(struct box));
		if (!boxes[i])
			return 1;
		box_ref_init(boxes[i]);
	}
	box_unref(boxes[1]);
	printf("live %zu\n", lastref_live_objects());

	box_unref(boxes[0]);
	box_unref(boxes[2]);
	return 0;
}
