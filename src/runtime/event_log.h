/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event log: one line an event, with its stack in full the first time and by number after that.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_EVENT_LOG_H
#define LR_RUNTIME_EVENT_LOG_H

#include "runtime/types.h"

/**
 * lr_log_event() - write an event
 * @what: "registered", "ref", "tryref", "unref", "unregistered", or lr_misuse_words()
 * @object: printed, never followed
 * @index: of its record, for its name; 0 unknown
 * @count: that resulted; -1 unknown
 * @site: its stack
 *
 * One write(2) an event, so that lines of threads do not mix. Async-signal-safe.
 */
void lr_log_event(const struct lr_type_info *type, const char *what, const void *object,
		  uint32_t index, int64_t count, uint32_t site);

#endif
