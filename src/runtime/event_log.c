/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event log.
 *
 * Layer: runtime. Locks: none; a line is composed in memory and leaves in one write(2), a longer one in pieces of 4,096 bytes.
 */
#include "runtime/event_log.h"

#include "base/sink.h"
#include "export/text.h"
#include "runtime/arena.h"
#include "runtime/quiet_write.h"
#include "runtime/registry.h"
#include "runtime/start.h"
#include "runtime/symbols.h"

#include <string.h>
#include <unistd.h>

static void write_name(struct lr_sink *sink, const struct lr_type_info *type, const void *object,
		       uint32_t index)
{
	const struct lr_record *record = index ? lr_registry_find(index, object) : NULL;
	const char *name = lr_type_name(type->id);

	lr_sink_foreign(sink, name, strlen(name), 120);
	if (record)
		lr_sink_printf(sink, "#%llu",
			       (unsigned long long)(record->birth & LR_BIRTH_NUMBER_MASK));
	lr_sink_printf(sink, " 0x%llx", (unsigned long long)(uintptr_t)object);
}

/* The first event with a stack writes it in full; two threads at once may both do so. */
static void write_stack(struct lr_sink *sink, const struct lr_type_info *type, uint32_t site_id)
{
	struct lr_symbols_in_process symbols;
	struct lr_symbolizer symbolizer;
	struct lr_site *site = site_id ? lr_arena_at(LR_SITES, site_id - 1) : NULL;

	if (!site)
		return;
	lr_sink_printf(sink, " [stack %u]", site_id);
	if (__atomic_fetch_or(&site->flags, LR_SITE_LOGGED, __ATOMIC_RELAXED) & LR_SITE_LOGGED)
		return;
	/* Not prepared, so no command is run: function names are enough here, and events are many. */
	lr_symbols_in_process_init(&symbols, &symbolizer);
	lr_sink_text(sink, " ");
	lr_text_site(sink, &lr_arena_image, site_id, lr_type_name(type->id), &symbolizer);
	lr_symbols_in_process_finish(&symbols);
}

void lr_log_event(const struct lr_type_info *type, const char *what, const void *object,
		  uint32_t index, int64_t count, uint32_t site)
{
	struct lr_quiet_write quiet;
	struct lr_sink sink;

	lr_quiet_write_begin(&quiet);
	lr_sink_init(&sink, lr_start_error_output());
	lr_sink_text(&sink, "lastref: [");
	write_name(&sink, type, object, index);
	lr_sink_printf(&sink, "] %s", what);
	if (count == INT64_MAX)
		lr_sink_text(&sink, " (immortal)");
	else if (count >= 0)
		lr_sink_printf(&sink, " to %lld", (long long)count);
	write_stack(&sink, type, site);
	lr_sink_text(&sink, "\n");
	lr_sink_flush(&sink);
	lr_quiet_write_end(&quiet);
}
