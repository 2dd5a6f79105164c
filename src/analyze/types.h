/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the analysis asks of a type for every object: looked up once for each type.
 *
 * Layer: analyze.
 */
#ifndef LR_ANALYZE_TYPES_H
#define LR_ANALYZE_TYPES_H

#include "format/image.h"

struct lr_type_facts {
	uint64_t hash; /* of name and size: the same in all runs. The upper half is of the name alone */
	uint64_t size;
	uint32_t rank;	/* in the order of lr_order_types() */
	bool is_there;	/* the image has it */
	bool is_wanted; /* it is there, and the patterns match its name */
};

struct lr_types {
	const struct lr_image *image;
	const char *globs;	     /* or NULL */
	struct lr_type_facts *facts; /* by id; NULL without memory, then they are made anew each time */
	uint32_t count;
	bool is_ranked;
	size_t mapped;
};

void lr_types_init(struct lr_types *types, const struct lr_image *image, const char *globs);
void lr_types_finish(struct lr_types *types);

/** lr_types_rank() - fill the ranks; what lr_types_order() costs many times without them */
void lr_types_rank(struct lr_types *types);

/** lr_types_make() - anew; use lr_types_get() */
struct lr_type_facts lr_types_make(const struct lr_types *types, uint32_t id);

/* Of type @id, which may be none. */
static inline struct lr_type_facts lr_types_get(const struct lr_types *types, uint32_t id)
{
	return types->facts ? types->facts[id < types->count ? id : 0] : lr_types_make(types, id);
}

/** lr_types_order() - negative, 0, positive, as strcmp(): by what they are called, never by id */
int lr_types_order(const struct lr_types *types, uint32_t a, uint32_t b);

#endif
