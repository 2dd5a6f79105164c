/* SPDX-License-Identifier: Apache-2.0 */
/* The library's side. */
#include "cross.h"

static void hold(struct box *box)
{
	box_ref(box);
}

static void release(struct box *box)
{
	box_unref(box);
}

static void evict(struct entry *entry)
{
	if (!entry_ref_evict(entry))
		abort();
}

const struct library library = { box_new, hold, release, evict };
