/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C++ and Rust names for people, through libiberty: the demangler of gcc, gdb and binutils, in C.
 *
 * Layer: symbolize. Locks: none.
 *
 * libiberty knows the manglings of D and Ada too, and a C name may look like one of those; so it is given only names with
 * the prefixes of C++ and Rust, which C reserves. It limits its own recursion.
 */
#include "symbolize/demangle.h"

#include <libiberty/demangle.h>
#include <stddef.h>
#include <string.h>

/* Template arguments can make names of megabytes out of a few bytes. */
#define LR_MANGLED_MAX 4096

char *lr_demangle(const char *name)
{
	if (!name || (strncmp(name, "_Z", 2) && strncmp(name, "_R", 2)))
		return NULL;
	if (strnlen(name, LR_MANGLED_MAX) == LR_MANGLED_MAX)
		return NULL;
	return cplus_demangle(name, DMGL_AUTO);
}
