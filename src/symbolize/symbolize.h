/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses to function, file, line and inlined frames, through elfutils: the only folder that knows it.
 *
 * Modules are opened by path, must have the build-id that the image recorded, and get their debug information from
 * themselves or from a separate file found by build-id or debug link. The network (debuginfod) is asked only if the
 * user said so.
 *
 * Layer: symbolize. Not thread-safe.
 */
#ifndef LR_SYMBOLIZE_H
#define LR_SYMBOLIZE_H

#include "base/file_stamp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lr_symbols;

struct lr_symbol_frame {
	const char *function; /* demangled, qualified, without parameters; NULL if unknown */
	const char *file;     /* as the compiler recorded it; NULL if unknown */
	unsigned int line;
	unsigned int column; /* of the call, from 1; 0 if unknown */
};

/* The ELF file that was loaded. */
struct lr_symbols_file {
	const char *path;
	const uint8_t *build_id;
	size_t build_id_size;
	struct lr_file_stamp stamp; /* what it must have where build_id_size is 0; anything goes if that is not known either */
};

typedef void (*lr_symbol_emit)(const struct lr_symbol_frame *frame, void *context);

/**
 * lr_symbols_create() - begin
 * @network: let elfutils ask debuginfod servers (DEBUGINFOD_URLS). If not, DEBUGINFOD_URLS is taken out of the
 *	environment of this process, which is the only switch that elfutils has: so start programs that shall see it
 *	before.
 *
 * Return: NULL without memory.
 */
struct lr_symbols *lr_symbols_create(bool network);
void lr_symbols_destroy(struct lr_symbols *symbols);

/**
 * lr_symbols_resolve() - the functions active at an address
 * @file: where it is looked for; its strings are borrowed during the call
 * @offset: the address in the file (st_value's terms), inside the call instruction
 * @emit: called for each frame, innermost (inlined) first; not at all if nothing is known. The strings are valid
 *	during the call
 *
 * What was read of a module is kept, so that the next address in it costs microseconds. Return: 0; -ENOENT if the
 * module cannot be opened or is not ELF; -ESTALE if it is not the file that was loaded (another build-id, or
 * stamp). An address with no symbol gives 0 and no call of @emit.
 */
int lr_symbols_resolve(struct lr_symbols *symbols, const struct lr_symbols_file *file,
		       uint64_t offset, lr_symbol_emit emit, void *context);

#endif
