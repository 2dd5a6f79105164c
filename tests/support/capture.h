/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a piece of code writes to standard error, and how it ends: run in a process of its own, so that it may abort.
 */
#ifndef TESTS_SUPPORT_CAPTURE_H
#define TESTS_SUPPORT_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>

struct capture {
	char *text;	 /* what came on standard error, zero-terminated */
	size_t length;	 /* bytes of it */
	int wait_status; /* as waitpid() gives it */
};

/**
 * capture_run() - run @function in a forked child, whose exit status is what it returns
 * @capture: filled; give it back with capture_finish()
 *
 * The child leaves by _exit(): nothing runs at its end. Of libraries, only liblastref has been told of the fork.
 */
void capture_run(struct capture *capture, int (*function)(void *context), void *context);

void capture_finish(struct capture *capture);

/* Did the child return @status from its function? */
bool capture_exited(const struct capture *capture, int status);

/* Did the child abort, and nothing else? */
bool capture_aborted(const struct capture *capture);

/* How many times @words occur in the text. */
size_t capture_count(const struct capture *capture, const char *words);

/* How many lines the text has. */
size_t capture_lines(const struct capture *capture);

#endif
