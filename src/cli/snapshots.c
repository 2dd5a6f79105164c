/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of a running process.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: the default of most signals is to end the process. So none is sent before the kernel says that the process
 * handles it, and the environment that the process was started with says that it is lastref's. Paths lead through the process's own root, so that a process
 * in a container is checked from outside.
 */
#include "cli/snapshots.h"

#include "cli/cli.h"
#include "format/settings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENVIRONMENT_MAX (4 * 1024 * 1024)
#define STEP_MS 10

/* The whole of /proc/PID/@name, zero-terminated, from malloc(). Return: NULL with errno. */
static char *read_proc(pid_t pid, const char *name, size_t *ret_size)
{
	char path[64];
	char *bytes = malloc(ENVIRONMENT_MAX + 1);
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = bytes ? fopen(path, "re") : NULL;
	if (!file) {
		free(bytes);
		return NULL;
	}
	size = fread(bytes, 1, ENVIRONMENT_MAX, file);
	fclose(file);
	bytes[size] = '\0';
	*ret_size = size;
	return bytes;
}

/* The value of a variable in what /proc/PID/environ holds, or NULL. */
static const char *find_variable(const char *environment, size_t size, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = environment; at < environment + size; at += strlen(at) + 1) {
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return at + length + 1;
	}
	return NULL;
}

static bool handles(pid_t pid, int number)
{
	size_t size = 0;
	char *status = read_proc(pid, "status", &size);
	const char *line = status ? strstr(status, "\nSigCgt:") : NULL;
	bool caught = line && (strtoull(line + 8, NULL, 16) >> (number - 1) & 1);

	free(status);
	return caught;
}

/* As the runtime chooses it: see runtime/on_signal.c. */
static void choose_folder(struct lr_snapshots *snapshots, const struct lr_settings *settings,
			  const char *temporary)
{
	const char *slash = strrchr(settings->output, '/');
	const char *folder = temporary && temporary[0] == '/' ? temporary : "/tmp";
	int length = (int)strlen(folder);
	char cwd[64] = "";

	if (settings->output[0] != '\0') {
		folder = settings->output;
		length = slash ? (int)(slash - folder) : 0;
		if (settings->output[0] != '/')
			snprintf(cwd, sizeof(cwd), "/proc/%d/cwd/", (int)snapshots->pid);
	}
	snprintf(snapshots->folder, sizeof(snapshots->folder), "%s%.*s", cwd, length, folder);
	if (cwd[0] == '\0')
		snprintf(snapshots->folder, sizeof(snapshots->folder), "/proc/%d/root%.*s",
			 (int)snapshots->pid, length, folder);
}

/* The number in lastref-PID.N.snapshot, or 0. */
static uint32_t number_of(const struct lr_snapshots *snapshots, const char *name)
{
	char wanted[NAME_MAX];
	unsigned int number;
	int pid;

	if (sscanf(name, "lastref-%d.%u.snapshot", &pid, &number) != 2 || pid != snapshots->pid)
		return 0;
	snprintf(wanted, sizeof(wanted), "lastref-%d.%u.snapshot", pid, number);
	return strcmp(name, wanted) == 0 ? number : 0;
}

static uint32_t find_last(const struct lr_snapshots *snapshots)
{
	DIR *folder = opendir(snapshots->folder);
	const struct dirent *entry;
	uint32_t last = 0;

	while (folder && (entry = readdir(folder))) {
		uint32_t number = number_of(snapshots, entry->d_name);

		last = number > last ? number : last;
	}
	if (folder)
		closedir(folder);
	return last;
}

static int read_settings(struct lr_snapshots *snapshots, const char *environment, size_t size)
{
	const char *value = find_variable(environment, size, LR_SETTINGS_VARIABLE);
	char message[1024];
	static struct lr_settings settings;

	lr_settings_defaults(&settings);
	if (!value || lr_settings_parse(&settings, value, message, sizeof(message)) != 0 ||
	    settings.signal == 0) {
		lr_complain("process %d takes no snapshots: start it with LASTREF=leaks=warn:signal=USR2",
			    (int)snapshots->pid);
		return -EINVAL;
	}
	if (!handles(snapshots->pid, settings.signal)) {
		lr_complain("process %d was started with LASTREF=%s, but does not handle that signal: it is not linked with "
			    "lastref, or has just begun, or uses the signal itself",
			    (int)snapshots->pid, value);
		return -EINVAL;
	}
	snapshots->signal = settings.signal;
	choose_folder(snapshots, &settings, find_variable(environment, size, "TMPDIR"));
	return 0;
}

int lr_snapshots_find(struct lr_snapshots *snapshots, pid_t pid)
{
	size_t size = 0;
	char *environment = read_proc(pid, "environ", &size);
	int error = errno;

	*snapshots = (struct lr_snapshots){ .pid = pid };
	if (!environment) {
		lr_complain(error == ENOENT ?
				    "there is no process %d" :
				    "cannot ask process %d: it belongs to somebody else; be that user, or root",
			    (int)pid);
		return -error;
	}
	error = read_settings(snapshots, environment, size);
	free(environment);
	snapshots->last = error == 0 ? find_last(snapshots) : 0;
	return error;
}

int lr_snapshots_take(struct lr_snapshots *snapshots)
{
	static const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	uint32_t last = snapshots->last;

	if (kill(snapshots->pid, snapshots->signal) != 0) {
		lr_complain("cannot send a signal to process %d: %s", (int)snapshots->pid,
			    strerror(errno));
		return -errno;
	}
	for (int waited = 0; waited < LR_SNAPSHOT_WAIT_S * 1000; waited += STEP_MS) {
		snapshots->last = find_last(snapshots);
		if (snapshots->last > last)
			return 0;
		if (kill(snapshots->pid, 0) != 0) {
			lr_complain("process %d has ended", (int)snapshots->pid);
			return -ESRCH;
		}
		nanosleep(&step, NULL);
	}
	lr_complain("process %d took no snapshot within %d seconds: it is stopped, blocks the signal, "
		    "has checking switched off (leaks=off), or cannot write to %s (its standard error says so)",
		    (int)snapshots->pid, LR_SNAPSHOT_WAIT_S, snapshots->folder);
	return -ETIMEDOUT;
}

int lr_snapshots_open(const struct lr_snapshots *snapshots, uint32_t number)
{
	char path[PATH_MAX + NAME_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/lastref-%d.%u.snapshot", snapshots->folder,
		 (int)snapshots->pid, number);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}
