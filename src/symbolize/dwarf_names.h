/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of C++ functions that only their file can call, from the DWARF: ns::(anonymous namespace)::box::ref.
 *
 * Layer: symbolize. Not thread-safe.
 */
#ifndef LR_SYMBOLIZE_DWARF_NAMES_H
#define LR_SYMBOLIZE_DWARF_NAMES_H

#include <elfutils/libdw.h>
#include <stddef.h>

#define LR_DWARF_NAME_MAX 1024

/**
 * lr_dwarf_linkage_name() - the name that the linker knows a function by
 *
 * Return: NULL if the DWARF has none, as that of gcc for functions that other files cannot call.
 */
const char *lr_dwarf_linkage_name(Dwarf_Die *die);

/* Zeroed memory is an empty one. */
struct lr_dwarf_names {
	void *lists; /* of children, by their parent: a tree of tsearch(3) */
};

void lr_dwarf_names_finish(struct lr_dwarf_names *names);

/**
 * lr_dwarf_qualified_name() - the name of a function of C++, with the namespaces and classes around it
 * @names: keeps what was read, so that the next name costs less. All entries must stay
 * @die: the function, or a call that it is inlined at
 * @name: filled; untouched if there is none
 *
 * As the demangler has it, but that functions around a class are without their parameters, and a lambda is "{lambda}".
 *
 * Return: @name; NULL for other languages, for a name that is too long, for DWARF that is damaged, and without memory.
 */
const char *lr_dwarf_qualified_name(struct lr_dwarf_names *names, Dwarf_Die *die,
				    char name[LR_DWARF_NAME_MAX]);

#endif
