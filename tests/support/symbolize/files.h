/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of the symbolizer know of files: the fixture, a folder of each test's own, and what the tools of binutils say.
 */
#ifndef TESTS_SUPPORT_SYMBOLIZE_FILES_H
#define TESTS_SUPPORT_SYMBOLIZE_FILES_H

#include "symbolize/symbolize.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIXTURE FIXTURES "/symbolize_5_small"
#define BUILD_ID_SIZE 20

#define UNUSED __attribute__((unused))

static char directory[64];

UNUSED static void make_directory(void)
{
	strcpy(directory, "/tmp/test_symbolize.XXXXXX");
	cr_assert_not_null(mkdtemp(directory));
}

__attribute__((format(printf, 1, 2))) UNUSED static void run(const char *format, ...)
{
	char command[4 * PATH_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	cr_assert_eq(system(command), 0, "%s", command);
}

UNUSED static void remove_directory(void)
{
	run("rm -rf '%s'", directory);
}

/* The first word that a command writes. */
__attribute__((format(printf, 2, 3))) UNUSED static void ask(char answer[64], const char *format, ...)
{
	char command[2 * PATH_MAX];
	va_list arguments;
	FILE *output;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	output = popen(command, "r");
	cr_assert_not_null(output);
	cr_assert_eq(fscanf(output, "%63s", answer), 1, "no answer: %s", command);
	pclose(output);
}

UNUSED static uint64_t address_of(const char *path, const char *symbol)
{
	char answer[64];

	ask(answer, "nm '%s' | grep ' %s$'", path, symbol);
	return strtoull(answer, NULL, 16);
}

/* The build-id, as `readelf -n` shows it. */
UNUSED static void read_build_id(const char *path, uint8_t *build_id, char hex[64])
{
	ask(hex, "readelf -n '%s' | sed -n 's/.*Build ID: //p'", path);
	cr_assert_eq(strlen(hex), 2 * BUILD_ID_SIZE);
	for (int i = 0; i < BUILD_ID_SIZE; i++)
		sscanf(hex + 2 * i, "%2hhx", &build_id[i]);
}

UNUSED static struct lr_file_stamp stamp_of(const char *path)
{
	struct stat status;

	cr_assert_eq(stat(path, &status), 0);
	return lr_file_stamp_of(&status);
}

#endif
