/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that users write or change: a LASTREF value, suppressions, a baseline, a list of patterns.
 */
#include "tests/fuzz/fuzz.h"

#include "analyze/baseline.h"
#include "analyze/suppressions.h"
#include "base/globs.h"
#include "format/settings.h"

#include <stdlib.h>
#include <string.h>

static void parse_settings(const char *text)
{
	static struct lr_settings settings;
	char message[256];

	lr_settings_defaults(&settings);
	lr_settings_parse(&settings, text, message, sizeof(message));
}

static void parse_suppressions(const char *text, size_t size)
{
	unsigned int line;
	long count = lr_suppressions_parse(text, size, NULL, &line);
	struct lr_suppression *found;

	if (count <= 0)
		return;
	found = calloc((size_t)count, sizeof(*found));
	if (!found || lr_suppressions_parse(text, size, found, &line) != count)
		abort();
	for (long i = 0; i < count; i++)
		lr_suppression_matches(&found[i], "dentry_new");
	free(found);
}

static void parse_baseline(const char *text, size_t size)
{
	unsigned int line;
	long count = lr_baseline_parse(text, size, NULL, &line);
	struct lr_known *known;
	size_t words = 0;

	if (count <= 0)
		return;
	known = calloc((size_t)count, sizeof(*known));
	if (!known || lr_baseline_parse(text, size, known, &line) != count)
		abort();
	for (long i = 0; i < count; i++)
		words += known[i].length;
	if (words > size)
		abort();
	free(known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	parse_settings(text);
	parse_suppressions((const char *)data, size);
	parse_baseline((const char *)data, size);
	lr_globs_match(text, "dentry");
	free(text);
	return 0;
}
