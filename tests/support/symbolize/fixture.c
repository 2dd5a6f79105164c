/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code for the symbolizer to find its way in: three levels of inlined calls, a function with a cold part elsewhere,
 * and one with a mangled name. It is never run for its result.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

static volatile int input = 3;

static inline __attribute__((always_inline)) int innermost(int value)
{
	if (value > input)
		value += input;
	return value * input;
}

static inline __attribute__((always_inline)) int middle(int value)
{
	int sum = 0;

	for (int i = 0; i < value; i++)
		sum += innermost(i);
	return sum + innermost(value);
}

static __attribute__((noinline)) int outer(int value)
{
	return middle(value) + middle(value + input);
}

static __attribute__((cold, noinline)) void complain(const char *what)
{
	fputs(what, stderr);
	input = 1;
}

/* The branch that calls a cold function is moved away: a function of two ranges, with an inlined call in each. */
static __attribute__((noinline)) int half_cold(int value)
{
	if (value == input + 40) {
		complain("half cold\n");
		value = innermost(value) + input;
		complain("still cold\n");
	}
	return innermost(value);
}

__attribute__((noinline)) int ref(int value)
{
	return innermost(value) + input;
}

int main(void)
{
	int sum = outer(input) + half_cold(input) + ref(input);

	return fixture_twice(sum) + fixture_checked(sum) == input;
}
