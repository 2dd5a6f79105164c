/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as text.
 *
 * Layer: export. Locks: none; no allocation, so that the process under test can print it from anywhere.
 *
 * First the total, then a table of types where one is asked for, then one block a cause, largest causes kept where there are too
 * many, and last what is missing. Nothing in it depends on addresses or time, so two reports can be compared by diff.
 */
#include "export/text.h"

#include "base/pages.h"
#include "format/settings.h"

#include <limits.h>
#include <string.h>

#define CAUSES_SHOWN 10
#define TYPES_SHOWN 10
#define FRAMES_SHOWN 12
#define FRAMES_ASKED 16 /* a few more: frames of generated functions are left out */
#define NAME_LIMIT 120
#define DESCRIPTION_LIMIT 200

/* Modules whose build-id the reader has seen already: said once, not at every frame. */
struct named_modules {
	const uint8_t *build_ids[16];
	size_t count;
};

struct report {
	struct lr_sink *sink;
	struct named_modules *modules;
	const struct lr_image *image;
	const struct lr_findings *findings;
	const struct lr_text_options *options;
	const struct lr_symbolizer *symbolizer;
};

static void color(const struct report *report, const char *code)
{
	if (report->options->color)
		lr_sink_printf(report->sink, "\033[%sm", code);
}

static void plural(struct lr_sink *sink, uint64_t number, const char *one, const char *many)
{
	lr_sink_number(sink, number);
	lr_sink_printf(sink, " %s", number == 1 ? one : many);
}

static void objects(struct lr_sink *sink, uint64_t number)
{
	plural(sink, number, "object", "objects");
}

static void type_name(struct lr_sink *sink, const struct lr_image *image, uint32_t id)
{
	const struct lr_type_entry *type = lr_image_type(image, id);
	size_t length = 0;
	const char *name = type ? lr_image_text(image, type->name, &length) : "";

	if (length == 0)
		lr_sink_text(sink, "(unknown type)");
	else
		lr_sink_foreign(sink, name, length, NAME_LIMIT);
}

static void object_name(struct lr_sink *sink, const struct lr_image *image, uint64_t birth)
{
	type_name(sink, image, (uint32_t)(birth >> LR_BIRTH_NUMBER_BITS));
	lr_sink_printf(sink, "#%llu", (unsigned long long)(birth & LR_BIRTH_NUMBER_MASK));
}

/*
 * Stacks.
 */

/* In the process itself the event log may be about to note there that it has shown the stack. */
static uint32_t flags_of(const struct lr_site *site)
{
	return __atomic_load_n(&site->flags, __ATOMIC_RELAXED);
}

static void address_of(const struct lr_image *image, const struct lr_site *site,
		       struct lr_address *ret)
{
	const struct lr_module *module = lr_image_module(image, (uint32_t)(site->pc >> 48));

	memset(ret, 0, sizeof(*ret));
	/* A return address may be the first byte of the next line or function; the call is before it. */
	ret->pc = (site->pc & LR_SITE_PC_MASK) - (flags_of(site) & LR_SITE_EXACT ? 0 : 1);
	ret->module = module ? lr_image_text(image, module->path, NULL) : "";
	ret->offset = module ? ret->pc - module->bias : ret->pc;
	if (module && module->build_id_size > 0 && module->build_id_size <= sizeof(module->build_id)) {
		ret->build_id = module->build_id;
		ret->build_id_size = module->build_id_size;
	}
}

struct stack_line {
	struct lr_sink *sink;
	struct named_modules *modules;
	const char *type_name;
	unsigned int frames;  /* written so far */
	unsigned int room;    /* so many at the most */
	unsigned int at_this; /* given for this address, written or not */
	bool at_end; /* main() or the start of a thread was written: what called it is libc's */
	bool shows_generated;
};

/* Is @function one that the template made or forwards to? The reader wants the line that called it. */
static bool is_generated(const char *function, const char *type)
{
	static const char *const suffixes[] = {
		"_ref_init",	      "_ref_restore", "_ref",	    "_tryref",	"_unref",
		"_unref_unless_last", "_unref_with",  "_unref_any", "_ref_set", "_ref_clear",
		"_ref_move",	      "_ref_adopt",   "_ref_steal",
	};
	size_t length;

	if (strncmp(function, "lastref_", 8) == 0 || strstr(function, "_lastref_"))
		return true;
	length = type ? strlen(type) : 0;
	if (length == 0 || strncmp(function, type, length) != 0)
		return false;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (strcmp(function + length, suffixes[i]) == 0)
			return true;
	}
	return false;
}

/* The function whose caller is not the program's. */
static bool is_outermost(const char *function)
{
	return strcmp(function, "main") == 0 || strcmp(function, "start_thread") == 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void write_frame(const struct lr_frame *frame, void *context)
{
	struct stack_line *line = context;

	line->at_this++;
	if (line->at_end || line->frames >= line->room ||
	    (!line->shows_generated && frame->function &&
	     is_generated(frame->function, line->type_name)))
		return;
	if (line->frames++ > 0)
		lr_sink_text(line->sink, " < ");
	if (frame->file) {
		const char *file = base_name(frame->file);

		lr_sink_foreign(line->sink, file, strlen(file), NAME_LIMIT);
		if (frame->line > 0)
			lr_sink_printf(line->sink, ":%u", frame->line);
		lr_sink_text(line->sink, " ");
	}
	line->at_end = frame->function && is_outermost(frame->function);
	if (frame->function)
		lr_sink_foreign(line->sink, frame->function, strlen(frame->function), NAME_LIMIT);
	else if (!frame->file)
		lr_sink_text(line->sink, "?");
}

static void write_build_id(struct stack_line *line, const struct lr_address *address)
{
	struct named_modules *modules = line->modules;

	for (size_t i = 0; i < modules->count; i++) {
		if (modules->build_ids[i] == address->build_id)
			return;
	}
	if (address->build_id_size == 0)
		return;
	if (modules->count < sizeof(modules->build_ids) / sizeof(modules->build_ids[0]))
		modules->build_ids[modules->count++] = address->build_id;
	lr_sink_text(line->sink, " (build-id ");
	for (size_t i = 0; i < address->build_id_size; i++)
		lr_sink_printf(line->sink, "%02x", address->build_id[i]);
	lr_sink_text(line->sink, ")");
}

/* No symbol: the module and the offset in it, and its build-id, with which the debug file can be found. */
static void write_bare_address(struct stack_line *line, const struct lr_address *address)
{
	if (line->frames++ > 0)
		lr_sink_text(line->sink, " < ");
	if (address->module[0] == '\0') {
		lr_sink_printf(line->sink, "0x%llx", (unsigned long long)address->pc);
		return;
	}
	lr_sink_foreign(line->sink, base_name(address->module), strlen(base_name(address->module)),
			NAME_LIMIT);
	lr_sink_printf(line->sink, "+0x%llx", (unsigned long long)address->offset);
	write_build_id(line, address);
}

struct look {
	const char *type_name;
	unsigned int frames;
	bool found; /* a frame that the template did not make */
};

static void look_at(const struct lr_frame *frame, void *context)
{
	struct look *look = context;

	look->frames++;
	look->found |= !frame->function || !is_generated(frame->function, look->type_name);
}

/* A stack that is one frame deep may have no other frames; then these are better than nothing. */
static bool is_all_generated(const struct lr_image *image, const struct lr_site *site,
			     const char *type, const struct lr_symbolizer *symbolizer)
{
	for (int depth = 0; site && depth < LR_STACK_DEPTH_MAX; depth++) {
		struct look look = { .type_name = type };
		struct lr_address address;

		address_of(image, site, &address);
		symbolizer->resolve(symbolizer->context, &address, look_at, &look);
		if (look.found || look.frames == 0)
			return false;
		site = lr_image_site(image, site->parent);
	}
	return true;
}

static void write_site_line(struct stack_line *line, const struct lr_image *image, uint32_t site_id,
			    const struct lr_symbolizer *symbolizer)
{
	const struct lr_site *site = lr_image_site(image, site_id);
	const struct lr_site *next;

	if (!site)
		lr_sink_text(line->sink, "(stack not known)");
	line->shows_generated = is_all_generated(image, site, line->type_name, symbolizer);
	for (int depth = 0;
	     site && !line->at_end && depth < LR_STACK_DEPTH_MAX && line->frames < line->room;
	     depth++) {
		struct lr_address address;

		address_of(image, site, &address);
		line->at_this = 0;
		symbolizer->resolve(symbolizer->context, &address, write_frame, line);
		if (line->at_this == 0)
			write_bare_address(line, &address);
		next = lr_image_site(image, site->parent);
		if (!next && !line->at_end && (flags_of(site) & LR_SITE_CUT))
			lr_sink_text(line->sink, " < ...");
		site = next;
	}
	if (site && !line->at_end)
		lr_sink_text(line->sink, " < ...");
}

static void write_one_site(struct lr_sink *sink, const struct lr_image *image, uint32_t site_id,
			   const char *type, unsigned int room,
			   const struct lr_symbolizer *symbolizer)
{
	struct named_modules modules = { .count = 0 };
	struct stack_line line = { .sink = sink, .modules = &modules, .type_name = type, .room = room };

	write_site_line(&line, image, site_id, symbolizer);
}

void lr_text_site(struct lr_sink *sink, const struct lr_image *image, uint32_t site_id,
		  const char *type, const struct lr_symbolizer *symbolizer)
{
	write_one_site(sink, image, site_id, type, FRAMES_SHOWN, symbolizer);
}

void lr_text_whole_site(struct lr_sink *sink, const struct lr_image *image, uint32_t site_id,
			const char *type, const struct lr_symbolizer *symbolizer)
{
	write_one_site(sink, image, site_id, type, UINT_MAX, symbolizer);
}

size_t lr_text_whole_addresses(const struct lr_image *image, uint32_t site_id,
			       struct lr_address *addresses, size_t room)
{
	const struct lr_site *site = lr_image_site(image, site_id);
	size_t count = 0;

	for (; site && count < room; count++) {
		address_of(image, site, &addresses[count]);
		site = lr_image_site(image, site->parent);
	}
	return count;
}

size_t lr_text_addresses(const struct lr_image *image, uint32_t site_id,
			 struct lr_address *addresses, size_t room)
{
	return lr_text_whole_addresses(image, site_id, addresses,
				       room < FRAMES_ASKED ? room : FRAMES_ASKED);
}

/* Tell the symbolizer of all addresses that are going to be shown. */
static void prepare(const struct report *report)
{
	const struct lr_findings *findings = report->findings;
	struct lr_address *addresses;
	size_t count = 0;
	size_t room = 0;

	for (size_t i = 0; i < findings->cause_count; i++)
		room += findings->causes[i].shown ? 2 * FRAMES_ASKED : 0;
	if (room == 0 || !report->symbolizer->prepare)
		return;
	addresses = lr_pages_map(room * sizeof(*addresses));
	if (!addresses)
		return;
	for (size_t i = 0; i < findings->cause_count; i++) {
		const struct lr_cause *cause = &findings->causes[i];

		if (!cause->shown)
			continue;
		count += lr_text_addresses(report->image, cause->site, addresses + count,
					   room - count);
		count += lr_text_addresses(report->image, cause->dying_site, addresses + count,
					   room - count);
	}
	report->symbolizer->prepare(report->symbolizer->context, addresses, count);
	lr_pages_unmap(addresses, room * sizeof(*addresses));
}

/*
 * Blocks.
 */

/* May there be leaks that the figures do not have? The notes say what was lost. */
static bool is_in_doubt(const struct lr_findings *findings)
{
	const struct lr_image_header *header = findings->image->header;

	return findings->incomplete || findings->image->cut_short ||
	       lr_image_counter(header, LR_LOST_OBJECTS) > 0 ||
	       lr_image_counter(header, LR_LOST_TYPES) > 0 ||
	       lr_image_counter(header, LR_OTHER_COPIES) > 0;
}

/* The total, where there is no new leak. */
static void write_no_new_leaks(const struct report *report)
{
	const struct lr_findings *findings = report->findings;
	uint64_t misuses = lr_image_counter(report->image->header, LR_MISUSES);
	const char *known = is_in_doubt(findings) ? " known, but see the notes" : "";
	struct lr_sink *sink = report->sink;

	lr_sink_text(sink, "lastref: ");
	if (findings->reported > 0) {
		objects(sink, findings->reported);
		lr_sink_printf(sink,
			       " leaked, reported above by the check that the program called; nothing new%s",
			       known);
	} else if (findings->released > 0) {
		objects(sink, findings->released);
		lr_sink_printf(sink,
			       " %s reported by a check that the program called, and released since; nothing new%s",
			       findings->released == 1 ? "was" : "were", known);
	} else if (misuses > 0) {
		plural(sink, misuses, "misuse", "misuses");
		lr_sink_printf(sink, ", reported above; no leaks%s", known);
	} else {
		lr_sink_printf(sink, "no leaks%s", known);
	}
}

static void write_total(const struct report *report)
{
	const struct lr_findings *findings = report->findings;
	uint64_t bad = findings->objects + findings->reported + findings->released +
		       lr_image_counter(report->image->header, LR_MISUSES);
	struct lr_sink *sink = report->sink;

	color(report, bad > 0 ? "1;31" : "1;32");
	if (findings->objects == 0) {
		write_no_new_leaks(report);
	} else {
		lr_sink_text(sink, "lastref: ");
		objects(sink, findings->objects);
		lr_sink_text(sink, " leaked, ");
		lr_sink_size(sink, findings->bytes);
		if (findings->cause_count > 0) {
			lr_sink_text(sink, ", born at ");
			plural(sink, findings->cause_count, "place", "places");
		}
	}
	color(report, "0");
	if (report->options->process) {
		lr_sink_text(sink, " in ");
		lr_sink_text(sink, report->options->process);
	}
	lr_sink_text(sink, "\n");
}

static void write_types(const struct report *report)
{
	const struct lr_findings *findings = report->findings;
	struct lr_sink *sink = report->sink;
	size_t shown = findings->type_count < TYPES_SHOWN || report->options->all ?
			       findings->type_count :
			       TYPES_SHOWN;

	if (shown == 0)
		return;
	lr_sink_printf(sink, "\n  %-24s %12s %12s %12s\n", "type", "born", "died", "live");
	for (size_t i = 0; i < shown; i++) {
		const struct lr_type_totals *type = &findings->types[i];
		const struct lr_type_entry *entry = lr_image_type(findings->image, type->type);
		struct lr_sink name;

		lr_sink_init(&name, -1);
		lr_sink_foreign(&name, lr_image_text(findings->image, entry->name, NULL),
				strlen(lr_image_text(findings->image, entry->name, NULL)), 24);
		lr_sink_printf(sink, "  %-24.*s %12llu %12llu %12llu\n", (int)name.length,
			       name.buffer, (unsigned long long)type->born,
			       (unsigned long long)(type->born > type->live ? type->born - type->live :
									      0),
			       (unsigned long long)type->live);
	}
	if (shown < findings->type_count) {
		lr_sink_text(sink, "  ... and ");
		plural(sink, findings->type_count - shown, "more type\n", "more types\n");
	}
}

static void write_note(struct lr_sink *sink, const struct lr_example *example)
{
	uint32_t flags = example->note ? example->note->flags : 0;

	if (example->text && example->text_length > 0) {
		lr_sink_text(sink, flags & LR_NOTE_MESSAGE ? "  " : " ");
		lr_sink_foreign(sink, example->text, example->text_length, DESCRIPTION_LIMIT);
	}
	if (flags & LR_NOTE_SIZE) {
		lr_sink_text(sink, "  ");
		lr_sink_size(sink, example->note->size);
	}
	if (flags & LR_NOTE_UNREADABLE)
		lr_sink_text(sink, "  (its memory is gone: freed without its last unref)");
	else if (flags & LR_NOTE_DEAD)
		lr_sink_text(sink, "  (its count is dead, and its destructor was not seen: "
				   "after a misuse, or ended by code that cannot tell)");
	else if (example->dying)
		lr_sink_text(sink, "  (being destroyed)");
	else if (flags & LR_NOTE_COUNT && example->note->count == INT64_MAX)
		lr_sink_text(sink, "  (immortal)");
	else if (flags & LR_NOTE_AT_REST)
		lr_sink_text(sink, "  (at rest in its cache, never evicted)");
	else if (flags & LR_NOTE_COUNT && example->note->count == 0)
		lr_sink_text(sink, "  (no references, but still registered)");
	else if (flags & LR_NOTE_COUNT && !(flags & LR_NOTE_MESSAGE))
		lr_sink_printf(sink, "  (reference count of %lld instead of 0)",
			       (long long)example->note->count);
	if (flags & LR_NOTE_FAULTED)
		lr_sink_text(sink, "  (describing it failed: its memory is gone or was overwritten)");
	if (flags & LR_NOTE_NOT_ASKED)
		lr_sink_text(sink,
			     "  (not described: other threads run, its library is gone, or the system does not say if its memory is there)");
}

static void write_example(const struct report *report, const struct lr_example *example, bool first)
{
	struct lr_sink *sink = report->sink;

	lr_sink_text(sink, first ? "  SUCH AS  " : "           ");
	object_name(sink, report->image, example->birth);
	if (report->options->addresses)
		lr_sink_printf(sink, " at 0x%llx", (unsigned long long)example->object);
	write_note(sink, example);
	lr_sink_text(sink, "\n");
}

static void write_site(const struct report *report, const struct lr_cause *cause, const char *label,
		       uint32_t site)
{
	const struct lr_type_entry *type = lr_image_type(report->image, cause->type);

	struct stack_line line = {
		.sink = report->sink,
		.room = FRAMES_SHOWN,
		.modules = report->modules,
		.type_name = type ? lr_image_text(report->image, type->name, NULL) : NULL,
	};

	lr_sink_text(report->sink, label);
	write_site_line(&line, report->image, site, report->symbolizer);
	lr_sink_text(report->sink, "\n");
}

static void write_cause(const struct report *report, const struct lr_cause *cause, size_t number)
{
	struct lr_sink *sink = report->sink;

	lr_sink_text(sink, "\n");
	color(report, "1");
	lr_sink_printf(sink, "LEAK %zu of %zu  ", number, report->findings->cause_count);
	lr_sink_number(sink, cause->objects);
	lr_sink_text(sink, " ");
	type_name(sink, report->image, cause->type);
	color(report, "0");
	lr_sink_text(sink, "  ");
	lr_sink_size(sink, cause->bytes);
	lr_sink_text(sink, "\n");
	write_site(report, cause, "  BORN AT  ", cause->site);
	for (uint32_t i = 0; i < cause->example_count; i++)
		write_example(report, &cause->examples[i], i == 0);
	if (cause->objects > cause->example_count) {
		lr_sink_text(sink, "           and ");
		lr_sink_number(sink, cause->objects - cause->example_count);
		lr_sink_text(sink, " more\n");
	}
	if (cause->dying == 0)
		return;
	lr_sink_text(sink, "  BEING DESTROYED  ");
	lr_sink_number(sink, cause->dying);
	write_site(report, cause, " of them, last unref at ", cause->dying_site);
}

static void write_causes(const struct report *report)
{
	const struct lr_findings *findings = report->findings;
	uint64_t hidden = 0;
	size_t hidden_causes = 0;

	for (size_t i = 0; i < findings->cause_count; i++) {
		if (findings->causes[i].shown) {
			write_cause(report, &findings->causes[i], i + 1);
			continue;
		}
		hidden += findings->causes[i].objects;
		hidden_causes++;
	}
	if (hidden_causes == 0)
		return;
	lr_sink_text(report->sink, "\nNot shown: ");
	plural(report->sink, hidden_causes, "smaller leak", "smaller leaks");
	lr_sink_text(report->sink, " with ");
	objects(report->sink, hidden);
	lr_sink_text(report->sink,
		     " (`lastref run -o FILE`, then `lastref report --all FILE`, shows all)\n");
}

static void remark(const struct report *report, uint64_t number, const char *one, const char *many)
{
	if (number == 0)
		return;
	lr_sink_text(report->sink, "note: ");
	lr_sink_number(report->sink, number);
	lr_sink_printf(report->sink, " %s\n", number == 1 ? one : many);
}

/* Nothing was left by the pattern of `--type` or `types=`: a typing error there must not pass for "no leaks". */
static void write_types_left_out(const struct report *report)
{
	uint64_t count = lr_image_count(report->image, LR_TYPES);
	uint32_t shown = 0;

	for (uint32_t id = 1; id <= count; id++) {
		const struct lr_type_entry *type = lr_image_type(report->image, id);

		if (!type || type->name == 0 || !(type->left_out || report->findings->is_filtered))
			continue;
		if (shown == TYPES_SHOWN) {
			lr_sink_text(report->sink, ", ...");
			break;
		}
		lr_sink_text(report->sink,
			     shown++ == 0 ?
				     "note: no object has a type that was asked for; there are: " :
				     ", ");
		type_name(report->sink, report->image, id);
	}
	if (shown > 0)
		lr_sink_text(report->sink, "\n");
}

/* The last note of `settle=` is in force. */
static void write_unsettled(const struct report *report)
{
	const struct lr_note *last = NULL;
	const char *text;
	size_t length;

	for (uint64_t i = lr_image_count(report->image, LR_NOTES); i > 0 && !last; i--) {
		const struct lr_note *note = lr_image_at(report->image, LR_NOTES, i - 1);

		if (note && (note->flags & LR_NOTE_UNSETTLED))
			last = note;
	}
	text = last ? lr_image_text(report->image, last->text, &length) : "";
	if (text[0] == '\0')
		return;
	lr_sink_text(report->sink, "note: still changing when the check had waited ");
	lr_sink_number(report->sink, last->count > 0 ? (uint64_t)last->count : 0);
	lr_sink_text(report->sink, " ms (settle=): ");
	lr_sink_foreign(report->sink, text, length, 1024);
	lr_sink_text(report->sink, "\n");
}

/* What the reader must know of what is not above. */
static void write_remarks(const struct report *report)
{
	const struct lr_findings *findings = report->findings;
	const struct lr_image_header *header = report->image->header;

	remark(report, findings->objects > 0 ? findings->reported : 0,
	       "more live object was reported by an earlier check",
	       "more live objects were reported by an earlier check");
	remark(report,
	       findings->objects + findings->reported + findings->released > 0 ?
		       lr_image_counter(header, LR_MISUSES) :
		       0,
	       "misuse was reported above", "misuses were reported above");
	remark(report, findings->overwritten,
	       "object was freed without its last unref: another was born at its address",
	       "objects were freed without their last unref: others were born at their addresses");
	remark(report, lr_image_counter(header, LR_UNKNOWN_UNREGISTERED),
	       "unregistered object was not known: born before checking was on, in the parent process, or without memory to register it",
	       "unregistered objects were not known: born before checking was on, in the parent process, or without memory to register them");
	remark(report, lr_image_counter(header, LR_LOST_OBJECTS),
	       "object could not be registered for lack of memory; it may have leaked",
	       "objects could not be registered for lack of memory; they may have leaked");
	remark(report, lr_image_counter(header, LR_LOST_TYPES),
	       "object had a type beyond the 65,535th and was not registered",
	       "objects had types beyond the 65,535th and were not registered");
	remark(report, lr_image_counter(header, LR_LOST_SITES), "stack could not be kept",
	       "stacks could not be kept");
	remark(report, lr_image_counter(header, LR_UNWRITTEN_EVENTS),
	       "event could not be written to the log", "events could not be written to the log");
	remark(report, lr_image_counter(header, LR_LOST_EVENTS),
	       "event was not logged: in a signal handler that interrupted the library, or for lack of memory",
	       "events were not logged: in a signal handler that interrupted the library, or for lack of memory");
	remark(report, lr_image_counter(header, LR_OTHER_COPIES),
	       "more copy of the library was in this process; what was born through it was not checked",
	       "more copies of the library were in this process; what was born through them was not checked");
	write_unsettled(report);
	if (lr_image_counter(header, LR_NO_UNWINDER) == LR_NO_UNWIND_TABLE)
		lr_sink_text(report->sink,
			     "note: stacks are one frame deep: this program has no unwind table "
			     "(link a static one with -Wl,--eh-frame-hdr)\n");
	else if (lr_image_counter(header, LR_NO_UNWINDER))
		lr_sink_text(report->sink,
			     "note: stacks are one frame deep: lastref walks them on x86_64 only\n");
	if (report->options->types && findings->type_count == 0 && !report->image->cut_short &&
	    report->image->header->state != LR_PROCESS_OFF)
		write_types_left_out(report);
	if (report->image->header->state == LR_PROCESS_OFF)
		lr_sink_text(report->sink,
			     "note: the program switched checking off before it ended\n");
	if (findings->incomplete)
		lr_sink_text(report->sink,
			     "note: there was no memory for the whole analysis: leaks or what they are may be missing above, and objects "
			     "that were freed without their last unref may be among the leaks\n");
	if (report->image->cut_short)
		lr_sink_text(report->sink, "note: the file ends early; what it holds was analyzed\n");
}

void lr_text_report(struct lr_sink *sink, const struct lr_findings *findings,
		    const struct lr_text_options *options, const struct lr_symbolizer *symbolizer)
{
	struct named_modules modules = { .count = 0 };
	const struct report report = {
		.sink = sink,
		.modules = &modules,
		.image = findings->image,
		.findings = findings,
		.options = options,
		.symbolizer = symbolizer,
	};

	write_total(&report);
	/* What is cut off would be missing in the table's sums. */
	if (options->types && !findings->image->cut_short)
		write_types(&report);
	prepare(&report);
	write_causes(&report);
	write_remarks(&report);
	lr_sink_flush(sink);
}
