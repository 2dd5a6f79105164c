/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that nobody counts: a text is lost, and another one is read after it was freed.
 */
#include "counted.h"

#include <stdio.h>
#include <string.h>

static void lose(void)
{
	char *text = zeroed(100); /* wrong: never freed */

	strcpy(text, "lost");
	puts(text);
}

static void read_freed(void)
{
	char *text = zeroed(100);

	strcpy(text, "freed");
	puts(text);
	free(text);
	putchar(text[50] ? '+' : '-'); /* wrong */
	putchar('\n');
}

int main(void)
{
	lose();
	read_freed();
	wipe_stack();
	return 0;
}
