/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Criterion tests expect of a program that is a function run in a child: its status and its words.
 */
#ifndef TESTS_SUPPORT_SAYS_H
#define TESTS_SUPPORT_SAYS_H

#include "capture.h"

#include <criterion/criterion.h>

/* Run a program that must end with @status, and look for @words in what it wrote. */
static __attribute__((unused)) void assert_says(int (*program)(void *), int status,
						const char *const *words)
{
	struct capture capture;

	capture_run(&capture, program, NULL);
	cr_assert(capture_exited(&capture, status), "status 0x%x: %s", capture.wait_status,
		  capture.text);
	for (; *words != NULL; words++)
		cr_assert_eq(capture_count(&capture, *words), 1, "not once '%s': %s", *words,
			     capture.text);
	capture_finish(&capture);
}

static __attribute__((unused)) void assert_silent(int (*program)(void *), int status)
{
	struct capture capture;

	capture_run(&capture, program, NULL);
	cr_assert(capture_exited(&capture, status), "status 0x%x: %s", capture.wait_status,
		  capture.text);
	cr_assert_str_empty(capture.text);
	capture_finish(&capture);
}

#define ASSERT_SAYS(program, status, ...)                                                          \
	assert_says(program, status, (const char *const[]){ __VA_ARGS__, NULL })

#endif
