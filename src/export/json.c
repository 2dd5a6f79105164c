/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report as JSON: docs/report-schema.json describes it.
 *
 * Layer: export. Locks: none.
 *
 * What is not obvious: what is not known is left out, never 0 or null. A new member is no new version; another meaning of one that is there is.
 */
#include "export/document.h"
#include "export/values.h"

#include <errno.h>
#include <sys/wait.h>

#define SCHEMA_VERSION 1

/* One object of the document that is being made. */
struct object {
	bool *ok;
	json_t *value;
};

static struct object object_begin(bool *ok)
{
	return (struct object){ .ok = ok, .value = json_object() };
}

static void set(struct object object, const char *key, json_t *value)
{
	lr_value_set(object.ok, object.value, key, value);
}

static void set_number(struct object object, const char *key, uint64_t number)
{
	set(object, key, lr_value_number(number));
}

static void set_true(struct object object, const char *key, bool value)
{
	if (value)
		set(object, key, json_true());
}

static json_t *make_frame(const struct lr_document *document, const struct lr_address *address,
			  const struct lr_frame *frame)
{
	bool ok = true;
	struct object object = object_begin(&ok);
	struct lr_sink build_id;

	(void)document;
	if (frame && frame->function)
		set(object, "function", lr_value_string(frame->function));
	if (frame && frame->file)
		set(object, "file", lr_value_string(frame->file));
	if (frame && frame->line > 0)
		set_number(object, "line", frame->line);
	if (frame && frame->column > 0)
		set_number(object, "column", frame->column);
	if (address->module[0] != '\0')
		set(object, "module", lr_value_string(address->module));
	set_number(object, "offset", address->offset);
	lr_sink_init(&build_id, -1);
	for (size_t i = 0; i < address->build_id_size; i++)
		lr_sink_printf(&build_id, "%02x", address->build_id[i]);
	if (address->build_id_size > 0)
		set(object, "build_id", lr_value_sink(&build_id));
	if (ok)
		return object.value;
	json_decref(object.value);
	return NULL;
}

static json_t *object_name(const struct lr_image *image, uint64_t birth)
{
	const struct lr_type_entry *type =
		lr_image_type(image, (uint32_t)(birth >> LR_BIRTH_NUMBER_BITS));
	size_t length = 0;
	const char *name = type ? lr_image_text(image, type->name, &length) : "";
	struct lr_sink sink;

	lr_sink_init(&sink, -1);
	lr_sink_foreign(&sink, name, length, 512);
	lr_sink_printf(&sink, "#%llu", (unsigned long long)(birth & LR_BIRTH_NUMBER_MASK));
	return lr_value_sink(&sink);
}

static json_t *make_example(bool *ok, const struct lr_document *document,
			    const struct lr_image *image, const struct lr_example *example)
{
	uint32_t flags = example->note ? example->note->flags : 0;
	struct object object = object_begin(ok);

	set(object, "object", object_name(image, example->birth));
	if (document->addresses)
		set_number(object, "address", example->object);
	if (flags & LR_NOTE_COUNT)
		set(object, "count", json_integer(example->note->count));
	if (flags & LR_NOTE_SIZE)
		set_number(object, "bytes", example->note->size);
	if (example->text_length > 0)
		set(object, flags & LR_NOTE_MESSAGE ? "message" : "description",
		    lr_value_text(example->text, example->text_length));
	set_true(object, "being_destroyed", example->dying);
	set_true(object, "memory_gone", flags & LR_NOTE_UNREADABLE);
	set_true(object, "at_rest", flags & LR_NOTE_AT_REST);
	return object.value;
}

static json_t *make_examples(bool *ok, const struct lr_document *document,
			     const struct lr_entry *entry)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < entry->cause->example_count; i++)
		lr_value_append(ok, array,
				make_example(ok, document, entry->findings->image,
					     &entry->cause->examples[i]));
	return array;
}

static void set_member(struct object object, const struct lr_image *image,
		       const struct lr_member *member)
{
	size_t length = 0;
	const char *name = lr_image_text(image, member->name, &length);

	if (length > 0)
		set(object, "member", lr_value_text(name, length));
	if (member->offset != UINT32_MAX)
		set_number(object, "offset", member->offset);
}

static json_t *make_kept(bool *ok, const struct lr_report *report, const struct lr_keep *keep)
{
	const struct lr_keep_name *name = &report->keeps.names[keep->name];
	struct object object = object_begin(ok);

	set(object, "type", lr_value_type(name->image, name->type));
	set_number(object, "objects", keep->objects);
	set_number(object, "bytes", keep->bytes);
	if (name->owner != 0) {
		set(object, "owner", lr_value_type(name->image, name->owner));
		set_member(object, name->image, &name->member);
	}
	return object.value;
}

static json_t *make_link(bool *ok, const struct lr_image *image, const struct lr_link *link)
{
	struct object object = object_begin(ok);

	set(object, "from", object_name(image, link->from));
	set(object, "to", object_name(image, link->to));
	set_member(object, image, &link->member);
	set(object, "declared", json_boolean(!link->is_found));
	return object.value;
}

static void set_detail(struct object object, const struct lr_report *report,
		       const struct lr_entry *entry)
{
	const struct lr_keep_list *keeps = lr_report_keeps(report, entry);
	const struct lr_image *image = entry->findings->image;
	const struct lr_detail *detail = entry->cause->detail;
	json_t *kept = json_array();
	json_t *links = json_array();

	for (uint32_t i = 0; keeps && i < keeps->count; i++)
		lr_value_append(object.ok, kept, make_kept(object.ok, report, &keeps->all[i]));
	for (uint32_t i = 0; detail && i < detail->link_count; i++)
		lr_value_append(object.ok, links, make_link(object.ok, image, &detail->links[i]));
	set(object, "keeps", kept);
	if (keeps && keeps->others > 0)
		set_number(object, "keeps_others", keeps->others);
	if (entry->cause->kind == LR_CAUSE_CYCLE)
		set(object, "links", links);
	else
		json_decref(links);
}

static void set_status(struct object object, const struct lr_document *document,
		       const struct lr_entry *entry)
{
	const struct lr_suppression *suppression = entry->suppression;
	struct object by = { .ok = object.ok };

	set(object, "status",
	    json_string(suppression	? "suppressed" :
			entry->is_known ? "known" :
					  "new"));
	if (!suppression)
		return;
	by.value = json_object();
	if (document->suppressions)
		set(by, "file", lr_value_string(document->suppressions));
	set_number(by, "line", suppression->line);
	set(by, "pattern", lr_value_text(suppression->pattern, suppression->length));
	set(object, "suppressed_by", by.value);
}

static void set_sums(struct object object, const struct lr_entry *entry)
{
	const struct lr_cause *cause = entry->cause;

	set_number(object, "objects", entry->sums.objects);
	set_number(object, "bytes", entry->sums.bytes);
	set_number(object, "processes", entry->processes);
	if (cause->kind == LR_CAUSE_CYCLE) {
		set_number(object, "cycles", entry->sums.roots);
		set_number(object, "objects_in_cycle", cause->members);
	} else {
		set_number(object, "roots", entry->sums.roots);
	}
	if (entry->sums.references > 0)
		set_number(object, "references", entry->sums.references);
	if (entry->sums.gone > 0)
		set_number(object, "freed_without_unref", entry->sums.gone);
	if (entry->sums.dying > 0)
		set_number(object, "being_destroyed", entry->sums.dying);
	if (entry->sums.old_roots > 0) {
		set_number(object, "reported_before", entry->sums.old_roots);
		set_number(object, "kept_by_reported", entry->sums.old_objects);
	}
}

static json_t *make_cause(bool *ok, const struct lr_document *document, const struct lr_entry *entry)
{
	const struct lr_cause *cause = entry->cause;
	struct object object = object_begin(ok);
	bool cut;

	set(object, "fingerprint", lr_value_fingerprint(entry->fingerprint));
	set(object, "kind", json_string(cause->kind == LR_CAUSE_CYCLE ? "cycle" : "leak"));
	set(object, "type", lr_value_type(entry->findings->image, cause->type));
	set_status(object, document, entry);
	set_sums(object, entry);
	set(object, "born_at", lr_value_stack(ok, document, entry, cause->site, make_frame, &cut));
	set_true(object, "born_at_cut", cut);
	if (cause->dying_site != 0)
		set(object, "last_unref_at",
		    lr_value_stack(ok, document, entry, cause->dying_site, make_frame, NULL));
	set(object, "examples", make_examples(ok, document, entry));
	set_detail(object, document->report, entry);
	return object.value;
}

static json_t *make_causes(bool *ok, const struct lr_document *document)
{
	json_t *array = json_array();

	for (size_t i = 0; i < document->report->count; i++)
		lr_value_append(ok, array, make_cause(ok, document, &document->report->entries[i]));
	return array;
}

static json_t *make_misuse(bool *ok, const struct lr_document *document,
			   const struct lr_misuse_told *misuse)
{
	const struct lr_frames frames = lr_misuse_frames(misuse, document->symbolizer);
	struct object object = object_begin(ok);
	bool cut;

	set(object, "what", lr_value_text(misuse->words, misuse->length));
	set_number(object, "times", misuse->times);
	set(object, "at", lr_value_frames(ok, document, &frames, misuse->site, make_frame, &cut));
	set_true(object, "at_cut", cut);
	return object.value;
}

static json_t *make_misuses(bool *ok, const struct lr_document *document)
{
	const struct lr_misuses *misuses = &document->report->misuses;
	json_t *array = json_array();

	for (size_t i = 0; i < misuses->count; i++)
		lr_value_append(ok, array, make_misuse(ok, document, &misuses->all[i]));
	return array;
}

static json_t *make_process(bool *ok, const struct lr_document_process *process)
{
	static const char *const ends[] = {
		[LR_PROCESS_RUNNING] = "not known", [LR_PROCESS_CHECKED] = "checked",
		[LR_PROCESS_LEFT] = "not checked",  [LR_PROCESS_OFF] = "switched off",
		[LR_PROCESS_SNAPSHOT] = "went on",
	};
	bool known = process->state < sizeof(ends) / sizeof(ends[0]);
	struct object object = object_begin(ok);
	int status = (int)process->exit_status;

	if (process->file)
		set(object, "file", lr_value_string(process->file));
	if (process->command)
		set(object, "command", lr_value_string(process->command));
	set_number(object, "pid", process->pid);
	set(object, "end", json_string(known ? ends[process->state] : ends[LR_PROCESS_RUNNING]));
	if (WIFSIGNALED(status))
		set_number(object, "signal", (uint64_t)WTERMSIG(status));
	set_number(object, "objects", process->objects);
	set_number(object, "bytes", process->bytes);
	set_true(object, "cut_short", process->cut_short);
	return object.value;
}

static json_t *make_processes(bool *ok, const struct lr_document *document)
{
	json_t *array = json_array();

	for (size_t i = 0; i < document->process_count; i++)
		lr_value_append(ok, array, make_process(ok, &document->processes[i]));
	return array;
}

static json_t *make_problems(bool *ok, const struct lr_document *document)
{
	json_t *array = json_array();

	for (size_t i = 0; i < document->problem_count; i++)
		lr_value_append(ok, array, lr_value_string(document->problems[i]));
	return array;
}

static json_t *make_gone(bool *ok, const struct lr_document *document)
{
	json_t *array = json_array();

	for (size_t i = 0; i < document->gone_count; i++) {
		const struct lr_gone *gone = &document->gone[i];
		struct object object = object_begin(ok);

		set(object, "fingerprint", lr_value_fingerprint(gone->fingerprint));
		set(object, "words", lr_value_text(gone->words, gone->length));
		lr_value_append(ok, array, object.value);
	}
	return array;
}

static json_t *make_total(bool *ok, const struct lr_document *document)
{
	const struct lr_report *report = document->report;
	struct object object = object_begin(ok);

	set_number(object, "causes", report->causes);
	set_number(object, "objects", report->objects);
	set_number(object, "bytes", report->bytes);
	set_number(object, "processes", report->processes);
	set_number(object, "processes_with_leaks", report->processes_with);
	set_number(object, "suppressed_objects", report->suppressed);
	set_number(object, "known_objects", report->known);
	set_number(object, "ignored_objects", report->ignored);
	set_number(object, "shared_objects", report->shared);
	set_number(object, "misuses", report->counters[LR_MISUSES]);
	set_number(object, "reported_and_released", report->released);
	set_number(object, "freed_without_unref", report->overwritten);
	return object.value;
}

/* What was lost, so that a report without leaks is not taken for more than it is. */
static json_t *make_lost(bool *ok, const struct lr_report *report)
{
	struct object object = object_begin(ok);

	set_number(object, "objects", report->counters[LR_LOST_OBJECTS]);
	set_number(object, "objects_of_too_many_types", report->counters[LR_LOST_TYPES]);
	set_number(object, "stacks", report->counters[LR_LOST_SITES]);
	set_number(object, "unknown_unregistered", report->counters[LR_UNKNOWN_UNREGISTERED]);
	set_number(object, "other_copies", report->counters[LR_OTHER_COPIES]);
	set_number(object, "not_looked_at", report->unlooked);
	set_number(object, "files_cut_short", report->cut_short);
	set_number(object, "processes_switched_off", report->switched_off);
	set(object, "analysis", json_boolean(report->incomplete));
	return object.value;
}

int lr_document_json(struct lr_sink *sink, const struct lr_document *document)
{
	bool ok = true;
	struct object object = object_begin(&ok);

	set_number(object, "version", SCHEMA_VERSION);
	set(object, "lastref", lr_value_string(document->version));
	set(object, "total", make_total(&ok, document));
	set(object, "causes", make_causes(&ok, document));
	if (document->is_compared)
		set(object, "gone", make_gone(&ok, document));
	set(object, "misuses", make_misuses(&ok, document));
	set(object, "processes", make_processes(&ok, document));
	set(object, "problems", make_problems(&ok, document));
	set(object, "lost", make_lost(&ok, document->report));
	if (ok)
		return lr_value_write(sink, object.value);
	json_decref(object.value);
	return -ENOMEM;
}
