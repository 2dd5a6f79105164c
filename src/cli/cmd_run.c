/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref run: runs CMD with checking on, reports what its processes leaked, and ends as CMD did.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * The order matters. Whatever can be refused is refused before CMD starts. Signals are taken before the folder
 * is made, so that it is removed whatever comes. It is removed as soon as all arenas in it are open: from then
 * on signals end lastref again, and neither a kill nor a crash during the analysis can leave anything behind.
 */
#include "cli/cli.h"
#include "cli/replace.h"
#include "cli/run_child.h"
#include "cli/run_folder.h"
#include "cli/run_options.h"
#include "cli/run_output.h"
#include "cli/run_pipe.h"
#include "cli/run_processes.h"
#include "cli/run_verdict.h"
#include "format/settings.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What CMD's processes find in their environment. Return: 0 or -1 after a message. */
static int set_environment(const char *settings, const char *folder)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	/* Without it programs report with what they know of their own symbols. */
	if (length > 0) {
		self[length] = '\0';
		setenv(LR_COMMAND_VARIABLE, self, 1);
	}
	if (setenv(LR_SETTINGS_VARIABLE, settings, 1) == 0 && setenv(LR_RUN_VARIABLE, folder, 1) == 0)
		return 0;
	lr_complain("out of memory");
	return -1;
}

/* Is there a file @name in a folder of PATH that we may look into? */
static bool is_in_path(const char *name)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	while (path != NULL && *path != '\0') {
		size_t length = strcspn(path, ":");

		if (snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, name) <
			    (int)sizeof(file) &&
		    access(file, F_OK) == 0)
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

static bool is_folder(const char *name)
{
	struct stat status;

	return stat(name, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Say why exec() refused @name, and return the status that a shell would give. */
static int explain_exec(const char *name, int error)
{
	bool has_slash = strchr(name, '/') != NULL;

	if (has_slash ? error == ENOENT && access(name, F_OK) != 0 :
			error == ENOENT || !is_in_path(name)) {
		lr_complain("cannot run %s: %s", name,
			    has_slash ?
				    "there is no such file; check the path" :
				    "there is no such command in PATH; for a file in this folder say ./NAME");
		return LR_STATUS_NOT_FOUND;
	}
	if (error == ENOENT)
		lr_complain("cannot run %s: the interpreter that its first line or its ELF header names is not there",
			    name);
	else if (is_folder(name))
		lr_complain("cannot run %s: it is a folder", name);
	else if (error == EACCES)
		lr_complain("cannot run %s: permission denied; make it executable with chmod +x",
			    name);
	else
		lr_complain("cannot run %s: %s", name, strerror(error));
	return LR_STATUS_NOT_EXECUTABLE;
}

/* Start CMD and wait for it. Return: -1 and its wait status, or the exit status if it could not be started. */
static int run_command(struct lr_run_child *child, const struct lr_run_pipe *pipe,
		       const struct lr_run_options *options, int *ret_status)
{
	int exec_failed;
	int error = lr_run_child_start(child, pipe, options->command, &exec_failed);

	if (exec_failed)
		return explain_exec(options->command[0], -error);
	if (error != 0) {
		lr_complain("cannot start a process for %s: %s", options->command[0],
			    strerror(-error));
		return LR_STATUS_NOT_EXECUTABLE;
	}
	*ret_status = lr_run_child_wait(child);
	return -1;
}

static int exit_status(const struct lr_run_options *options, const struct lr_run_verdict *verdict,
		       int status)
{
	if (WIFSIGNALED(status))
		return LR_STATUS_SIGNAL + WTERMSIG(status);
	if (WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status);
	if (verdict->bad && options->leak_exit != 0)
		return options->leak_exit;
	return verdict->not_written ? LR_STATUS_NOT_WRITTEN : 0;
}

static int check_report(const struct lr_run_options *options)
{
	if (options->output == NULL || strcmp(options->output, options->report) != 0)
		return lr_replace_check_report(options->report, "--report", &options->suppressions,
					       1);
	lr_complain("cannot write %s: -o and --report cannot be the same file; name another one with --report",
		    options->report);
	return -EEXIST;
}

/* Whatever can be refused before CMD starts. Return: the value of LASTREF for it, or NULL after a message. */
static char *prepare(const struct lr_run_options *options, struct lr_suppress *suppress)
{
	const char *inherited = getenv(LR_SETTINGS_VARIABLE);

	if (lr_suppress_read(suppress, options->suppressions) != 0 ||
	    (options->output != NULL && lr_run_output_check(options->output) != 0) ||
	    (options->report != NULL && check_report(options) != 0))
		return NULL;
	return lr_run_settings(options, inherited != NULL ? inherited : "");
}

static int run_in(struct lr_run_folder *folder, struct lr_run_child *child,
		  const struct lr_run_options *options, const struct lr_suppress *suppress,
		  const char *settings)
{
	struct lr_run_processes processes;
	struct lr_run_verdict verdict;
	struct lr_run_alone alone;
	struct lr_run_pipe pipe;
	int failed = LR_STATUS_USAGE;
	int status = 0;

	lr_run_pipe_make(&pipe);
	if (set_environment(settings, folder->path) == 0)
		failed = run_command(child, &pipe, options, &status);
	if (failed < 0 && lr_run_processes_find(&processes, folder->fd) != 0)
		lr_complain("out of memory: some processes are left out");
	lr_run_folder_remove(folder);
	/* After the processes were found, of which the last may have had a moment to end. */
	lr_run_pipe_finish(&pipe, &alone);
	lr_run_child_release(child);
	if (failed >= 0)
		return failed;
	lr_run_judge(&verdict, options, suppress, &processes, &alone, child->pid, status);
	lr_run_processes_finish(&processes);
	return exit_status(options, &verdict, status);
}

int lr_cmd_run(int argc, char **argv)
{
	struct lr_run_options options;
	struct lr_suppress suppress;
	struct lr_run_folder folder;
	struct lr_run_child child;
	int status = LR_STATUS_USAGE;
	char *settings;

	lr_run_options_parse(&options, argc, argv);
	settings = prepare(&options, &suppress);
	if (settings == NULL)
		goto out;
	lr_run_child_guard(&child);
	if (lr_run_folder_make(&folder) == 0)
		status = run_in(&folder, &child, &options, &suppress, settings);
out:
	free(settings);
	lr_suppress_finish(&suppress);
	free(options.types);
	return status;
}
