/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress on a terminal.
 *
 * Layer: cli. Locks: none; one thread, and the handler of SIGALRM in it.
 *
 * What is not obvious: the line is shown by a timer and not by those who do the work, who may be in a call that takes long. The handler
 * uses write() alone, and keeps away while the text is being changed.
 */
#include "cli/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#define STEP_US 250000
#define WIDTH_MAX 160

static const char erase[] = "\r\033[K";

static volatile sig_atomic_t changing; /* the text is, or what is shown */
static bool begun;
static volatile sig_atomic_t shown;
static size_t width;
static size_t length;
static char line[sizeof(erase) + WIDTH_MAX];
static struct sigaction before;

static void show(int number)
{
	int error = errno;

	(void)number;
	if (!changing && length > 0)
		shown |= write(STDERR_FILENO, line, length) > 0;
	errno = error;
}

/*
 * The width of the terminal, less the last column, in which some begin a new line. 0 if it cannot erase, or nobody looks at it: some
 * CI systems give their jobs one.
 */
static size_t find_width(void)
{
	const char *kind = getenv("TERM");
	const char *job = getenv("CI");
	struct winsize size = { .ws_col = 0 };

	if (!isatty(STDERR_FILENO) || kind == NULL || strcmp(kind, "dumb") == 0 ||
	    (job != NULL && *job != '\0'))
		return 0;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
		size.ws_col = 80;
	return size.ws_col - 1u < WIDTH_MAX ? size.ws_col - 1u : WIDTH_MAX;
}

static void set_timer(time_t first, suseconds_t step)
{
	const struct itimerval timer = { .it_value = { .tv_sec = first },
					 .it_interval = { .tv_usec = step } };

	setitimer(ITIMER_REAL, &timer, NULL);
}

void lr_progress_begin(void)
{
	const struct sigaction action = { .sa_handler = show, .sa_flags = SA_RESTART };
	struct itimerval others;

	width = find_width();
	/* Whoever set a timer for this process before it began keeps it. */
	if (width == 0 || getitimer(ITIMER_REAL, &others) != 0 || others.it_value.tv_sec != 0 ||
	    others.it_value.tv_usec != 0 || sigaction(SIGALRM, &action, &before) != 0)
		return;
	begun = true;
	set_timer(1, STEP_US);
}

void lr_progress(const char *format, ...)
{
	size_t room = sizeof(erase) + width;
	va_list arguments;
	int n, more;

	if (!begun)
		return;
	changing = 1;
	n = snprintf(line, room, "%slastref: ", erase);
	va_start(arguments, format);
	more = vsnprintf(line + n, room - (size_t)n, format, arguments);
	va_end(arguments);
	length = more < 0 ? 0 : strlen(line);
	changing = 0;
}

void lr_progress_hide(void)
{
	if (!begun)
		return;
	changing = 1;
	if (shown && write(STDERR_FILENO, erase, sizeof(erase) - 1) > 0)
		shown = 0;
	changing = 0;
}

void lr_progress_end(void)
{
	if (!begun)
		return;
	set_timer(0, 0);
	sigaction(SIGALRM, &before, NULL);
	lr_progress_hide();
	begun = false;
}
