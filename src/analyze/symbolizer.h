/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a report or a fingerprint needs to know of an address, whoever knows it: elfutils in the command, a `lastref symbolize` at the other end of a pipe
 * or what the modules export, in the process.
 *
 * Layer: analyze, which knows none of them.
 */
#ifndef LR_ANALYZE_SYMBOLIZER_H
#define LR_ANALYZE_SYMBOLIZER_H

#include "base/file_stamp.h"

#include <stddef.h>
#include <stdint.h>

/* An address in a module, as the image knows it. */
struct lr_address {
	const char *module;	 /* path; "" if unknown */
	const uint8_t *build_id; /* NULL if build_id_size is 0 */
	size_t build_id_size;
	struct lr_file_stamp stamp; /* of the file, if build_id_size is 0 */
	uint64_t offset; /* address in the file: of the call, not of the instruction after it */
	uint64_t pc;	 /* runtime address of the same */
};

/* One function that is active at an address. Strings are valid during the call of emit. */
struct lr_frame {
	const char *function; /* NULL if unknown */
	const char *file;     /* path as the compiler recorded it; NULL if unknown */
	unsigned int line;    /* 0 if unknown */
	unsigned int column;  /* of the call, from 1; 0 if unknown */
};

typedef void (*lr_frame_emit)(const struct lr_frame *frame, void *context);

struct lr_symbolizer {
	void *context;

	/* Told once, before the first resolve, of all addresses that will be asked for; may be NULL. */
	void (*prepare)(void *context, const struct lr_address *addresses, size_t count);

	/* Calls @emit for each function active at @address, innermost (inlined) first; not at all if nothing is known. */
	void (*resolve)(void *context, const struct lr_address *address, lr_frame_emit emit,
			void *emit_context);
};

#endif
