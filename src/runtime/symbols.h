/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function, file and line for a report that the process prints itself: from a `lastref symbolize` run for the occasion, or else function names
 * from the dynamic symbols.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_SYMBOLS_H
#define LR_RUNTIME_SYMBOLS_H

#include "export/symbolizer.h"

/* Set by `lastref run`: which command to run. Internal. */
#define LR_COMMAND_VARIABLE "LASTREF_COMMAND"

struct lr_symbols_in_process {
	uint64_t *asked; /* pcs, in the order of the answers */
	size_t asked_count;
	char *answers; /* lines of `lastref symbolize`; NULL: it could not be run */
	size_t answers_size;
};

/**
 * lr_symbols_in_process_init() - make @symbolizer resolve through @symbols
 *
 * The command is the one that LASTREF_COMMAND names, or else the first found in PATH and where it was installed. It is run without LASTREF and LD_PRELOAD in
 * its environment, and without a SIGCHLD for the program.
 */
void lr_symbols_in_process_init(struct lr_symbols_in_process *symbols,
				struct lr_symbolizer *symbolizer);
void lr_symbols_in_process_finish(struct lr_symbols_in_process *symbols);

#endif
