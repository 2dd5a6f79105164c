/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fingerprints: names of causes that stay, over runs, machines and rebuilds, for baselines and suppressions.
 *
 * Layer: analyze. Thread-safe if the symbolizer is.
 */
#ifndef LR_ANALYZE_FINGERPRINT_H
#define LR_ANALYZE_FINGERPRINT_H

#include "analyze/findings.h"
#include "analyze/symbolizer.h"

/**
 * lr_fingerprint() - the fingerprint of a cause, written [lr-1c0ffee5] in reports
 * @symbolizer: prepared with the addresses of the cause's site
 *
 * Made of the kind of the cause, the type's name, and the names of the functions of the birth's stack; of a cycle, of its shape. Lines,
 * addresses and files have no part in it, so that it stays when code moves. Where a function's name is not known, that of its module
 * stands for it: a program with and one without symbols have different fingerprints.
 *
 * Two calls in one function have the same one; lr_report_add() tells them apart.
 */
uint32_t lr_fingerprint(const struct lr_image *image, const struct lr_cause *cause,
			const struct lr_symbolizer *symbolizer);

/**
 * lr_fingerprint_place() - the place of a cause in this build of the program, for telling causes of one fingerprint apart
 * @symbolizer: prepared as above
 *
 * Lines have part in it; offsets where lines are not known. So code that the compiler made twice of one line is at one place.
 */
uint64_t lr_fingerprint_place(const struct lr_image *image, const struct lr_cause *cause,
			      const struct lr_symbolizer *symbolizer);

#endif
