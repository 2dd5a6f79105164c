/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The version of these headers. lastref_version() in check.h tells that of the library that is loaded.
 */
#ifndef LASTREF_VERSION_H
#define LASTREF_VERSION_H

#define LASTREF_VERSION_MAJOR 0
#define LASTREF_VERSION_MINOR 1
#define LASTREF_VERSION_PATCH 0
#define LASTREF_VERSION_STRING "0.1.0"

#endif
