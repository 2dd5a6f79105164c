/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images made by hand.
 */
#include "image_builder.h"

#include "format/image_write.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

void image_builder_init(struct image_builder *builder)
{
	memset(builder, 0, sizeof(*builder));
	memcpy(builder->header.magic, LR_IMAGE_MAGIC, sizeof(builder->header.magic));
	builder->header.version = LR_IMAGE_VERSION;
	builder->header.byte_order = LR_IMAGE_BYTE_ORDER;
	builder->header.header_size = LR_ARENA_HEADER_SIZE;
	builder->header.state = LR_PROCESS_CHECKED;
	builder->header.pid = 4711;
	builder->image.header = &builder->header;
	builder->used[LR_TEXT] = sizeof(uint64_t);
}

void image_builder_finish(struct image_builder *builder)
{
	for (int kind = 0; kind < LR_KINDS; kind++) {
		struct lr_space *space = &builder->image.spaces[kind];

		for (uint32_t i = 0; i < space->count; i++)
			free(space->segments[i]);
		free(space->segments);
	}
}

/* @size bytes that do not cross a segment. */
static void *take(struct image_builder *builder, enum lr_segment_kind kind, size_t size,
		  uint64_t *ret_at)
{
	struct lr_space *space = &builder->image.spaces[kind];
	uint64_t at = builder->used[kind];

	if (at % LR_SEGMENT_SIZE + size > LR_SEGMENT_SIZE)
		at = (at / LR_SEGMENT_SIZE + 1) * LR_SEGMENT_SIZE;
	if (at / LR_SEGMENT_SIZE >= space->count) {
		space->segments = must(realloc(space->segments, (space->count + 1) * sizeof(void *)));
		space->segments[space->count++] = must(calloc(1, LR_SEGMENT_SIZE));
		space->bytes += LR_SEGMENT_SIZE;
	}
	builder->used[kind] = at + size;
	*ret_at = at;
	return (char *)space->segments[at / LR_SEGMENT_SIZE] + at % LR_SEGMENT_SIZE;
}

void *image_builder_add(struct image_builder *builder, enum lr_segment_kind kind, uint32_t *ret_id)
{
	size_t size = lr_image_element_size(kind);
	uint64_t at;
	void *element = take(builder, kind, size, &at);

	if (ret_id != NULL)
		*ret_id = (uint32_t)(at / size) + 1;
	return element;
}

lr_text_ref image_builder_text(struct image_builder *builder, const char *text)
{
	uint32_t length = (uint32_t)strlen(text);
	uint64_t at;
	char *place = take(builder, LR_TEXT, (sizeof(length) + length + 1 + 3) & ~(size_t)3, &at);

	memcpy(place, &length, sizeof(length));
	memcpy(place + sizeof(length), text, length + 1);
	return (lr_text_ref)at;
}

uint32_t image_builder_type(struct image_builder *builder, const char *name, uint64_t dealt)
{
	uint32_t id;
	struct lr_type_entry *type = image_builder_add(builder, LR_TYPES, &id);

	type->name = image_builder_text(builder, name);
	type->c_type = type->name;
	type->size = 64;
	type->dealt = dealt;
	return id;
}

uint32_t image_builder_site(struct image_builder *builder, const char *path, uint64_t offset,
			    uint32_t parent)
{
	uint32_t module_id, id;
	struct lr_module *module = image_builder_add(builder, LR_MODULES, &module_id);
	struct lr_site *site = image_builder_add(builder, LR_SITES, &id);

	module->path = image_builder_text(builder, path);
	module->end = UINT64_C(1) << 40;
	site->pc = (uint64_t)module_id << 48 | offset;
	site->parent = parent;
	return id;
}

struct lr_record *image_builder_record(struct image_builder *builder, uint32_t type,
				       uint64_t number, uint32_t site, uint32_t state)
{
	struct lr_record *record = image_builder_add(builder, LR_RECORDS, NULL);

	record->object = ~(number * 64);
	record->site = site;
	record->state = state;
	record->birth = (uint64_t)type << LR_BIRTH_NUMBER_BITS | number;
	return record;
}

uint32_t image_builder_object(struct image_builder *builder, uint32_t type, uint64_t number,
			      uint32_t site, int32_t count)
{
	struct lr_look *look;
	uint32_t id = (uint32_t)(builder->used[LR_RECORDS] / sizeof(struct lr_record)) + 1;

	image_builder_record(builder, type, number, site, LR_STATE_ALIVE);
	look = image_builder_add(builder, LR_LOOKS, NULL);
	*look = (struct lr_look){
		.record = id,
		.birth = lr_look_birth((uint64_t)type << LR_BIRTH_NUMBER_BITS | number),
		.count = count,
		.size = 64,
	};
	return id;
}

/*
 * One text for each name, as the runtime keeps them: looked for among those that the last edges
 * have.
 */
static lr_text_ref name_of_member(struct image_builder *builder, const char *member)
{
	uint64_t edges = builder->used[LR_EDGES] / sizeof(struct lr_edge);

	for (uint64_t i = edges; i > 0 && i + 16 > edges; i--) {
		const struct lr_edge *edge = lr_image_at(&builder->image, LR_EDGES, i - 1);
		lr_text_ref name = edge->how & ~LR_EDGE_HOW;

		if (name != 0 && strcmp(lr_image_text(&builder->image, name, NULL), member) == 0)
			return name;
	}
	return image_builder_text(builder, member);
}

void image_builder_edge(struct image_builder *builder, uint32_t from, uint32_t to,
			const char *member, uint32_t offset)
{
	lr_text_ref name = member ? name_of_member(builder, member) : 0;
	struct lr_edge *edge = image_builder_add(builder, LR_EDGES, NULL);

	*edge = (struct lr_edge){
		.from = from,
		.to = to,
		.offset = offset,
		.how = name | (member ? LR_EDGE_DECLARED : LR_EDGE_FOUND),
	};
}

struct built image_builder_arena(const struct image_builder *builder)
{
	struct built built = { .size = LR_ARENA_HEADER_SIZE };
	struct lr_image_header *header;

	for (int kind = 0; kind < LR_KINDS; kind++)
		built.size += builder->image.spaces[kind].bytes;
	built.bytes = must(calloc(1, built.size));
	header = (void *)built.bytes;
	memcpy(header, &builder->header, sizeof(*header));
	for (uint32_t kind = 0; kind < LR_KINDS; kind++) {
		const struct lr_space *space = &builder->image.spaces[kind];

		for (uint32_t i = 0; i < space->count; i++) {
			uint64_t offset =
				LR_ARENA_HEADER_SIZE + (uint64_t)header->segments * LR_SEGMENT_SIZE;

			header->table[header->segments++] = (struct lr_segment){
				.kind = kind,
				.offset = offset,
				.length = LR_SEGMENT_SIZE,
			};
			memcpy(built.bytes + offset, space->segments[i], LR_SEGMENT_SIZE);
		}
	}
	return built;
}

static int append(void *context, uint64_t offset, const void *bytes, size_t size)
{
	struct built *built = context;

	if (offset + size > built->size) {
		built->bytes = must(realloc(built->bytes, offset + size));
		memset(built->bytes + built->size, 0, offset + size - built->size);
		built->size = offset + size;
	}
	memcpy(built->bytes + offset, bytes, size);
	return 0;
}

struct built image_builder_file(const struct image_builder *builder)
{
	struct lr_image_scratch scratch;
	struct built built = { 0 };
	uint32_t *numbers =
		must(calloc(lr_image_count(&builder->image, LR_RECORDS) + 1, sizeof(*numbers)));

	if (lr_image_write(&builder->image, &scratch, numbers, append, &built) != 0)
		abort();
	free(numbers);
	return built;
}
