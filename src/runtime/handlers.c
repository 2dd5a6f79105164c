/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers.
 *
 * Layer: runtime. Locks: none.
 *
 * Two words that change together: a handler is published by pointer. What was published once never changes and is never freed,
 * so whoever reads it, at whatever time, reads what somebody set; and it is found again when it is set again.
 */
#include "runtime/handlers.h"

#include "base/pages.h"

#include <stdbool.h>
#include <stdint.h>

#define FIRST_HANDLERS 64u

static struct lr_handler first_handlers[FIRST_HANDLERS];
static uint32_t first_handlers_used;
static struct lr_handler *handlers; /* grows at its head only */

/* A page each is much, but a program that sets so many different ones is not known. */
static struct lr_handler *new_handler(void)
{
	if (__atomic_load_n(&first_handlers_used, __ATOMIC_RELAXED) < FIRST_HANDLERS) {
		uint32_t place = __atomic_fetch_add(&first_handlers_used, 1, __ATOMIC_RELAXED);

		if (place < FIRST_HANDLERS)
			return &first_handlers[place];
	}
	return lr_pages_map(sizeof(struct lr_handler));
}

/* The one that says so, be it new; NULL without memory. Two threads at once may add the same twice. */
static const struct lr_handler *intern(lr_handler_function function, void *context)
{
	/* Pairs with the release below. */
	struct lr_handler *first = __atomic_load_n(&handlers, __ATOMIC_ACQUIRE);
	struct lr_handler *handler;

	for (handler = first; handler; handler = handler->next) {
		if (handler->function == function && handler->context == context)
			return handler;
	}
	handler = new_handler();
	if (!handler)
		return NULL;
	*handler = (struct lr_handler){ .next = first, .function = function, .context = context };
	while (!__atomic_compare_exchange_n(&handlers, &handler->next, handler, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		continue;
	return handler;
}

void lr_handler_set(struct lr_handler_slot *slot, lr_handler_function function, void *context)
{
	const struct lr_handler *next = function ? intern(function, context) : NULL;

	/* Pairs with the acquire in lr_handler_get(). */
	__atomic_store_n(&slot->current, next, __ATOMIC_RELEASE);
}
