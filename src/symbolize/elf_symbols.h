/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function symbols of a module, by address.
 *
 * Layer: symbolize. Not thread-safe.
 */
#ifndef LR_SYMBOLIZE_ELF_SYMBOLS_H
#define LR_SYMBOLIZE_ELF_SYMBOLS_H

#include "symbolize/intervals.h"

#include <elfutils/libdwfl.h>

/* Zeroed memory is an empty one. */
struct lr_elf_symbols {
	struct lr_elf_symbol *items;
	size_t count;
	struct lr_intervals ranges;
};

/* Read .symtab, or .dynsym if there is none. Without memory it stays empty. */
void lr_elf_symbols_init(struct lr_elf_symbols *symbols, Dwfl_Module *module);
void lr_elf_symbols_finish(struct lr_elf_symbols *symbols);

/* Return: the innermost function symbol that covers @address, as the linker knows it; NULL if there is none. */
const char *lr_elf_symbols_find(const struct lr_elf_symbols *symbols, uint64_t address);

#endif
