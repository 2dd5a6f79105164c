/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of functions, from what modules export. Where no lastref command gives better ones, these are all there are.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_EXPORTED_H
#define LR_RUNTIME_EXPORTED_H

#include <stdint.h>

/**
 * lr_exported_name() - the exported function that holds an address
 *
 * @pc: in a module that stays during the call: one of a frame of the calling thread's stack
 *
 * What dladdr() tells, without the loader's lock: async-signal-safe, whatever was interrupted.
 *
 * Return: its name, which stays while its module does; NULL if there is none.
 */
const char *lr_exported_name(uintptr_t pc);

#endif
