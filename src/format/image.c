/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an image: bounded access to elements, and finding the segments in bytes of unknown origin.
 *
 * Layer: format. Locks: none. In the process that owns the image, segments may be added meanwhile: the count of
 * a space is read with acquire, and no more is touched than so many segments.
 *
 * What is not obvious: elements name each other by ordinal, so a segment that is missing in the middle of a
 * kind would shift all that follow it. Therefore segments lie in the order of the table, only the last of a
 * kind may be shorter than LR_SEGMENT_SIZE, and where a file ends early everything from there on is left out,
 * of all kinds.
 */
#include "format/image.h"

#include "base/checksum.h"

#include <errno.h>
#include <string.h>

size_t lr_image_element_size(enum lr_segment_kind kind)
{
	switch (kind) {
	case LR_RECORDS:
		return sizeof(struct lr_record);
	case LR_SITES:
		return sizeof(struct lr_site);
	case LR_TYPES:
		return sizeof(struct lr_type_entry);
	case LR_MODULES:
		return sizeof(struct lr_module);
	case LR_CURSORS:
		return sizeof(struct lr_cursor_block);
	case LR_NOTES:
		return sizeof(struct lr_note);
	case LR_LOOKS:
		return sizeof(struct lr_look);
	case LR_EDGES:
		return sizeof(struct lr_edge);
	case LR_TEXT:
	case LR_KINDS:
		break;
	}
	return 1;
}

static uint64_t space_bytes(const struct lr_image *image, enum lr_segment_kind kind)
{
	const struct lr_space *space = &image->spaces[kind];
	/* Pairs with the release of the arena when it adds a segment, which has changed `bytes` before. */
	uint64_t there = __atomic_load_n(&space->count, __ATOMIC_ACQUIRE) * (uint64_t)LR_SEGMENT_SIZE;
	uint64_t bytes = __atomic_load_n(&space->bytes, __ATOMIC_RELAXED);

	return bytes < there ? bytes : there;
}

uint64_t lr_image_count(const struct lr_image *image, enum lr_segment_kind kind)
{
	return space_bytes(image, kind) / lr_image_element_size(kind);
}

const void *lr_image_at(const struct lr_image *image, enum lr_segment_kind kind, uint64_t ordinal)
{
	uint64_t byte;

	if (ordinal >= lr_image_count(image, kind))
		return NULL;
	byte = ordinal * lr_image_element_size(kind);
	return (const char *)image->spaces[kind].segments[byte / LR_SEGMENT_SIZE] +
	       byte % LR_SEGMENT_SIZE;
}

/* The string at @ref if it and its zero lie within one segment, else NULL. */
static const char *find_text(const struct lr_image *image, lr_text_ref ref, uint32_t *ret_length)
{
	uint64_t bytes = space_bytes(image, LR_TEXT);
	uint32_t at = ref % LR_SEGMENT_SIZE;
	uint64_t left, end = (uint64_t)ref - at + LR_SEGMENT_SIZE;
	const char *text;
	uint32_t length;

	if (ref == 0 || ref % sizeof(length) != 0 || ref >= bytes)
		return NULL;
	left = (end < bytes ? end : bytes) - ref;
	if (left < sizeof(length) + 1)
		return NULL;
	text = (const char *)image->spaces[LR_TEXT].segments[ref / LR_SEGMENT_SIZE] + at;
	memcpy(&length, text, sizeof(length));
	text += sizeof(length);
	if (length > LR_TEXT_MAX || length > left - sizeof(length) - 1 || text[length] != '\0')
		return NULL;
	*ret_length = length;
	return text;
}

const char *lr_image_text(const struct lr_image *image, lr_text_ref ref, size_t *ret_length)
{
	uint32_t length = 0;
	const char *text = find_text(image, ref, &length);

	if (ret_length != NULL)
		*ret_length = length;
	return text != NULL ? text : "";
}

const struct lr_site *lr_image_site(const struct lr_image *image, uint32_t id)
{
	return id == 0 ? NULL : lr_image_at(image, LR_SITES, id - 1);
}

const struct lr_module *lr_image_module(const struct lr_image *image, uint32_t id)
{
	return id == 0 ? NULL : lr_image_at(image, LR_MODULES, id - 1);
}

const struct lr_type_entry *lr_image_type(const struct lr_image *image, uint32_t id)
{
	return id == 0 ? NULL : lr_image_at(image, LR_TYPES, id - 1);
}

/* What lr_image_open() reads. */
struct input {
	const char *bytes;
	uint64_t size;
	uint64_t floor; /* end of the segment before: the next one begins there or later */
	bool check;
};

static int check_header(const struct lr_image_header *header, uint64_t size)
{
	uint64_t table;

	if (size < sizeof(*header) ||
	    memcmp(header->magic, LR_IMAGE_MAGIC, sizeof(header->magic)) != 0)
		return -EBADMSG;
	if (header->byte_order != LR_IMAGE_BYTE_ORDER || header->version != LR_IMAGE_VERSION)
		return -ENOTSUP;
	table = header->segments * (uint64_t)sizeof(struct lr_segment);
	if (header->segments > LR_SEGMENTS_MAX || header->header_size > LR_ARENA_HEADER_SIZE ||
	    header->header_size < sizeof(*header) + table)
		return -EBADMSG;
	return 0;
}

static bool segment_is_sane(const struct lr_image *image, const struct input *input,
			    const struct lr_segment *segment)
{
	const struct lr_space *space;

	if (segment->kind >= LR_KINDS || segment->length == 0 || segment->length > LR_SEGMENT_SIZE ||
	    segment->length % lr_image_element_size(segment->kind) != 0)
		return false;
	if (segment->offset % sizeof(uint64_t) != 0 || segment->offset < input->floor ||
	    segment->offset > INT64_MAX)
		return false;
	space = &image->spaces[segment->kind];
	return space->bytes == (uint64_t)space->count * LR_SEGMENT_SIZE;
}

/* Return: 0, -ENODATA if the file ends within or before this segment, or -EBADMSG. */
static int take_segment(struct lr_image *image, struct input *input, const struct lr_segment *segment)
{
	struct lr_space *space;
	const char *bytes;
	uint64_t length, left;

	if (!segment_is_sane(image, input, segment))
		return -EBADMSG;
	if (segment->offset >= input->size)
		return -ENODATA;
	left = input->size - segment->offset;
	length = segment->length <= left ? segment->length : left;
	bytes = input->bytes + segment->offset;
	if (input->check && length == segment->length &&
	    lr_checksum(0, bytes, length) != segment->checksum)
		return -EBADMSG;
	input->floor = segment->offset + segment->length;

	space = &image->spaces[segment->kind];
	space->segments[space->count++] = (void *)(uintptr_t)bytes;
	space->bytes += length - length % lr_image_element_size(segment->kind);
	return length == segment->length ? 0 : -ENODATA;
}

int lr_image_open(struct lr_image *image, const void *bytes, size_t size, void **tables, bool check)
{
	const struct lr_image_header *header = bytes;
	struct input input = { .bytes = bytes, .size = size, .check = check };
	struct lr_image found = { .header = header };
	int error = check_header(header, size);

	if (error != 0)
		return error;
	for (uint32_t kind = 0; kind < LR_KINDS; kind++)
		found.spaces[kind].segments = tables + (size_t)kind * LR_SEGMENTS_MAX;
	input.floor = header->header_size;
	/* The checksums of a file that was never finished may not be there yet. */
	if (check && header->complete != 1) {
		found.cut_short = true;
		input.check = false;
	}
	for (uint32_t i = 0; i < header->segments && error == 0; i++) {
		if (sizeof(*header) + (i + 1) * sizeof(struct lr_segment) > size)
			error = -ENODATA;
		else
			error = take_segment(&found, &input, &header->table[i]);
	}
	if (error == -ENODATA)
		found.cut_short = true;
	else if (error != 0)
		return error;
	*image = found;
	return 0;
}
