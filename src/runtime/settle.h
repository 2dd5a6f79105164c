/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `settle=MS`: a check begins when no count has changed for so long.
 *
 * Layer: runtime.
 */
#ifndef LR_RUNTIME_SETTLE_H
#define LR_RUNTIME_SETTLE_H

/* The whole wait is at most so many times MS: a program that is always busy must come to its end. */
#define LR_SETTLE_LIMIT 10

/**
 * lr_settle() - wait until no count has changed for `settle=` milliseconds, if that is set
 *
 * What is looked at: births and deaths of all objects, and the counts of those of the template. If something
 * still changes after LR_SETTLE_LIMIT times as long, a note in the arena names it, and the report shows that. A process of one
 * thread does not wait. Thread-safe; not a cancellation point. Holds no lock while it waits.
 */
void lr_settle(void);

#endif
