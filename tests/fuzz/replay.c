/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: replay FOLDER...
 *
 * Gives each file of the folders to what is fuzzed: as it is, cut at every byte, and with every bit flipped, or some of both if it is long. Each input is
 * in memory of its own size, ended by a page that cannot be read, so that a read beyond it is a fault with any compiler. TAP on standard output.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VARIANTS 4000u /* of each kind, of one file */
#define PAGE 4096u

static uint8_t *room; /* pages that can be written, and one behind them that cannot be read */
static size_t room_size;
static unsigned int tests;

static void make_room(size_t size)
{
	room_size = (size / PAGE + 1) * PAGE;
	room = mmap(NULL, room_size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (room == MAP_FAILED || mprotect(room + room_size, PAGE, PROT_NONE) != 0) {
		perror("replay");
		exit(1);
	}
}

/* Images begin at a multiple of 8 wherever they are read. */
static void run(const uint8_t *bytes, size_t size)
{
	uint8_t *place = room + room_size - size;

	place -= (uintptr_t)place % 8;
	memcpy(place, bytes, size);
	LLVMFuzzerTestOneInput(place, size);
}

static void run_variants(uint8_t *bytes, size_t size)
{
	size_t cut_step = size / VARIANTS + 1;
	size_t bit_step = 8 * size / VARIANTS + 1;

	run(bytes, size);
	for (size_t cut = 0; cut < size; cut += cut_step)
		run(bytes, cut);
	for (size_t bit = 0; bit < 8 * size; bit += bit_step) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		run(bytes, size);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void replay(const char *folder, const char *name)
{
	char path[4096];
	struct stat status;
	uint8_t *bytes;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (!file || fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode))
		exit(1);
	bytes = malloc((size_t)status.st_size + 1);
	if (!bytes || fread(bytes, 1, (size_t)status.st_size, file) != (size_t)status.st_size)
		exit(1);
	fclose(file);
	make_room((size_t)status.st_size);
	run_variants(bytes, (size_t)status.st_size);
	munmap(room, room_size + PAGE);
	free(bytes);
	printf("ok %u - %s and its variants are no crash\n", ++tests, name);
	fflush(stdout);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct dirent **entries;
		int count = scandir(argv[i], &entries, is_visible, alphasort);

		for (int e = 0; e < count; e++) {
			replay(argv[i], entries[e]->d_name);
			free(entries[e]);
		}
		if (count > 0)
			free(entries);
	}
	printf("1..%u\n", tests);
	return tests == 0;
}
