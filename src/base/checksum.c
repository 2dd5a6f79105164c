/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32, four bytes a step.
 *
 * Layer: base. Locks: none; the tables are constants, so that it can run anywhere in the process under test.
 *
 * The checksum is linear: the entry for a byte is the exclusive or of the entries for its bits. So the compiler
 * makes each table of 256 from the eight entries for single bits; table k is for a byte that k more bytes
 * follow.
 */
#include "base/checksum.h"

#define BIT(n, b, entry) (((n) >> (b)) & 1 ? (entry) : 0u)
#define ENTRY(n, e0, e1, e2, e3, e4, e5, e6, e7)                                                   \
	(BIT(n, 0, e0) ^ BIT(n, 1, e1) ^ BIT(n, 2, e2) ^ BIT(n, 3, e3) ^ BIT(n, 4, e4) ^           \
	 BIT(n, 5, e5) ^ BIT(n, 6, e6) ^ BIT(n, 7, e7))

#define TABLE_0(n)                                                                                 \
	ENTRY(n, 0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u, 0x1db71064u, 0x3b6e20c8u,     \
	      0x76dc4190u, 0xedb88320u)
#define TABLE_1(n)                                                                                 \
	ENTRY(n, 0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u, 0x4ac21251u, 0x958424a2u,     \
	      0xf0794f05u, 0x3b83984bu)
#define TABLE_2(n)                                                                                 \
	ENTRY(n, 0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u, 0x1c26a370u, 0x384d46e0u,     \
	      0x709a8dc0u, 0xe1351b80u)
#define TABLE_3(n)                                                                                 \
	ENTRY(n, 0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu, 0x5019579fu, 0xa032af3eu,     \
	      0x9b14583du, 0xed59b63bu)

#define FOUR(table, n) table(n), table((n) + 1), table((n) + 2), table((n) + 3)
#define SIXTEEN(table, n)                                                                          \
	FOUR(table, n), FOUR(table, (n) + 4), FOUR(table, (n) + 8), FOUR(table, (n) + 12)
#define SIXTY_FOUR(table, n)                                                                       \
	SIXTEEN(table, n), SIXTEEN(table, (n) + 16), SIXTEEN(table, (n) + 32),                     \
		SIXTEEN(table, (n) + 48)
#define ALL(table)                                                                                 \
	SIXTY_FOUR(table, 0u), SIXTY_FOUR(table, 64u), SIXTY_FOUR(table, 128u),                    \
		SIXTY_FOUR(table, 192u)

static const uint32_t tables[4][256] = {
	{ ALL(TABLE_0) },
	{ ALL(TABLE_1) },
	{ ALL(TABLE_2) },
	{ ALL(TABLE_3) },
};

uint32_t lr_checksum(uint32_t before, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint32_t crc = ~before;

	for (; size >= 4; size -= 4, at += 4) {
		crc ^= at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
		crc = tables[3][crc & 255] ^ tables[2][crc >> 8 & 255] ^
		      tables[1][crc >> 16 & 255] ^ tables[0][crc >> 24];
	}
	for (; size > 0; size--, at++)
		crc = tables[0][(crc ^ *at) & 255] ^ crc >> 8;
	return ~crc;
}
