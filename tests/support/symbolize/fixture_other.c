/* SPDX-License-Identifier: Apache-2.0 */
/* The second file of the symbolizer's fixture. */
#include "fixture.h"

#include <stdlib.h>

static volatile int limit = 100;

int fixture_twice(int value)
{
	if (value > limit)
		value -= limit;
	return 2 * value;
}

int fixture_checked(int value)
{
	if (value < -limit)
		abort();
	return fixture_twice(value) + limit;
}
