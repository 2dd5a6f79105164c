/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report with all that is around it, which the formats for programs are written from.
 *
 * Layer: export. Only the command has these formats.
 */
#ifndef LR_EXPORT_DOCUMENT_H
#define LR_EXPORT_DOCUMENT_H

#include "analyze/report.h"
#include "base/sink.h"

#include <stdbool.h>

struct lr_document_process {
	char *file;    /* its image; NULL if it has no file */
	char *command; /* printable UTF-8 */
	uint32_t pid;
	uint32_t state;	      /* enum lr_process_state */
	uint32_t exit_status; /* as wait() gives it; 0 also where it is not known */
	uint64_t objects;     /* leaked, suppressed ones too */
	uint64_t bytes;
	bool cut_short; /* the file ends early */
};

/* A cause that is in what a report is compared with, and in the report no more. */
struct lr_gone {
	uint32_t fingerprint;
	const char *words; /* what the baseline says of it behind the fingerprint */
	size_t length;
};

struct lr_document {
	const struct lr_report *report; /* after lr_report_choose() */
	const struct lr_symbolizer *symbolizer;
	const char *version; /* of lastref */
	const char *folder;  /* absolute: files below it are named from there; or NULL */
	const struct lr_document_process *processes;
	size_t process_count;
	char *const *problems; /* messages: what could not be read */
	size_t problem_count;
	const char *suppressions; /* name of their file, or NULL */
	bool is_compared;	  /* with a baseline: entries are new or known */
	const struct lr_gone *gone;
	size_t gone_count;
	bool addresses; /* show those of objects */
};

/*
 * Each of these writes the document to a sink, which the caller flushes. Strings from outside become printable UTF-8, as lr_sink_foreign() writes it. Return: 0
 * or -ENOMEM.
 */

int lr_document_json(struct lr_sink *sink, const struct lr_document *document);
int lr_document_junit(struct lr_sink *sink, const struct lr_document *document);
int lr_document_sarif(struct lr_sink *sink, const struct lr_document *document);

/* The causes that are not suppressed as a baseline, which lr_baseline_parse() reads. */
int lr_document_baseline(struct lr_sink *sink, const struct lr_document *document);

/** lr_document_words() - kind, type, objects and place of a cause, as they stand in a baseline behind the fingerprint */
void lr_document_words(struct lr_sink *sink, const struct lr_entry *entry,
		       const struct lr_symbolizer *symbolizer);

/** lr_document_name() - the same without the objects: it stays from run to run, however many they are */
void lr_document_name(struct lr_sink *sink, const struct lr_entry *entry,
		      const struct lr_symbolizer *symbolizer);

#endif
