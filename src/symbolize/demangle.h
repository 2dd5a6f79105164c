/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C++ and Rust names for people.
 *
 * Layer: symbolize.
 */
#ifndef LR_SYMBOLIZE_DEMANGLE_H
#define LR_SYMBOLIZE_DEMANGLE_H

/**
 * lr_demangle() - the qualified name of a function, without its parameters
 * @name: as the linker knows it; may be NULL
 *
 * Return: "ns::box::ref"; NULL if @name is not mangled, cannot be read, or without memory. The caller frees it.
 */
char *lr_demangle(const char *name);

#endif
