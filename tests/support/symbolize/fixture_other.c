/* SPDX-License-Identifier: Apache-2.0 */
/* The second file of the symbolizer's fixture. */
#include "fixture.h"

#include <stdlib.h>

static volatile int limit = 100;

/* Nobody calls it, so that the linker drops it (-gc-sections); what DWARF says of it stays. */
int fixture_dropped(int value);

int fixture_dropped(int value)
{
	return value - limit;
}

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
