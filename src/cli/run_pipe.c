/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipe for processes of CMD that cannot make an arena: they changed their user or their root folder before
 * their first object, or the file system is full. An open descriptor survives all of that.
 *
 * Layer: cli. Locks: none; one thread.
 *
 * What is not obvious: CMD gets a descriptor that could read too. A daemon may outlive lastref, and a write into
 * a pipe that nobody can read any more is a SIGPIPE, which would kill it.
 */
#include "cli/run_pipe.h"

#include "format/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Out of the way of programs that count their descriptors, and of the arena's. */
#define HIGH_FD 600
/* One process writes a few bytes; what does not fit is lost. */
#define CAPACITY (1024 * 1024)

/* Standard files that lastref was started without must not be taken by a pipe. Return: -1 if there is no room. */
static int lift(int fd)
{
	int lifted;

	if (fd < 0)
		return -1;
	lifted = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	/* Few descriptors are allowed here. */
	if (lifted < 0)
		lifted = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return lifted;
}

/* Another descriptor of the pipe, to read and write; without /proc, @write_end itself. */
static int open_both_ways(int write_end)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", write_end);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return write_end;
	close(write_end);
	return fd;
}

static void close_both(struct lr_run_pipe *pipe)
{
	if (pipe->read_end >= 0)
		close(pipe->read_end);
	if (pipe->write_end >= 0)
		close(pipe->write_end);
	pipe->read_end = -1;
	pipe->write_end = -1;
}

void lr_run_pipe_make(struct lr_run_pipe *pipe)
{
	char number[16];
	int ends[2];

	/* That of a lastref that started this one would get what is meant for us. */
	unsetenv(LR_RUN_FD_VARIABLE);
	*pipe = (struct lr_run_pipe){ .read_end = -1, .write_end = -1 };
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
		return;
	pipe->read_end = lift(ends[0]);
	pipe->write_end = lift(open_both_ways(ends[1]));
	snprintf(number, sizeof(number), "%d", pipe->write_end);
	if (pipe->read_end < 0 || pipe->write_end < 0 || setenv(LR_RUN_FD_VARIABLE, number, 1) != 0)
		close_both(pipe);
	else
		fcntl(pipe->read_end, F_SETPIPE_SZ, CAPACITY);
}

void lr_run_pipe_leave_open(const struct lr_run_pipe *pipe)
{
	if (pipe->write_end >= 0)
		fcntl(pipe->write_end, F_SETFD, 0);
}

static void count(struct lr_run_alone *alone, const char *bytes, ssize_t length)
{
	for (ssize_t i = 0; i < length; i++) {
		alone->processes += bytes[i] == 'a';
		alone->bad |= bytes[i] == 'l' || bytes[i] == 'm';
	}
}

void lr_run_pipe_finish(struct lr_run_pipe *pipe, struct lr_run_alone *ret_alone)
{
	char bytes[4096];
	ssize_t n;

	*ret_alone = (struct lr_run_alone){ 0 };
	if (pipe->read_end < 0)
		return;
	/* The pipe does not block, so an error is the end, too. */
	while ((n = read(pipe->read_end, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR))
		count(ret_alone, bytes, n);
	/* Whoever found something is somebody, even if the rest did not fit. */
	if (ret_alone->bad && ret_alone->processes == 0)
		ret_alone->processes = 1;
	close_both(pipe);
}
