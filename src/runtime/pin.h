/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pins: a library that stays loaded while a check calls into it.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_PIN_H
#define LR_RUNTIME_PIN_H

#include <stdbool.h>
#include <stdint.h>

struct lr_pin {
	void *handle; /* NULL where nothing needs to be kept: the program itself, and all in a static one */
};

/**
 * lr_pin_take() - have the library of a function stay until lr_pin_drop()
 * @function: an address of code; nothing need be there any more
 *
 * Takes the loader's locks: not in a signal handler, and not with a lock of the runtime held. Thread-safe.
 *
 * Return: false if no library is there, or the loader cannot be asked (lr_loader_may_hang()); then there is nothing to drop.
 */
bool lr_pin_take(struct lr_pin *pin, uintptr_t function);

/** lr_pin_drop() - undo lr_pin_take(). If the program closed the library meanwhile, it is unloaded now, on this thread. */
void lr_pin_drop(const struct lr_pin *pin);

#endif
