/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping a library loaded.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_LOADER_H
#define LR_RUNTIME_LOADER_H

#include <stdbool.h>

/**
 * lr_loader_may_hang() - may a thread that is not there hold the lock of the loader's list, for ever?
 *
 * It may in the child of a fork: fork(2) copies the lock, and glibc does not reset it. Then nothing that takes it, dl_iterate_phdr() or
 * lr_loader_keep(), must be called.
 */
bool lr_loader_may_hang(void);

/** lr_loader_restart_in_child() - after fork(), in the child. */
void lr_loader_restart_in_child(void);

/**
 * lr_loader_keep() - have a library that is loaded stay until lr_loader_release()
 * @name: its name, as dl_iterate_phdr() tells it; "" is the program
 *
 * Takes the loader's locks: not in a signal handler, and not with a lock of the runtime held. Thread-safe.
 *
 * Return: what lr_loader_release() takes; NULL if no library of that name is loaded, and in a static program.
 */
void *lr_loader_keep(const char *name);

/** lr_loader_release() - undo one lr_loader_keep(). @kept may be NULL. May unload the library, on this thread. */
void lr_loader_release(void *kept);

#endif
