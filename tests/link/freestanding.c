/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program without a libc: its own _start, and system calls by hand. Exit status 0 if all counts do what they should. Built with
 * -DMISUSE=... it does that instead, which must trap.
 */
#define LASTREF_FREESTANDING
#include "everything.h"

#ifndef MISUSE
#define MISUSE (void)0
#endif

struct relocation {
	uint64_t place;
	uint64_t info;
	uint64_t value;
};

/* In a PIE no one else puts the addresses of functions into the descriptors of types. */
__attribute__((used)) static void relocate(const uint64_t *dynamic, char *base)
{
	const struct relocation *table = NULL;
	uint64_t size = 0;

	for (; dynamic[0] != 0; dynamic += 2) {
		if (dynamic[0] == 7)
			table = (const struct relocation *)(void *)(base + dynamic[1]);
		if (dynamic[0] == 8)
			size = dynamic[1];
	}
	for (uint64_t i = 0; i < size / sizeof(*table); i++)
		if (table[i].info == 8)
			*(uint64_t *)(void *)(base + table[i].place) =
				(uint64_t)(base + table[i].value);
}

__attribute__((noreturn, used)) static void run(void)
{
	static struct box misused;
	int line = live_with_everything();

	(void)misused;
	MISUSE;
	/* exit_group() */
	__asm__ volatile("syscall" : : "a"(231), "D"(line != 0 ? 1 : 0) : "rcx", "r11", "memory");
	__builtin_unreachable();
}

__asm__(".globl _start\n"
	".weak _DYNAMIC\n"
	".hidden _DYNAMIC\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	and $-16, %rsp\n"
#ifdef __PIE__
	"	lea _DYNAMIC(%rip), %rdi\n"
	"	lea __ehdr_start(%rip), %rsi\n"
	"	call relocate\n"
#endif
	"	call run\n");
