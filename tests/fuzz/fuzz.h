/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is fuzzed: one function an input of unknown origin. libFuzzer calls it under that name, and tests/fuzz/replay.c on files.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Return: 0, always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
