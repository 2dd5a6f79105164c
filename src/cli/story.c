/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a process ended, in words: for `lastref run`, which was there, and for `lastref report`, which has it
 * from the file.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/story.h"

#include "base/clock.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define NAME_LIMIT 100

void lr_story_name(struct lr_sink *sink, const struct lr_image *image)
{
	size_t length;
	const char *name = lr_image_text(image, image->header->command, &length);

	if (length == 0)
		lr_sink_text(sink, "a program");
	else
		lr_sink_foreign(sink, name, length, NAME_LIMIT);
}

/* What lives in a process that goes on may be wanted. */
static void tell_of_snapshot(struct lr_sink *sink, const struct lr_image *image)
{
	time_t taken = (time_t)(image->header->taken / LR_NS_PER_SECOND);
	char when[64] = "";
	struct tm local;

	if (localtime_r(&taken, &local))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local);
	lr_sink_text(sink, "lastref: ");
	lr_story_name(sink, image);
	lr_sink_printf(sink, " (process %u) went on after this snapshot, of %s\n",
		       image->header->pid, when);
}

void lr_story_of_end(struct lr_sink *sink, const struct lr_image *image)
{
	int status = (int)image->header->exit_status;
	const char *name;

	if (image->header->state == LR_PROCESS_SNAPSHOT)
		tell_of_snapshot(sink, image);
	if (image->header->state != LR_PROCESS_LEFT)
		return;
	lr_sink_text(sink, "lastref: ");
	lr_story_name(sink, image);
	if (WIFSIGNALED(status)) {
		name = sigabbrev_np(WTERMSIG(status));
		lr_sink_printf(sink, " was killed by signal %d (%s) before the check at exit",
			       WTERMSIG(status), name != NULL ? name : "?");
	} else {
		lr_sink_text(sink,
			     " ended without the check at exit (it was killed, or called _exit or exec)");
	}
	lr_sink_text(sink,
		     ": objects are named by number only, without descriptions, and who holds whom is not known\n");
}
