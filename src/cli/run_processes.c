/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of one `lastref run`, found by the arenas that they left.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: lastref is the parent of CMD alone, so of all other processes it must ask the kernel
 * whether they still run. A pid says little: it may be a zombie that its parent never collects, or belong to
 * another process by now. So state and start time are looked at. Processes that are just dying when CMD ends,
 * as in a pipeline, get a moment to finish.
 */
#include "cli/run_processes.h"

#include "format/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
/* How long all processes together may take to finish dying. */
#define GRACE_MS 200
/* The kernel's start time of a process is rounded to its clock tick, of 10 ms. */
#define TICK_NS (10 * NS_PER_MS)

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

	if (fd < 0)
		return -errno;
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

/* The line of /proc/PID/stat behind the program's name, which may contain anything. */
static const char *read_stat(pid_t pid, char *line, size_t size)
{
	char path[64];
	ssize_t n;
	char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	n = read(fd, line, size - 1);
	close(fd);
	if (n <= 0)
		return NULL;
	line[n] = '\0';
	end = strrchr(line, ')');
	return end != NULL && end[1] == ' ' ? end + 2 : NULL;
}

/* Is the process that started at process->started still there, and more than a zombie? */
static bool is_running(const struct lr_run_process *process)
{
	char line[1024];
	unsigned long long ticks;
	const char *stat = read_stat(process->pid, line, sizeof(line));

	if (stat == NULL)
		return access("/proc/self/stat", F_OK) != 0 &&
		       (kill(process->pid, 0) == 0 || errno == EPERM);
	if (*stat == 'Z' || *stat == 'X')
		return false;
	/* The state is field 3, the start time field 22. */
	for (int field = 3; field < 22 && stat != NULL; field++) {
		stat = strchr(stat, ' ');
		stat = stat != NULL ? stat + 1 : NULL;
	}
	if (stat == NULL || sscanf(stat, "%llu", &ticks) != 1)
		return true;
	return ticks * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK)) <= process->started + TICK_NS;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* Wait until the process ends, until @deadline at the latest. */
static void await(const struct lr_run_process *process, uint64_t deadline)
{
	struct pollfd poller = { .fd = pidfd_open(process->pid, 0), .events = POLLIN };
	uint64_t now = now_ns();

	if (poller.fd < 0)
		return;
	if (now < deadline)
		poll(&poller, 1, (int)((deadline - now) / NS_PER_MS) + 1);
	close(poller.fd);
}

static uint32_t read_state(const struct lr_run_process *process)
{
	uint32_t state = process->state;

	if (pread(process->fd, &state, sizeof(state), offsetof(struct lr_image_header, state)) !=
	    sizeof(state))
		return process->state;
	return state;
}

static bool is_replaced(const struct lr_run_processes *processes, size_t index)
{
	for (size_t i = index + 1; i < processes->count; i++) {
		if (processes->all[i].pid == processes->all[index].pid)
			return processes->all[index].state == LR_PROCESS_RUNNING;
	}
	return false;
}

static void find_fates(struct lr_run_processes *processes)
{
	uint64_t deadline = now_ns() + GRACE_MS * NS_PER_MS;

	for (size_t i = 0; i < processes->count; i++) {
		struct lr_run_process *process = &processes->all[i];

		if (is_replaced(processes, i)) {
			process->fate = LR_RUN_REPLACED;
			continue;
		}
		if (process->state == LR_PROCESS_RUNNING && is_running(process))
			await(process, deadline);
		process->state = read_state(process);
		if (process->state == LR_PROCESS_RUNNING && is_running(process))
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
