/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line protocol by which a process under test has its addresses symbolized: it runs the command at the other end
 * of two pipes and has no elfutils in itself.
 *
 *      query    OFFSET BUILDID PATH\n         OFFSET and BUILDID in hexadecimal digits. Without a build-id, BUILDID is
 *                                             "=SIZE,TIME", the file's in hexadecimal digits (struct lr_file_stamp),
 *                                             or "-" if that is unknown too;
 *                                             in PATH \n is a newline and \\ a backslash
 *      answer   FUNCTION\tFILE\tLINE\tCOLUMN\n
 *                                             for each function active there, innermost first; "?" for a name
 *                                             that is unknown, 0 for a line or column; tabs and newlines in names become "?"
 *               \n                            the end of the answer
 *
 * Answers come in the order of the queries. A query that is malformed, or of which nothing is known, has the empty
 * line alone. Each answer is written out before the next query is read, so who sends many queries must take the
 * answers meanwhile.
 *
 * Layer: symbolize.
 */
#ifndef LR_SYMBOLIZE_SERVE_H
#define LR_SYMBOLIZE_SERVE_H

#include <stdio.h>

/**
 * lr_symbolize_serve() - answer queries until @in ends
 *
 * Never asks the network. SIGPIPE is the caller's business.
 *
 * Return: 0 at the end of @in; -ENOMEM; -EIO if @in cannot be read or @out not be written.
 */
int lr_symbolize_serve(FILE *in, FILE *out);

#endif
