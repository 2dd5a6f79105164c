/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaks without names, because their program was rebuilt since: they compare with nothing.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_REBUILT_H
#define LR_CLI_REBUILT_H

#include "cli/known.h"
#include "cli/symbols_apart.h"

#include <stdbool.h>

/**
 * lr_rebuilt_refuse() - can the leaks of two sides not be compared?
 * @a, @b: read by lr_known_side_read() with @symbols
 *
 * They cannot if modules of one side were rebuilt, and not the same ones of the other in the same
 * build: without names a leak has another fingerprint. Where one side has no leaks there is nothing
 * to compare.
 *
 * Return: true after a message.
 */
bool lr_rebuilt_refuse(const struct lr_known_side *a, const struct lr_known_side *b,
		       const struct lr_symbols_apart *symbols);

#endif
