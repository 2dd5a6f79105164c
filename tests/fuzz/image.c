/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image of unknown origin, through everything that `lastref report` does with one: found segments, findings, the graph, the report.
 *
 * It is opened without checksums first, or the fuzzer would have to guess them.
 */
#include "tests/fuzz/fuzz.h"

#include "analyze/report.h"
#include "export/text.h"
#include "format/image.h"

#include <stdlib.h>
#include <string.h>

static void *tables[LR_KINDS * LR_SEGMENTS_MAX];
static char text[64 * 1024];

/* Names for some addresses, so that frames are walked. */
static void resolve(void *context, const struct lr_address *address, lr_frame_emit emit,
		    void *emit_context)
{
	const struct lr_frame frame = { .function = "function", .file = "/file.c", .line = 1 };

	(void)context;
	if (address->offset % 2)
		emit(&frame, emit_context);
}

static void report(const struct lr_image *image, const struct lr_findings_options *wanted,
		   struct lr_suppression *suppression)
{
	const struct lr_symbolizer symbolizer = { .resolve = resolve };
	const struct lr_text_options options = { .types = true, .addresses = true };
	struct lr_findings findings;
	struct lr_report made;
	struct lr_sink sink;

	lr_findings_make(&findings, image, wanted);
	lr_findings_choose(&findings, 0);
	lr_report_init(&made);
	made.suppressions = suppression;
	made.suppression_count = 1;
	lr_report_add(&made, &findings, &symbolizer);
	lr_report_total(&made);
	lr_report_choose(&made, 10);
	lr_sink_init_memory(&sink, text, sizeof(text));
	lr_text_report(&sink, &made, &findings, &options, &symbolizer);
	lr_report_finish(&made);
	lr_findings_free(&findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct lr_findings_options all = { .want_types = true };
	static const struct lr_findings_options some = { .skip_reported = true,
							 .type_globs = "b*,cache",
							 .spares_resting = true,
							 .since = 1,
							 .until = 100 };
	struct lr_suppression suppression = { .pattern = "fun*on$", .length = 7 };
	struct lr_image image;

	if (lr_image_open(&image, data, size, tables, true) == 0)
		report(&image, &all, &suppression);
	if (lr_image_open(&image, data, size, tables, false) == 0) {
		report(&image, &all, &suppression);
		report(&image, &some, &suppression);
	}
	return 0;
}
