/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of a running process.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: the default of most signals is to end the process. So none is sent before the kernel says that the process
 * handles it, and the environment that the process was started with says that it is lastref's. Paths lead through the process's own root, so that a process
 * in a container is checked from outside; messages have the plain ones.
 *
 * A new snapshot is told by a number that was not there before, and not by the highest: files of an earlier process with the same id may
 * have higher ones.
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
/* A tracer stops a process for a moment at each signal and system call; what stays stopped for so many steps is at a debugger's prompt. */
#define TRACED_STEPS 100

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

/* The value behind "NAME:" and white space in /proc/PID/status, or "". */
static const char *find_field(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? line + strlen(name) + strspn(line + strlen(name), "\t ") : "";
}

static bool handles(const char *status, int number)
{
	return strtoull(find_field(status, "\nSigCgt:"), NULL, 16) >> (number - 1) & 1;
}

/* The state of the process, as ps(1) has it; '\0' if there is none. */
static char state_of(pid_t pid)
{
	size_t size = 0;
	char *status = read_proc(pid, "status", &size);
	char state = status ? *find_field(status, "\nState:") : '\0';

	free(status);
	return state;
}

/* Its id in the innermost pid namespace, which is the last in the list. */
static pid_t own_pid(const char *status, pid_t pid)
{
	const char *ids = find_field(status, "\nNSpid:");
	char *end;

	while (*ids >= '0' && *ids <= '9') {
		pid = (pid_t)strtol(ids, &end, 10);
		ids = end + strspn(end, "\t ");
	}
	return pid;
}

/* "%p" in the name is the process id. */
static void expand(const char *name, pid_t pid, char *to, size_t size)
{
	size_t length = 0;

	for (; *name && length + 12 < size; name++) {
		if (name[0] == '%' && name[1] == 'p') {
			length += (size_t)snprintf(to + length, size - length, "%d", (int)pid);
			name++;
		} else {
			to[length++] = *name;
		}
	}
	to[length] = '\0';
}

/*
 * One more place: @folder, which begins at @beginning if it is relative. @link: in /proc/PID, what leads to where
 * the path begins for us.
 */
static void add_place(struct lr_snapshots *snapshots, const char *link, const char *beginning,
		      const char *folder)
{
	struct lr_snapshot_place *place = &snapshots->places[snapshots->place_count++];
	bool is_root = strcmp(link, "root") == 0;
	const char *slash = *folder && *beginning && strcmp(beginning, "/") != 0 ? "/" : "";

	snprintf(place->shown, sizeof(place->shown), "%s%s%s", beginning, slash, folder);
	snprintf(place->folder, sizeof(place->folder), "/proc/%d/%s/%s", (int)snapshots->pid, link,
		 is_root ? place->shown : folder);
}

/*
 * The name was relative to the folder in which the process began, and only the one where it is now can be asked for. A daemon goes to
 * another one; where it began then is in PWD, if who started it is a shell.
 */
static void add_relative_places(struct lr_snapshots *snapshots, const char *begun_in,
				const char *folder)
{
	char beginning[PATH_MAX / 2];
	char link[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%d/cwd", (int)snapshots->pid);
	length = readlink(link, beginning, sizeof(beginning) - 1);
	beginning[length < 0 ? 0 : length] = '\0';
	add_place(snapshots, "cwd", beginning, folder);
	if (begun_in && begun_in[0] == '/' && strlen(begun_in) < sizeof(beginning) &&
	    strcmp(begun_in, beginning) != 0)
		add_place(snapshots, "root", begun_in, folder);
}

/* As the runtime chooses it: see runtime/on_signal.c. */
static void choose_places(struct lr_snapshots *snapshots, const struct lr_settings *settings,
			  const char *temporary, const char *begun_in)
{
	char output[PATH_MAX / 2];
	char *slash;

	expand(settings->output, snapshots->named_pid, output, sizeof(output));
	slash = strrchr(output, '/');
	snapshots->is_relative = output[0] != '\0' && output[0] != '/';
	if (slash)
		*slash = '\0';
	if (snapshots->is_relative)
		add_relative_places(snapshots, begun_in, slash ? output : "");
	else if (slash)
		add_place(snapshots, "root", "", output);
	else
		add_place(snapshots, "root", "",
			  temporary && temporary[0] == '/' ? temporary : "/tmp");
}

/* The number in lastref-PID.N.snapshot, or 0. */
static uint32_t number_of(const struct lr_snapshots *snapshots, const char *name)
{
	char wanted[NAME_MAX];
	unsigned int number;
	int pid;

	if (sscanf(name, "lastref-%d.%u.snapshot", &pid, &number) != 2 || pid != snapshots->named_pid)
		return 0;
	snprintf(wanted, sizeof(wanted), "lastref-%d.%u.snapshot", pid, number);
	return strcmp(name, wanted) == 0 ? number : 0;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

	return (one > other) - (one < other);
}

static int note_before(struct lr_snapshot_place *place, uint32_t number)
{
	size_t count = place->before_count;
	uint32_t *longer = place->before;

	/* Grow when the count is a power of two. */
	if ((count & (count - 1)) == 0)
		longer = realloc(place->before, (count ? 2 * count : 1) * sizeof(*longer));
	if (!longer)
		return -ENOMEM;
	place->before = longer;
	longer[place->before_count++] = number;
	return 0;
}

/* Return: 0 or a negative errno. */
static int list_place(const struct lr_snapshots *snapshots, struct lr_snapshot_place *place)
{
	DIR *folder = opendir(place->folder);
	const struct dirent *entry;
	int error = folder ? 0 : -errno;

	while (folder && error == 0 && (entry = readdir(folder))) {
		uint32_t number = number_of(snapshots, entry->d_name);

		error = number > 0 ? note_before(place, number) : 0;
	}
	if (folder)
		closedir(folder);
	if (error == 0 && place->before_count > 0)
		qsort(place->before, place->before_count, sizeof(*place->before), compare_numbers);
	return error;
}

static const char *explain_relative(const struct lr_snapshots *snapshots)
{
	return snapshots->is_relative ?
		       "; the name in its output= is relative, and it may have gone to another folder since it began: "
		       "give output= a name that begins with a slash" :
		       "";
}

/* One place that can be looked into is enough. */
static int list_before(struct lr_snapshots *snapshots)
{
	int first_error = 0;
	bool any = false;

	for (unsigned int i = 0; i < snapshots->place_count; i++) {
		int error = list_place(snapshots, &snapshots->places[i]);

		any |= error == 0;
		if (first_error == 0)
			first_error = error;
	}
	if (any)
		return 0;
	lr_complain("cannot look for the snapshots of process %d in %s: %s%s", (int)snapshots->pid,
		    snapshots->places[0].shown, strerror(-first_error), explain_relative(snapshots));
	return first_error;
}

static bool was_before(const struct lr_snapshot_place *place, uint32_t number)
{
	return place->before_count > 0 &&
	       bsearch(&number, place->before, place->before_count, sizeof(number), compare_numbers);
}

/* The highest number that was not there before; 0 if there is none. */
static uint32_t find_new_in(const struct lr_snapshots *snapshots,
			    const struct lr_snapshot_place *place)
{
	DIR *folder = opendir(place->folder);
	const struct dirent *entry;
	uint32_t new = 0;

	while (folder && (entry = readdir(folder))) {
		uint32_t number = number_of(snapshots, entry->d_name);

		if (number > new && !was_before(place, number))
			new = number;
	}
	if (folder)
		closedir(folder);
	return new;
}

/* Is there a new one? */
static bool find_new(struct lr_snapshots *snapshots)
{
	for (unsigned int i = 0; i < snapshots->place_count && snapshots->last == 0; i++) {
		snapshots->place = i;
		snapshots->last = find_new_in(snapshots, &snapshots->places[i]);
	}
	return snapshots->last > 0;
}

static int read_settings(struct lr_snapshots *snapshots, const char *environment, size_t size,
			 const char *status)
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
	if (!handles(status, settings.signal)) {
		lr_complain("process %d was started with LASTREF=%s, but does not handle that signal: it is not linked with "
			    "lastref, or has just begun, or uses the signal itself",
			    (int)snapshots->pid, value);
		return -EINVAL;
	}
	snapshots->signal = settings.signal;
	choose_places(snapshots, &settings, find_variable(environment, size, "TMPDIR"),
		      find_variable(environment, size, "PWD"));
	return 0;
}

static int refuse_stopped(const struct lr_snapshots *snapshots, char state)
{
	lr_complain("process %d is stopped (state %c)%s: continue it, then try again",
		    (int)snapshots->pid, state, state == 't' ? " by a debugger or tracer" : "");
	return -EBUSY;
}

static int refuse_ended(const struct lr_snapshots *snapshots)
{
	lr_complain("process %d has ended", (int)snapshots->pid);
	return -ESRCH;
}

static int ask(struct lr_snapshots *snapshots, const char *status)
{
	char state = *find_field(status, "\nState:");
	size_t size = 0;
	char *environment;
	int error;

	/* What ended and was not waited for yet has no environment any more. */
	if (state == 'Z' || state == 'X')
		return refuse_ended(snapshots);
	environment = read_proc(snapshots->pid, "environ", &size);
	if (!environment) {
		error = errno;
		lr_complain("cannot ask process %d: it belongs to somebody else; be that user, or root",
			    (int)snapshots->pid);
		return -error;
	}
	snapshots->named_pid = own_pid(status, snapshots->pid);
	error = read_settings(snapshots, environment, size, status);
	free(environment);
	if (error == 0 && state == 'T')
		error = refuse_stopped(snapshots, state);
	return error;
}

int lr_snapshots_find(struct lr_snapshots *snapshots, pid_t pid)
{
	size_t size = 0;
	char *status = read_proc(pid, "status", &size);
	int error;

	*snapshots = (struct lr_snapshots){ .pid = pid };
	if (!status) {
		lr_complain("there is no process %d", (int)pid);
		return -ESRCH;
	}
	error = ask(snapshots, status);
	free(status);
	return error == 0 ? list_before(snapshots) : error;
}

/* Return: 0 if there is hope. */
static int look_at_process(const struct lr_snapshots *snapshots, int *traced)
{
	char state = state_of(snapshots->pid);

	*traced = state == 't' ? *traced + 1 : 0;
	if (state == '\0' || state == 'Z' || state == 'X')
		return refuse_ended(snapshots);
	return state == 'T' || *traced == TRACED_STEPS ? refuse_stopped(snapshots, state) : 0;
}

int lr_snapshots_take(struct lr_snapshots *snapshots)
{
	static const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	int traced = 0;
	int error = 0;

	if (kill(snapshots->pid, snapshots->signal) != 0) {
		lr_complain("cannot send a signal to process %d: %s", (int)snapshots->pid,
			    strerror(errno));
		return -errno;
	}
	for (int waited = 0; waited < LR_SNAPSHOT_WAIT_S * 1000; waited += STEP_MS) {
		if (find_new(snapshots))
			return 0;
		error = look_at_process(snapshots, &traced);
		if (error != 0)
			return error;
		nanosleep(&step, NULL);
	}
	lr_complain("process %d took no snapshot within %d seconds: it blocks the signal, has checking switched off "
		    "(leaks=off), or cannot write to %s (its standard error says so)%s",
		    (int)snapshots->pid, LR_SNAPSHOT_WAIT_S, snapshots->places[0].shown,
		    explain_relative(snapshots));
	return -ETIMEDOUT;
}

int lr_snapshots_open(const struct lr_snapshots *snapshots, uint32_t number)
{
	char path[PATH_MAX + NAME_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/lastref-%d.%u.snapshot",
		 snapshots->places[snapshots->place].folder, (int)snapshots->named_pid, number);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

void lr_snapshots_name(const struct lr_snapshots *snapshots, uint32_t number, char *name, size_t size)
{
	snprintf(name, size, "%s/lastref-%d.%u.snapshot", snapshots->places[snapshots->place].shown,
		 (int)snapshots->named_pid, number);
}

void lr_snapshots_finish(struct lr_snapshots *snapshots)
{
	for (unsigned int i = 0; i < LR_SNAPSHOT_PLACES; i++)
		free(snapshots->places[i].before);
	*snapshots = (struct lr_snapshots){ .pid = 0 };
}
