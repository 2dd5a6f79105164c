/* SPDX-License-Identifier: Apache-2.0 */
/* Misuses a box, or a bare count, in the way that its argument names. Linked without the library it must say so, and abort. */
#include "everything.h"

#include <string.h>

static struct lastref_count bare;
static struct box box;
static struct entry entry;

static void dead_box(void)
{
	box_ref_init(&box);
	box_unref(&box);
}

static void entry_rests(void)
{
	entry_ref_init(&entry);
	entry_unref(&entry);
}

static void overflow(void)
{
	box_ref_restore(&box, INT32_MAX);
	box_ref(&box);
	box_ref(&box);
}

static void misuse(const char *how)
{
	if (strcmp(how, "bare_ref") == 0)
		lastref_count_ref(&bare);
	if (strcmp(how, "ref_uninitialized") == 0)
		box_ref(&box);
	if (strcmp(how, "unref_uninitialized") == 0)
		box_unref(&box);
	if (strcmp(how, "ref_dead") == 0) {
		dead_box();
		box_ref(&box);
	}
	if (strcmp(how, "unref_dead") == 0) {
		dead_box();
		box_unref(&box);
	}
	if (strcmp(how, "ref_at_rest") == 0) {
		entry_rests();
		entry_ref(&entry);
	}
	if (strcmp(how, "unref_at_rest") == 0) {
		entry_rests();
		entry_unref(&entry);
	}
	if (strcmp(how, "overflow") == 0)
		overflow();
	if (strcmp(how, "restore_negative") == 0)
		box_ref_restore(&box, -1);
	if (strcmp(how, "no_function") == 0) {
		static const struct lastref_type none = LASTREF_TYPE("none", struct box);

		lastref_ref(&none, &box);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		misuse(argv[1]);
	return live_with_everything() != 0;
}
