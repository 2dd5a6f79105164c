/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbolizer's process.
 *
 * Layer: runtime. Locks: none.
 *
 * The program's wait() must not see our child, and its handler for SIGCHLD must not run. A child made by clone() without an exit signal is
 * such a one, but execve() gives it one. So there is another between the two: it executes nothing, and it waits for the command; or
 * for a command that stays, ends at once, and whoever adopts orphans in this system has it then. Both are made with the parent's
 * memory, as by vfork(): no page is copied however large the program is.
 *
 * A program that put itself into a sandbox (seccomp) since it began may be killed for clone() or execve(), so there is no child
 * then. A sandbox that it was started in let somebody execute it, as those of containers do.
 */
#include "runtime/command.h"

#include "base/pages.h"
#include "format/settings.h"
#include "runtime/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_STACK_SIZE (64 * 1024)

struct call {
	int input;
	int output;
	bool stays;
	const struct environment *environment;
	char *stack_end; /* for the command's process */
};

/* How many filters are in force on this thread: 0 none, -1 unknown. Kernels before 5.9 do not tell. */
static long count_filters(void)
{
	static const char name[] = "\nSeccomp_filters:";
	char status[4096];
	const char *line;
	ssize_t length;
	int fd;

	if (prctl(PR_GET_SECCOMP) <= 0)
		return 0;
	fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
	length = fd >= 0 ? read(fd, status, sizeof(status) - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (length < 0)
		return -1;
	status[length] = '\0';
	line = strstr(status, name);
	return line ? strtol(line + sizeof(name) - 1, NULL, 10) : -1;
}

static long first_filters; /* those that the program was started under */

__attribute__((constructor)) static void count_first_filters(void)
{
	first_filters = count_filters();
}

bool lr_command_is_allowed(void)
{
	return count_filters() == first_filters;
}

/*
 * What the program was started with. It is copied before there are threads: later one of them may be
 * changing the environment, with no lock that others could take.
 */
struct environment {
	const char *command; /* LASTREF_COMMAND; NULL if it is not set, or not to be trusted, as in set-uid programs */
	const char *path;  /* PATH, likewise */
	char *variables[]; /* for the command, and NULL; the text of all is behind it */
};

static struct environment *environment;

static bool is_left_out(const char *variable)
{
	return strncmp(variable, "LASTREF", 7) == 0 || strncmp(variable, "LD_PRELOAD=", 11) == 0;
}

static const char *value_of(const char *variable, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(variable, name, length) != 0 || variable[length] != '=' ||
	    getauxval(AT_SECURE) != 0)
		return NULL;
	return variable + length + 1;
}

/* @count of them at most, and in [@text, @end) what fits. */
static void copy_variables(struct environment *to, size_t count, char *text, const char *end)
{
	size_t kept = 0;

	for (size_t i = 0; i < count && environ[i]; i++) {
		char *next = memccpy(text, environ[i], '\0', (size_t)(end - text));
		const char *command = next ? value_of(text, LR_COMMAND_VARIABLE) : NULL;
		const char *path = next ? value_of(text, "PATH") : NULL;

		if (!next)
			return;
		if (command && !to->command)
			to->command = command;
		if (path && !to->path)
			to->path = path;
		if (!is_left_out(text))
			to->variables[kept++] = text;
		text = next;
	}
}

__attribute__((constructor)) static void copy_environment(void)
{
	size_t count = 0;
	size_t size = 0;
	struct environment *made;

	for (; environ && environ[count]; count++)
		size += strlen(environ[count]) + 1;
	size += sizeof(*made) + (count + 1) * sizeof(made->variables[0]);
	made = lr_pages_map(size);
	if (!made)
		return;
	copy_variables(made, count, (char *)&made->variables[count + 1], (char *)made + size);
	/* Pairs with the acquire in call_command(). */
	__atomic_store_n(&environment, made, __ATOMIC_RELEASE);
}

static void try_command(const char *path, char *const *variables)
{
	static char name[] = "lastref";
	static char verb[] = "symbolize";
	char *const arguments[] = { name, verb, NULL };

	execve(path, arguments, variables);
}

static void try_path(const struct environment *from)
{
	const char *entry = from->path;
	char path[PATH_MAX];

	while (entry && *entry) {
		size_t length = strcspn(entry, ":");

		if (length > 0 && length + sizeof("/lastref") <= sizeof(path)) {
			memcpy(path, entry, length);
			memcpy(path + length, "/lastref", sizeof("/lastref"));
			try_command(path, from->variables);
		}
		entry += length + (entry[length] == ':');
	}
}

/*
 * The children have the program's memory, and so that of a sanitizer, which keeps there what it knows of descriptors and handlers: of
 * those of the program. So here the kernel is called by itself. The struct is that of x86_64 and of aarch64.
 */
struct kernel_action {
	void (*handler)(int number);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static int kernel_sigaction(int number, const struct kernel_action *action,
			    struct kernel_action *before)
{
	return (int)syscall(SYS_rt_sigaction, number, action, before, sizeof(action->mask));
}

static int kernel_dup(int from, int to)
{
	return from == to ? to : (int)syscall(SYS_dup3, from, to, 0);
}

/*
 * What the program does with signals is not for the command: it shall end by them as any other does. The table of handlers is the
 * child's own copy. Only once it has none may a signal arrive here. That of a file's size is better an error.
 */
static void reset_signals(void)
{
	struct kernel_action action;
	uint64_t none = 0;

	for (int number = 1; number <= SIGRTMAX; number++) {
		if (kernel_sigaction(number, NULL, &action) != 0 || action.handler == SIG_IGN)
			continue;
		action = (struct kernel_action){ .handler = number == SIGXFSZ ? SIG_IGN : SIG_DFL };
		kernel_sigaction(number, &action, NULL);
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/*
 * One that lives as long as the program must not be in its way: the end of a pipe that it keeps open would keep a reader waiting, and what
 * is typed at the terminal is not for it.
 */
static void leave_program(void)
{
	int null = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null >= 0)
		kernel_dup(null, STDERR_FILENO);
	if (syscall(SYS_close_range, 3, ~0u, 0) == 0)
		return;
	for (int fd = (int)sysconf(_SC_OPEN_MAX) - 1; fd > STDERR_FILENO; fd--)
		syscall(SYS_close, fd);
}

/*
 * Runs on its own stack, in the parent's memory, while the parent waits: no malloc, no change to anything shared. A sanitizer
 * would take it for the parent on a stack that it does not know.
 */
__attribute__((no_sanitize_address, no_sanitize_thread)) static int run_command(void *call_)
{
	const struct call *call = call_;
	const struct environment *from = call->environment;

	if (kernel_dup(call->input, STDIN_FILENO) < 0 || kernel_dup(call->output, STDOUT_FILENO) < 0)
		_exit(127);
	if (call->stays)
		leave_program();
	reset_signals();
	/* Whoever says which, or with an empty value that there is none, gets no other. */
	if (from->command) {
		try_command(from->command, from->variables);
		_exit(127);
	}
	try_path(from);
	try_command(LR_BINDIR "/lastref", from->variables);
	_exit(127);
}

/* In the process between, on its own stack in the parent's memory. */
__attribute__((no_sanitize_address, no_sanitize_thread)) static int run_between(void *call_)
{
	struct call *call = call_;
	struct kernel_action action;
	int status = -1;
	long pid;

	/* The kernel keeps no status for who ignores the signal, or has said SA_NOCLDWAIT. */
	action = (struct kernel_action){ .handler = SIG_DFL };
	kernel_sigaction(SIGCHLD, &action, NULL);
	pid = lr_machine_run_child(run_command, call, call->stack_end);
	if (pid < 0 || call->stays)
		_exit(pid < 0);
	while (syscall(SYS_wait4, pid, &status, __WALL, NULL) < 0 && errno == EINTR)
		continue;
	_exit(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}

/* Return: did the process between exit with 0? */
static bool run(struct call *call)
{
	char *stacks = lr_pages_map(2 * CHILD_STACK_SIZE);
	int status = -1;
	sigset_t before;
	sigset_t all;
	long pid;

	if (!stacks)
		return false;
	/* A handler of the program must not run in the children, which have the program's memory. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* The end of a page is aligned as the call of a function wants it. */
	call->stack_end = stacks + CHILD_STACK_SIZE;
	pid = lr_machine_run_child(run_between, call, stacks + 2 * CHILD_STACK_SIZE);
	while (pid >= 0 && waitpid((pid_t)pid, &status, __WALL) < 0 && errno == EINTR)
		continue;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	lr_pages_unmap(stacks, 2 * CHILD_STACK_SIZE);
	return pid >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool call_command(int input, int output, bool stays)
{
	struct call call = { .input = input, .output = output, .stays = stays };

	if (!lr_command_is_allowed())
		return false;
	/* We are in a constructor that runs before ours, or there was no memory. */
	if (!__atomic_load_n(&environment, __ATOMIC_RELAXED))
		copy_environment();
	/* Pairs with the release in copy_environment(). */
	call.environment = __atomic_load_n(&environment, __ATOMIC_ACQUIRE);
	return call.environment && run(&call);
}

bool lr_command_run(int input, int output)
{
	return call_command(input, output, false);
}

bool lr_command_start(int input_and_output)
{
	int adopts = 0;

	/* Then the orphan would be the program's own, and its wait() would not end before the program does. */
	if (getpid() == 1 || prctl(PR_GET_CHILD_SUBREAPER, &adopts) != 0 || adopts)
		return false;
	return call_command(input_and_output, input_and_output, true);
}
