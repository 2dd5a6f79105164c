/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image: what is written can be read, and nothing that is read is trusted. `make check` runs this under
 * AddressSanitizer too, which is what sees a read beyond the bytes: inputs lie in blocks of exactly their size.
 */
#include "../support/image_builder.h"
#include "base/checksum.h"
#include "format/image.h"
#include "format/image_write.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *tables[LR_KINDS * LR_SEGMENTS_MAX];

static int open_built(struct lr_image *image, const struct built *built, bool check)
{
	return lr_image_open(image, built->bytes, built->size, tables, check);
}

/* Two objects alive, one dying, one dead and a free record, one type, a stack of two frames, a note. */
static void build_example(struct image_builder *builder)
{
	uint32_t type, site;
	struct lr_note *note;

	image_builder_init(builder);
	builder->header.command = image_builder_text(builder, "./example --fast");
	builder->header.counters[LR_MISUSES] = 3;
	type = image_builder_type(builder, "dentry", 5);
	site = image_builder_site(builder, "/usr/bin/example", 0x1234, 0);
	site = image_builder_site(builder, "/usr/bin/example", 0x2345, site);
	image_builder_record(builder, type, 1, site, LR_STATE_DEAD);
	image_builder_record(builder, type, 2, site, LR_STATE_ALIVE);
	image_builder_add(builder, LR_RECORDS, NULL);
	image_builder_record(builder, type, 3, site, LR_STATE_DYING | site);
	image_builder_record(builder, type, 4, site, LR_STATE_ALIVE | LR_ALIVE_REPORTED);
	note = image_builder_add(builder, LR_NOTES, NULL);
	note->birth = (uint64_t)type << LR_BIRTH_NUMBER_BITS | 2;
	note->count = 1;
	note->text = image_builder_text(builder, "/etc/hosts");
	note->flags = LR_NOTE_COUNT | LR_NOTE_DESCRIBED;
}

static struct built example_file(void)
{
	struct image_builder builder;
	struct built built;

	build_example(&builder);
	built = image_builder_file(&builder);
	image_builder_finish(&builder);
	return built;
}

/* Touch every byte that the image says is there, the way readers do. */
static uint64_t walk(const struct lr_image *image)
{
	uint64_t sum = 0;
	size_t length;

	for (int kind = 0; kind < LR_KINDS; kind++) {
		size_t size = lr_image_element_size(kind);

		for (uint64_t i = 0; i < lr_image_count(image, kind); i++)
			sum += lr_checksum(0, lr_image_at(image, kind, i), size);
	}
	for (uint64_t ref = 0; ref < image->spaces[LR_TEXT].bytes + 8; ref++) {
		const char *text = lr_image_text(image, (lr_text_ref)ref, &length);

		cr_assert_eq(text[length], '\0');
		sum += strlen(text);
	}
	return sum;
}

Test(checksum, is_crc_32)
{
	cr_assert_eq(lr_checksum(0, "123456789", 9), 0xcbf43926);
	cr_assert_eq(lr_checksum(0, "", 0), 0);
}

Test(checksum, in_pieces_is_that_of_the_whole)
{
	unsigned char bytes[300];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		uint32_t crc =
			lr_checksum(lr_checksum(0, bytes, cut), bytes + cut, sizeof(bytes) - cut);

		cr_assert_eq(crc, lr_checksum(0, bytes, sizeof(bytes)));
	}
}

Test(image, a_file_has_the_live_objects_and_no_others)
{
	struct built file = example_file();
	struct lr_image image;
	const struct lr_record *record;

	cr_assert_eq(open_built(&image, &file, true), 0);
	cr_assert_eq(lr_image_count(&image, LR_RECORDS), 3);
	for (uint64_t i = 0; i < 3; i++) {
		record = lr_image_at(&image, LR_RECORDS, i);
		cr_assert_eq(record->birth & LR_BIRTH_NUMBER_MASK, i + 2);
		cr_assert_eq(~record->object, (i + 2) * 64);
	}
	cr_assert_null(lr_image_at(&image, LR_RECORDS, 3));
	free(file.bytes);
}

Test(image, a_file_keeps_header_and_other_spaces)
{
	struct built file = example_file();
	struct lr_image image;
	const struct lr_note *note;
	const struct lr_site *site;
	size_t length;

	cr_assert_eq(open_built(&image, &file, true), 0);
	cr_assert_not(image.cut_short);
	cr_assert_eq(image.header->pid, 4711);
	cr_assert_eq(image.header->counters[LR_MISUSES], 3);
	cr_assert_str_eq(lr_image_text(&image, image.header->command, NULL), "./example --fast");
	cr_assert_str_eq(lr_image_text(&image, lr_image_type(&image, 1)->name, &length), "dentry");
	cr_assert_eq(length, 6);
	site = lr_image_site(&image, 2);
	cr_assert_eq(site->pc & LR_SITE_PC_MASK, 0x2345);
	cr_assert_eq(lr_image_site(&image, site->parent)->pc & LR_SITE_PC_MASK, 0x1234);
	cr_assert_str_eq(lr_image_text(&image, lr_image_module(&image, 2)->path, NULL),
			 "/usr/bin/example");
	note = lr_image_at(&image, LR_NOTES, 0);
	cr_assert_str_eq(lr_image_text(&image, note->text, NULL), "/etc/hosts");
	free(file.bytes);
}

Test(image, a_file_is_small)
{
	struct built file = example_file();

	cr_assert_lt(file.size, 2048);
	free(file.bytes);
}

Test(image, an_arena_opens_as_it_is)
{
	struct image_builder builder;
	struct built arena;
	struct lr_image image;

	build_example(&builder);
	arena = image_builder_arena(&builder);
	cr_assert_eq(open_built(&image, &arena, false), 0);
	cr_assert_not(image.cut_short);
	cr_assert_eq(lr_image_count(&image, LR_RECORDS), LR_SEGMENT_SIZE / sizeof(struct lr_record));
	cr_assert_str_eq(lr_image_text(&image, lr_image_type(&image, 1)->name, NULL), "dentry");
	image_builder_finish(&builder);
	free(arena.bytes);
}

Test(image, spaces_of_many_segments_survive_writing)
{
	enum { OBJECTS = 3 * LR_SEGMENT_SIZE / sizeof(struct lr_record) + 5 };
	struct image_builder builder;
	struct lr_image image;
	struct built file;
	char name[1000];

	image_builder_init(&builder);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	for (uint32_t i = 1; i <= 500; i++)
		cr_assert_eq(image_builder_type(&builder, name, 1), i);
	for (uint64_t i = 1; i <= 2 * OBJECTS; i++)
		image_builder_record(&builder, 1, i, 0, i % 2 ? LR_STATE_ALIVE : LR_STATE_DEAD);
	file = image_builder_file(&builder);
	cr_assert_eq(open_built(&image, &file, true), 0);
	cr_assert_eq(lr_image_count(&image, LR_RECORDS), OBJECTS);
	for (uint64_t i = 0; i < OBJECTS; i++) {
		const struct lr_record *record = lr_image_at(&image, LR_RECORDS, i);

		cr_assert_eq(record->birth & LR_BIRTH_NUMBER_MASK, 2 * i + 1);
	}
	cr_assert_str_eq(lr_image_text(&image, lr_image_type(&image, 500)->name, NULL), name);
	image_builder_finish(&builder);
	free(file.bytes);
}

struct disk {
	struct built built;
	unsigned int writes_left;
};

static int write_until_full(void *context, uint64_t offset, const void *bytes, size_t size)
{
	struct disk *disk = context;

	if (disk->writes_left == 0)
		return -ENOSPC;
	disk->writes_left--;
	if (offset + size > disk->built.size) {
		disk->built.bytes = realloc(disk->built.bytes, offset + size);
		memset(disk->built.bytes + disk->built.size, 0, offset + size - disk->built.size);
		disk->built.size = offset + size;
	}
	memcpy(disk->built.bytes + offset, bytes, size);
	return 0;
}

Test(image, a_write_that_fails_ends_the_writing_and_leaves_what_can_be_read)
{
	static struct lr_image_scratch scratch;
	struct image_builder builder;
	int error = -ENOSPC;

	build_example(&builder);
	for (unsigned int writes = 0; error != 0; writes++) {
		struct disk disk = { .writes_left = writes };
		struct lr_image image;

		error = lr_image_write(&builder.image, &scratch, NULL, write_until_full, &disk);
		cr_assert(error == 0 || error == -ENOSPC);
		if (writes > 0) {
			cr_assert_eq(open_built(&image, &disk.built, true), 0);
			cr_assert_eq(image.cut_short, error != 0);
			walk(&image);
		}
		free(disk.built.bytes);
	}
	image_builder_finish(&builder);
}

Test(image, a_file_cut_anywhere_is_read_up_to_there_or_refused)
{
	struct built file = example_file();
	struct lr_image image;

	for (size_t size = 0; size < file.size; size++) {
		struct built cut = { .bytes = malloc(size ? size : 1), .size = size };
		int error;

		memcpy(cut.bytes, file.bytes, size);
		error = open_built(&image, &cut, true);
		cr_assert_eq(error, size < sizeof(struct lr_image_header) ? -EBADMSG : 0);
		if (error == 0) {
			cr_assert(image.cut_short);
			walk(&image);
		}
		free(cut.bytes);
	}
	free(file.bytes);
}

Test(image, a_flipped_bit_is_refused_or_harmless)
{
	struct built file = example_file();
	struct lr_image image;
	size_t data;

	cr_assert_eq(open_built(&image, &file, true), 0);
	data = image.header->header_size;
	for (size_t bit = 0; bit < file.size * 8; bit++) {
		int error;

		file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		error = open_built(&image, &file, true);
		if (bit / 8 >= data + 8)
			cr_assert_eq(error, -EBADMSG, "bit %zu of a segment was not missed", bit);
		if (error == 0)
			walk(&image);
		file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	free(file.bytes);
}

Test(image, a_flipped_bit_in_an_arena_is_refused_or_harmless)
{
	struct image_builder builder;
	struct lr_image image;
	struct built arena;

	build_example(&builder);
	arena = image_builder_arena(&builder);
	for (size_t bit = 0;
	     bit < 8 * (sizeof(struct lr_image_header) + 10 * sizeof(struct lr_segment)); bit++) {
		arena.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		if (open_built(&image, &arena, false) == 0) {
			cr_assert_leq(image.spaces[LR_TEXT].bytes, arena.size);
			for (uint64_t ref = 0; ref < 200; ref++)
				lr_image_text(&image, (lr_text_ref)ref, NULL);
		}
		arena.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	image_builder_finish(&builder);
	free(arena.bytes);
}

Test(image, another_version_or_byte_order_is_not_supported)
{
	struct built file = example_file();
	struct lr_image_header *header = (void *)file.bytes;
	struct lr_image image;

	header->version++;
	cr_assert_eq(open_built(&image, &file, true), -ENOTSUP);
	header->version--;
	header->byte_order = __builtin_bswap32(header->byte_order);
	cr_assert_eq(open_built(&image, &file, true), -ENOTSUP);
	free(file.bytes);
}

Test(image, a_segment_in_the_middle_must_be_whole)
{
	struct image_builder builder;
	struct built arena;
	struct lr_image_header *header;
	struct lr_image image;

	image_builder_init(&builder);
	for (uint64_t i = 1; i <= 2 * LR_SEGMENT_SIZE / sizeof(struct lr_record); i++)
		image_builder_record(&builder, 1, i, 0, LR_STATE_ALIVE);
	arena = image_builder_arena(&builder);
	header = (void *)arena.bytes;
	header->table[1].length -= sizeof(struct lr_record);
	cr_assert_eq(open_built(&image, &arena, false), 0);
	header->table[0].length -= sizeof(struct lr_record);
	cr_assert_eq(open_built(&image, &arena, false), -EBADMSG);
	image_builder_finish(&builder);
	free(arena.bytes);
}

Test(image, segments_must_not_overlap)
{
	struct image_builder builder;
	struct built arena;
	struct lr_image_header *header;
	struct lr_image image;

	build_example(&builder);
	arena = image_builder_arena(&builder);
	header = (void *)arena.bytes;
	header->table[1].offset = header->table[0].offset;
	cr_assert_eq(open_built(&image, &arena, false), -EBADMSG);
	image_builder_finish(&builder);
	free(arena.bytes);
}

Test(image, ids_that_name_nothing_give_nothing)
{
	struct built file = example_file();
	struct lr_image image;

	cr_assert_eq(open_built(&image, &file, true), 0);
	cr_assert_null(lr_image_site(&image, 0));
	cr_assert_null(lr_image_site(&image, 3));
	cr_assert_null(lr_image_module(&image, UINT32_MAX));
	cr_assert_null(lr_image_type(&image, 2));
	cr_assert_null(lr_image_at(&image, LR_RECORDS, UINT64_MAX));
	cr_assert_str_empty(lr_image_text(&image, 0, NULL));
	cr_assert_str_empty(lr_image_text(&image, UINT32_MAX & ~3u, NULL));
	free(file.bytes);
}

Test(image, a_text_whose_length_lies_is_empty)
{
	static const uint32_t lies[] = { 5, LR_TEXT_MAX + 1, LR_SEGMENT_SIZE, UINT32_MAX,
					 UINT32_MAX - 4 };
	struct image_builder builder;
	lr_text_ref ref;
	uint32_t *length;

	image_builder_init(&builder);
	ref = image_builder_text(&builder, "dentry");
	length = (void *)((char *)builder.image.spaces[LR_TEXT].segments[0] + ref);
	cr_assert_str_eq(lr_image_text(&builder.image, ref, NULL), "dentry");
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		*length = lies[i];
		cr_assert_str_empty(lr_image_text(&builder.image, ref, NULL));
	}
	image_builder_finish(&builder);
}
