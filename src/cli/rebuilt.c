/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rebuilt programs.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: only what a fingerprint is made of counts, the stacks as they are shown. A
 * cycle has none, and what called main() is in none: a libc that was upgraded does no harm.
 */
#include "cli/rebuilt.h"

#include "analyze/frames.h"
#include "base/sink.h"
#include "cli/cli.h"

#include <string.h>

#define MODULES_MAX 64

/* Paths and build-ids; in the images. */
struct modules {
	const struct lr_symbols_apart *symbols;
	struct lr_address all[MODULES_MAX];
	size_t count;
};

static bool has(const struct modules *modules, const struct lr_address *address)
{
	for (size_t i = 0; i < modules->count; i++) {
		const struct lr_address *one = &modules->all[i];

		if (strcmp(one->module, address->module) == 0 &&
		    one->build_id_size == address->build_id_size &&
		    (one->build_id_size > 0 ?
			     memcmp(one->build_id, address->build_id, one->build_id_size) == 0 :
			     lr_file_stamp_fits(&one->stamp, &address->stamp)))
			return true;
	}
	return false;
}

static void look_at_frame(void *modules_, const struct lr_address *address,
			  const struct lr_frame *frame)
{
	struct modules *modules = modules_;

	if (!frame && modules->count < MODULES_MAX && !has(modules, address) &&
	    lr_symbols_apart_is_stale(modules->symbols, address))
		modules->all[modules->count++] = *address;
}

static void find_modules(struct modules *modules, const struct lr_known_side *side,
			 const struct lr_symbols_apart *symbols)
{
	*modules = (struct modules){ .symbols = symbols };
	for (size_t i = 0; side->has_images && i < side->gather.report.count; i++) {
		const struct lr_entry *entry = &side->gather.report.entries[i];
		const struct lr_frames frames = {
			.image = entry->findings->image,
			.symbolizer = &side->gather.symbolizer,
			.room = LR_FRAMES_SHOWN,
		};

		if (!entry->suppression && entry->cause->kind != LR_CAUSE_CYCLE)
			lr_frames_walk(&frames, entry->cause->site, look_at_frame, modules);
	}
}

/* The first of @modules that is not in @others, or NULL. */
static const struct lr_address *find_alone(const struct modules *modules, const struct modules *others)
{
	for (size_t i = 0; i < modules->count; i++) {
		if (!has(others, &modules->all[i]))
			return &modules->all[i];
	}
	return NULL;
}

static bool refuse(const struct lr_known_side *side, const struct lr_address *module)
{
	struct lr_sink words;

	if (!module)
		return false;
	lr_sink_init(&words, -1);
	lr_sink_foreign(&words, module->module, strlen(module->module), 400);
	for (size_t i = 0; i < module->build_id_size; i++)
		lr_sink_printf(&words, "%s%02x", i == 0 ? ", then of build-id " : "",
			       module->build_id[i]);
	lr_complain("cannot compare the leaks of %s: names are missing in them, since the program was "
		    "built again after it was written (%.*s); run diff before the rebuild, or keep a "
		    "baseline (lastref report --format baseline)",
		    side->name, (int)words.length, words.buffer);
	return true;
}

bool lr_rebuilt_refuse(const struct lr_known_side *a, const struct lr_known_side *b,
		       const struct lr_symbols_apart *symbols)
{
	struct modules of_a, of_b;

	if (!symbols || a->count == 0 || b->count == 0)
		return false;
	find_modules(&of_a, a, symbols);
	find_modules(&of_b, b, symbols);
	return refuse(a, find_alone(&of_a, &of_b)) || refuse(b, find_alone(&of_b, &of_a));
}
