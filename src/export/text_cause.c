/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block of one cause: what is to be mended, how to find it, and what goes with it.
 *
 * Layer: export. Locks: none; no allocation.
 */
#include "export/text_parts.h"

#define DESCRIPTION_LIMIT 200
#define NAME_LIMIT 120

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

static void write_example(const struct lr_text *text, const struct lr_entry *entry,
			  const struct lr_example *example, const char *label)
{
	struct lr_sink *sink = text->sink;

	lr_sink_text(sink, label);
	lr_text_object(sink, entry->findings->image, example->birth);
	if (text->options->addresses)
		lr_sink_printf(sink, " at 0x%llx", (unsigned long long)example->object);
	write_note(sink, example);
	lr_sink_text(sink, "\n");
}

static void write_examples(const struct lr_text *text, const struct lr_entry *entry, const char *label)
{
	const struct lr_cause *cause = entry->cause;
	uint64_t roots = lr_entry_is_old(entry) ? entry->sums.old_roots : entry->sums.roots;

	for (uint32_t i = 0; i < cause->example_count; i++)
		write_example(text, entry, &cause->examples[i], i == 0 ? label : "           ");
	if (roots <= cause->example_count)
		return;
	lr_sink_text(text->sink, "           and ");
	lr_sink_number(text->sink, roots - cause->example_count);
	lr_sink_text(text->sink, " more\n");
}

static void write_site(struct lr_text *text, const struct lr_entry *entry, const char *label,
		       uint32_t site)
{
	const struct lr_image *image = entry->findings->image;
	const struct lr_type_entry *type = lr_image_type(image, entry->cause->type);
	const struct lr_frames frames = {
		.image = image,
		.symbolizer = text->symbolizer,
		.type_name = type ? lr_image_text(image, type->name, NULL) : NULL,
		.room = LR_FRAMES_SHOWN,
		.wants_columns = entry->shares_lines,
	};

	lr_sink_text(text->sink, label);
	lr_stack_line(text->sink, &frames, site, &text->modules);
	lr_sink_text(text->sink, "\n");
}

static void write_dying(struct lr_text *text, const struct lr_entry *entry)
{
	if (entry->sums.dying == 0)
		return;
	lr_sink_text(text->sink, "  BEING DESTROYED  ");
	lr_sink_number(text->sink, entry->sums.dying);
	write_site(text, entry, " of them, last unref at ", entry->cause->dying_site);
}

/* Of one object its note says it. */
static void write_gone(const struct lr_text *text, const struct lr_entry *entry)
{
	if (entry->sums.gone == 0 || entry->sums.roots == 1)
		return;
	lr_sink_text(text->sink, "  FREED    ");
	lr_sink_number(text->sink, entry->sums.gone);
	lr_sink_text(text->sink,
		     " of them without the last unref: their memory is gone, or another's\n");
}

/* ".stream", or the offset where only that is known. */
static void write_member(struct lr_sink *sink, const struct lr_image *image,
			 const struct lr_member *member)
{
	size_t length = 0;
	const char *name = lr_image_text(image, member->name, &length);

	if (length > 0) {
		lr_sink_text(sink, ".");
		lr_sink_foreign(sink, name, length, NAME_LIMIT);
	} else if (member->offset != UINT32_MAX) {
		lr_sink_printf(sink, "+0x%x", member->offset);
	}
}

static void write_kept_line(const struct lr_text *text, const struct lr_keep *keep, const char *label)
{
	const struct lr_keep_name *name = &text->report->keeps.names[keep->name];
	struct lr_sink *sink = text->sink;

	lr_sink_text(sink, label);
	lr_sink_number(sink, keep->objects);
	lr_sink_text(sink, " ");
	lr_text_type(sink, name->image, name->type);
	if (name->owner != 0) {
		lr_sink_text(sink, ", through ");
		lr_text_type(sink, name->image, name->owner);
		write_member(sink, name->image, &name->member);
	}
	lr_sink_text(sink, "\n");
}

static void write_kept(const struct lr_text *text, const struct lr_entry *entry, const char *label)
{
	const struct lr_keep_list *keeps = lr_report_keeps(text->report, entry);

	for (uint32_t i = 0; keeps && i < keeps->count; i++)
		write_kept_line(text, &keeps->all[i], i == 0 ? label : "           ");
	if (!keeps || keeps->others == 0)
		return;
	lr_sink_text(text->sink, "           ");
	lr_sink_number(text->sink, keeps->others);
	lr_sink_text(text->sink, " of other types\n");
}

/* Without what roots keep that an earlier check reported: that is told apart. */
static uint64_t own_objects(const struct lr_entry *entry)
{
	return entry->sums.objects - entry->sums.old_objects;
}

/* All counts are known, and 0: an entry at rest in its cache, or a count by hand that ended without unregistering. */
static bool is_held_by_nobody(const struct lr_entry *entry)
{
	return entry->sums.references == 0 && entry->sums.uncounted == 0;
}

static void write_advice(const struct lr_text *text, const struct lr_entry *entry)
{
	struct lr_sink *sink = text->sink;
	uint64_t to_mend = entry->sums.references ? entry->sums.references : entry->sums.roots;

	if (is_held_by_nobody(entry)) {
		lr_sink_text(sink,
			     to_mend == 1 ? "  Destroy it and all " : "  Destroy them and all ");
	} else if (to_mend == 1) {
		lr_sink_text(sink, "  Fix this one reference and all ");
	} else {
		lr_sink_text(sink, "  Fix these ");
		lr_sink_number(sink, to_mend);
		lr_sink_text(sink, " references and all ");
	}
	lr_sink_number(sink, own_objects(entry));
	lr_sink_text(sink, " go. Independent leaks left after that: ");
	lr_sink_number(sink, text->report->causes - 1);
	lr_sink_text(sink, "\n");
}

static void write_also_held(const struct lr_text *text, const struct lr_entry *entry)
{
	uint64_t held = entry->sums.also_held;
	bool is_cycle = entry->cause->kind == LR_CAUSE_CYCLE;

	if (held == 0)
		return;
	lr_sink_text(text->sink, "  ");
	if (is_cycle)
		lr_text_plural(text->sink, held, "cycle is", "cycles are");
	else
		lr_text_plural(text->sink, held, "root is", "roots are");
	lr_sink_text(text->sink,
		     held == 1 ?
			     " held by other leaks as well, and goes when those are mended too\n" :
			     " held by other leaks as well, and go when those are mended too\n");
}

static bool keeps(const struct lr_entry *entry)
{
	return own_objects(entry) > entry->sums.roots || lr_entry_is_old(entry);
}

/* What a leak keeps now that was reported before. */
static void write_old_title(const struct lr_text *text, const struct lr_entry *entry)
{
	struct lr_sink *sink = text->sink;

	lr_sink_text(sink, "reported before; it ");
	if (entry->sums.objects == 0) {
		lr_sink_text(sink, "and other leaks keep more objects alive");
		return;
	}
	lr_sink_text(sink, "keeps ");
	lr_text_plural(sink, entry->sums.objects, "more object (", "more objects (");
	lr_sink_size(sink, entry->sums.bytes);
	lr_sink_text(sink, ") alive");
}

/* Where roots of the same leak were reported before, and others are new. */
static void write_old(const struct lr_text *text, const struct lr_entry *entry)
{
	if (lr_entry_is_old(entry) || entry->sums.old_objects == 0)
		return;
	lr_sink_text(text->sink, "  Such that were reported before keep ");
	lr_text_plural(text->sink, entry->sums.old_objects, "more object (", "more objects (");
	lr_sink_size(text->sink, entry->sums.old_bytes);
	lr_sink_text(text->sink, ") alive\n");
}

static void write_leak_title(const struct lr_text *text, const struct lr_entry *entry)
{
	struct lr_sink *sink = text->sink;
	uint64_t references = entry->sums.references ? entry->sums.references : entry->sums.roots;

	if (lr_entry_is_old(entry)) {
		write_old_title(text, entry);
		return;
	}
	if (!keeps(entry)) {
		lr_sink_number(sink, entry->sums.roots);
		lr_sink_text(sink, " ");
		lr_text_type(sink, entry->findings->image, entry->cause->type);
		return;
	}
	/* In a process that goes on they may be wanted. */
	if (is_held_by_nobody(entry))
		lr_text_plural(sink, references, "object that nobody holds keeps ",
			       "objects that nobody holds keep ");
	else if (lr_text_is_of_running(text))
		lr_text_plural(sink, references, "reference keeps ", "references keep ");
	else
		lr_text_plural(sink, references, "leaked reference keeps ",
			       "leaked references keep ");
	lr_text_objects(sink, own_objects(entry));
	lr_sink_text(sink, " (");
	lr_sink_size(sink, entry->sums.bytes - entry->sums.old_bytes);
	lr_sink_text(sink, ") alive");
}

static void write_cycle_title(const struct lr_text *text, const struct lr_entry *entry)
{
	struct lr_sink *sink = text->sink;

	if (lr_entry_is_old(entry)) {
		write_old_title(text, entry);
		return;
	}
	if (entry->cause->members == 1)
		lr_sink_text(sink, "1 object holds itself");
	else
		lr_text_plural(sink, entry->cause->members, "object", "objects hold each other");
	if (entry->sums.references == 0) {
		lr_sink_text(sink, " and nobody else holds ");
		lr_sink_text(sink, entry->cause->members == 1 ? "it" : "them");
	} else {
		lr_sink_text(sink, ", and ");
		lr_text_plural(sink, entry->sums.references,
			       "reference from outside was forgotten too",
			       "references from outside were forgotten too");
	}
	if (entry->sums.roots > 1) {
		lr_sink_text(sink, " (");
		lr_sink_number(sink, entry->sums.roots);
		lr_sink_text(sink, " times, same shape)");
	}
}

static const char *label(const struct lr_text *text)
{
	if (text->options->about == LR_TEXT_GROWN)
		return "GREW";
	return text->options->about == LR_TEXT_LIVE ? "LIVE" : "LEAK";
}

void lr_text_summary(const struct lr_text *text, const struct lr_entry *entry)
{
	if (entry->cause->kind == LR_CAUSE_CYCLE) {
		write_cycle_title(text, entry);
		return;
	}
	write_leak_title(text, entry);
	if (!keeps(entry))
		lr_sink_text(text->sink, " leaked");
	if (entry->sums.gone == 0)
		return;
	lr_sink_text(text->sink, ", ");
	lr_sink_number(text->sink, entry->sums.gone);
	lr_sink_text(text->sink, " of them freed without the last unref");
}

static void write_title(const struct lr_text *text, const struct lr_entry *entry, size_t number)
{
	char fingerprint[LR_FINGERPRINT_TEXT];
	bool is_cycle = entry->cause->kind == LR_CAUSE_CYCLE;
	struct lr_sink *sink = text->sink;

	lr_report_fingerprint(entry->fingerprint, fingerprint);
	lr_sink_text(sink, "\n");
	lr_text_color(text, "1");
	lr_sink_printf(sink, "%s %zu of %zu  [%s]  ", is_cycle ? "CYCLE" : label(text), number,
		       text->report->causes, fingerprint);
	if (is_cycle)
		write_cycle_title(text, entry);
	else
		write_leak_title(text, entry);
	lr_text_color(text, "0");
	if (!is_cycle && !keeps(entry)) {
		lr_sink_text(sink, "  ");
		lr_sink_size(sink, entry->sums.bytes - entry->sums.old_bytes);
	}
	if (text->report->processes > 1) {
		lr_sink_text(sink, "  in ");
		lr_text_plural(sink, entry->processes, "process", "processes");
	}
	lr_sink_text(sink, "\n");
}

/* What goes with a cycle, in one line. */
static void write_also_kept(const struct lr_text *text, const struct lr_entry *entry)
{
	const struct lr_keep_list *keeps = lr_report_keeps(text->report, entry);
	struct lr_sink *sink = text->sink;

	if (!keeps)
		return;
	for (uint32_t i = 0; i < keeps->count; i++) {
		const struct lr_keep_name *name = &text->report->keeps.names[keeps->all[i].name];

		lr_sink_text(sink, i == 0 ? "  also keeps " : ", ");
		lr_sink_number(sink, keeps->all[i].objects);
		lr_sink_text(sink, " ");
		lr_text_type(sink, name->image, name->type);
	}
	if (keeps->others > 0) {
		lr_sink_text(sink, ", ");
		lr_sink_number(sink, keeps->others);
		lr_sink_text(sink, " of other types");
	}
	lr_sink_text(sink, "\n");
}

static void write_link(const struct lr_text *text, const struct lr_entry *entry,
		       const struct lr_link *link, bool closes)
{
	const struct lr_image *image = entry->findings->image;
	struct lr_sink *sink = text->sink;

	lr_sink_text(sink, "  ");
	lr_text_object(sink, image, link->from);
	lr_sink_text(sink, " ");
	write_member(sink, image, &link->member);
	lr_sink_text(sink, " --> ");
	lr_text_object(sink, image, link->to);
	if (closes)
		lr_sink_text(sink, "   <- closes the cycle");
	lr_sink_text(sink, "\n");
}

static void write_links(const struct lr_text *text, const struct lr_entry *entry)
{
	const struct lr_detail *detail = entry->cause->detail;
	bool any_found = false;

	for (uint32_t i = 0; detail && i < detail->link_count; i++) {
		const struct lr_link *link = &detail->links[i];

		write_link(text, entry, link, link->to == detail->links[0].from);
		any_found |= link->is_found;
	}
	if (detail && detail->links_left_out > 0) {
		lr_sink_text(text->sink, "  and ");
		lr_text_plural(text->sink, detail->links_left_out, "more reference\n",
			       "more references\n");
	}
	if (any_found)
		lr_sink_text(text->sink,
			     "  These references were found in the memory of the objects; .owns or .visit of "
			     "their types would make it certain\n");
}

/* What the objects say of themselves; who holds whom is above. */
static void write_described(const struct lr_text *text, const struct lr_entry *entry)
{
	const struct lr_cause *cause = entry->cause;

	for (uint32_t i = 0; i < cause->example_count; i++) {
		if (cause->examples[i].text_length > 0 || text->options->addresses)
			write_example(text, entry, &cause->examples[i], "           ");
	}
}

static void write_cycle(struct lr_text *text, const struct lr_entry *entry)
{
	write_links(text, entry);
	write_described(text, entry);
	write_site(text, entry, "  BORN AT  ", entry->cause->site);
	write_also_kept(text, entry);
	write_also_held(text, entry);
	write_old(text, entry);
}

static void write_leak(struct lr_text *text, const struct lr_entry *entry)
{
	if (keeps(entry))
		write_examples(text, entry, "  ROOT     ");
	write_site(text, entry, "  BORN AT  ", entry->cause->site);
	if (!keeps(entry)) {
		write_examples(text, entry, "  SUCH AS  ");
	} else {
		write_kept(text, entry, "  KEEPS    ");
		if (!lr_text_is_of_running(text) && !lr_entry_is_old(entry))
			write_advice(text, entry);
	}
	write_also_held(text, entry);
	write_old(text, entry);
	write_gone(text, entry);
	write_dying(text, entry);
}

void lr_text_cause(struct lr_text *text, const struct lr_entry *entry, size_t number)
{
	write_title(text, entry, number);
	if (entry->cause->kind == LR_CAUSE_CYCLE)
		write_cycle(text, entry);
	else
		write_leak(text, entry);
}
