/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks: what a check sees of the live objects before it is analyzed who holds whom.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_LOOKS_H
#define LR_RUNTIME_LOOKS_H

#include "runtime/elements.h"

struct lr_looks {
	struct lr_image image; /* the arena's, with the looks and edges of this check, if it has any */
	struct lr_elements looks;
	struct lr_elements edges;
};

struct lr_looks_options {
	bool in_arena; /* leave looks and edges where the parent finds them; of several such checks the last one's stay */
	bool caches; /* look at all entries of caches besides */
	uint32_t since; /* look at nothing older than this checkpoint, but for what is ignored or reported; 0 for all */
	uint32_t until; /* nor at what was born since this one; 0 for none */
};

/**
 * lr_looks_make() - look at every live object that a check is about, and find the edges between them
 * @looks: filled; give it back with lr_looks_free()
 *
 * Calls .size_of, .count and .visit of the program, with no lock held, on objects that cannot die meanwhile. Memory: 16 bytes for each look and
 * each edge until lr_looks_free(), and 33 for each object while it runs. Without memory there are neither looks nor edges; nor are there
 * any in the child of a fork that one of these functions made, see lr_start_is_process().
 */
void lr_looks_make(struct lr_looks *looks, const struct lr_looks_options *options);

/** lr_looks_show() - have the image show what was added to the arena since. */
void lr_looks_show(struct lr_looks *looks);

void lr_looks_free(struct lr_looks *looks);

#endif
