/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), for code hosts that show results beside the code.
 *
 * Layer: export. Locks: none.
 *
 * What is not obvious: those hosts show a result only if they know its file by a path within the repository. So files below the current
 * folder are named from there, with the base that the standard's readers expect to be the sources, %SRCROOT%.
 */
#include "export/document.h"
#include "export/text_parts.h"
#include "export/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA                                                                                     \
	"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#define ROOT_NAME "%SRCROOT%"
#define MESSAGE_ROOM 4096

enum rule {
	RULE_LEAK,
	RULE_CYCLE,
	RULE_MISUSE,
	RULES,
};

static const struct {
	const char *id;
	const char *text;
} rules[RULES] = {
	[RULE_LEAK] = { "leak",
			"Objects whose last reference was never given back: somebody forgot to let go." },
	[RULE_CYCLE] = { "cycle",
			 "Objects that hold each other, so that none of them is ever destroyed." },
	[RULE_MISUSE] = { "misuse",
			  "A reference that was given back twice, taken on a dead object, or the like." },
};

static json_t *make_text(bool *ok, json_t *text)
{
	json_t *message = json_object();

	lr_value_set(ok, message, "text", text);
	return message;
}

/* Characters that stand for themselves in the path of a URI (RFC 3986). */
static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("/-._~!$&'()*+,;=@", c));
}

static json_t *make_uri(const char *scheme, const char *path, const char *end)
{
	size_t length = strlen(path);
	size_t room = strlen(scheme) + 3 * length + strlen(end) + 1;
	char *text = malloc(room);
	struct lr_sink uri;
	json_t *value;

	if (!text)
		return NULL;
	lr_sink_init_memory(&uri, text, room);
	lr_sink_text(&uri, scheme);
	for (size_t i = 0; i < length; i++) {
		if (is_plain(path[i]))
			lr_sink_bytes(&uri, &path[i], 1);
		else
			lr_sink_printf(&uri, "%%%02X", (unsigned char)path[i]);
	}
	lr_sink_text(&uri, end);
	value = lr_value_sink(&uri);
	free(text);
	return value;
}

/* What follows the folder in @path; NULL if it is not below it. */
static const char *below_folder(const char *folder, const char *path)
{
	size_t length = folder ? strlen(folder) : 0;

	if (length < 2 || strncmp(path, folder, length) != 0 || path[length] != '/')
		return NULL;
	return path + length + 1;
}

static json_t *make_artifact(bool *ok, const struct lr_document *document, const char *path)
{
	json_t *artifact = json_object();
	const char *below = below_folder(document->folder, path);

	if (path[0] != '/' || below) {
		lr_value_set(ok, artifact, "uri", make_uri("", below ? below : path, ""));
		lr_value_set(ok, artifact, "uriBaseId", json_string(ROOT_NAME));
	} else {
		lr_value_set(ok, artifact, "uri", make_uri("file://", path, ""));
	}
	return artifact;
}

static json_t *make_physical(bool *ok, const struct lr_document *document,
			     const struct lr_frame *frame)
{
	json_t *physical = json_object();

	lr_value_set(ok, physical, "artifactLocation", make_artifact(ok, document, frame->file));
	if (frame->line > 0) {
		json_t *region = json_object();

		lr_value_set(ok, region, "startLine", lr_value_number(frame->line));
		lr_value_set(ok, physical, "region", region);
	}
	return physical;
}

/* A function, or the module where none is known. */
static json_t *make_logical(bool *ok, const struct lr_address *address, const struct lr_frame *frame)
{
	json_t *array = json_array();
	json_t *logical = json_object();
	const char *function = frame ? frame->function : NULL;

	lr_value_set(ok, logical, "fullyQualifiedName",
		     lr_value_string(function		? function :
				     address->module[0] ? address->module :
							  "unknown"));
	lr_value_set(ok, logical, "kind", json_string(function ? "function" : "module"));
	lr_value_append(ok, array, logical);
	return array;
}

static json_t *make_location(bool *ok, const struct lr_document *document,
			     const struct lr_address *address, const struct lr_frame *frame)
{
	json_t *location = json_object();

	if (frame && frame->file)
		lr_value_set(ok, location, "physicalLocation", make_physical(ok, document, frame));
	lr_value_set(ok, location, "logicalLocations", make_logical(ok, address, frame));
	return location;
}

static json_t *make_frame(const struct lr_document *document, const struct lr_address *address,
			  const struct lr_frame *frame)
{
	bool ok = true;
	json_t *value = json_object();

	lr_value_set(&ok, value, "location", make_location(&ok, document, address, frame));
	if (address->module[0] != '\0')
		lr_value_set(&ok, value, "module", lr_value_string(address->module));
	if (ok)
		return value;
	json_decref(value);
	return NULL;
}

static json_t *make_stack(bool *ok, const struct lr_document *document,
			  const struct lr_entry *entry, uint32_t site, const char *what)
{
	json_t *stack = json_object();

	lr_value_set(ok, stack, "message", make_text(ok, json_string(what)));
	lr_value_set(ok, stack, "frames",
		     lr_value_stack(ok, document, entry, site, make_frame, NULL));
	return stack;
}

static json_t *make_stacks(bool *ok, const struct lr_document *document, const struct lr_entry *entry)
{
	json_t *stacks = json_array();

	lr_value_append(ok, stacks, make_stack(ok, document, entry, entry->cause->site, "born at"));
	if (entry->cause->dying_site != 0)
		lr_value_append(ok, stacks,
				make_stack(ok, document, entry, entry->cause->dying_site,
					   "being destroyed, last unref at"));
	return stacks;
}

/* The location of the innermost frame: that of the birth. */
static json_t *make_locations(bool *ok, const json_t *stacks)
{
	json_t *locations = json_array();
	json_t *frames = json_object_get(json_array_get(stacks, 0), "frames");

	if (json_array_size(frames) > 0)
		lr_value_append(ok, locations,
				json_deep_copy(
					json_object_get(json_array_get(frames, 0), "location")));
	return locations;
}

static json_t *make_message(const struct lr_document *document, const struct lr_entry *entry)
{
	static const struct lr_text_options plain;
	char room[MESSAGE_ROOM];
	struct lr_sink sink;
	struct lr_text text = {
		.sink = &sink,
		.report = document->report,
		.options = &plain,
		.symbolizer = document->symbolizer,
	};

	lr_sink_init_memory(&sink, room, sizeof(room));
	lr_text_summary(&text, entry);
	return lr_value_sink(&sink);
}

static json_t *make_suppressions(bool *ok, const struct lr_document *document,
				 const struct lr_suppression *suppression)
{
	json_t *array = json_array();
	json_t *value = json_object();
	struct lr_sink words;

	lr_sink_init(&words, -1);
	if (document->suppressions)
		lr_sink_foreign(&words, document->suppressions, strlen(document->suppressions), 512);
	lr_sink_printf(&words, ":%u: leak:", suppression->line);
	lr_sink_foreign(&words, suppression->pattern, suppression->length, 256);
	lr_value_set(ok, value, "kind", json_string("external"));
	lr_value_set(ok, value, "justification", lr_value_sink(&words));
	lr_value_append(ok, array, value);
	return array;
}

static json_t *make_properties(bool *ok, const struct lr_entry *entry)
{
	json_t *value = json_object();

	lr_value_set(ok, value, "type", lr_value_type(entry->findings->image, entry->cause->type));
	lr_value_set(ok, value, "objects", lr_value_number(entry->sums.objects));
	lr_value_set(ok, value, "bytes", lr_value_number(entry->sums.bytes));
	lr_value_set(ok, value, "processes", lr_value_number(entry->processes));
	return value;
}

static json_t *begin_result(bool *ok, enum rule rule, json_t *message)
{
	json_t *result = json_object();

	lr_value_set(ok, result, "ruleId", json_string(rules[rule].id));
	lr_value_set(ok, result, "ruleIndex", lr_value_number(rule));
	lr_value_set(ok, result, "level", json_string("error"));
	lr_value_set(ok, result, "message", make_text(ok, message));
	return result;
}

static json_t *make_result(bool *ok, const struct lr_document *document, const struct lr_entry *entry)
{
	bool is_cycle = entry->cause->kind == LR_CAUSE_CYCLE;
	json_t *result =
		begin_result(ok, is_cycle ? RULE_CYCLE : RULE_LEAK, make_message(document, entry));
	json_t *fingerprints = json_object();
	json_t *stacks = make_stacks(ok, document, entry);

	lr_value_set(ok, result, "locations", make_locations(ok, stacks));
	lr_value_set(ok, result, "stacks", stacks);
	lr_value_set(ok, fingerprints, "lastref/v1", lr_value_fingerprint(entry->fingerprint));
	lr_value_set(ok, result, "partialFingerprints", fingerprints);
	if (document->is_compared)
		lr_value_set(ok, result, "baselineState",
			     json_string(entry->is_known ? "unchanged" : "new"));
	if (entry->suppression)
		lr_value_set(ok, result, "suppressions",
			     make_suppressions(ok, document, entry->suppression));
	lr_value_set(ok, result, "properties", make_properties(ok, entry));
	return result;
}

static json_t *make_gone(bool *ok, const struct lr_gone *gone)
{
	enum rule rule =
		gone->length >= 5 && memcmp(gone->words, "cycle", 5) == 0 ? RULE_CYCLE : RULE_LEAK;
	json_t *result = begin_result(ok, rule,
				      gone->length > 0 ? lr_value_text(gone->words, gone->length) :
							 json_string("a leak of the baseline"));
	json_t *fingerprints = json_object();

	lr_value_set(ok, fingerprints, "lastref/v1", lr_value_fingerprint(gone->fingerprint));
	lr_value_set(ok, result, "partialFingerprints", fingerprints);
	lr_value_set(ok, result, "baselineState", json_string("absent"));
	return result;
}

static json_t *begin_misuse(bool *ok, const struct lr_document *document, json_t *message)
{
	json_t *result = begin_result(ok, RULE_MISUSE, message);

	if (document->is_compared)
		lr_value_set(ok, result, "baselineState", json_string("new"));
	return result;
}

/* Those of which no place is known. */
static json_t *make_misuses(bool *ok, const struct lr_document *document, uint64_t misuses)
{
	struct lr_sink words;

	lr_sink_init(&words, -1);
	lr_sink_number(&words, misuses);
	lr_sink_text(&words, misuses == 1 ? " misuse was" : " misuses were");
	lr_sink_text(&words, " reported by the program, in its own output");
	return begin_misuse(ok, document, lr_value_sink(&words));
}

static json_t *make_misuse(bool *ok, const struct lr_document *document,
			   const struct lr_misuse_told *misuse)
{
	const struct lr_frames frames = lr_misuse_frames(misuse, document->symbolizer);
	json_t *stacks = json_array();
	json_t *stack = json_object();
	json_t *result = begin_misuse(ok, document, lr_value_text(misuse->words, misuse->length));

	lr_value_set(ok, stack, "message", make_text(ok, json_string("misused at")));
	lr_value_set(ok, stack, "frames",
		     lr_value_frames(ok, document, &frames, misuse->site, make_frame, NULL));
	lr_value_append(ok, stacks, stack);
	lr_value_set(ok, result, "locations", make_locations(ok, stacks));
	lr_value_set(ok, result, "stacks", stacks);
	return result;
}

static void add_misuses(bool *ok, json_t *results, const struct lr_document *document)
{
	const struct lr_misuses *told = &document->report->misuses;
	uint64_t left = document->report->counters[LR_MISUSES];

	for (size_t i = 0; i < told->count; i++) {
		lr_value_append(ok, results, make_misuse(ok, document, &told->all[i]));
		left -= told->all[i].times < left ? told->all[i].times : left;
	}
	if (left > 0)
		lr_value_append(ok, results, make_misuses(ok, document, left));
}

static json_t *make_results(bool *ok, const struct lr_document *document)
{
	json_t *array = json_array();

	for (size_t i = 0; i < document->report->count; i++)
		lr_value_append(ok, array, make_result(ok, document, &document->report->entries[i]));
	add_misuses(ok, array, document);
	for (size_t i = 0; i < document->gone_count; i++)
		lr_value_append(ok, array, make_gone(ok, &document->gone[i]));
	return array;
}

static json_t *make_rules(bool *ok)
{
	json_t *array = json_array();

	for (int i = 0; i < RULES; i++) {
		json_t *rule = json_object();

		lr_value_set(ok, rule, "id", json_string(rules[i].id));
		lr_value_set(ok, rule, "shortDescription", make_text(ok, json_string(rules[i].text)));
		lr_value_append(ok, array, rule);
	}
	return array;
}

static json_t *make_tool(bool *ok, const struct lr_document *document)
{
	json_t *driver = json_object();
	json_t *tool = json_object();

	lr_value_set(ok, driver, "name", json_string("lastref"));
	lr_value_set(ok, driver, "version", lr_value_string(document->version));
	lr_value_set(ok, driver, "semanticVersion", lr_value_string(document->version));
	lr_value_set(ok, driver, "rules", make_rules(ok));
	lr_value_set(ok, tool, "driver", driver);
	return tool;
}

static void add_notification(bool *ok, json_t *array, const char *level, json_t *text)
{
	json_t *value = json_object();

	lr_value_set(ok, value, "level", json_string(level));
	lr_value_set(ok, value, "message", make_text(ok, text));
	lr_value_append(ok, array, value);
}

static json_t *make_invocations(bool *ok, const struct lr_document *document)
{
	const struct lr_report *report = document->report;
	json_t *array = json_array();
	json_t *value = json_object();
	json_t *notifications = json_array();

	for (size_t i = 0; i < document->problem_count; i++)
		add_notification(ok, notifications, "error", lr_value_string(document->problems[i]));
	if (report->cut_short > 0)
		add_notification(ok, notifications, "warning",
				 json_string("a file ends early; what it holds was analyzed"));
	if (report->incomplete)
		add_notification(ok, notifications, "warning",
				 json_string("there was no memory for the whole analysis"));
	lr_value_set(ok, value, "executionSuccessful", json_boolean(document->problem_count == 0));
	lr_value_set(ok, value, "toolExecutionNotifications", notifications);
	lr_value_append(ok, array, value);
	return array;
}

static json_t *make_bases(bool *ok, const char *folder)
{
	json_t *bases = json_object();
	json_t *root = json_object();

	lr_value_set(ok, root, "uri", make_uri("file://", folder, "/"));
	lr_value_set(ok, bases, ROOT_NAME, root);
	return bases;
}

static json_t *make_run(bool *ok, const struct lr_document *document)
{
	json_t *run = json_object();

	lr_value_set(ok, run, "tool", make_tool(ok, document));
	lr_value_set(ok, run, "invocations", make_invocations(ok, document));
	if (document->folder && strlen(document->folder) > 1)
		lr_value_set(ok, run, "originalUriBaseIds", make_bases(ok, document->folder));
	lr_value_set(ok, run, "results", make_results(ok, document));
	return run;
}

int lr_document_sarif(struct lr_sink *sink, const struct lr_document *document)
{
	bool ok = true;
	json_t *log = json_object();
	json_t *runs = json_array();

	lr_value_set(&ok, log, "$schema", json_string(SCHEMA));
	lr_value_set(&ok, log, "version", json_string("2.1.0"));
	lr_value_append(&ok, runs, make_run(&ok, document));
	lr_value_set(&ok, log, "runs", runs);
	if (ok)
		return lr_value_write(sink, log);
	json_decref(log);
	return -ENOMEM;
}
