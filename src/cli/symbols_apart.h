/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols read in a process apart: what reads debug information may crash, and the report must not.
 *
 * libdw does not survive every failing malloc() nor every damaged file. So a child of the command resolves all addresses of a
 * report, and sends what it finds through a pipe. If it dies, the module that it was reading is left out, and another child
 * goes on after it.
 *
 * Layer: cli. Not thread-safe.
 */
#ifndef LR_CLI_SYMBOLS_APART_H
#define LR_CLI_SYMBOLS_APART_H

#include "analyze/symbolizer.h"

#include <stdbool.h>

struct lr_symbols_apart;

/** lr_symbols_apart_create() - begin. Return: NULL without memory. */
struct lr_symbols_apart *lr_symbols_apart_create(void);
void lr_symbols_apart_destroy(struct lr_symbols_apart *symbols);

/**
 * lr_symbols_apart_init() - a symbolizer that knows what its prepare was told
 * @symbols: may be NULL: then nothing is known of any address
 *
 * What was prepared for one report is kept for the next. A module that could not be read is complained of once.
 */
void lr_symbols_apart_init(struct lr_symbols_apart *symbols, struct lr_symbolizer *ret_symbolizer);

/** lr_symbols_apart_is_stale() - is nothing known of this address because its module was built again since? */
bool lr_symbols_apart_is_stale(const struct lr_symbols_apart *symbols,
			       const struct lr_address *address);

#endif
