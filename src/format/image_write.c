/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing an image as a file, in one pass over memory that may change meanwhile.
 *
 * Layer: format. Locks: none. How much there is of each space is asked once, at the begin; everything is copied
 * to the scratch room before its checksum is computed, so the two cannot disagree.
 *
 * Why pieces are written at offsets and not one after the other: how many records are live is known when all
 * were seen, and a second pass would count differently. So room for the longest possible table is left, each
 * segment enters the table when its bytes are written, and what there is can be read at any moment. Records
 * come after what names them, and what names records by their new ordinals comes after them.
 */
#include "format/image_write.h"

#include "base/attributes.h"
#include "base/checksum.h"

#include <string.h>

#define RECORDS_IN_SCRATCH (sizeof(struct lr_image_scratch) / sizeof(struct lr_record))

_Static_assert(LR_SEGMENT_SIZE % sizeof(struct lr_image_scratch) == 0, "a segment is whole pieces");
_Static_assert(sizeof(struct lr_image_scratch) % sizeof(struct lr_record) == 0,
	       "a piece is whole records");

struct writer {
	const struct lr_image *image;
	struct lr_image_scratch *scratch;
	lr_image_write_at write;
	void *context;
	uint32_t *numbers; /* by ordinal of a record: its ordinal + 1 in the file; 0 if it is not there */
	uint32_t written;	     /* records so far */
	uint64_t elements[LR_KINDS]; /* how many there were at the begin */
	struct lr_segment segment;   /* the one being written */
	struct lr_image_header header;
};

static uint64_t round_up(uint64_t number, uint64_t to)
{
	return (number + to - 1) / to * to;
}

static uint32_t segments_of(const struct writer *writer, enum lr_segment_kind kind)
{
	uint64_t bytes = writer->elements[kind] * lr_image_element_size(kind);

	return (uint32_t)(round_up(bytes, LR_SEGMENT_SIZE) / LR_SEGMENT_SIZE);
}

static void copy_header(struct lr_image_header *to, const struct lr_image_header *from)
{
	*to = (struct lr_image_header){
		.magic = LR_IMAGE_MAGIC,
		.version = LR_IMAGE_VERSION,
		.byte_order = LR_IMAGE_BYTE_ORDER,
		.state = __atomic_load_n(&from->state, __ATOMIC_RELAXED),
		.pid = from->pid,
		.exit_status = from->exit_status,
		.started = from->started,
		.taken = from->taken,
		.command = from->command,
		.stack_depth = from->stack_depth,
	};
	for (int i = 0; i < LR_COUNTERS; i++)
		to->counters[i] = __atomic_load_n(&from->counters[i], __ATOMIC_RELAXED);
}

static int write_header(const struct writer *writer)
{
	return writer->write(writer->context, 0, &writer->header, sizeof(writer->header));
}

/* Append the first @size bytes of the scratch room to the segment. */
static int write_piece(struct writer *writer, size_t size)
{
	struct lr_segment *segment = &writer->segment;
	const void *bytes = writer->scratch->bytes;
	int error = writer->write(writer->context, segment->offset + segment->length, bytes, size);

	segment->checksum = lr_checksum(segment->checksum, bytes, size);
	segment->length += size;
	return error;
}

/* Enter the segment into the table and begin the next one behind it. */
static int end_segment(struct writer *writer)
{
	struct lr_segment *segment = &writer->segment;
	uint64_t entry = sizeof(writer->header) + writer->header.segments * sizeof(*segment);
	int error;

	if (segment->length == 0)
		return 0;
	error = writer->write(writer->context, entry, segment, sizeof(*segment));
	if (error != 0)
		return error;
	segment->offset += segment->length;
	segment->length = 0;
	segment->checksum = 0;
	writer->header.segments++;
	return write_header(writer);
}

static uint64_t used_bytes(enum lr_segment_kind kind, const char *bytes, uint64_t size)
{
	while (size > 0 && bytes[size - 1] == '\0')
		size--;
	if (size == 0)
		return 0;
	/* The zero after the last string belongs to it; the next segment begins aligned. */
	return kind == LR_TEXT ? round_up(size + 1, sizeof(uint64_t)) :
				 round_up(size, lr_image_element_size(kind));
}

static uint32_t new_number(const struct writer *writer, uint32_t record)
{
	return record != 0 && record <= writer->elements[LR_RECORDS] ? writer->numbers[record - 1] :
								       0;
}

/* Looks and edges name records, which have other ordinals in the file. */
static void renumber(struct writer *writer, enum lr_segment_kind kind, size_t size)
{
	struct lr_look *looks = (void *)writer->scratch->bytes;
	struct lr_edge *edges = (void *)writer->scratch->bytes;

	for (size_t i = 0; kind == LR_LOOKS && i < size / sizeof(*looks); i++)
		looks[i].record = new_number(writer, looks[i].record);
	for (size_t i = 0; kind == LR_EDGES && i < size / sizeof(*edges); i++) {
		edges[i].from = new_number(writer, edges[i].from);
		edges[i].to = new_number(writer, edges[i].to);
	}
}

static int write_segment(struct writer *writer, enum lr_segment_kind kind, uint32_t index)
{
	uint64_t end = writer->elements[kind] * lr_image_element_size(kind);
	uint64_t begin = (uint64_t)index * LR_SEGMENT_SIZE;
	uint64_t length = end - begin < LR_SEGMENT_SIZE ? end - begin : LR_SEGMENT_SIZE;
	const char *bytes = writer->image->spaces[kind].segments[index];
	int error = 0;

	if (begin + length == end) {
		uint64_t used = used_bytes(kind, bytes, length);

		length = used < length ? used : length;
	}
	writer->segment.kind = kind;
	for (uint64_t at = 0; at < length && error == 0;) {
		uint64_t left = length - at;
		size_t piece = left < sizeof(*writer->scratch) ? left : sizeof(*writer->scratch);

		memcpy(writer->scratch->bytes, bytes + at, piece);
		renumber(writer, kind, piece);
		error = write_piece(writer, piece);
		at += piece;
	}
	return error != 0 ? error : end_segment(writer);
}

/*
 * Copy a record if it is of a live object. Birth numbers are never reused, so the same one before and after
 * means that the fields between belong together.
 */
static bool copy_live(struct lr_record *to, const struct lr_record *from)
{
	/* These three pair with the release stores of the thread that registers an object in this record. */
	to->birth = __atomic_load_n(&from->birth, __ATOMIC_ACQUIRE);
	to->state = __atomic_load_n(&from->state, __ATOMIC_ACQUIRE);
	to->object = __atomic_load_n(&from->object, __ATOMIC_ACQUIRE);
	to->site = __atomic_load_n(&from->site, __ATOMIC_ACQUIRE);
	if (__atomic_load_n(&from->birth, __ATOMIC_RELAXED) != to->birth)
		return false;
	return (to->state & LR_STATE_MASK) == LR_STATE_ALIVE ||
	       (to->state & LR_STATE_MASK) == LR_STATE_DYING;
}

static int write_records(struct writer *writer)
{
	struct lr_record *room = (void *)writer->scratch->bytes;
	size_t count = 0;
	int error = 0;

	writer->segment.kind = LR_RECORDS;
	for (uint64_t i = 0; i < writer->elements[LR_RECORDS] && error == 0; i++) {
		if (!copy_live(&room[count], lr_image_at(writer->image, LR_RECORDS, i)))
			continue;
		writer->written++;
		if (writer->numbers)
			writer->numbers[i] = writer->written;
		if (++count < RECORDS_IN_SCRATCH)
			continue;
		error = write_piece(writer, count * sizeof(*room));
		count = 0;
		if (error == 0 && writer->segment.length == LR_SEGMENT_SIZE)
			error = end_segment(writer);
	}
	if (error == 0 && count > 0)
		error = write_piece(writer, count * sizeof(*room));
	return error != 0 ? error : end_segment(writer);
}

static int write_spaces(struct writer *writer, const enum lr_segment_kind *kinds, size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++) {
		for (uint32_t s = 0; s < segments_of(writer, kinds[i]) && error == 0; s++)
			error = write_segment(writer, kinds[i], s);
	}
	return error;
}

int lr_image_write(const struct lr_image *image, struct lr_image_scratch *scratch,
		   uint32_t *numbers, lr_image_write_at write, void *context)
{
	static const enum lr_segment_kind before[] = { LR_TEXT,	 LR_TYPES, LR_MODULES,
						       LR_SITES, LR_NOTES, LR_CURSORS };
	static const enum lr_segment_kind after[] = { LR_LOOKS, LR_EDGES };
	struct writer writer = {
		.image = image, .scratch = scratch, .numbers = numbers, .write = write, .context = context
	};
	uint64_t table = 0;
	int error;

	for (enum lr_segment_kind kind = 0; kind < LR_KINDS; kind++) {
		writer.elements[kind] = lr_image_count(image, kind);
		if (!numbers && (kind == LR_LOOKS || kind == LR_EDGES))
			writer.elements[kind] = 0;
		table += segments_of(&writer, kind) * sizeof(struct lr_segment);
	}
	copy_header(&writer.header, image->header);
	writer.header.header_size = (uint32_t)(sizeof(writer.header) + table);
	writer.segment.offset = round_up(writer.header.header_size, sizeof(uint64_t));
	error = write_header(&writer);
	if (error == 0)
		error = write_spaces(&writer, before, LR_ARRAY_SIZE(before));
	if (error == 0)
		error = write_records(&writer);
	if (error == 0)
		error = write_spaces(&writer, after, LR_ARRAY_SIZE(after));
	if (error != 0)
		return error;
	writer.header.complete = 1;
	return write_header(&writer);
}
