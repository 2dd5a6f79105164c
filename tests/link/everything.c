/* SPDX-License-Identifier: Apache-2.0 */
/* Every public function of lastref, in a program that does not link the library. Exit status 0 if nothing is checked. */
#include "everything.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void handler(const struct lastref_misuse *misuse, void *context)
{
	(void)misuse;
	(void)context;
}

static void report_handler(const struct lastref_report *report, void *context)
{
	(void)report;
	(void)context;
}

static int check_nothing(void)
{
	static struct box box;
	const struct lastref_type *type = box_ref_type();

	lastref_set_leak_mode(LASTREF_LEAKS_PANIC);
	EXPECT(lastref_get_leak_mode() == LASTREF_LEAKS_OFF);
	lastref_set_misuse_handler(handler, LASTREF_NULL_);
	EXPECT(strcmp(lastref_version(), LASTREF_VERSION_STRING) == 0);
	box_ref_init(&box);
	lastref_register(type, &box);
	lastref_register(type, &box);
	lastref_log_ref(type, &box, 2);
	lastref_log_tryref(type, &box, 3);
	lastref_log_unref(type, &box, 2);
	EXPECT(lastref_live_objects() == 0 && lastref_leak_check() == 0);
	EXPECT(lastref_leaks_since(lastref_checkpoint_now()) == 0);
	lastref_ignore(&box, "nothing is checked");
	lastref_set_report_handler(report_handler, LASTREF_NULL_);
	EXPECT(lastref_snapshot("never") == -ENODATA);
	lastref_unregister(type, &box);
	lastref_unregister(type, &box);
	EXPECT(lastref_ref(type, &box) && lastref_tryref(type, &box) &&
	       lastref_ref_count(type, &box) == 3);
	EXPECT(lastref_unref(type, &box) == LASTREF_NULL_ && box.refs.index == 0);
	return 0;
}

int main(void)
{
	int line = live_with_everything();

	line = line ? line : check_nothing();
	if (line)
		fprintf(stderr, "line %d\n", line);
	return line != 0;
}
