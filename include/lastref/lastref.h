/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref: reference counting for C that tells you who forgot to let go.
 *
 * This header includes the parts. count.h is the count alone; object.h gives a type its ref, tryref and unref; check.h is
 * the leak checker.
 */
#ifndef LASTREF_LASTREF_H
#define LASTREF_LASTREF_H

#include <lastref/check.h>
#include <lastref/count.h>
#include <lastref/object.h>
#include <lastref/version.h>

#endif
