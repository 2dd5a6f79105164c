/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's side. The first argument says what crosses. With a second one, the library is that plugin, and keeps its symbols to
 * itself.
 */
#include "cross.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#ifdef PLUGIN
static const struct library *load(const char *path)
{
	void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!plugin) {
		fprintf(stderr, "%s\n", dlerror());
		exit(2);
	}
	return dlsym(plugin, "library");
}
#else
static const struct library *load(const char *path)
{
	(void)path;
	return &library;
}
#endif

static void evict_there(const struct library *there)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		abort();
	entry_ref_init(entry);
	entry_unref(entry);
	there->evict(entry);
}

/* The address is used again: what the first object left must not be taken for this one's. */
static void often(const struct library *there)
{
	for (int i = 0; i < 1000; i++)
		there->release(box_new());
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const struct library *there = load(argc > 2 ? argv[2] : NULL);

	if (strcmp(what, "born_there") == 0)
		box_unref(box_ref(there->make()));
	if (strcmp(what, "made_there") == 0)
		box_unref(there->make());
	if (strcmp(what, "freed_there") == 0)
		there->release(box_new());
	if (strcmp(what, "freed_there_often") == 0)
		often(there);
	if (strcmp(what, "evicted_there") == 0)
		evict_there(there);
	if (strcmp(what, "leaked_there") == 0) {
		struct box *box = box_new();

		there->hold(box);
		box_unref(box);
	}
	if (strcmp(what, "misused_there") == 0) {
		static struct box dead;

		box_ref_restore(&dead, 0);
		there->release(&dead);
	}
	printf("live %zu\n", lastref_live_objects());
	return 0;
}
