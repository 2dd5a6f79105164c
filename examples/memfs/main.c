/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memfs: an in-memory file system at work on a real tree. The command line, and what all commands
 * share.
 */
#include "memfs.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPLAINTS_MAX 20

void memfs_begin(struct memfs *memfs, const struct memfs_options *options)
{
	const struct fs_options fs_options = { .fault = options->fault,
					       .cache_limit = options->cache_limit };
	LASTREF_AUTO(mount) struct mount *mount = NULL;

	*memfs = (struct memfs){ .options = options, .fs = fs_create(&fs_options) };
	memfs->mount = options->restore ? options->restore : options->dir;
	if (!memfs->fs)
		out_of_memory();
	if (options->restore)
		return;
	if (fs_mount(memfs->fs, memfs->mount, &mount) < 0)
		out_of_memory();
	dentry_ref_set(&memfs->root, mount->root);
}

int memfs_end(struct memfs *memfs)
{
	size_t n_leaked;

	dentry_put_slot(&memfs->root);
	tree_finish(&memfs->tree);
	fflush(stdout);
	n_leaked = fs_destroy(memfs->fs);
	if (lastref_get_leak_mode() == LASTREF_LEAKS_OFF)
		puts("destroy  leaks are not checked");
	else
		printf("destroy  %zu objects leaked\n", n_leaked);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "memfs: cannot write to standard output: %s\n", strerror(errno));
		return MEMFS_WRONG;
	}
	return memfs->n_wrong ? MEMFS_WRONG : MEMFS_VERIFIED;
}

void memfs_expect(struct memfs *memfs, const char *what, const char *path, int result, int expected)
{
	if (result == expected)
		return;
	if (memfs->n_wrong++ < COMPLAINTS_MAX)
		fprintf(stderr, "memfs: %s: %s: %s instead of %s\n", path, what,
			result ? strerror(-result) : "success",
			expected ? strerror(-expected) : "success");
}

size_t memfs_mkdir(struct memfs *memfs, const char *name)
{
	size_t entry = tree_add(&memfs->tree, TREE_ROOT, name, INODE_DIRECTORY);

	memfs_expect(memfs, "mkdir", name, fs_mkdir(memfs->root, name), 0);
	memfs->tree.entries[entry].number = memfs_number(memfs, name);
	return entry;
}

uint64_t memfs_number(struct memfs *memfs, const char *path)
{
	DENTRY_AUTO struct dentry *dentry = NULL;

	return fs_lookup(memfs->root, path, &dentry) == 0 ? dentry->inode->number : 0;
}

struct arguments {
	struct memfs_options options;
	bool has_dir;
	int (*command)(const struct memfs_options *options);
};

enum {
	OPTION_FAULT = 0x100,
	OPTION_THREADS,
	OPTION_SEED,
	OPTION_LOOKUPS,
	OPTION_FILES,
	OPTION_CACHE,
	OPTION_SAVE,
	OPTION_RESTORE,
};

static const struct argp_option options[] = {
	{ "fault", OPTION_FAULT, "NAME", 0,
	  "make this mistake once, for lastref to find: lookup, handle, rename, cycle or over", 0 },
	{ "cache", OPTION_CACHE, "N", 0, "so many dentries may rest in the cache (262144)", 0 },
	{ "save", OPTION_SAVE, "FILE", 0, "import: at the end, save the tree to FILE", 0 },
	{ "restore", OPTION_RESTORE, "FILE", 0, "import: take the tree that was saved to FILE", 0 },
	{ "threads", OPTION_THREADS, "N", 0, "import: so many threads look up paths meanwhile (8)",
	  0 },
	{ "seed", OPTION_SEED, "N", 0, "what is chosen at random (1)", 0 },
	{ "lookups", OPTION_LOOKUPS, "N", 0, "bench: so many lookups (2000000)", 0 },
	{ "files", OPTION_FILES, "N", 0, "bench: make so many files (100000)", 0 },
	{ 0 },
};

static unsigned long long number(struct argp_state *state, const char *text, unsigned long long max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || value > max)
		argp_error(state, "not a number from 0 to %llu: '%s'", max, text);
	return value;
}

static enum fs_fault fault(struct argp_state *state, const char *text)
{
	static const char *const names[] = {
		[FS_FAULT_LOOKUP] = "lookup", [FS_FAULT_HANDLE] = "handle",
		[FS_FAULT_RENAME] = "rename", [FS_FAULT_CYCLE] = "cycle",
		[FS_FAULT_OVER] = "over",
	};

	for (unsigned i = FS_FAULT_LOOKUP; i <= FS_FAULT_OVER; i++)
		if (strcmp(text, names[i]) == 0)
			return (enum fs_fault)i;
	argp_error(state, "no such fault: '%s'; there are lookup, handle, rename, cycle and over",
		   text);
	return FS_FAULT_NONE;
}

static void set_dir(struct arguments *arguments, const char *dir)
{
	arguments->options.dir = dir;
	arguments->has_dir = true;
}

/* What is wrong only when all of it is known. */
static void check_arguments(struct argp_state *state, const struct arguments *arguments)
{
	const struct memfs_options *o = &arguments->options;

	if ((o->save || o->restore) && arguments->command != memfs_import)
		argp_error(state, "--save and --restore are for import");
	if (o->restore && arguments->has_dir)
		argp_error(state, "the tree comes from DIR or from --restore, not from both");
}

static void argument(struct argp_state *state, struct arguments *arguments, char *text)
{
	if (state->arg_num > 1)
		argp_error(state, "one argument too many: '%s'", text);
	else if (state->arg_num == 1)
		set_dir(arguments, text);
	else if (strcmp(text, "import") == 0)
		arguments->command = memfs_import;
	else if (strcmp(text, "bench") == 0)
		arguments->command = memfs_bench;
	else
		argp_error(state, "no such command: '%s'; there are import and bench", text);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	struct memfs_options *o = &arguments->options;

	switch (key) {
	case OPTION_FAULT:
		o->fault = fault(state, text);
		return 0;
	case OPTION_CACHE:
		o->cache_limit = number(state, text, UINT32_MAX);
		return 0;
	case OPTION_SAVE:
		o->save = text;
		return 0;
	case OPTION_RESTORE:
		o->restore = text;
		return 0;
	case OPTION_THREADS:
		o->n_threads = (unsigned)number(state, text, 1024);
		return 0;
	case OPTION_SEED:
		o->seed = number(state, text, UINT64_MAX);
		return 0;
	case OPTION_LOOKUPS:
		o->n_lookups = number(state, text, UINT32_MAX);
		return 0;
	case OPTION_FILES:
		o->n_files = number(state, text, 100 * 1000 * 1000);
		return 0;
	case ARGP_KEY_ARG:
		argument(state, arguments, text);
		return 0;
	case ARGP_KEY_END:
		check_arguments(state, arguments);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "say what to do: import or bench");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "import [DIR]\nimport --restore FILE\nbench [DIR]",
		.doc = "An in-memory file system, counted by lastref.\v"
		       "import loads DIR (/usr/include), reads every byte back, makes hard links, "
		       "renames, unlinks half, and unmounts, while other threads look up paths. bench "
		       "prints the CPU time of lookups, renames and unlinks.\n\n"
		       "With --save, import saves the tree before it unmounts, with its counts; "
		       "--restore begins with it as it was then, also with what rested in the "
		       "cache.\n\n"
		       "Exit status: 0 if everything verified, 1 if not, 2 for a usage error or a DIR "
		       "that cannot be read, 3 if the FILE of --restore cannot be read or is no whole "
		       "saved tree, 4 if the tree cannot be saved: then a FILE that was there is as it "
		       "was. Run it under `lastref run --` to see what leaks.",
	};
	struct arguments arguments = { .options = {
					       .dir = "/usr/include",
					       .cache_limit = FS_CACHE_LIMIT,
					       .n_threads = 8,
					       .seed = 1,
					       .n_lookups = 2000000,
					       .n_files = 100000,
				       } };

	argp_err_exit_status = MEMFS_USAGE;
	argp_program_version = "memfs (lastref " LASTREF_VERSION_STRING ")";
	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	return arguments.command(&arguments.options);
}
