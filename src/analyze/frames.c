/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that are worth showing.
 *
 * Layer: analyze. Locks: none; no allocation, so that the process under test can do it anywhere.
 *
 * A birth is a call of x_ref_init(), which calls the runtime; what the reader looks for is the line that called it. So functions of the template are
 * left out by their names, unless there is nothing else.
 */
#include "analyze/frames.h"

#include "base/attributes.h"
#include "format/settings.h"

#include <string.h>

/* In the process itself the event log may be about to note there that it has shown the stack. */
static uint32_t flags_of(const struct lr_site *site)
{
	return __atomic_load_n(&site->flags, __ATOMIC_RELAXED);
}

static void address_of(const struct lr_image *image, const struct lr_site *site,
		       struct lr_address *ret)
{
	const struct lr_module *module = lr_image_module(image, (uint32_t)(site->pc >> 48));

	memset(ret, 0, sizeof(*ret));
	/* A return address may be the first byte of the next line or function; the call is before it. */
	ret->pc = (site->pc & LR_SITE_PC_MASK) - (flags_of(site) & LR_SITE_EXACT ? 0 : 1);
	ret->module = module ? lr_image_text(image, module->path, NULL) : "";
	ret->offset = module ? ret->pc - module->bias : ret->pc;
	if (module && module->build_id_size > 0 && module->build_id_size <= sizeof(module->build_id)) {
		ret->build_id = module->build_id;
		ret->build_id_size = module->build_id_size;
	}
	if (module && module->build_id_size == 0)
		ret->stamp = module->stamp;
}

/* Is @function one that the template made or forwards to? The reader wants the line that called it. */
static bool is_generated(const char *function, const char *type)
{
	static const char *const suffixes[] = {
		"_ref_init",	      "_ref_restore", "_ref",	    "_tryref",	"_unref",
		"_unref_unless_last", "_unref_with",  "_unref_any", "_ref_set", "_ref_clear",
		"_ref_move",	      "_ref_adopt",   "_ref_steal",
	};
	const char *colon = strrchr(function, ':');
	size_t length;

	/* In C++ a type may be defined in a namespace. */
	if (colon)
		function = colon + 1;
	if (strncmp(function, "lastref_", 8) == 0 || strstr(function, "_lastref_"))
		return true;
	length = type ? strlen(type) : 0;
	if (length == 0 || strncmp(function, type, length) != 0)
		return false;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (strcmp(function + length, suffixes[i]) == 0)
			return true;
	}
	return false;
}

/* The function whose caller is not the program's. */
static bool is_outermost(const char *function)
{
	return strcmp(function, "main") == 0 || strcmp(function, "start_thread") == 0;
}

const char *lr_frames_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void resolve(const struct lr_frames *frames, const struct lr_address *address,
		    lr_frame_emit emit, void *context)
{
	frames->symbolizer->resolve(frames->symbolizer->context, address, emit, context);
}

struct look {
	const char *type_name;
	unsigned int frames;
	bool found; /* a frame that the template did not make */
};

static void look_at(const struct lr_frame *frame, void *context)
{
	struct look *look = context;

	look->frames++;
	look->found |= !frame->function || !is_generated(frame->function, look->type_name);
}

/* A stack that is one frame deep may have no other frames; then these are better than nothing. */
static bool is_all_generated(const struct lr_frames *frames, const struct lr_site *site)
{
	for (int depth = 0; site && depth < LR_STACK_DEPTH_MAX; depth++) {
		struct look look = { .type_name = frames->type_name };
		struct lr_address address;

		address_of(frames->image, site, &address);
		resolve(frames, &address, look_at, &look);
		if (look.found || look.frames == 0)
			return false;
		site = lr_image_site(frames->image, site->parent);
	}
	return true;
}

struct walk {
	const struct lr_frames *frames;
	const struct lr_address *address;
	lr_frames_show show;
	void *context;
	unsigned int shown;
	unsigned int at_this; /* given for this address, shown or not */
	bool at_end; /* main() or the start of a thread was shown: what called it is libc's */
	bool shows_generated;
};

static void show_frame(const struct lr_frame *frame, void *context)
{
	struct walk *walk = context;

	walk->at_this++;
	if (walk->at_end || walk->shown >= walk->frames->room ||
	    (!walk->shows_generated && frame->function &&
	     is_generated(frame->function, walk->frames->type_name)))
		return;
	walk->shown++;
	walk->at_end = frame->function && is_outermost(frame->function);
	walk->show(walk->context, walk->address, frame);
}

static void show_address(struct walk *walk, const struct lr_site *site)
{
	struct lr_address address;

	address_of(walk->frames->image, site, &address);
	walk->address = &address;
	walk->at_this = 0;
	resolve(walk->frames, &address, show_frame, walk);
	if (walk->at_this > 0)
		return;
	walk->shown++;
	walk->show(walk->context, &address, NULL);
}

bool lr_frames_walk(const struct lr_frames *frames, uint32_t site_id, lr_frames_show show,
		    void *context)
{
	struct walk walk = { .frames = frames, .show = show, .context = context };
	const struct lr_site *site = lr_image_site(frames->image, site_id);
	bool is_cut = false;

	walk.shows_generated = is_all_generated(frames, site);
	for (int depth = 0; site && !walk.at_end && walk.shown < frames->room; depth++) {
		/* A file may lead round in circles. */
		if (depth == LR_STACK_DEPTH_MAX)
			break;
		show_address(&walk, site);
		is_cut = flags_of(site) & LR_SITE_CUT;
		site = lr_image_site(frames->image, site->parent);
	}
	return (site || is_cut) && !walk.at_end;
}

size_t lr_frames_addresses(const struct lr_image *image, uint32_t site_id,
			   struct lr_address *addresses, size_t room)
{
	const struct lr_site *site = lr_image_site(image, site_id);
	size_t count = 0;

	for (; site && count < room; count++) {
		address_of(image, site, &addresses[count]);
		site = lr_image_site(image, site->parent);
	}
	return count;
}
