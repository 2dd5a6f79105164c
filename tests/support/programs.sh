# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs that tests in bash compile and run without the command; for files that have included tap.sh.

# box_program OUT [FLAG...]: a program whose main() is on stdin, with a counted struct box.
box_program()
{
	box_source
	compile "$1" box.c "${@:2}"
}

# The source of it, in box.c.
box_source()
{
	cat - >main.inc
	cat >box.c <<-'C'
		#include <lastref/lastref.h>
		#include <pthread.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/wait.h>
		#include <unistd.h>

		struct box {
			struct lastref_count refs;
			struct box *inside;
		};

		static void box_destroy(struct box *box)
		{
			free(box);
		}

		LASTREF_DEFINE(box, struct box, refs, box_destroy);

		__attribute__((noinline, unused)) static struct box *box_new(void)
		{
			struct box *box = calloc(1, sizeof(*box));

			if (!box)
				abort();
			box_ref_init(box);
			return box;
		}

		#include "main.inc"
	C
}

# A program that leaks box#2 of three.
leaking_program()
{
	box_program "$@" <<-'C'
		int main(void)
		{
			for (int i = 0; i < 3; i++) {
				struct box *box = box_new();

				if (i != 1)
					box_unref(box);
			}
			printf("done\n");
			return 0;
		}
	C
}

with()
{
	run env "LASTREF=$1" LASTREF_COMMAND="$LASTREF_CMD" "${@:2}"
}
