/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a symbolizer is going to be asked for.
 *
 * Layer: analyze. Locks: none.
 *
 * What is not obvious: it is gone through twice, to count the addresses and to collect them, as memory comes by the page here.
 */
#include "analyze/asked.h"

#include "analyze/birthplaces.h"
#include "analyze/frames.h"
#include "analyze/misuses.h"
#include "base/pages.h"
#include "format/settings.h"

struct asked {
	const struct lr_image *image;
	struct lr_address *addresses; /* NULL while they are counted */
	size_t count;
	size_t room;
};

static void ask(struct asked *asked, uint32_t site, size_t frames)
{
	if (!asked->addresses)
		asked->count += frames;
	else if (frames <= asked->room - asked->count)
		asked->count += lr_frames_addresses(asked->image, site,
						    asked->addresses + asked->count, frames);
}

static void ask_for_misuses(struct asked *asked)
{
	uint64_t count = lr_image_count(asked->image, LR_NOTES);

	for (uint64_t i = 0; i < count; i++) {
		uint32_t site = lr_misuse_site(lr_image_at(asked->image, LR_NOTES, i));

		if (site != 0)
			ask(asked, site, LR_FRAMES_ASKED);
	}
}

/* All that numbering needs. */
static void ask_for_silent(struct asked *asked, const struct lr_findings *findings)
{
	for (size_t i = 0; i < findings->silent_count; i++)
		ask(asked, findings->causes[findings->cause_count + i].site, LR_FRAMES_ASKED);
}

/* Stacks are short, or their generated frames are few; but suppressions look at whole stacks. */
static void ask_for_all(struct asked *asked, const struct lr_findings *findings,
			const struct lr_asked_options *options)
{
	if (options->wants_misuses)
		ask_for_misuses(asked);
	ask_for_silent(asked, findings);
	for (size_t i = 0; i < findings->cause_count; i++) {
		const struct lr_cause *cause = &findings->causes[i];
		struct lr_birthplaces places;

		if (!cause->shown)
			continue;
		ask(asked, cause->site, LR_FRAMES_ASKED);
		ask(asked, cause->dying_site, LR_FRAMES_ASKED);
		if (!options->wants_birthplaces)
			continue;
		lr_birthplaces_find(&places, findings, cause);
		for (size_t p = 0; p < places.count; p++)
			ask(asked, places.all[p].site, LR_STACK_DEPTH_MAX);
		lr_birthplaces_finish(&places);
	}
}

void lr_asked_prepare(const struct lr_findings *findings, const struct lr_asked_options *options,
		      const struct lr_symbolizer *symbolizer)
{
	struct asked asked = { .image = findings->image };
	size_t size;

	if (!symbolizer->prepare)
		return;
	ask_for_all(&asked, findings, options);
	asked.room = asked.count;
	asked.count = 0;
	size = asked.room * sizeof(*asked.addresses);
	asked.addresses = size > 0 ? lr_pages_map(size) : NULL;
	if (!asked.addresses)
		return;
	/* There may be memory for more places of a cycle now than there was before. */
	ask_for_all(&asked, findings, options);
	symbolizer->prepare(symbolizer->context, asked.addresses, asked.count);
	lr_pages_unmap(asked.addresses, size);
}
