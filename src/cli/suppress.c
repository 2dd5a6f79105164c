/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of --suppressions.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/suppress.h"

#include "base/sink.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>

#define UNUSED_TOLD 10
#define PATTERN_SHOWN 120

int lr_suppress_read(struct lr_suppress *suppress, const char *name)
{
	struct lr_text_file *file = &suppress->file;
	unsigned int line = 0;
	long count;
	int error;

	*suppress = (struct lr_suppress){ .count = 0 };
	error = name != NULL ? lr_text_file_read(file, name, "suppressions") : 0;
	if (error != 0 || name == NULL)
		return error;
	count = lr_suppressions_parse(file->text, file->size, NULL, &line);
	if (count < 0) {
		lr_text_file_refuse(file, line, LR_SUPPRESSION_EXPECTED);
		return (int)count;
	}
	suppress->all = calloc((size_t)count + 1, sizeof(*suppress->all));
	if (suppress->all == NULL) {
		lr_complain("out of memory");
		return -ENOMEM;
	}
	lr_suppressions_parse(file->text, file->size, suppress->all, &line);
	suppress->count = (size_t)count;
	return 0;
}

static void tell(const struct lr_suppress *suppress, const struct lr_suppression *unused)
{
	struct lr_sink pattern;

	lr_sink_init(&pattern, -1);
	lr_sink_foreign(&pattern, unused->pattern, unused->length, PATTERN_SHOWN);
	lr_complain("%s:%u: leak:%.*s suppressed nothing; remove it if what it was for is mended",
		    suppress->file.name, unused->line, (int)pattern.length, pattern.buffer);
}

void lr_suppress_tell_unused(const struct lr_suppress *suppress)
{
	size_t unused = 0;

	for (size_t i = 0; i < suppress->count; i++) {
		if (suppress->all[i].causes == 0 && unused++ < UNUSED_TOLD)
			tell(suppress, &suppress->all[i]);
	}
	if (unused > UNUSED_TOLD)
		lr_complain("%s: %zu more suppressed nothing", suppress->file.name,
			    unused - UNUSED_TOLD);
}

void lr_suppress_finish(struct lr_suppress *suppress)
{
	free(suppress->all);
	lr_text_file_finish(&suppress->file);
	*suppress = (struct lr_suppress){ .count = 0 };
}
