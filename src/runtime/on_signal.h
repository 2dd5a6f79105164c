/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `signal=NAME`: a snapshot of a process that never ends, whenever somebody sends it a signal.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_ON_SIGNAL_H
#define LR_RUNTIME_ON_SIGNAL_H

/**
 * lr_on_signal_start() - handle a signal from now on
 * @number: 0 for none
 *
 * Once, when settings were read and the output is known. Replaces what was there; what the program sets later replaces this.
 */
void lr_on_signal_start(int number);

/** lr_on_signal_restart_in_child() - after fork(): the child's snapshots are counted from 1. */
void lr_on_signal_restart_in_child(void);

#endif
