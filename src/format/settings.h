/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LASTREF variable: its text, parsed in one place for the runtime, which obeys it, and for `lastref run`, which refuses a
 * wrong one before it starts anything. lastref-env(7) is its manual.
 *
 * Layer: format. No I/O, no allocation.
 */
#ifndef LR_FORMAT_SETTINGS_H
#define LR_FORMAT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#define LR_SETTINGS_VARIABLE "LASTREF"
/* Set by `lastref run` for its children, with the folder in which each process makes its arena. Internal. */
#define LR_RUN_VARIABLE "LASTREF_RUN_DIR"
/* The number of a pipe, for processes that cannot make an arena there: see lr_arena_tell_run(). Internal. */
#define LR_RUN_FD_VARIABLE "LASTREF_RUN_FD"
/* Set by `lastref run` for its children, with the path of the lastref command, which finds function, file and line for them. */
#define LR_COMMAND_VARIABLE "LASTREF_COMMAND"

#define LR_SETTING_TEXT_MAX 4096
#define LR_STACK_DEPTH_DEFAULT 32
#define LR_STACK_DEPTH_MAX 128
#define LR_SETTLE_MAX 60000

enum lr_leaks { LR_LEAKS_UNSET, LR_LEAKS_OFF, LR_LEAKS_WARN, LR_LEAKS_PANIC };

struct lr_settings {
	enum lr_leaks leaks; /* leaks=off|warn|panic */
	int stack_depth;     /* stack=N, 1..LR_STACK_DEPTH_MAX frames */
	int exitcode;	     /* exitcode=N, 0..255; 0 leaves the program's status alone */
	int settle; /* settle=MS, 0..LR_SETTLE_MAX: a check waits for counts to rest so long; 0 does not */
	int signal;			  /* signal=NAME, the number; 0 for none */
	char output[LR_SETTING_TEXT_MAX]; /* output=FILE|stderr; "" is stderr; %p in it is the process id */
	char types[LR_SETTING_TEXT_MAX]; /* types=GLOB,... of the types to check; "" is all */
	char log[LR_SETTING_TEXT_MAX]; /* log=GLOB,... of the types whose events are logged; "" is none */
};

/* What is in force where nothing is said. */
void lr_settings_defaults(struct lr_settings *settings);

/**
 * lr_settings_parse() - read a LASTREF value into @settings
 * @settings: what was in force before; keys in @text overwrite it, the last of a repeated key counts. On failure its content is
 *	that of before.
 * @text: key=value pairs separated by colons; empty pairs are skipped; `\:` is a colon and `\\` a backslash in a value, a
 *	backslash before anything else stays, and one at the end of @text is an error. GLOB,... is a list as lr_globs_match() takes it.
 * @message, @size: on failure, one line without newline that names the wrong key or value and lists the valid ones
 *
 * Return: 0 or -EINVAL.
 */
int lr_settings_parse(struct lr_settings *settings, const char *text, char *message, size_t size);

#endif
