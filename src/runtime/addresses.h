/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an object's address to its index, for objects whose count has no room for one: types that register by hand.
 *
 * Layer: runtime. Thread-safe.
 */
#ifndef LR_RUNTIME_ADDRESSES_H
#define LR_RUNTIME_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

/* Set in what lr_address_find() returns if the object has been removed since; the index below it may be in use again. */
#define LR_ADDRESS_REMOVED 0x80000000u

/** lr_address_find() - the index stored for @object, with LR_ADDRESS_REMOVED if it is gone; 0 if there never was one. */
uint32_t lr_address_find(const void *object);

/**
 * lr_address_add() - store an index
 *
 * Return: 0; -EEXIST if an object is there at this address (another thread came first); -ENOMEM.
 */
int lr_address_add(const void *object, uint32_t index);

/**
 * lr_address_remove() - forget an index, for exactly one caller
 *
 * Return: true if @index was stored for @object; false if another thread was faster.
 */
bool lr_address_remove(const void *object, uint32_t index);

/** lr_address_restart_in_child() - after fork(): the content stays, the parent's objects are known by their indexes. */
void lr_address_restart_in_child(void);

#endif
