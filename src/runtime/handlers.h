/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers that the program sets: a function and its context, which must never be seen one without the other.
 *
 * Layer: runtime. Thread-safe and async-signal-safe.
 */
#ifndef LR_RUNTIME_HANDLERS_H
#define LR_RUNTIME_HANDLERS_H

/* Cast back to its own type before it is called. */
typedef void (*lr_handler_function)(void);

struct lr_handler {
	struct lr_handler *next; /* in the list of all */
	lr_handler_function function;
	void *context;
};

/* What is set now. Starts as all zero: nothing. */
struct lr_handler_slot {
	const struct lr_handler *current;
};

/** lr_handler_set() - set a handler; NULL for none. Without memory for it there is none. */
void lr_handler_set(struct lr_handler_slot *slot, lr_handler_function function, void *context);

/** lr_handler_get() - what is set; NULL if nothing is. It stays for ever. */
static inline const struct lr_handler *lr_handler_get(const struct lr_handler_slot *slot)
{
	/* Pairs with the release in lr_handler_set(). */
	return __atomic_load_n(&slot->current, __ATOMIC_ACQUIRE);
}

#endif
