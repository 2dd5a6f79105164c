/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of one `lastref run`, found by the arenas that they left.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: lastref is the parent of CMD alone, so of all other processes it must find out whether they
 * still run. The pid in an arena does not say it: it may be a zombie's that nobody collects, another process's by
 * now, or one of another pid namespace, where 1 is not our 1. But a process has its arena open or mapped as long as it
 * lives, and the kernel refuses a read lease of a file that somebody could write to. Processes that are just dying
 * when CMD ends, as in a pipeline, get a moment to finish.
 */
#include "cli/run_processes.h"

#include "base/clock.h"
#include "format/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long all processes together may take to finish dying. */
#define GRACE_MS 200
#define STEP_MS 2
/* When the kernel has no larger pids any more it goes on with this one: smaller ones are given out once. */
#define FIRST_REUSED_PID 300

/* Each process costs one descriptor for a while. */
static void allow_many_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int append(struct lr_run_processes *processes, const struct lr_run_process *process)
{
	size_t count = processes->count;
	struct lr_run_process *longer;

	/* Grow when the count is a power of two. */
	if ((count & (count - 1)) == 0) {
		longer = realloc(processes->all, (count ? 2 * count : 1) * sizeof(*longer));
		if (longer == NULL)
			return -ENOMEM;
		processes->all = longer;
	}
	processes->all[processes->count++] = *process;
	return 0;
}

/* Return: 1 if @name is an arena, 0 if it is none (or its process died before it had written a header), -errno. */
static int open_arena(int folder_fd, const char *name, struct lr_run_process *process)
{
	struct lr_image_header header;
	struct stat status;
	int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	/* One that found no room has taken its file away, and reports by itself. */
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
	    pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.magic, LR_IMAGE_MAGIC, sizeof(header.magic)) != 0 || header.pid == 0) {
		close(fd);
		return 0;
	}
	*process = (struct lr_run_process){
		.fd = fd,
		.pid = (pid_t)header.pid,
		.started = header.started,
		.state = header.state,
	};
	snprintf(process->name, sizeof(process->name), "%s", name);
	return 1;
}

static int open_arenas(struct lr_run_processes *processes, int folder_fd)
{
	DIR *listing = fdopendir(fcntl(folder_fd, F_DUPFD_CLOEXEC, 3));
	struct lr_run_process process = { .fd = -1 };
	const struct dirent *entry;
	int error = 0;

	if (listing == NULL)
		return -errno;
	rewinddir(listing);
	while (error == 0 && (entry = readdir(listing)) != NULL) {
		int got = entry->d_name[0] == '.' ? 0 :
						    open_arena(folder_fd, entry->d_name, &process);

		if (got < 0) {
			processes->left_out++;
			processes->left_out_error = -got;
		} else if (got > 0) {
			error = append(processes, &process);
			if (error != 0)
				close(process.fd);
		}
	}
	closedir(listing);
	return error;
}

static int compare(const void *a, const void *b)
{
	const struct lr_run_process *one = a, *other = b;

	if (one->started != other->started)
		return one->started < other->started ? -1 : 1;
	return (one->pid > other->pid) - (one->pid < other->pid);
}

/* Could any process write to the file? A mapping counts, and it does not matter where the process is. */
static bool is_open_for_writing(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
		return errno == EAGAIN;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

/* Does process @pid map a file of the name of the arena, which holds a time and so is the only one? */
static bool is_mapped_by(pid_t pid, const char *name)
{
	char path[64];
	char wanted[NAME_MAX + 3];
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *maps;

	snprintf(wanted, sizeof(wanted), "/%s\n", name);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	if (maps == NULL)
		return false;
	while (!found && getline(&line, &size, maps) > 0)
		found = strstr(line, wanted) != NULL;
	free(line);
	fclose(maps);
	return found;
}

/* Not every file system has leases, and in overlayfs they know of descriptors only, not of mappings. */
static bool is_running(const struct lr_run_process *process)
{
	return is_open_for_writing(process->fd) || is_mapped_by(process->pid, process->name);
}

static uint32_t read_state(const struct lr_run_process *process)
{
	uint32_t state = process->state;

	if (pread(process->fd, &state, sizeof(state), offsetof(struct lr_image_header, state)) !=
	    sizeof(state))
		return process->state;
	return state;
}

/*
 * exec() keeps the pid, so of two arenas with one pid the older was left by it. But a pid that is too small to have
 * been given out since lastref started belongs to another pid namespace, and there may be many of those in one
 * run, each with its own process 1.
 */
static bool is_replaced(const struct lr_run_processes *processes, size_t index)
{
	const struct lr_run_process *process = &processes->all[index];

	if (process->state != LR_PROCESS_RUNNING ||
	    (process->pid < FIRST_REUSED_PID && process->pid <= getpid()))
		return false;
	for (size_t i = index + 1; i < processes->count; i++) {
		if (processes->all[i].pid == process->pid)
			return true;
	}
	return false;
}

/* Is the process alive and unchecked at @deadline? */
static bool outlives(struct lr_run_process *process, uint64_t deadline)
{
	static const struct timespec step = { .tv_nsec = STEP_MS * LR_NS_PER_MS };

	/* Between the two a dying process may have done its check. */
	while (process->state == LR_PROCESS_RUNNING && is_running(process)) {
		if (lr_clock_ns(CLOCK_MONOTONIC) >= deadline)
			return true;
		nanosleep(&step, NULL);
		process->state = read_state(process);
	}
	process->state = read_state(process);
	return false;
}

static void find_fates(struct lr_run_processes *processes)
{
	uint64_t deadline = lr_clock_ns(CLOCK_MONOTONIC) + GRACE_MS * LR_NS_PER_MS;

	for (size_t i = 0; i < processes->count; i++) {
		struct lr_run_process *process = &processes->all[i];

		if (is_replaced(processes, i))
			process->fate = LR_RUN_REPLACED;
		else if (outlives(process, deadline))
			process->fate = LR_RUN_RUNNING;
	}
}

int lr_run_processes_find(struct lr_run_processes *processes, int folder_fd)
{
	int error;

	*processes = (struct lr_run_processes){ 0 };
	allow_many_descriptors();
	error = open_arenas(processes, folder_fd);
	if (processes->count > 0)
		qsort(processes->all, processes->count, sizeof(*processes->all), compare);
	find_fates(processes);
	return error;
}

void lr_run_processes_finish(struct lr_run_processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		close(processes->all[i].fd);
	free(processes->all);
}
