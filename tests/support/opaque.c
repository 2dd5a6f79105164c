/* SPDX-License-Identifier: Apache-2.0 */
#include "opaque.h"

#include <stdio.h>
#include <stdlib.h>

struct opaque {
	void *first;
	struct lastref_count refs;
};

int opaques_destroyed;

static void opaque_destroy(struct opaque *opaque)
{
	opaques_destroyed++;
	free(opaque);
}

static int opaque_describe(const void *object, char *buf, size_t size)
{
	(void)object;
	return snprintf(buf, size, "opaque");
}

LASTREF_DEFINE_EXTERN(opaque, struct opaque, refs, opaque_destroy, .describe = opaque_describe);

struct opaque *opaque_new(void)
{
	struct opaque *opaque = calloc(1, sizeof(*opaque));

	if (opaque == NULL)
		abort();
	opaque_ref_init(opaque);
	return opaque;
}
