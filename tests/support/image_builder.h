/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images made by hand, for tests of what reads them. Memory that cannot be had ends the test.
 */
#ifndef TESTS_SUPPORT_IMAGE_BUILDER_H
#define TESTS_SUPPORT_IMAGE_BUILDER_H

#include "format/image.h"

/* An image whose segments come from malloc(), as the arena of a process has it. Starts all zero. */
struct image_builder {
	struct lr_image image;
	uint64_t used[LR_KINDS]; /* bytes */
	struct lr_image_header header;
};

/* Bytes from malloc(), exactly so many that a sanitizer sees what is read beyond them. */
struct built {
	unsigned char *bytes;
	size_t size;
};

void image_builder_init(struct image_builder *builder);
void image_builder_finish(struct image_builder *builder);

/* A new element of @kind, zeroed; its ordinal + 1 in @ret_id, which may be NULL. */
void *image_builder_add(struct image_builder *builder, enum lr_segment_kind kind, uint32_t *ret_id);

lr_text_ref image_builder_text(struct image_builder *builder, const char *text);

/* A type with this name, and @dealt birth numbers. Return: its id. */
uint32_t image_builder_type(struct image_builder *builder, const char *name, uint64_t dealt);

/* A frame in a module of which nothing but @path is known. Return: its id. */
uint32_t image_builder_site(struct image_builder *builder, const char *path, uint64_t offset,
			    uint32_t parent);

/* An object TYPE#NUMBER of this state, at address @number * 64. */
struct lr_record *image_builder_record(struct image_builder *builder, uint32_t type,
				       uint64_t number, uint32_t site, uint32_t state);

/*
 * An object as above, that a check looked at and found to have @count references. Return: its
 * record, ordinal + 1.
 */
uint32_t image_builder_object(struct image_builder *builder, uint32_t type, uint64_t number,
			      uint32_t site, int32_t count);

/*
 * One object holds another, both by record, ordinal + 1; @member as declared, or NULL for a word
 * that was found at @offset.
 */
void image_builder_edge(struct image_builder *builder, uint32_t from, uint32_t to,
			const char *member, uint32_t offset);

/* The image as a process leaves it in its file under `lastref run`. */
struct built image_builder_arena(const struct image_builder *builder);

/* The image as lr_image_write() makes it. */
struct built image_builder_file(const struct image_builder *builder);

#endif
