/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of members by which objects hold others, each kept once.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_MEMBERS_H
#define LR_RUNTIME_MEMBERS_H

#include "format/image.h"

/* Longer names are cut. */
#define LR_MEMBER_NAME_MAX 200

/**
 * lr_member_name() - the text of a name, stored at its first use
 * @name: of the program: NULL is fine, and it may fault, which is the caller's to guard against
 *
 * Thread-safe. Return: its reference in the arena; 0 for no name, or if there are too many names or no memory.
 */
lr_text_ref lr_member_name(const char *name);

/** lr_members_restart_in_child() - after fork(): the texts were the parent's. */
void lr_members_restart_in_child(void);

#endif
