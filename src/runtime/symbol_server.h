/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A `lastref symbolize` that stays while the program runs, for the stacks of the event log: they come one by one, and a command for
 * each would take seconds for a thousand.
 *
 * Layer: runtime. Thread-safe.
 */
#ifndef LR_RUNTIME_SYMBOL_SERVER_H
#define LR_RUNTIME_SYMBOL_SERVER_H

#include "base/sink.h"
#include "analyze/symbolizer.h"

#include <stdbool.h>

/** lr_symbol_question() - write what `lastref symbolize` is asked for @address: symbolize/serve.h has the form. */
void lr_symbol_question(struct lr_sink *sink, const struct lr_address *address);

/**
 * lr_symbol_server_ask() - the answers for some addresses
 * @ret_answers, @ret_size: as `lastref symbolize` gave them, in the order of @addresses; pages, for the caller to unmap
 *
 * Starts the command if it does not run. What was asked before is remembered. Blocks signals meanwhile. Not from a signal handler that
 * interrupted a part with a lock.
 *
 * Return: false if there is no command, or it does not answer, or there is no memory.
 */
bool lr_symbol_server_ask(const struct lr_address *addresses, size_t count, char **ret_answers,
			  size_t *ret_size);

/** lr_symbol_server_restart_in_child() - after fork(): it is the parent's. */
void lr_symbol_server_restart_in_child(void);

#endif
