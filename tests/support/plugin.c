/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library with a counted type of its own, for tests that load and unload one.
 */
#include <lastref/lastref.h>

#include <stdlib.h>

struct gadget {
	struct lastref_count refs;
};

static void gadget_destroy(struct gadget *gadget)
{
	free(gadget);
}

LASTREF_DEFINE(gadget, struct gadget, refs, gadget_destroy);

void plugin_work(void);

/* Some are born, some die. */
__attribute__((visibility("default"))) void plugin_work(void)
{
	struct gadget *gadgets[8];

	for (int i = 0; i < 8; i++) {
		gadgets[i] = calloc(1, sizeof(*gadgets[i]));
		if (gadgets[i] == NULL)
			abort();
		gadget_ref_init(gadgets[i]);
	}
	for (int i = 0; i < 8; i++) {
		gadget_unref(gadget_ref(gadgets[i]));
		gadget_unref(gadgets[i]);
	}
}
