/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: seeds FOLDER
 *
 * Writes images that are right into FOLDER, for the fuzzer to begin with: a leak with what it keeps, cycles, things shared, notes, everything ignored.
 */
#include "tests/support/image_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct image_builder builder;
static const char *folder;

static void save(const char *name, const struct built *built)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	if (!file || fwrite(built->bytes, 1, built->size, file) != built->size || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
	free(built->bytes);
}

static void begin(void)
{
	image_builder_init(&builder);
}

static void end(const char *name)
{
	struct built file = image_builder_file(&builder);

	save(name, &file);
	image_builder_finish(&builder);
}

static void edge(uint32_t from, uint32_t to, const char *member)
{
	image_builder_edge(&builder, from, to, member, 8);
}

/* Boxes of numbers 1 to @count, born at one site; each with one reference, and looked at. */
static void boxes(uint32_t count, uint32_t flags)
{
	uint32_t type = image_builder_type(&builder, "box", count);
	uint32_t start = image_builder_site(&builder, "/bin/server", 0x200, 0);
	uint32_t site = image_builder_site(&builder, "/lib/libbox.so.1", 0x101, start);

	for (uint32_t i = 1; i <= count; i++) {
		uint32_t id = image_builder_object(&builder, type, i, site, 1);
		struct lr_record *record =
			(void *)(uintptr_t)lr_image_at(&builder.image, LR_RECORDS, id - 1);

		record->state |= flags;
	}
}

static void note(uint64_t birth, const char *text, uint32_t flags)
{
	struct lr_note *note = image_builder_add(&builder, LR_NOTES, NULL);

	note->birth = birth;
	note->count = 1;
	note->text = image_builder_text(&builder, text);
	note->flags = flags;
}

int main(int argc, char **argv)
{
	folder = argc == 2 ? argv[1] : ".";
	mkdir(folder, 0777);

	begin();
	end("empty");

	begin();
	boxes(3, 0);
	edge(1, 2, "next");
	edge(2, 3, "next");
	note(UINT64_C(1) << LR_BIRTH_NUMBER_BITS | 1, "the first", LR_NOTE_COUNT | LR_NOTE_DESCRIBED);
	end("chain");

	begin();
	boxes(4, 0);
	edge(1, 2, "peer");
	edge(2, 1, NULL);
	edge(3, 3, NULL);
	edge(1, 4, NULL);
	edge(2, 4, "also");
	end("cycles");

	begin();
	boxes(3, LR_ALIVE_IGNORED);
	edge(1, 2, NULL);
	note(UINT64_C(1) << LR_BIRTH_NUMBER_BITS | 2, "a cache", LR_NOTE_IGNORED);
	end("ignored");

	begin();
	boxes(2, LR_ALIVE_REPORTED);
	image_builder_record(&builder, 1, 3, 1, LR_STATE_DYING | 1);
	end("reported");
	return 0;
}
