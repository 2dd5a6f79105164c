/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns: one check at a time reads counts, or holds references that others would count.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_TURN_H
#define LR_RUNTIME_TURN_H

#include <stdbool.h>
#include <stdint.h>

/**
 * lr_turn_begin() - wait until it is this thread's turn
 *
 * May be called again by the thread that has it; there is an lr_turn_end() for each. If whoever has
 * it gets nowhere for some seconds, the turn is taken from it, which is said on standard error.
 */
void lr_turn_begin(void);

void lr_turn_end(void);

/** lr_turn_step() - who has the turn says that it gets somewhere. */
void lr_turn_step(void);

/**
 * lr_turn_is_ours() - is the calling thread between the two? Then it is in a function of the
 * program that a check called.
 */
bool lr_turn_is_ours(void);

/**
 * lr_turn_await() - wait until a count of checks falls, as patiently as for a turn
 * @count: which nobody who lowers it tells of
 * @rest: how low
 *
 * Return: false if the checks get nowhere.
 */
bool lr_turn_await(const uint32_t *count, uint32_t rest);

/** lr_turn_leave() - the calling thread ends: give back the turn, if it has it. */
void lr_turn_leave(void);

/** lr_turn_restart_in_child() - after fork(). */
void lr_turn_restart_in_child(void);

#endif
