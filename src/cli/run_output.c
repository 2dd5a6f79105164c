/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of `lastref run -o FILE`.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/run_output.h"

#include "base/fds.h"
#include "cli/cli.h"
#include "cli/replace.h"
#include "cli/straight.h"
#include "format/image_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int lr_run_output_check(const char *output)
{
	const char *slash = strrchr(output, '/');
	const char *pid = strstr(output, "%p");

	if (slash == NULL || pid == NULL || pid > slash)
		return lr_replace_check(output, "-o");
	lr_complain("cannot write %s: %%p may stand in the file's name, but not in its folder's",
		    output);
	return -EINVAL;
}

/* @output with each %p replaced by @pid, or with .PID behind it if there is none and the name is another process's. */
static char *expand(const char *output, pid_t pid, bool is_main)
{
	char number[16];
	size_t length = 0;
	bool replaced = false;
	char *name;

	snprintf(number, sizeof(number), "%d", (int)pid);
	name = malloc((strlen(output) + 1) * sizeof(number));
	if (name == NULL)
		return NULL;
	for (; *output != '\0'; output++) {
		if (output[0] == '%' && output[1] == 'p') {
			length += (size_t)sprintf(name + length, "%s", number);
			replaced = true;
			output++;
		} else {
			name[length++] = *output;
		}
	}
	name[length] = '\0';
	if (!replaced && !is_main)
		sprintf(name + length, ".%s", number);
	return name;
}

static int write_image(void *image, int fd)
{
	static struct lr_image_scratch scratch;
	/* Without memory for it the file lacks who holds whom, and the report of it says so. */
	uint32_t *numbers = calloc(lr_image_count(image, LR_RECORDS) + 1, sizeof(*numbers));
	int error = lr_image_write(image, &scratch, numbers, lr_fd_write_at, &fd);

	free(numbers);
	return error;
}

int lr_run_output_write(const char *output, pid_t pid, bool is_main, const struct lr_image *image)
{
	char *name;
	int error = -ENOMEM;

	/* Behind /dev/stdout.PID there is nobody. */
	if (!is_main && lr_straight_is(output)) {
		lr_complain("cannot write what process %d left: %s takes the file of one process; name another file with -o",
			    (int)pid, output);
		return -EEXIST;
	}
	name = expand(output, pid, is_main);
	if (name != NULL)
		error = lr_replace_file(name, "-o", write_image, (void *)(uintptr_t)image);
	else
		lr_complain("cannot write %s: out of memory", output);
	free(name);
	return error;
}
