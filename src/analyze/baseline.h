/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Baselines: leaks that were known at some time, as text that is kept with the sources.
 *
 * Layer: analyze. Only the command has it. Thread-safe.
 */
#ifndef LR_ANALYZE_BASELINE_H
#define LR_ANALYZE_BASELINE_H

#include <stddef.h>
#include <stdint.h>

/* One cause. */
struct lr_known {
	uint32_t fingerprint;
	unsigned int line;
	const char *words; /* what stands behind the fingerprint, for people; length bytes in the text of the file */
	size_t length;
};

/* What a line must be, for messages. */
#define LR_BASELINE_EXPECTED "a fingerprint such as lr-1c0ffee5, or # and a comment"

/**
 * lr_baseline_parse() - read a baseline
 * @text, @size: its content, which must stay
 * @known: room for one a line; NULL to count them only
 * @ret_line: of the first wrong line, on failure
 *
 * A line is a fingerprint and, behind a blank, words; blank lines, and those that begin with #, are skipped.
 *
 * Return: how many there are, or -EINVAL for a wrong line.
 */
long lr_baseline_parse(const char *text, size_t size, struct lr_known *known, unsigned int *ret_line);

#endif
