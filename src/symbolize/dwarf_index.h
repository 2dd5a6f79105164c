/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of a module by address, with what is inlined into them, from its DWARF.
 *
 * Layer: symbolize. Not thread-safe.
 */
#ifndef LR_SYMBOLIZE_DWARF_INDEX_H
#define LR_SYMBOLIZE_DWARF_INDEX_H

#include "symbolize/dwarf_names.h"
#include "symbolize/intervals.h"
#include "symbolize/symbolize.h"

#include <elfutils/libdw.h>

struct lr_dwarf_unit;

/* Zeroed memory is an empty one. */
struct lr_dwarf_index {
	struct lr_dwarf_unit *units;
	size_t count;
	struct lr_intervals ranges; /* to ordinals of units */
	struct lr_dwarf_names names;
};

/* Read where the units lie; their content is read when it is asked for. Without memory it stays empty. */
void lr_dwarf_index_init(struct lr_dwarf_index *index, Dwarf *dwarf);
void lr_dwarf_index_finish(struct lr_dwarf_index *index);

/**
 * lr_dwarf_index_frames() - the functions active at an address
 * @address: in the terms of the DWARF
 * @symbol: of the outermost function, as the linker knows it; may be NULL
 * @emit: as in lr_symbols_resolve()
 *
 * Return: false, without a call of @emit, if the DWARF does not cover @address.
 */
bool lr_dwarf_index_frames(struct lr_dwarf_index *index, uint64_t address, const char *symbol,
			   lr_symbol_emit emit, void *context);

#endif
