/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function, file and line for a report that the process prints itself: from a `lastref symbolize`
 * run for the occasion, or else function names from the dynamic symbols.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_SYMBOLS_H
#define LR_RUNTIME_SYMBOLS_H

#include "analyze/symbolizer.h"

#include <stddef.h>
#include <stdint.h>

struct lr_symbols_in_process {
	struct lr_address *asked; /* each once, in the order of the answers */
	size_t asked_count;
	size_t *starts;	 /* of their answers; behind the end where there is none */
	uint32_t *table; /* ordinal + 1 of what is asked, hashed */
	size_t table_room;
	size_t mapped; /* bytes, from asked on */
	char *answers; /* lines of `lastref symbolize`; NULL: it could not be run */
	size_t answers_size;
};

/**
 * lr_symbols_in_process_init() - make @symbolizer resolve through @symbols
 *
 * Its prepare runs the command once (command.h).
 */
void lr_symbols_in_process_init(struct lr_symbols_in_process *symbols,
				struct lr_symbolizer *symbolizer);

/**
 * lr_symbols_in_process_init_for_log() - the same, for a stack at a time
 *
 * Its prepare asks a command that stays (symbol_server.h), since stacks are many.
 */
void lr_symbols_in_process_init_for_log(struct lr_symbols_in_process *symbols,
					struct lr_symbolizer *symbolizer);

void lr_symbols_in_process_finish(struct lr_symbols_in_process *symbols);

/** lr_symbols_restart_in_child() - after fork(): the command that stays is the parent's. */
void lr_symbols_restart_in_child(void);

#endif
