/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child at the end of a pipe. What cannot be had (a pipe, a process, memory) ends the test.
 */
#include "capture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that aborts on purpose leaves no core file, and takes the signal whatever the test's framework did with it. */
static _Noreturn void run_child(int fd, int (*function)(void *context), void *context)
{
	const struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGABRT, SIG_DFL);
	if (dup2(fd, STDERR_FILENO) < 0)
		_exit(125);
	close(fd);
	_exit(function(context));
}

static void read_all(struct capture *capture, int fd)
{
	size_t room = 4096;
	ssize_t got;

	capture->text = malloc(room);
	for (;;) {
		if (capture->text == NULL)
			abort();
		got = read(fd, capture->text + capture->length, room - capture->length - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		capture->length += (size_t)got;
		if (room - capture->length < 2) {
			room *= 2;
			capture->text = realloc(capture->text, room);
		}
	}
	capture->text[capture->length] = '\0';
}

struct job {
	int (*function)(void *context);
	void *context;
	int ends[2];
	pid_t child;
};

static void *start_child(void *job_)
{
	struct job *job = job_;

	job->child = fork();
	if (job->child == 0) {
		close(job->ends[0]);
		run_child(job->ends[1], job->function, job->context);
	}
	return NULL;
}

/*
 * qemu 7.2 numbers threads, and forgets in the child of a fork that the other threads' numbers are free: it aborts where the child
 * makes a thread, unless the one that forked had the highest number. Criterion has threads of its own.
 */
static void start(struct job *job)
{
#ifdef FORK_IN_NEW_THREAD
	pthread_t thread;

	if (pthread_create(&thread, NULL, start_child, job) != 0 || pthread_join(thread, NULL) != 0)
		abort();
#else
	start_child(job);
#endif
}

void capture_run(struct capture *capture, int (*function)(void *context), void *context)
{
	struct job job = { .function = function, .context = context };

	memset(capture, 0, sizeof(*capture));
	if (pipe(job.ends) != 0)
		abort();
	start(&job);
	if (job.child < 0)
		abort();
	close(job.ends[1]);
	read_all(capture, job.ends[0]);
	close(job.ends[0]);
	while (waitpid(job.child, &capture->wait_status, 0) < 0) {
		if (errno != EINTR)
			abort();
	}
}

void capture_finish(struct capture *capture)
{
	free(capture->text);
	capture->text = NULL;
}

bool capture_exited(const struct capture *capture, int status)
{
	return WIFEXITED(capture->wait_status) && WEXITSTATUS(capture->wait_status) == status;
}

bool capture_aborted(const struct capture *capture)
{
	return WIFSIGNALED(capture->wait_status) && WTERMSIG(capture->wait_status) == SIGABRT;
}

size_t capture_count(const struct capture *capture, const char *words)
{
	size_t count = 0;

	for (const char *at = capture->text; (at = strstr(at, words)) != NULL; at += strlen(words))
		count++;
	return count;
}

size_t capture_lines(const struct capture *capture)
{
	return capture_count(capture, "\n");
}
