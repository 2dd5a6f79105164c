/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suppressions.
 *
 * Layer: analyze. Locks: none.
 *
 * A pattern with stars is matched by the usual walk that remembers the last star only: a star takes as little as it can, and when what
 * follows does not fit, one byte more. No recursion, and at worst the product of both lengths.
 */
#include "analyze/suppressions.h"

#include "analyze/frames.h"

#include <errno.h>
#include <string.h>

static const char prefix[] = "leak:";

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **begin, const char **end)
{
	while (*begin < *end && is_blank(**begin))
		++*begin;
	while (*end > *begin && is_blank((*end)[-1]))
		--*end;
}

/* Does a pattern match whatever name there is? */
static bool matches_all(const char *begin, const char *end)
{
	while (begin < end && memchr("^$*", *begin, 3))
		begin++;
	return begin == end;
}

/* Return: 1 a suppression, 0 nothing, -1 a wrong line. */
static int parse_line(const char *begin, const char *end, struct lr_suppression *ret)
{
	size_t prefix_length = sizeof(prefix) - 1;

	trim(&begin, &end);
	if (begin == end || *begin == '#')
		return 0;
	if ((size_t)(end - begin) <= prefix_length || memcmp(begin, prefix, prefix_length) != 0 ||
	    memchr(begin, '\0', (size_t)(end - begin)))
		return -1;
	begin += prefix_length;
	trim(&begin, &end);
	if (matches_all(begin, end))
		return -1;
	*ret = (struct lr_suppression){ .pattern = begin, .length = (size_t)(end - begin) };
	return 1;
}

long lr_suppressions_parse(const char *text, size_t size, struct lr_suppression *suppressions,
			   unsigned int *ret_line)
{
	const char *end = text + size;
	unsigned int line = 0;
	long count = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		struct lr_suppression found;
		int kind = parse_line(text, newline ? newline : end, &found);

		line++;
		if (kind < 0) {
			*ret_line = line;
			return -EINVAL;
		}
		found.line = line;
		if (kind > 0 && suppressions)
			suppressions[count] = found;
		count += kind;
		text = newline ? newline + 1 : end;
	}
	return count;
}

/* Does [@pattern, @end) match @name from its first byte on: the whole of it, or with @open_end what it begins with? */
static bool matches(const char *pattern, const char *end, const char *name, bool open_end)
{
	const char *star = NULL;
	const char *name_at_star = NULL;

	while (*name && !(open_end && pattern == end)) {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			name_at_star = name;
		} else if (pattern < end && *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++name_at_star;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

bool lr_suppression_matches(const struct lr_suppression *suppression, const char *name)
{
	const char *pattern = suppression->pattern;
	const char *end = pattern + suppression->length;
	bool at_begin = pattern < end && *pattern == '^';
	bool at_end;

	pattern += at_begin;
	at_end = pattern < end && end[-1] == '$';
	end -= at_end;
	for (;;) {
		if (matches(pattern, end, name, !at_end))
			return true;
		if (at_begin || *name++ == '\0')
			return false;
	}
}

struct search {
	const struct lr_suppression *suppression;
	bool found;
};

static void look_at_name(struct search *search, const char *name)
{
	search->found |= name && lr_suppression_matches(search->suppression, name);
}

/* Both, so that ^ can be used without knowing where the file lies. */
static void look_at_path(struct search *search, const char *path)
{
	look_at_name(search, path);
	look_at_name(search, lr_frames_base_name(path));
}

static void look_at_frame(void *search, const struct lr_address *address, const struct lr_frame *frame)
{
	look_at_path(search, address->module);
	if (!frame)
		return;
	look_at_name(search, frame->function);
	if (frame->file)
		look_at_path(search, frame->file);
}

static bool matches_place(const struct lr_suppression *suppression, const struct lr_image *image,
			  const struct lr_birthplace *place, const struct lr_symbolizer *symbolizer)
{
	const struct lr_type_entry *type = lr_image_type(image, place->type);
	const char *name = type ? lr_image_text(image, type->name, NULL) : NULL;
	const struct lr_frames frames = {
		.image = image,
		.symbolizer = symbolizer,
		.type_name = name,
		.room = LR_FRAMES_ALL,
	};
	struct search search = { .suppression = suppression };

	look_at_name(&search, name);
	if (!search.found)
		lr_frames_walk(&frames, place->site, look_at_frame, &search);
	return search.found;
}

struct lr_suppression *lr_suppressions_find(struct lr_suppression *suppressions, size_t count,
					    const struct lr_image *image, const char *fingerprint,
					    const struct lr_birthplace *places, size_t place_count,
					    const struct lr_symbolizer *symbolizer)
{
	for (size_t i = 0; i < count; i++) {
		if (fingerprint && lr_suppression_matches(&suppressions[i], fingerprint))
			return &suppressions[i];
		for (size_t p = 0; p < place_count; p++) {
			if (matches_place(&suppressions[i], image, &places[p], symbolizer))
				return &suppressions[i];
		}
	}
	return NULL;
}
