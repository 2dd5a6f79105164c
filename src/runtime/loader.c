/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping a library loaded.
 *
 * Layer: runtime. Locks: none of ours; the loader's.
 *
 * A program that is linked statically and calls dlopen() is warned of that when it is linked, so dlopen() is looked up by name; and dlsym()
 * itself is weak, for a static program has no use for it.
 */
#include "runtime/loader.h"

#include <dlfcn.h>
#include <stddef.h>

#pragma weak dlsym

static bool is_child; /* of a fork */

bool lr_loader_may_hang(void)
{
	return is_child;
}

void lr_loader_restart_in_child(void)
{
	is_child = true;
}

static void *find_function(const char *name)
{
	return dlsym ? dlsym(RTLD_DEFAULT, name) : NULL;
}

void *lr_loader_keep(const char *name)
{
	void *(*open_function)(const char *, int) = NULL;

	*(void **)&open_function = find_function("dlopen");
	return open_function ? open_function(name, RTLD_LAZY | RTLD_NOLOAD) : NULL;
}

void lr_loader_release(void *kept)
{
	int (*close_function)(void *) = NULL;

	if (!kept)
		return;
	*(void **)&close_function = find_function("dlclose");
	if (close_function)
		close_function(kept);
}
