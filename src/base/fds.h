/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors: some that keep clear of standard input, output and error, and writing all of something.
 *
 * Layer: base. Thread-safe.
 */
#ifndef LR_BASE_FDS_H
#define LR_BASE_FDS_H

#include <stddef.h>
#include <stdint.h>

/**
 * lr_fd_lift() - move a descriptor above 2
 * @fd: a descriptor, or a negative number
 *
 * A program that runs with standard error closed gets 2 from its next open(); its messages would then go into our files.
 *
 * Return: @fd, or its close-on-exec duplicate above 2 (@fd is closed then), or -errno; a negative @fd comes back as it is.
 */
int lr_fd_lift(int fd);

/**
 * lr_fd_lift_high() - move a descriptor that stays out of the program's sight
 *
 * As lr_fd_lift(), but if the limit allows, above the numbers that programs count on to be given.
 */
int lr_fd_lift_high(int fd);

/**
 * lr_fd_create_beside() - make a new file in the folder of @path, to be renamed to it when it is whole
 * @mode: as of open()
 * @ret_name: gets its name; @size bytes
 *
 * No two calls, of any thread or process, get the same file, and none gets one that was there: what a killed process left under
 * such a name stays as it is, and a link is not followed. Async-signal-safe.
 *
 * Return: a descriptor for writing, or a negative errno; then there is no file.
 */
int lr_fd_create_beside(const char *path, unsigned int mode, char *ret_name, size_t size);

/**
 * lr_fd_write_at() - write all bytes at @offset of a file
 * @fd: pointer to the descriptor, an int: the form in which lr_image_write() passes it
 *
 * Return: 0, or a negative errno; then some of them may have been written.
 */
int lr_fd_write_at(void *fd, uint64_t offset, const void *bytes, size_t size);

#endif
