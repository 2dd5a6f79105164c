/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols for the process's own reports.
 *
 * Layer: runtime. Locks: none of ours; dladdr() takes the loader's.
 *
 * The child is made by clone() with the parent's memory and no exit signal: no page is copied however large the program is, its
 * handlers for SIGCHLD are not run, and its wait() does not see our child. Questions and answers go through two memfds, so
 * neither side can block on a full pipe.
 *
 * A program that put itself into a sandbox (seccomp) since it began may be killed for clone() or execve(), so there is no child
 * then. A sandbox that it was started in let somebody execute it, as those of containers do.
 */
#include "runtime/symbols.h"

#include "base/fds.h"
#include "base/pages.h"
#include "base/sink.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_STACK_SIZE (64 * 1024)

struct child {
	int questions;
	int answers;
	char *const *environment;
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

static bool is_sandboxed(void)
{
	return count_filters() != first_filters;
}

static int make_memfd(const char *name)
{
	return lr_fd_lift(memfd_create(name, MFD_CLOEXEC));
}

static void write_question(struct lr_sink *sink, const struct lr_address *address)
{
	lr_sink_printf(sink, "%llx ", (unsigned long long)address->offset);
	for (size_t i = 0; i < address->build_id_size; i++)
		lr_sink_printf(sink, "%02x", address->build_id[i]);
	lr_sink_text(sink, address->build_id_size > 0 ? " " : "- ");
	for (const char *c = address->module; *c; c++) {
		if (*c == '\n' || *c == '\\')
			lr_sink_text(sink, *c == '\n' ? "\\n" : "\\\\");
		else
			lr_sink_bytes(sink, c, 1);
	}
	lr_sink_text(sink, "\n");
}

static bool is_left_out(const char *variable)
{
	return strncmp(variable, "LASTREF", 7) == 0 || strncmp(variable, "LD_PRELOAD=", 11) == 0;
}

/* The environment for the child, in pages of @ret_size bytes. */
static char **make_environment(size_t *ret_size)
{
	size_t count = 0;
	size_t kept = 0;
	char **made;

	while (environ && environ[count])
		count++;
	*ret_size = (count + 1) * sizeof(*made);
	made = lr_pages_map(*ret_size);
	for (size_t i = 0; made && i < count; i++) {
		if (!is_left_out(environ[i]))
			made[kept++] = environ[i];
	}
	return made;
}

static void try_command(const char *path, char *const *environment)
{
	static char name[] = "lastref";
	static char verb[] = "symbolize";
	char *const arguments[] = { name, verb, NULL };

	execve(path, arguments, environment);
}

static void try_path(char *const *environment)
{
	const char *entry = secure_getenv("PATH");
	char path[PATH_MAX];

	while (entry && *entry) {
		size_t length = strcspn(entry, ":");

		if (length > 0 && length + sizeof("/lastref") <= sizeof(path)) {
			memcpy(path, entry, length);
			memcpy(path + length, "/lastref", sizeof("/lastref"));
			try_command(path, environment);
		}
		entry += length + (entry[length] == ':');
	}
}

/*
 * What the program does with signals is not for the command: it shall end by them as any other does. The table of handlers is the
 * child's own copy. Only once it has none may a signal arrive here. That of a file's size is better an error.
 */
static void reset_signals(void)
{
	struct sigaction action;
	sigset_t none;

	for (int number = 1; number <= SIGRTMAX; number++) {
		if (sigaction(number, NULL, &action) != 0 || action.sa_handler == SIG_IGN)
			continue;
		memset(&action, 0, sizeof(action));
		action.sa_handler = number == SIGXFSZ ? SIG_IGN : SIG_DFL;
		sigaction(number, &action, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Runs on its own stack, in the parent's memory, while the parent waits: no malloc, no change to anything shared. A sanitizer
 * would take it for the parent on a stack that it does not know.
 */
__attribute__((no_sanitize_address, no_sanitize_thread)) static int run_command(void *child_)
{
	const struct child *child = child_;
	const char *told = secure_getenv(LR_COMMAND_VARIABLE);

	if (dup2(child->questions, STDIN_FILENO) < 0 || dup2(child->answers, STDOUT_FILENO) < 0)
		_exit(127);
	reset_signals();
	/* Whoever says which, or with an empty value that there is none, gets no other. */
	if (told) {
		try_command(told, child->environment);
		_exit(127);
	}
	try_path(child->environment);
	try_command(LR_BINDIR "/lastref", child->environment);
	_exit(127);
}

/*
 * clone(2) with our memory, on a stack of its own, while the calling thread waits until the child has exec'ed or ended.
 *
 * By the system call itself, where the machine is known: ThreadSanitizer replaces clone(), takes the child for that of a fork of a program
 * with threads, and as it shares our memory, kills the program at its next pthread_create().
 */
static long clone_child(char *stack_end, struct child *child)
{
#if defined(__x86_64__)
	int (*run)(void *) = run_command;
	long result = SYS_clone;

	__asm__ volatile("xorl %%r10d, %%r10d\n\t"
			 "xorl %%r8d, %%r8d\n\t"
			 "syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "movq %[child], %%rdi\n\t"
			 "callq *%[run]\n\t"
			 "hlt\n"
			 "1:"
			 : "+a"(result)
			 : "D"((long)(CLONE_VM | CLONE_VFORK)), "S"(stack_end),
			   "d"(0L), [child] "r"(child), [run] "r"(run)
			 : "rcx", "r8", "r10", "r11", "memory", "cc");
	return result;
#else
	return clone(run_command, stack_end, CLONE_VM | CLONE_VFORK, child);
#endif
}

static bool run_child(struct child *child)
{
	char *stack = lr_pages_map(CHILD_STACK_SIZE);
	sigset_t all;
	sigset_t before;
	int status = -1;
	long pid;

	if (!stack)
		return false;
	/* A handler of the program must not run in the child, which has the program's memory. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* The end of a page is aligned as the call of a function wants it. */
	pid = clone_child(stack + CHILD_STACK_SIZE, child);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	lr_pages_unmap(stack, CHILD_STACK_SIZE);
	if (pid < 0)
		return false;
	while (waitpid((pid_t)pid, &status, __WALL) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void take_answers(struct lr_symbols_in_process *symbols, int fd)
{
	struct stat stat;
	void *mapped;

	if (fstat(fd, &stat) != 0 || stat.st_size <= 0)
		return;
	mapped = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapped == MAP_FAILED)
		return;
	symbols->answers = mapped;
	symbols->answers_size = (size_t)stat.st_size;
}

static void ask_all(struct lr_symbols_in_process *symbols, const struct lr_address *addresses,
		    size_t count)
{
	size_t environment_size;
	char **environment = make_environment(&environment_size);
	struct child child = { make_memfd("lastref questions"), make_memfd("lastref answers"),
			       environment };
	struct lr_sink sink;

	lr_sink_init(&sink, child.questions);
	for (size_t i = 0; i < count; i++) {
		symbols->asked[i] = addresses[i].pc;
		write_question(&sink, &addresses[i]);
	}
	if (environment && child.questions >= 0 && child.answers >= 0 && lr_sink_flush(&sink) == 0 &&
	    lseek(child.questions, 0, SEEK_SET) == 0 && run_child(&child))
		take_answers(symbols, child.answers);
	if (child.questions >= 0)
		close(child.questions);
	if (child.answers >= 0)
		close(child.answers);
	lr_pages_unmap(environment, environment_size);
}

static void prepare(void *context, const struct lr_address *addresses, size_t count)
{
	struct lr_symbols_in_process *symbols = context;

	if (is_sandboxed())
		return;
	symbols->asked = count > 0 ? lr_pages_map(count * sizeof(*symbols->asked)) : NULL;
	if (!symbols->asked)
		return;
	symbols->asked_count = count;
	ask_all(symbols, addresses, count);
}

/* Copies a field up to a tab or the line's end into @field; returns what follows it. "?" is nothing known. */
static const char *take_field(const char *at, const char *end, char *field, size_t size)
{
	size_t length = 0;

	for (; at < end && *at != '\t'; at++) {
		if (length + 1 < size)
			field[length++] = *at;
	}
	field[length] = '\0';
	if (strcmp(field, "?") == 0)
		field[0] = '\0';
	return at < end ? at + 1 : end;
}

static void emit_line(const char *at, const char *end, lr_frame_emit emit, void *context)
{
	char function[1024];
	char file[1024];
	char line[16];
	struct lr_frame frame = { 0 };

	at = take_field(at, end, function, sizeof(function));
	at = take_field(at, end, file, sizeof(file));
	take_field(at, end, line, sizeof(line));
	frame.function = function[0] ? function : NULL;
	frame.file = file[0] ? file : NULL;
	frame.line = (unsigned int)strtoul(line, NULL, 10);
	emit(&frame, context);
}

/* Answers stand in the order of the questions, each ended by an empty line. */
static void emit_answer(const struct lr_symbols_in_process *symbols, size_t number,
			lr_frame_emit emit, void *context)
{
	const char *at = symbols->answers;
	const char *end = at + symbols->answers_size;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!newline)
			return;
		if (newline == at && number-- == 0)
			return;
		if (newline != at && number == 0)
			emit_line(at, newline, emit, context);
		at = newline + 1;
	}
}

/*
 * The loader's lock may be taken twice by one thread, but not by a signal handler that interrupted the taking itself. A handler
 * that interrupted us does without the name.
 */
static bool ask_loader(uint64_t pc, Dl_info *ret_info)
{
	static __thread volatile bool is_asking;
	bool found;

	if (is_asking)
		return false;
	is_asking = true;
	found = dladdr((void *)(uintptr_t)pc, ret_info) != 0 && ret_info->dli_sname;
	is_asking = false;
	return found;
}

static void resolve(void *context, const struct lr_address *address, lr_frame_emit emit,
		    void *emit_context)
{
	const struct lr_symbols_in_process *symbols = context;
	struct lr_frame frame = { 0 };
	Dl_info info;

	for (size_t i = 0; symbols->answers && i < symbols->asked_count; i++) {
		if (symbols->asked[i] == address->pc) {
			emit_answer(symbols, i, emit, emit_context);
			return;
		}
	}
	if (!ask_loader(address->pc, &info))
		return;
	frame.function = info.dli_sname;
	emit(&frame, emit_context);
}

void lr_symbols_in_process_init(struct lr_symbols_in_process *symbols,
				struct lr_symbolizer *symbolizer)
{
	memset(symbols, 0, sizeof(*symbols));
	symbolizer->context = symbols;
	symbolizer->prepare = prepare;
	symbolizer->resolve = resolve;
}

void lr_symbols_in_process_finish(struct lr_symbols_in_process *symbols)
{
	lr_pages_unmap(symbols->asked, symbols->asked_count * sizeof(*symbols->asked));
	if (symbols->answers)
		munmap(symbols->answers, symbols->answers_size);
}
