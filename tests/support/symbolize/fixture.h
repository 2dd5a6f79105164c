/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two files of the symbolizer's fixture call of each other: inlined over the border of a file where
 * link-time optimization is on.
 */
#ifndef LR_TEST_SYMBOLIZE_FIXTURE_H
#define LR_TEST_SYMBOLIZE_FIXTURE_H

int fixture_twice(int value);
int fixture_checked(int value);

/* As a C++ compiler would name it, without the need for one: box::ref(int) in the namespace ns. */
int ref(int value) __asm__("_ZN2ns3box3refEi");

#endif
