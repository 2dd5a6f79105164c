/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a function's name stays, however the function was compiled.
 *
 * Layer: analyze. Thread-safe.
 */
#ifndef LR_ANALYZE_FUNCTION_NAME_H
#define LR_ANALYZE_FUNCTION_NAME_H

#include <stddef.h>

#define LR_FUNCTION_NAME_MAX 1024 /* longer names are cut */

/**
 * lr_function_name() - write the part of @function that stays
 * @function: as a symbolizer has it: qualified, of C, C++ or another language
 * @name: filled; zero-terminated
 *
 * Left out is what compilers add (f.constprop.0, f [clone .cold]), what debug information and the symbol table
 * write differently (template arguments, parameters and return types, of functions around a class), and the
 * numbers of lambdas and of types without a name, which change with another one before them. A lambda is
 * "{lambda}".
 *
 * Return: its length.
 */
size_t lr_function_name(const char *function, char name[LR_FUNCTION_NAME_MAX]);

#endif
