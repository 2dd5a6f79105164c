/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leak check: at exit, and whenever the program calls lastref_leak_check().
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_LEAK_CHECK_H
#define LR_RUNTIME_LEAK_CHECK_H

/**
 * lr_leak_check_at_exit() - report what is live and was not reported before
 *
 * Under `lastref run` it only leaves notes in the arena, and the parent reports. May abort (leaks=panic) or end the process
 * with another status (exitcode=).
 */
void lr_leak_check_at_exit(void);

/** lr_leak_check_leave() - the calling thread ends, perhaps within a check. */
void lr_leak_check_leave(void);

/** lr_leak_check_restart_in_child() - after fork(). */
void lr_leak_check_restart_in_child(void);

#endif
