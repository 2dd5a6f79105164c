/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of each process only what says most.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: a process id comes back, and containers have equal ones at the same time. So a process is known by its id and the
 * moment when checking began in it, in nanoseconds; a program that replaced itself by exec began anew and is another one.
 */
#include "cli/newest.h"

#include "cli/cli.h"
#include "format/image.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct seen {
	size_t input;
	uint64_t started;
	uint64_t taken; /* UINT64_MAX: the process had ended */
	uint32_t pid;
};

static bool read_header(const struct lr_input *input, struct lr_image_header *header)
{
	int fd = input->fd >= 0 ? input->fd : lr_inputs_peek(input->name);
	ssize_t n = fd >= 0 ? pread(fd, header, sizeof(*header), 0) : -1;

	if (fd >= 0 && fd != input->fd)
		close(fd);
	return n == (ssize_t)sizeof(*header) &&
	       memcmp(header->magic, LR_IMAGE_MAGIC, sizeof(header->magic)) == 0 &&
	       header->version == LR_IMAGE_VERSION && header->byte_order == LR_IMAGE_BYTE_ORDER;
}

/* The better one is behind. */
static int compare(const void *a_, const void *b_)
{
	const struct seen *a = a_;
	const struct seen *b = b_;

	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	if (a->started != b->started)
		return a->started < b->started ? -1 : 1;
	if (a->taken != b->taken)
		return a->taken < b->taken ? -1 : 1;
	return (a->input > b->input) - (a->input < b->input);
}

static size_t see_all(const struct lr_inputs *inputs, struct seen *all)
{
	struct lr_image_header header;
	size_t count = 0;

	for (size_t i = 0; i < inputs->count; i++) {
		if (!read_header(&inputs->all[i], &header))
			continue;
		all[count++] = (struct seen){
			.input = i,
			.started = header.started,
			.taken = header.state == LR_PROCESS_SNAPSHOT ? header.taken : UINT64_MAX,
			.pid = header.pid,
		};
	}
	return count;
}

static bool is_older_snapshot(const struct seen *seen, const struct seen *next)
{
	return seen->taken != UINT64_MAX && seen->pid == next->pid && seen->started == next->started;
}

/* Return: how many are marked. */
static size_t mark_older(const struct seen *all, size_t count, bool *older)
{
	size_t marked = 0;

	for (size_t i = 0; i + 1 < count; i++) {
		bool is_older = is_older_snapshot(&all[i], &all[i + 1]);

		older[all[i].input] = is_older;
		marked += is_older;
	}
	return marked;
}

void lr_newest_keep(struct lr_inputs *inputs)
{
	struct seen *all = calloc(inputs->count + 1, sizeof(*all));
	bool *older = calloc(inputs->count + 1, sizeof(*older));
	size_t count = all && older ? see_all(inputs, all) : 0;
	size_t marked = 0;

	if (count > 1) {
		qsort(all, count, sizeof(*all), compare);
		marked = mark_older(all, count, older);
	}
	if (marked > 0) {
		lr_inputs_leave_out(inputs, older);
		lr_complain("%zu older snapshot%s left out: a process counts once, by its newest one or by its file from the end",
			    marked, marked == 1 ? " is" : "s are");
	}
	free(all);
	free(older);
}
