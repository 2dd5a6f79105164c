/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots on a signal.
 *
 * Layer: runtime. Locks: none; the snapshot is written by the thread that gets the signal, in the handler, while all others go on.
 *
 * The image is read as every reader reads it, without a lock, whatever was interrupted. What needs to call the program, descriptions, is left out: the
 * interrupted thread may hold any lock of the program. The name of the file is told on standard error, and can be found without that: it is in the
 * folder of `output=`, or in TMPDIR, or in /tmp, and has the process id and a number in it.
 */
#include "runtime/on_signal.h"

#include "base/sink.h"
#include "runtime/arena.h"
#include "runtime/output.h"
#include "runtime/snapshot.h"
#include "runtime/start.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX]; /* changes only where no other thread is: at the start, and in the child of a fork */
static uint32_t taken; /* snapshots so far, guarded by busy */
static bool busy;

/* Return: false if `output=` names none. */
static bool choose_folder_of_output(void)
{
	const char *output = lr_output_path();
	const char *slash = strrchr(output, '/');

	if (output[0] != '/' || (size_t)(slash - output) >= sizeof(folder))
		return false;
	memcpy(folder, output, (size_t)(slash - output));
	folder[slash - output] = '\0';
	return true;
}

static void choose_folder(void)
{
	const char *temporary = secure_getenv("TMPDIR");

	if (choose_folder_of_output())
		return;
	if (!temporary || temporary[0] != '/' || strlen(temporary) >= sizeof(folder))
		temporary = "/tmp";
	memcpy(folder, temporary, strlen(temporary) + 1);
}

static void compose_path(char *path, size_t size)
{
	struct lr_sink sink;

	lr_sink_init_memory(&sink, path, size - 1);
	lr_sink_text(&sink, folder);
	lr_sink_text(&sink, "/lastref-");
	lr_sink_decimal(&sink, (uint64_t)getpid());
	lr_sink_text(&sink, ".");
	lr_sink_decimal(&sink, taken);
	lr_sink_text(&sink, ".snapshot");
	path[sink.length] = '\0';
}

/* The next name that is free: a process that had this id before may have left its snapshots, which are not ours to replace. */
static void choose_path(char *path, size_t size)
{
	struct stat status;

	do {
		taken++;
		compose_path(path, size);
	} while (lstat(path, &status) == 0);
}

static void tell(const char *path, int error)
{
	struct lr_sink sink;

	lr_sink_init(&sink, lr_start_error_output());
	lr_sink_text(&sink, error ? "lastref: cannot write the snapshot " : "lastref: snapshot ");
	lr_sink_text(&sink, path);
	if (error) {
		lr_sink_text(&sink, ": ");
		lr_sink_text(&sink, strerrordesc_np(-error));
	}
	lr_sink_text(&sink, "\n");
	lr_sink_flush(&sink);
}

static void take_snapshot(void)
{
	static char path[PATH_MAX + 64]; /* guarded by busy */
	uint32_t before = taken;
	int error;

	choose_path(path, sizeof(path));
	error = lr_snapshot_write(&lr_arena_image, path);
	tell(path, error);
	/* The number of a file that is not there must not be waited for. */
	if (error)
		taken = before;
}

/* A second signal meanwhile is for the same moment. */
static void handle(int number)
{
	int saved = errno;

	(void)number;
	if (!__atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE)) {
		if (lr_start_checking())
			take_snapshot();
		/* Pairs with the acquire above. */
		__atomic_store_n(&busy, false, __ATOMIC_RELEASE);
	}
	errno = saved;
}

void lr_on_signal_start(int number)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART | SA_ONSTACK };

	if (number == 0)
		return;
	choose_folder();
	sigaction(number, &action, NULL);
}

/* The process id may be in the name of the folder. TMPDIR is that of the start. */
void lr_on_signal_restart_in_child(void)
{
	choose_folder_of_output();
	taken = 0;
	__atomic_store_n(&busy, false, __ATOMIC_RELAXED);
}
