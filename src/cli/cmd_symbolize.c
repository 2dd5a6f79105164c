/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastref symbolize: answers a program under test that wants functions, files and lines for its own report. Not
 * for people, so it is in no help text; the protocol is in symbolize/serve.h.
 *
 * Layer: cli. Locks: none; one thread.
 */
#include "cli/cli.h"
#include "symbolize/serve.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

int lr_cmd_symbolize(int argc, char **argv)
{
	int error;

	(void)argv;
	if (argc > 1) {
		lr_complain(
			"symbolize takes no arguments: it is for programs, which ask on its standard input");
		return LR_STATUS_USAGE;
	}
	/* A program that died meanwhile is no error worth a word. */
	signal(SIGPIPE, SIG_DFL);
	error = lr_symbolize_serve(stdin, stdout);
	if (error != 0)
		lr_complain("cannot symbolize: %s", strerror(-error));
	return error != 0;
}
