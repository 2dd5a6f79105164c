/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fingerprints.
 *
 * Layer: analyze. Locks: none.
 *
 * Of a name only what stays is taken (function_name.c), and a function that follows itself counts
 * once: whether a part of it was put apart, and how deep it recursed, is not what tells one bug from
 * another. Hash: FNV-1a, 64 bits, folded
 * (http://www.isthe.com/chongo/tech/comp/fnv/), since it must be the same on all machines and in
 * all versions.
 */
#include "analyze/fingerprint.h"

#include "analyze/frames.h"
#include "analyze/function_name.h"

#include <stdbool.h>
#include <string.h>

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t add_bytes(uint64_t hash, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * FNV_PRIME;
	/* An end, so that "ab" "c" and "a" "bc" differ. */
	return hash * FNV_PRIME;
}

struct names {
	uint64_t hash;
	uint64_t last; /* hash of the name before */
};

/* libfoo.so.1.2 is the same module as libfoo.so.1.3. */
static size_t length_without_version(const char *module)
{
	const char *so = strstr(module, ".so");

	return so ? (size_t)(so - module) : strlen(module);
}

static void add_name(struct names *names, const char *name, size_t length)
{
	uint64_t hash = add_bytes(FNV_BASIS, name, length);

	if (hash == names->last)
		return;
	names->last = hash;
	names->hash = add_bytes(names->hash, name, length);
}

static void add_frame(void *names, const struct lr_address *address, const struct lr_frame *frame)
{
	const char *module = lr_frames_base_name(address->module);
	char name[LR_FUNCTION_NAME_MAX];

	if (frame && frame->function)
		add_name(names, name, lr_function_name(frame->function, name));
	else
		add_name(names, module, length_without_version(module));
}

static uint64_t add_stack(uint64_t hash, const struct lr_frames *frames, uint32_t site)
{
	struct names names = { .hash = hash };

	lr_frames_walk(frames, site, add_frame, &names);
	return names.hash;
}

static uint64_t add_number(uint64_t hash, uint64_t number)
{
	return add_bytes(hash, (const char *)&number, sizeof(number));
}

/*
 * A build-id names one build of a module, and so do the size and the time of its file; a path does
 * not, and gets an even number.
 */
static uint64_t build_of(const struct lr_address *address)
{
	const char *module = lr_frames_base_name(address->module);

	if (address->build_id_size > 0)
		return add_bytes(FNV_BASIS, (const char *)address->build_id, address->build_id_size) |
		       1;
	if (address->stamp.size > 0)
		return add_number(add_number(FNV_BASIS, address->stamp.size),
				  address->stamp.modified) |
		       1;
	return add_bytes(FNV_BASIS, module, strlen(module)) & ~UINT64_C(1);
}

struct lines {
	struct lr_code_place *place;
	uint64_t last; /* hash of the name of the function before, 0 if not known */
};

/* As add_name() has it: recursion of another depth is the same place. */
static bool is_recursion(struct lines *lines, const struct lr_frame *frame)
{
	const char *name = frame ? frame->function : NULL;
	uint64_t hash = name ? add_bytes(FNV_BASIS, name, strlen(name)) : 0;
	bool is_same = hash != 0 && hash == lines->last;

	lines->last = hash;
	return is_same;
}

/* Of this process and this machine only, so that the order of bytes does not matter. */
static void add_line(void *lines_, const struct lr_address *address, const struct lr_frame *frame)
{
	struct lines *lines = lines_;
	struct lr_code_place *place = lines->place;
	bool known = frame && frame->file && frame->line > 0;
	const char *file = lr_frames_base_name(known ? frame->file : address->module);
	uint64_t line = add_bytes(FNV_BASIS, file, strlen(file));
	uint64_t call;

	if (is_recursion(lines, frame))
		return;
	line = add_number(line, known ? frame->line : address->offset);
	if (frame && frame->function)
		line = add_bytes(line, frame->function, strlen(frame->function));
	call = add_number(line, known ? frame->column : 0);
	place->lines = add_number(place->lines, line);
	place->hash = add_number(place->hash, call);
	place->has_lines |= known;
	if (place->depth == LR_FRAMES_SHOWN)
		return;
	place->frames[place->depth++] = (struct lr_code_frame){
		.build = build_of(address),
		.offset = address->offset,
		.call = call,
	};
}

static struct lr_frames frames_of(const struct lr_image *image, const struct lr_cause *cause,
				  const struct lr_symbolizer *symbolizer)
{
	const struct lr_type_entry *type = lr_image_type(image, cause->type);

	return (struct lr_frames){
		.image = image,
		.symbolizer = symbolizer,
		.type_name = type ? lr_image_text(image, type->name, NULL) : "",
		.room = LR_FRAMES_SHOWN,
	};
}

/*
 * Forgotten by whom? A holder, nobody (they hold each other), or who evicts. Baselines have what is made
 * of these numbers, so they never change.
 */
static uint64_t kind_of(const struct lr_cause *cause)
{
	if (cause->kind == LR_CAUSE_CYCLE)
		return 1;
	return cause->is_at_rest ? 2 : 0;
}

uint32_t lr_fingerprint(const struct lr_image *image, const struct lr_cause *cause,
			const struct lr_symbolizer *symbolizer)
{
	const struct lr_frames frames = frames_of(image, cause, symbolizer);
	uint64_t hash =
		add_bytes(FNV_BASIS ^ kind_of(cause), frames.type_name, strlen(frames.type_name));

	if (cause->kind == LR_CAUSE_CYCLE)
		hash = (hash ^ cause->shape >> 32) * FNV_PRIME;
	else
		hash = add_stack(hash, &frames, cause->site);
	return (uint32_t)(hash ^ hash >> 32);
}

void lr_fingerprint_place(const struct lr_image *image, const struct lr_cause *cause,
			  const struct lr_symbolizer *symbolizer, struct lr_code_place *ret)
{
	const struct lr_frames frames = frames_of(image, cause, symbolizer);
	struct lines lines = { .place = ret };

	memset(ret, 0, sizeof(*ret));
	ret->hash = FNV_BASIS ^ cause->shape;
	ret->lines = FNV_BASIS;
	if (cause->kind != LR_CAUSE_CYCLE)
		lr_frames_walk(&frames, cause->site, add_line, &lines);
}

uint32_t lr_code_place_part(const struct lr_code_place *a, const struct lr_code_place *b)
{
	for (uint32_t i = 0; i < a->depth && i < b->depth; i++) {
		if (a->frames[i].call != b->frames[i].call)
			return i;
	}
	return UINT32_MAX;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int lr_code_place_compare(const struct lr_code_place *a, const struct lr_code_place *b)
{
	int order = 0;

	for (uint32_t i = 0; order == 0 && i < a->depth && i < b->depth; i++) {
		order = compare_numbers(a->frames[i].build, b->frames[i].build);
		if (order == 0)
			order = compare_numbers(a->frames[i].offset, b->frames[i].offset);
	}
	if (order == 0)
		order = compare_numbers(a->depth, b->depth);
	return order ? order : compare_numbers(a->hash, b->hash);
}
