/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fingerprints.
 *
 * Layer: analyze. Locks: none.
 *
 * What compilers add to a name is cut off (f.constprop.0, f.part.0, f [clone .cold]), and a function that follows itself counts once: whether a
 * part of it was put apart, and how deep it recursed, is not what tells one bug from another. Hash: FNV-1a, 64 bits, folded
 * (http://www.isthe.com/chongo/tech/comp/fnv/), since it must be the same on all machines and in all versions.
 */
#include "analyze/fingerprint.h"

#include "analyze/frames.h"

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

/* C++ has dots in no name, and C neither. */
static size_t length_without_suffix(const char *function)
{
	size_t dot = strcspn(function, ".");
	const char *clone = strstr(function, " [clone");
	size_t length = clone ? (size_t)(clone - function) : strlen(function);

	return dot > 0 && dot < length ? dot : length;
}

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

	if (frame && frame->function)
		add_name(names, frame->function, length_without_suffix(frame->function));
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

/* Of this process and this machine only, so that the order of bytes does not matter. */
static void add_line(void *hash_, const struct lr_address *address, const struct lr_frame *frame)
{
	uint64_t *hash = hash_;
	bool known = frame && frame->file && frame->line > 0;
	const char *file = lr_frames_base_name(known ? frame->file : address->module);

	*hash = add_bytes(*hash, file, strlen(file));
	*hash = add_number(*hash, known ? frame->line : address->offset);
	if (frame && frame->function)
		*hash = add_bytes(*hash, frame->function, strlen(frame->function));
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

uint32_t lr_fingerprint(const struct lr_image *image, const struct lr_cause *cause,
			const struct lr_symbolizer *symbolizer)
{
	const struct lr_frames frames = frames_of(image, cause, symbolizer);
	uint64_t hash = add_bytes(FNV_BASIS ^ (uint64_t)cause->kind, frames.type_name,
				  strlen(frames.type_name));

	if (cause->kind == LR_CAUSE_CYCLE)
		hash = (hash ^ cause->shape) * FNV_PRIME;
	else
		hash = add_stack(hash, &frames, cause->site);
	return (uint32_t)(hash ^ hash >> 32);
}

uint64_t lr_fingerprint_place(const struct lr_image *image, const struct lr_cause *cause,
			      const struct lr_symbolizer *symbolizer)
{
	const struct lr_frames frames = frames_of(image, cause, symbolizer);
	uint64_t hash = FNV_BASIS ^ cause->shape;

	if (cause->kind != LR_CAUSE_CYCLE)
		lr_frames_walk(&frames, cause->site, add_line, &hash);
	return hash;
}
