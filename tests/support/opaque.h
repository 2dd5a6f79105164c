/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A type of which the users know no member: its functions are external.
 */
#ifndef TESTS_SUPPORT_OPAQUE_H
#define TESTS_SUPPORT_OPAQUE_H

#include <lastref/object.h>

struct opaque;

LASTREF_DECLARE(opaque, struct opaque);

extern int opaques_destroyed;

struct opaque *opaque_new(void);

#endif
