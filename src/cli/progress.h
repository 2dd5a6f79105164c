/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes long: one line on the terminal of standard error, which is overwritten and erased at the end.
 *
 * Layer: cli.
 */
#ifndef LR_CLI_PROGRESS_H
#define LR_CLI_PROGRESS_H

/** lr_progress_begin() - from now on; nothing is shown in the first second, nor where standard error is no terminal */
void lr_progress_begin(void);

/** lr_progress() - what is being done. Does nothing before lr_progress_begin(). */
void lr_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** lr_progress_hide() - erase the line: something else is written now. It comes back a moment later. */
void lr_progress_hide(void);

/** lr_progress_end() - erase it for good */
void lr_progress_end(void);

#endif
