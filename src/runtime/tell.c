/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling.
 *
 * Layer: runtime. Locks: none.
 *
 * The names are found once, and written twice if the first place takes no more: a report that is cut off in a full file system follows as a whole on
 * standard error.
 */
#include "runtime/tell.h"

#include "analyze/report.h"
#include "base/pages.h"
#include "export/text.h"
#include "runtime/handlers.h"
#include "runtime/output.h"
#include "runtime/quiet_write.h"
#include "runtime/start.h"
#include "runtime/symbols.h"

#include <lastref/check.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Of a message for a handler; pages of it that are not written to cost nothing. */
#define MESSAGE_MAX (1024 * 1024)

#define CAUSES_SHOWN 10

/* A report with names. */
struct telling {
	struct lr_findings *findings;
	struct lr_text_options options;
	struct lr_symbols_in_process symbols;
	struct lr_symbolizer symbolizer;
	struct lr_report report;
};

static struct lr_handler_slot handler_slot;

void lastref_set_report_handler(lastref_report_handler handler, void *context)
{
	lr_handler_set(&handler_slot, (lr_handler_function)handler, context);
}

static void begin(struct telling *telling, struct lr_findings *findings, bool since_checkpoint)
{
	telling->findings = findings;
	telling->options = (struct lr_text_options){
		.about = since_checkpoint ? LR_TEXT_SINCE_CHECKPOINT : LR_TEXT_LEAKED,
	};
	lr_symbols_in_process_init(&telling->symbols, &telling->symbolizer);
	lr_report_init(&telling->report);
	/* A cause's fingerprint depends on all others, and what is shown is what the command would show. */
	lr_findings_choose(findings, 0);
	lr_report_add(&telling->report, findings, &telling->symbolizer);
	lr_report_total(&telling->report);
	lr_report_choose(&telling->report, CAUSES_SHOWN);
}

static void end(struct telling *telling)
{
	lr_report_finish(&telling->report);
	lr_symbols_in_process_finish(&telling->symbols);
}

static void write_text(struct telling *telling, struct lr_sink *sink)
{
	lr_text_report(sink, &telling->report, telling->findings, &telling->options,
		       &telling->symbolizer);
}

/* Return: 0, or the error of the first write that failed. */
static int write_to(struct telling *telling, int fd)
{
	struct lr_sink sink;

	lr_sink_init(&sink, fd);
	write_text(telling, &sink);
	return sink.error;
}

static const char *explain(int error)
{
	if (error == ENXIO)
		return "nobody reads it";
	if (error == EAGAIN)
		return "whoever reads it has stopped reading";
	return strerror(error);
}

static void write_to_output(struct telling *telling)
{
	const char *path = lr_output_path();
	int fd = lr_output_open();
	int error = fd < 0 ? -fd : write_to(telling, fd);

	if (error == 0 || path[0] == '\0')
		return;
	dprintf(lr_start_error_output(),
		"lastref: cannot write the report to %s: %s; it follows here\n", path,
		explain(error));
	write_to(telling, lr_start_error_output());
}

/* Return: false without memory for the message. */
static bool give_to_handler(struct telling *telling, const struct lr_handler *handler)
{
	char *message = lr_pages_map(MESSAGE_MAX);
	struct lastref_report told = {
		.message = message,
		.objects = (size_t)telling->report.objects,
		.causes = telling->report.causes,
	};
	struct lr_sink sink;

	if (!message)
		return false;
	lr_sink_init_memory(&sink, message, MESSAGE_MAX - 1);
	write_text(telling, &sink);
	((lastref_report_handler)handler->function)(&told, handler->context);
	lr_pages_unmap(message, MESSAGE_MAX);
	return true;
}

void lr_tell(struct lr_findings *findings, bool since_checkpoint)
{
	const struct lr_handler *handler = lr_handler_get(&handler_slot);
	struct lr_quiet_write quiet;
	struct telling telling;
	bool told;

	/* The symbols are asked for by way of a file. */
	lr_quiet_write_begin(&quiet);
	begin(&telling, findings, since_checkpoint);
	lr_quiet_write_end(&quiet, true);
	told = handler && give_to_handler(&telling, handler);
	lr_quiet_write_begin(&quiet);
	if (!told)
		write_to_output(&telling);
	end(&telling);
	lr_quiet_write_end(&quiet, true);
}
