/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suppressions: leaks that somebody knows of and does not want to hear of.
 *
 * Layer: analyze. Not thread-safe.
 */
#ifndef LR_ANALYZE_SUPPRESSIONS_H
#define LR_ANALYZE_SUPPRESSIONS_H

#include "analyze/symbolizer.h"
#include "format/image.h"

#include <stdbool.h>
#include <stddef.h>

/* One line of a file. */
struct lr_suppression {
	const char *pattern; /* length bytes in the text of the file, no zero after them */
	size_t length;
	unsigned int line;
	uint64_t causes; /* times that it hid one; 0 at the end is worth a word */
};

/* What a line must be, for messages. */
#define LR_SUPPRESSION_EXPECTED "leak:PATTERN, and in PATTERN more than ^, $ and *"

/**
 * lr_suppressions_parse() - read a file of suppressions
 * @text, @size: its content, which must stay
 * @suppressions: room for one a line; NULL to count them only
 * @ret_line: of the first wrong line, on failure
 *
 * A line is `leak:PATTERN`; blank ones, and those that begin with #, are skipped. PATTERN is looked for anywhere in a name; ^ and $ at its ends
 * stand for the name's, and * for any text. (These are the rules of LeakSanitizer, whose files can be used.) A PATTERN of nothing else
 * matches every name: it is wrong, since it would hide all leaks, and nobody would see that they are there.
 *
 * Return: how many there are, or -EINVAL for a wrong line.
 */
long lr_suppressions_parse(const char *text, size_t size, struct lr_suppression *suppressions,
			   unsigned int *ret_line);

/** lr_suppression_matches() - does it match this name? */
bool lr_suppression_matches(const struct lr_suppression *suppression, const char *name);

/* Of an object. */
struct lr_birthplace {
	uint32_t type; /* id in the image */
	uint32_t site;
};

/**
 * lr_suppressions_find() - the first one that matches a cause
 * @fingerprint: the cause's, as it is written; NULL if it is not known yet
 * @places: of its objects, see lr_birthplaces_find()
 *
 * It matches by the fingerprint, by the type's name of a place, or by function, file or module (the whole path, or its base name) of a
 * frame of the stack there up to main(), generated ones not included.
 *
 * Return: NULL if none does.
 */
struct lr_suppression *lr_suppressions_find(struct lr_suppression *suppressions, size_t count,
					    const struct lr_image *image, const char *fingerprint,
					    const struct lr_birthplace *places, size_t place_count,
					    const struct lr_symbolizer *symbolizer);

#endif
