/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a command line names.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: of a folder only images are taken, so that logs may lie beside them. But a file that cannot be
 * opened is taken, and refused when it is read: the process whose file it is must not pass for one that leaked
 * nothing.
 */
#include "cli/inputs.h"

#include "cli/cli.h"
#include "cli/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void release(struct lr_input *input)
{
	if (input->fd >= 0)
		close(input->fd);
	free(input->name);
}

void lr_inputs_finish(struct lr_inputs *inputs)
{
	for (size_t i = 0; i < inputs->count; i++)
		release(&inputs->all[i]);
	free(inputs->all);
	*inputs = (struct lr_inputs){ .count = 0 };
}

static const struct lr_input *find(const struct lr_inputs *inputs, const struct stat *status)
{
	for (size_t i = 0; i < inputs->count; i++) {
		const struct lr_input *input = &inputs->all[i];

		if (input->number == status->st_ino && input->device == status->st_dev)
			return input;
	}
	return NULL;
}

static int append(struct lr_inputs *inputs, const char *name, const struct stat *status)
{
	size_t count = inputs->count;
	struct lr_input *longer = inputs->all;

	/* Grow when the count is a power of two. */
	if ((count & (count - 1)) == 0)
		longer = realloc(inputs->all, (count ? 2 * count : 1) * sizeof(*longer));
	if (longer == NULL)
		return -ENOMEM;
	inputs->all = longer;
	longer[count] = (struct lr_input){ .name = strdup(name), .fd = -1 };
	if (longer[count].name == NULL)
		return -ENOMEM;
	if (status != NULL) {
		longer[count].device = status->st_dev;
		longer[count].number = status->st_ino;
	}
	inputs->count++;
	return 0;
}

static int add_file(struct lr_inputs *inputs, const char *name, const struct stat *status)
{
	const struct lr_input *same = find(inputs, status);

	if (same == NULL)
		return append(inputs, name, status);
	lr_complain("%s is the same file as %s; it counts once", name, same->name);
	return 0;
}

int lr_inputs_peek(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)))
		return fd;
	close(fd);
	return -1;
}

bool lr_inputs_is_image(const char *name)
{
	int fd = lr_inputs_peek(name);
	bool is_image = fd >= 0 && lr_source_is_image(fd);

	if (fd >= 0)
		close(fd);
	return is_image;
}

static bool is_wanted(const char *name, const struct stat *status)
{
	return S_ISREG(status->st_mode) && (access(name, R_OK) != 0 || lr_inputs_is_image(name));
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Return: 1 if it was taken, 0 if not, or a negative errno. */
static int add_entry(struct lr_inputs *inputs, const char *folder, const char *entry)
{
	size_t length = strlen(folder);
	struct stat status;
	char *name;
	int result = 0;

	if (asprintf(&name, "%s%s%s", folder, folder[length - 1] == '/' ? "" : "/", entry) < 0)
		return -ENOMEM;
	if (stat(name, &status) == 0 && is_wanted(name, &status)) {
		result = add_file(inputs, name, &status);
		result = result == 0 ? 1 : result;
	}
	free(name);
	return result;
}

/* Return: how many were taken, or a negative errno. */
static int add_entries(struct lr_inputs *inputs, const char *folder, struct dirent **entries,
		       int count)
{
	int taken = 0;

	for (int i = 0; i < count; i++) {
		int result = add_entry(inputs, folder, entries[i]->d_name);

		if (result < 0)
			return result;
		taken += result;
	}
	return taken;
}

static int add_folder(struct lr_inputs *inputs, const char *folder, char *problem, size_t size)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_visible, compare);
	int taken = count < 0 ? -errno : add_entries(inputs, folder, entries, count);

	for (int i = 0; i < count; i++)
		free(entries[i]);
	if (count >= 0)
		free(entries);
	if (taken > 0)
		return 0;
	if (taken < 0)
		snprintf(problem, size, "cannot read the folder %s: %s", folder, strerror(-taken));
	else
		snprintf(problem, size,
			 "the folder %s has no file that `lastref run -o` wrote, and folders in it are not searched; say, "
			 "for example: lastref run -o '%s/%%p' -- ./program",
			 folder, folder);
	return taken < 0 ? taken : -ENOENT;
}

int lr_inputs_add_source(struct lr_inputs *inputs, const char *name, int source)
{
	int error = append(inputs, name, NULL);

	if (error == 0)
		inputs->all[inputs->count - 1].fd = source;
	else
		close(source);
	return error;
}

/* All that is read of it must be read at once; so its name alone says whether it was added before. */
static int add_pipe(struct lr_inputs *inputs, const char *name, const struct stat *status)
{
	size_t before = inputs->count;
	int error = add_file(inputs, name, status);
	int source;

	if (error != 0 || inputs->count == before)
		return error;
	source = lr_source_open(name);
	if (source >= 0) {
		inputs->all[before].fd = source;
		return 0;
	}
	free(inputs->all[before].name);
	inputs->count = before;
	return source;
}

int lr_inputs_add(struct lr_inputs *inputs, const char *name, char *problem, size_t size)
{
	struct stat status;
	int error;

	if (stat(name, &status) != 0)
		error = append(inputs, name, NULL);
	else if (S_ISDIR(status.st_mode))
		return add_folder(inputs, name, problem, size);
	else if (S_ISREG(status.st_mode))
		error = add_file(inputs, name, &status);
	else
		error = add_pipe(inputs, name, &status);
	if (error != 0)
		snprintf(problem, size, "cannot read %s: %s", name, lr_source_explain(error));
	return error;
}

/* The room stays as large as it was, which is that of a larger power of two. */
void lr_inputs_leave_out(struct lr_inputs *inputs, const bool *which)
{
	size_t kept = 0;

	for (size_t i = 0; i < inputs->count; i++) {
		if (which[i])
			release(&inputs->all[i]);
		else
			inputs->all[kept++] = inputs->all[i];
	}
	inputs->count = kept;
}

int lr_input_open(struct lr_input *input)
{
	int fd = input->fd;

	input->fd = -1;
	return fd >= 0 ? fd : lr_source_open(input->name);
}
