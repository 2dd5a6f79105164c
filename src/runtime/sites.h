/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trie of sites: each node is a frame and its path to the root a stack, found by the hash of that path alone.
 *
 * Layer: runtime. Thread-safe; lock-free but for the first node of a module.
 */
#ifndef LR_RUNTIME_SITES_H
#define LR_RUNTIME_SITES_H

#include <stdint.h>

/** lr_sites_find() - the node of a path. Return: its id, or 0 if there is none yet. */
uint32_t lr_sites_find(uint64_t hash, uintptr_t pc);

/**
 * lr_sites_intern() - the node of a path, made if there is none yet
 * @hash: of the path from the root to here
 * @pc: return address of its innermost frame
 * @parent: id of the node of the path without that frame; 0 if it is the only one
 * @flags: LR_SITE_*
 *
 * Two threads that intern the same path at once get the same id.
 *
 * Return: the id (ordinal + 1 in LR_SITES), or 0 if there is no memory.
 */
uint32_t lr_sites_intern(uint64_t hash, uintptr_t pc, uint32_t parent, uint32_t flags);

/** lr_sites_restart_in_child() - after fork(): the arena is empty, forget all. */
void lr_sites_restart_in_child(void);

#endif
