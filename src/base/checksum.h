/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32 as in zip, png and Ethernet (polynomial 0xedb88320, reflected): finds a damaged file, not a forged one.
 *
 * Layer: base. Thread-safe.
 */
#ifndef LR_BASE_CHECKSUM_H
#define LR_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/**
 * lr_checksum() - the checksum of some bytes, or of more of them
 * @before: what this function returned for the bytes before these; 0 at the begin
 */
uint32_t lr_checksum(uint32_t before, const void *bytes, size_t size);

#endif
