/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbolizer against addr2line, on a small fixture and on this test itself; and what it does with files that are
 * not what they should be.
 */
#include "symbolize/symbolize.h"

#include "tests/support/symbolize/files.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIXTURE_EXPORTED FIXTURES "/symbolize_exported.so"

#define ADDRESSES_MAX 8192
#define FRAMES_MAX 64

struct frame {
	char function[256];
	char file[256]; /* without its folder */
	unsigned int line;
};

struct frames {
	struct frame items[FRAMES_MAX];
	int count;
};

struct difference {
	int addresses;
	int inlined; /* addresses with more than one frame */
	int functions_or_lines;
	int files;
};

static uint64_t addresses[ADDRESSES_MAX];

/* A copy of @original without symbols, or without what @options say. */
static const char *strip(const char *options, const char *original)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/stripped", directory);
	run("strip %s -o '%s' '%s'", options, path, original);
	return path;
}

TestSuite(symbolize, .init = make_directory, .fini = remove_directory, .timeout = 60);

/* "a/b/fixture.c" -> "fixture.c", "half_cold.cold" -> "half_cold": what may differ between tools. */
static void set_frame(struct frame *frame, const char *function, const char *file, unsigned int line)
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	snprintf(frame->function, sizeof(frame->function), "%s", function ? function : "??");
	frame->function[strcspn(frame->function, ".")] = '\0';
	snprintf(frame->file, sizeof(frame->file), "%s", slash ? slash + 1 : file ? file : "??");
	frame->line = line;
}

static void collect(const struct lr_symbol_frame *frame, void *context)
{
	struct frames *frames = context;

	cr_assert_lt(frames->count, FRAMES_MAX);
	set_frame(&frames->items[frames->count++], frame->function, frame->file, frame->line);
}

static int resolve(struct lr_symbols *symbols, const char *path, uint64_t address,
		   struct frames *frames)
{
	frames->count = 0;
	return lr_symbols_resolve(symbols, &(struct lr_symbols_file){ .path = path }, address,
				  collect, frames);
}

/* Every @step bytes of the functions that lie in @path's symbol table. */
static int function_addresses(const char *path, int step, int limit)
{
	char command[PATH_MAX], line[1024];
	FILE *nm;
	int count = 0;

	snprintf(command, sizeof(command), "nm -S --defined-only '%s'", path);
	nm = popen(command, "r");
	cr_assert_not_null(nm);
	while (fgets(line, sizeof(line), nm)) {
		unsigned long start, size;
		char kind;

		if (sscanf(line, "%lx %lx %c", &start, &size, &kind) != 3 || !strchr("tTwW", kind))
			continue;
		for (unsigned long at = start; at < start + size && count < limit; at += step)
			addresses[count++] = at;
	}
	cr_assert_eq(pclose(nm), 0);
	cr_assert_gt(count, 0);
	return count;
}

static FILE *start_addr2line(const char *path, int count)
{
	char name[PATH_MAX], command[2 * PATH_MAX];
	FILE *file, *output;

	snprintf(name, sizeof(name), "%s/addresses", directory);
	file = fopen(name, "w");
	cr_assert_not_null(file);
	for (int i = 0; i < count; i++)
		fprintf(file, "%lx\n", addresses[i]);
	fclose(file);
	snprintf(command, sizeof(command), "addr2line -a -i -f -C -e '%s' <'%s'", path, name);
	output = popen(command, "r");
	cr_assert_not_null(output);
	return output;
}

/* What addr2line -a says of one address: lines up to the next "0x...". @line holds the line read ahead. */
static void next_answer(FILE *output, char *line, int size, struct frames *frames)
{
	frames->count = 0;
	cr_assert_eq(strncmp(line, "0x", 2), 0, "addr2line says %s", line);
	while (fgets(line, size, output) && strncmp(line, "0x", 2)) {
		char place[PATH_MAX], *colon;

		line[strcspn(line, "(\n")] = '\0'; /* without the parameters */
		cr_assert_not_null(fgets(place, sizeof(place), output));
		colon = strrchr(place, ':');
		cr_assert_not_null(colon);
		*colon = '\0';
		/* A symbol of an object file that has no debug information: there is no source to name. */
		if (colon > place + 2 && strcmp(colon - 2, ".o") == 0)
			strcpy(place, "??");
		set_frame(&frames->items[frames->count++], line, place,
			  (unsigned int)atoi(colon + 1));
	}
}

static void count_differences(struct difference *difference, uint64_t address,
			      const struct frames *ours, const struct frames *theirs)
{
	bool other = ours->count != theirs->count;

	for (int i = 0; !other && i < ours->count; i++) {
		other = strcmp(ours->items[i].function, theirs->items[i].function) ||
			ours->items[i].line != theirs->items[i].line;
		difference->files += strcmp(ours->items[i].file, theirs->items[i].file) != 0;
	}
	if (other)
		fprintf(stderr, "%#lx: %d frames, %s line %u; addr2line: %d frames, %s line %u\n",
			address, ours->count, ours->items[0].function, ours->items[0].line,
			theirs->count, theirs->items[0].function, theirs->items[0].line);
	difference->functions_or_lines += other;
	difference->inlined += ours->count > 1;
	difference->addresses++;
}

/* Resolve addresses[0..count) in @path, and in @reference by addr2line. */
static struct difference compare(const char *path, const char *reference, int count)
{
	static struct frames ours, theirs;
	struct lr_symbols *symbols = lr_symbols_create(false);
	FILE *output = start_addr2line(reference, count);
	struct difference difference = { 0 };
	char line[PATH_MAX];

	cr_assert_not_null(fgets(line, sizeof(line), output));
	for (int i = 0; i < count; i++) {
		next_answer(output, line, sizeof(line), &theirs);
		cr_assert_eq(resolve(symbols, path, addresses[i], &ours), 0);
		if (!ours.count)
			set_frame(&ours.items[ours.count++], NULL, NULL, 0);
		count_differences(&difference, addresses[i], &ours, &theirs);
	}
	pclose(output);
	lr_symbols_destroy(symbols);
	return difference;
}

static void assert_same_as_addr2line(const char *path, const char *reference, int step)
{
	int count = function_addresses(reference, step, ADDRESSES_MAX);
	struct difference difference = compare(path, reference, count);

	cr_assert_eq(difference.functions_or_lines, 0);
	cr_assert_eq(difference.files, 0);
	cr_assert_gt(difference.inlined, 0);
}

/*
 * The reference is always the program with DWARF 4, of which the code is the same: with DWARF 5, addr2line 2.40 takes
 * the wrong one of several files, and misses inlined functions of clang with more than one range.
 */
static void assert_both_versions_same_as_addr2line(const char *name, int step)
{
	char dwarf_4[PATH_MAX], dwarf_5[PATH_MAX];

	snprintf(dwarf_4, sizeof(dwarf_4), "%s/symbolize_4_%s", FIXTURES, name);
	snprintf(dwarf_5, sizeof(dwarf_5), "%s/symbolize_5_%s", FIXTURES, name);
	assert_same_as_addr2line(dwarf_4, dwarf_4, step);
	assert_same_as_addr2line(dwarf_5, dwarf_4, step);
}

Test(symbolize, frames_are_those_of_addr2line)
{
	assert_both_versions_same_as_addr2line("small", 16);
	assert_both_versions_same_as_addr2line("small", 1);
}

Test(symbolize, frames_of_a_larger_program_are_those_of_addr2line)
{
	assert_both_versions_same_as_addr2line("large.so", 16);
}

Test(symbolize, frames_inlined_across_files_by_link_time_optimization_are_those_of_addr2line)
{
	if (access(FIXTURES "/symbolize_5_lto", F_OK) != 0)
		cr_skip_test("this compiler has no link-time optimization here");
	assert_both_versions_same_as_addr2line("lto", 16);
	assert_both_versions_same_as_addr2line("lto", 1);
}

Test(symbolize, a_cold_part_belongs_to_its_function)
{
	struct lr_symbols *symbols = lr_symbols_create(false);
	struct frames frames;

	if (system("nm '" FIXTURE "' | grep -q ' half_cold.cold$'") != 0)
		cr_skip_test("this compiler keeps cold parts with the rest");
	cr_assert_eq(resolve(symbols, FIXTURE, address_of(FIXTURE, "half_cold.cold"), &frames), 0);
	cr_assert_geq(frames.count, 1);
	cr_assert_str_eq(frames.items[frames.count - 1].function, "half_cold");
	lr_symbols_destroy(symbols);
}

Test(symbolize, a_mangled_name_is_shown_qualified_and_without_parameters)
{
	uint64_t address = address_of(FIXTURE, "_ZN2ns3box3refEi");
	struct lr_symbols *symbols = lr_symbols_create(false);
	struct frames frames;

	cr_assert_eq(resolve(symbols, FIXTURE, address, &frames), 0);
	cr_assert_str_eq(frames.items[frames.count - 1].function, "ns::box::ref");

	cr_assert_eq(resolve(symbols, strip("-g", FIXTURE), address, &frames), 0);
	cr_assert_str_eq(frames.items[0].function, "ns::box::ref");
	lr_symbols_destroy(symbols);
}

Test(symbolize, a_function_that_only_its_file_can_call_is_shown_qualified)
{
	const char *path = FIXTURES "/symbolize_names.so";
	struct lr_symbols *symbols = lr_symbols_create(false);
	struct frames frames;

	cr_assert_eq(resolve(symbols, path, address_of(path, "_ZN2ns12_GLOBAL__N_14gate4passE.*"),
			     &frames),
		     0);
	cr_assert_geq(frames.count, 1);
	cr_assert_str_eq(frames.items[frames.count - 1].file, "fixture_names.cpp");
	cr_assert_str_eq(frames.items[frames.count - 1].function,
			 "ns::(anonymous namespace)::gate::pass");
	lr_symbols_destroy(symbols);
}

/* How often a function is among the frames of the addresses; @end, if not NULL, is what its name must end in. */
static int count_frames(const char *path, int count, const char *name, const char *end)
{
	struct lr_symbols *symbols = lr_symbols_create(false);
	struct frames frames;
	int found = 0;

	for (int i = 0; i < count; i++) {
		cr_assert_eq(resolve(symbols, path, addresses[i], &frames), 0);
		for (int f = 0; f < frames.count; f++) {
			const char *function = frames.items[f].function;
			size_t length = strlen(function);

			found += end ? length >= strlen(end) &&
						 strncmp(function, name, strlen(name)) == 0 &&
						 strcmp(function + length - strlen(end), end) == 0 :
				       strcmp(function, name) == 0;
		}
	}
	lr_symbols_destroy(symbols);
	return found;
}

Test(symbolize, an_inlined_function_that_only_its_file_can_call_is_shown_qualified)
{
	const char *path = FIXTURES "/symbolize_names.so";
	int count = function_addresses(path, 1, ADDRESSES_MAX);

	cr_assert_gt(count_frames(path, count, "ns::(anonymous namespace)::scaled<3>", NULL), 0);
	cr_assert_gt(count_frames(path, count, "fixture_names", "::local::twice"), 0);
	cr_assert_gt(count_frames(path, count, "fixture_names", "}::operator()"), 0);
	cr_assert_eq(count_frames(path, count, "scaled", ""), 0);
	cr_assert_eq(count_frames(path, count, "twice", NULL), 0);
	cr_assert_eq(count_frames(path, count, "operator()", NULL), 0);
}

static void keep_last(const struct lr_symbol_frame *frame, void *context)
{
	*(struct lr_symbol_frame *)context = *frame;
}

Test(symbolize, without_dwarf_the_symbol_table_gives_the_function_alone)
{
	uint64_t address = address_of(FIXTURE, "outer") + 5;
	struct lr_symbols *symbols = lr_symbols_create(false);
	struct lr_symbol_frame frame = { .file = "?" };
	struct frames frames;
	const char *path = strip("-g", FIXTURE);

	cr_assert_eq(resolve(symbols, path, address, &frames), 0);
	cr_assert_eq(frames.count, 1);
	cr_assert_str_eq(frames.items[0].function, "outer");
	cr_assert_eq(lr_symbols_resolve(symbols, &(struct lr_symbols_file){ .path = path }, address,
					keep_last, &frame),
		     0);
	cr_assert_null(frame.file);
	cr_assert_eq(frame.line, 0);
	cr_assert_eq(resolve(symbols, path, address_of(FIXTURE, "input"), &frames), 0);
	cr_assert_eq(frames.count, 0);
	lr_symbols_destroy(symbols);
}

Test(symbolize, without_a_symbol_table_exported_functions_are_known)
{
	struct lr_symbols *symbols = lr_symbols_create(false);
	struct frames frames;
	const char *path = strip("", FIXTURE_EXPORTED);

	cr_assert_eq(resolve(symbols, path, address_of(FIXTURE_EXPORTED, "fixture_twice"), &frames),
		     0);
	cr_assert_eq(frames.count, 1);
	cr_assert_str_eq(frames.items[0].function, "fixture_twice");
	lr_symbols_destroy(symbols);
}

Test(symbolize, without_any_symbols_nothing_is_known)
{
	struct lr_symbols *symbols = lr_symbols_create(false);
	struct frames frames;
	const char *path = strip("", FIXTURE);

	cr_assert_eq(resolve(symbols, path, address_of(FIXTURE, "outer"), &frames), 0);
	cr_assert_eq(frames.count, 0);
	lr_symbols_destroy(symbols);
}

Test(symbolize, an_address_outside_all_code_is_unknown)
{
	/* The first ones are those that the fixture's dropped function seems to have. */
	static const uint64_t outside[] = { 0, 1, 2, 5, 0x7fffffffffff, UINT64_MAX };
	struct lr_symbols *symbols = lr_symbols_create(false);
	struct frames frames;

	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		cr_assert_eq(resolve(symbols, FIXTURE, outside[i], &frames), 0);
		cr_assert_eq(frames.count, 0);
	}
	lr_symbols_destroy(symbols);
}

Test(symbolize, a_file_with_another_build_id_is_stale)
{
	uint64_t address = address_of(FIXTURE, "outer");
	struct lr_symbols *symbols = lr_symbols_create(false);
	uint8_t build_id[BUILD_ID_SIZE];
	struct lr_symbols_file file = {
		.path = FIXTURE,
		.build_id = build_id,
		.build_id_size = sizeof(build_id),
	};
	char hex[64];
	struct frames frames = { .count = 0 };

	read_build_id(FIXTURE, build_id, hex);
	cr_assert_eq(lr_symbols_resolve(symbols, &file, address, collect, &frames), 0);
	cr_assert_gt(frames.count, 0);

	frames.count = 0;
	build_id[3] ^= 1;
	for (int i = 0; i < 2; i++)
		cr_assert_eq(lr_symbols_resolve(symbols, &file, address, collect, &frames), -ESTALE);
	file.build_id_size = 8;
	cr_assert_eq(lr_symbols_resolve(symbols, &file, address, collect, &frames), -ESTALE);
	cr_assert_eq(frames.count, 0);
	lr_symbols_destroy(symbols);
}

/* A module without a build-id, of which the image has the file's size and time. */
static int resolve_stamped(const char *path, uint64_t size, uint64_t modified)
{
	struct lr_symbols *symbols = lr_symbols_create(false);
	const struct lr_symbols_file file = { .path = path, .stamp = { size, modified } };
	struct frames frames = { .count = 0 };
	int result =
		lr_symbols_resolve(symbols, &file, address_of(FIXTURE, "outer"), collect, &frames);

	lr_symbols_destroy(symbols);
	cr_assert_eq(frames.count > 0, result == 0);
	return result;
}

Test(symbolize, a_file_of_another_size_or_time_is_stale_where_there_is_no_build_id)
{
	struct lr_file_stamp stamp = stamp_of(FIXTURE);

	cr_assert_eq(resolve_stamped(FIXTURE, stamp.size, stamp.modified), 0);
	cr_assert_eq(resolve_stamped(FIXTURE, 0, 0), 0, "nothing is known of it");
	cr_assert_eq(resolve_stamped(FIXTURE, stamp.size + 1, stamp.modified), -ESTALE);
	cr_assert_eq(resolve_stamped(FIXTURE, stamp.size, stamp.modified + 1), -ESTALE);
	cr_assert_eq(resolve_stamped(FIXTURE, stamp.size, stamp.modified - 1), -ESTALE);
}

Test(symbolize, a_copy_that_kept_the_seconds_of_its_time_is_not_stale)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s/copy", directory);
	run("cp '%s' '%s' && touch -d '2024-05-06 07:08:09 UTC' '%s'", FIXTURE, copy, copy);
	cr_assert_eq(resolve_stamped(copy, stamp_of(copy).size, UINT64_C(1714979289123456789)), 0);
	cr_assert_eq(resolve_stamped(copy, stamp_of(copy).size, UINT64_C(1714979288123456789)),
		     -ESTALE);
}

Test(symbolize, a_module_that_is_not_there_or_no_elf_file_is_not_found)
{
	struct lr_symbols *symbols = lr_symbols_create(false);
	struct frames frames;
	char path[PATH_MAX];

	cr_assert_eq(resolve(symbols, "/nonexistent/program", 0x1000, &frames), -ENOENT);
	cr_assert_eq(resolve(symbols, "", 0x1000, &frames), -ENOENT);
	cr_assert_eq(resolve(symbols, "[vdso]", 0x1000, &frames), -ENOENT);
	cr_assert_eq(resolve(symbols, directory, 0x1000, &frames), -ENOENT);
	cr_assert_eq(resolve(symbols, "/dev/zero", 0x1000, &frames), -ENOENT);
	snprintf(path, sizeof(path), "%s/text", directory);
	run("echo 'not an ELF file' >'%s'", path);
	cr_assert_eq(resolve(symbols, path, 0x1000, &frames), -ENOENT);
	snprintf(path, sizeof(path), "%s/pipe", directory);
	run("mkfifo '%s'", path);
	cr_assert_eq(resolve(symbols, path, 0x1000, &frames), -ENOENT);
	lr_symbols_destroy(symbols);
}

Test(symbolize, debug_information_is_found_by_debug_link)
{
	const char *stripped = strip("", FIXTURE);
	char debug[PATH_MAX];

	snprintf(debug, sizeof(debug), "%s/.debug/linked", directory);
	run("mkdir '%s/.debug' && objcopy --only-keep-debug '%s' '%s'", directory, FIXTURE, debug);
	run("objcopy --add-gnu-debuglink='%s' '%s'", debug, stripped);
	assert_same_as_addr2line(stripped, FIXTURES "/symbolize_4_small", 16);
}

/* The standard place belongs to the machine; the test sees its own one there, in a mount namespace. */
static void replace_debug_directory(void)
{
	if (access("/usr/lib/debug", F_OK) != 0)
		cr_skip_test("there is no /usr/lib/debug to put a test's own in place of");
	if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWNS | CLONE_NEWUSER) != 0)
		cr_skip_test("mount namespaces are not allowed here");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/usr/lib/debug", "tmpfs", 0, NULL) != 0)
		cr_skip_test("mounts are not allowed here");
}

Test(symbolize, debug_information_is_found_by_build_id)
{
	const char *stripped = strip("", FIXTURE);
	uint8_t build_id[BUILD_ID_SIZE];
	char hex[64];

	replace_debug_directory();
	read_build_id(stripped, build_id, hex);
	run("mkdir -p '/usr/lib/debug/.build-id/%.2s'", hex);
	run("objcopy --only-keep-debug '%s' '/usr/lib/debug/.build-id/%.2s/%s.debug'", FIXTURE, hex,
	    hex + 2);
	assert_same_as_addr2line(stripped, FIXTURES "/symbolize_4_small", 16);
}

Test(symbolize, entries_that_dwz_moved_to_an_alternate_file_are_found)
{
	char one[PATH_MAX], other[PATH_MAX];

	if (system("command -v dwz >/dev/null") != 0)
		cr_skip_test("dwz is not installed");
	snprintf(one, sizeof(one), "%s/one", directory);
	snprintf(other, sizeof(other), "%s/other", directory);
	run("cp '%s/symbolize_4_small' '%s'", FIXTURES, one);
	run("cp '%s/symbolize_4_large.so' '%s'", FIXTURES, other);
	run("dwz -m '%s/common' '%s' '%s'", directory, one, other);
	run("readelf -S '%s' | grep -q gnu_debugaltlink", one);
	assert_same_as_addr2line(one, FIXTURES "/symbolize_4_small", 16);
}

static void resolve_some(const char *path, const uint8_t *build_id, size_t size, int count)
{
	struct lr_symbols *symbols = lr_symbols_create(false);
	const struct lr_symbols_file file = { path, build_id, size, { 0 } };
	struct frames frames;

	for (int i = 0; i < count; i++) {
		int result;

		frames.count = 0;
		result = lr_symbols_resolve(symbols, &file, addresses[i], collect, &frames);
		cr_assert(result == 0 || result == -ENOENT || result == -ESTALE);
	}
	lr_symbols_destroy(symbols);
}

static char *read_file(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "r");
	struct stat status;
	char *bytes;

	cr_assert_not_null(file);
	cr_assert_eq(fstat(fileno(file), &status), 0);
	bytes = malloc(status.st_size);
	cr_assert_not_null(bytes);
	cr_assert_eq(fread(bytes, 1, status.st_size, file), (size_t)status.st_size);
	fclose(file);
	*ret_size = status.st_size;
	return bytes;
}

static void write_file(const char *path, const char *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, size, file), size);
	cr_assert_eq(fclose(file), 0);
}

Test(symbolize, a_truncated_file_is_unknown_at_any_length)
{
	int count = function_addresses(FIXTURE, 64, 100);
	uint8_t build_id[BUILD_ID_SIZE];
	char path[PATH_MAX], hex[64], *bytes;
	size_t size;

	read_build_id(FIXTURE, build_id, hex);
	bytes = read_file(FIXTURE, &size);
	snprintf(path, sizeof(path), "%s/truncated", directory);
	for (size_t length = 0; length < size; length += length < 1024 ? 13 : 101) {
		write_file(path, bytes, length);
		resolve_some(path, NULL, 0, count);
		resolve_some(path, build_id, sizeof(build_id), 1);
	}
	free(bytes);
}

/* A generator of its own: the damage is the same on every machine. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static uint64_t section_offset(const char *path, const char *section)
{
	char answer[64];

	ask(answer, "readelf -SW '%s' | sed -n 's/.* %s *PROGBITS *[0-9a-f]* //p'", path, section);
	return strtoull(answer, NULL, 16);
}

/* Half of the damage is where the entries refer to each other. */
static void damage(const char *original, int count)
{
	uint64_t entries = section_offset(original, ".debug_info");
	uint32_t state = 1;
	char path[PATH_MAX], *bytes, *damaged;
	size_t size;

	bytes = read_file(original, &size);
	damaged = malloc(size);
	cr_assert_not_null(damaged);
	snprintf(path, sizeof(path), "%s/damaged", directory);
	for (int round = 0; round < 300; round++) {
		memcpy(damaged, bytes, size);
		for (int i = 0; i < 20; i++)
			damaged[next_random(&state) % size] = (char)next_random(&state);
		for (int i = 0; i < 20; i++)
			damaged[entries + next_random(&state) % 2048] = (char)next_random(&state);
		memcpy(damaged, bytes, 64);
		write_file(path, damaged, size);
		resolve_some(path, NULL, 0, count);
	}
	free(damaged);
	free(bytes);
}

Test(symbolize, a_damaged_file_does_no_harm)
{
	damage(FIXTURE, function_addresses(FIXTURE, 64, 100));
}

Test(symbolize, a_damaged_file_of_cplusplus_does_no_harm)
{
	const char *path = FIXTURES "/symbolize_names.so";

	damage(path, function_addresses(path, 4, 100));
}

/* A socket that a debuginfod client would come to. */
static int listen_as_debuginfod(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char url[64];

	cr_assert_eq(bind(server, (struct sockaddr *)&address, size), 0);
	cr_assert_eq(listen(server, 4), 0);
	cr_assert_eq(getsockname(server, (struct sockaddr *)&address, &size), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	setenv("DEBUGINFOD_URLS", url, 1);
	setenv("DEBUGINFOD_CACHE_PATH", directory, 1);
	return server;
}

/* Whether somebody came to the server while a stripped file was resolved. */
static bool is_server_asked(bool network)
{
	const char *stripped = strip("", FIXTURE);
	int server = listen_as_debuginfod();
	struct pollfd poll_server = { .fd = server, .events = POLLIN };
	bool asked = false;
	pid_t child;

	child = fork();
	if (child == 0) {
		struct lr_symbols *symbols = lr_symbols_create(network);
		struct frames frames;

		_exit(resolve(symbols, stripped, 0x1000, &frames) != 0);
	}
	while (waitpid(child, NULL, WNOHANG) == 0) {
		if (poll(&poll_server, 1, 10) == 1) {
			asked = true;
			close(accept(server, NULL, NULL));
		}
	}
	asked = asked || poll(&poll_server, 1, 0) == 1;
	close(server);
	return asked;
}

Test(symbolize, the_network_is_asked_only_if_the_user_said_so)
{
	cr_assert_not(is_server_asked(false));
	if (dlopen("libdebuginfod.so.1", RTLD_LAZY))
		cr_assert(is_server_asked(true));
}
