/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMD as a child process.
 *
 * Layer: cli. Locks: none; one thread. There are no signal handlers: the signals are blocked before CMD starts
 * and taken one by one, so none is lost between two steps.
 *
 * Why not every signal is passed on: the terminal sends Ctrl-C and the like to its whole foreground group, of
 * which CMD is a member too. Passing on those would deliver them twice, and many programs take a second SIGINT
 * as "at once". They are told apart by si_code. Stop signals keep their effect on lastref, so Ctrl-Z stops both
 * and `fg` continues both.
 */
#include "cli/run_child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * Changed in lastref alone. An inherited SIG_IGN for SIGCHLD would take CMD's status from us; the other two
 * would end lastref before the folder is removed where a write() fails with an error that it can report.
 */
static const struct {
	int number;
	void (*handler)(int number);
} changed[LR_CHANGED_SIGNALS] = {
	{ SIGCHLD, SIG_DFL },
	{ SIGPIPE, SIG_IGN },
	{ SIGXFSZ, SIG_IGN },
};

void lr_run_child_guard(struct lr_run_child *child)
{
	/*
	 * Those that stop, or that cannot be blocked. A fault of lastref's own ends it also where its signal is blocked; what somebody
	 * sends, as a watchdog does SIGABRT, is meant for CMD.
	 */
	static const int left_alone[] = {
		SIGKILL, SIGSTOP, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU,
	};

	sigfillset(&child->waited);
	for (size_t i = 0; i < sizeof(left_alone) / sizeof(left_alone[0]); i++)
		sigdelset(&child->waited, left_alone[i]);
	sigprocmask(SIG_BLOCK, &child->waited, &child->before);
	for (int i = 0; i < LR_CHANGED_SIGNALS; i++) {
		struct sigaction action = { .sa_handler = changed[i].handler };

		sigaction(changed[i].number, &action, &child->dispositions[i]);
	}
}

/* In the child: become CMD, or tell the parent through @report_fd why not. */
static __attribute__((noreturn)) void become(const struct lr_run_child *child,
					     const struct lr_run_pipe *pipe, char **command,
					     int report_fd)
{
	int error;

	for (int i = 0; i < LR_CHANGED_SIGNALS; i++)
		sigaction(changed[i].number, &child->dispositions[i], NULL);
	sigprocmask(SIG_SETMASK, &child->before, NULL);
	lr_run_pipe_leave_open(pipe);
	execvp(command[0], command);
	error = errno;
	/* If the parent does not get it, the exit status still says that there was no CMD. */
	if (write(report_fd, &error, sizeof(error)) < 0)
		_exit(127);
	_exit(127);
}

static pid_t wait_for(pid_t pid, int *status, int flags)
{
	pid_t got;

	do
		got = waitpid(pid, status, flags);
	while (got < 0 && errno == EINTR);
	return got;
}

int lr_run_child_start(struct lr_run_child *child, const struct lr_run_pipe *pipe, char **command,
		       int *ret_exec_failed)
{
	int ends[2];
	int exec_error = 0;
	int status;
	ssize_t n;

	*ret_exec_failed = false;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	child->pid = fork();
	if (child->pid == 0)
		become(child, pipe, command, ends[1]);
	exec_error = child->pid < 0 ? errno : 0;
	close(ends[1]);
	/* exec() closes the child's end, and so ends this read, when it succeeds. */
	do
		n = exec_error == 0 ? read(ends[0], &exec_error, sizeof(exec_error)) : 0;
	while (n < 0 && errno == EINTR);
	close(ends[0]);
	if (n == sizeof(exec_error)) {
		*ret_exec_failed = true;
		wait_for(child->pid, &status, 0);
	}
	return -exec_error;
}

/* Does the terminal send this signal to its whole foreground group, or is it about lastref's own use of a processor? */
static bool is_for_lastref(const siginfo_t *info)
{
	switch (info->si_signo) {
	case SIGINT:
	case SIGQUIT:
	case SIGHUP:
	case SIGWINCH:
	case SIGXCPU:
		return info->si_code == SI_KERNEL;
	default:
		return false;
	}
}

static void pass_on(pid_t pid, const siginfo_t *info)
{
	if (info->si_code == SI_QUEUE)
		sigqueue(pid, info->si_signo, info->si_value);
	else
		kill(pid, info->si_signo);
}

int lr_run_child_wait(struct lr_run_child *child)
{
	siginfo_t info;
	int status = 0;

	for (;;) {
		if (sigwaitinfo(&child->waited, &info) < 0)
			continue;
		if (info.si_signo == SIGCHLD) {
			/* Anything but 0 is the end: without CMD's status there is no use in waiting on. */
			if (wait_for(child->pid, &status, WNOHANG) != 0)
				return status;
		} else if (!is_for_lastref(&info)) {
			pass_on(child->pid, &info);
		}
	}
}

void lr_run_child_release(struct lr_run_child *child)
{
	static const struct timespec at_once;

	while (sigtimedwait(&child->waited, NULL, &at_once) > 0)
		;
	sigprocmask(SIG_SETMASK, &child->before, NULL);
}
