/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Misuses.
 *
 * Layer: analyze. Locks: none.
 */
#include "analyze/misuses.h"

#include "analyze/fingerprint.h"
#include "base/hash.h"

#include <string.h>

uint32_t lr_misuse_site(const struct lr_note *note)
{
	return note && note->flags & LR_NOTE_MISUSE && note->size <= LR_SITE_ID_MAX ?
		       (uint32_t)note->size :
		       0;
}

/* The type's name follows what it was. */
static const char *type_name(const struct lr_misuse_told *misuse)
{
	const char *colon = strstr(misuse->words, ": ");

	return colon ? colon + 2 : NULL;
}

struct lr_frames lr_misuse_frames(const struct lr_misuse_told *misuse,
				  const struct lr_symbolizer *symbolizer)
{
	return (struct lr_frames){
		.image = misuse->image,
		.symbolizer = symbolizer,
		.type_name = type_name(misuse),
		.room = LR_FRAMES_SHOWN,
	};
}

static uint64_t place_of(const struct lr_misuse_told *misuse, const struct lr_symbolizer *symbolizer)
{
	const struct lr_cause like = { .kind = LR_CAUSE_LEAK, .site = misuse->site };
	struct lr_code_place place;

	lr_fingerprint_place(misuse->image, &like, symbolizer, &place);
	return lr_hash_text(place.hash, misuse->words);
}

/* Return: true if it is the first of its place. */
static bool add(struct lr_misuses *misuses, const struct lr_misuse_told *misuse)
{
	for (size_t i = 0; i < misuses->count; i++) {
		if (misuses->all[i].place != misuse->place)
			continue;
		misuses->all[i].times += misuse->times;
		return false;
	}
	if (misuses->count == LR_MISUSES_TOLD)
		return false;
	misuses->all[misuses->count++] = *misuse;
	return true;
}

bool lr_misuses_add(struct lr_misuses *misuses, const struct lr_image *image,
		    const struct lr_symbolizer *symbolizer)
{
	uint64_t count = lr_image_count(image, LR_NOTES);
	bool any_first = false;

	for (uint64_t i = 0; i < count; i++) {
		const struct lr_note *note = lr_image_at(image, LR_NOTES, i);
		struct lr_misuse_told misuse = { .image = image, .site = lr_misuse_site(note) };

		if (misuse.site == 0)
			continue;
		misuse.words = lr_image_text(image, note->text, &misuse.length);
		misuse.times = note->count > 0 ? (uint64_t)note->count : 1;
		misuse.place = place_of(&misuse, symbolizer);
		any_first |= add(misuses, &misuse);
	}
	return any_first;
}
