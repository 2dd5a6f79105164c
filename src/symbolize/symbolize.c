/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses to frames: the modules, each opened once, with its two indexes.
 *
 * Layer: symbolize. Locks: none.
 *
 * Every module gets a Dwfl of its own, for what libdwfl is best at: finding the debug information (separate file by
 * build-id or debug link, dwz's alternate file). It is placed at the addresses that the file itself speaks of, so
 * that an offset is an address. Looking up is done by our indexes; libdwfl's own lookups are linear.
 *
 * A module that cannot be used is kept too, so that it is tried once and not for each of its addresses.
 */
#include "symbolize/symbolize.h"

#include "symbolize/demangle.h"
#include "symbolize/dwarf_index.h"
#include "symbolize/elf_symbols.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lr_symbols_module {
	struct lr_symbols_module *next;
	char *path;
	uint8_t *build_id;
	size_t build_id_size;
	struct lr_file_stamp stamp;
	int status; /* what resolve returns for it */
	Dwfl *dwfl;
	struct lr_elf_symbols symbols;
	struct lr_dwarf_index dwarf;
	Dwarf_Addr dwarf_bias; /* address in the file - in the DWARF; not 0 after prelink */
};

struct lr_symbols {
	struct lr_symbols_module *modules; /* the last used first */
};

struct lr_symbols *lr_symbols_create(bool network)
{
	/* elfutils has no other switch: the standard search asks the servers named here. */
	if (!network)
		unsetenv("DEBUGINFOD_URLS");
	return calloc(1, sizeof(struct lr_symbols));
}

static void module_destroy(struct lr_symbols_module *module)
{
	lr_dwarf_index_finish(&module->dwarf);
	lr_elf_symbols_finish(&module->symbols);
	if (module->dwfl)
		dwfl_end(module->dwfl);
	free(module->build_id);
	free(module->path);
	free(module);
}

void lr_symbols_destroy(struct lr_symbols *symbols)
{
	if (!symbols)
		return;
	while (symbols->modules) {
		struct lr_symbols_module *module = symbols->modules;

		symbols->modules = module->next;
		module_destroy(module);
	}
	free(symbols);
}

static bool is_stale(const struct lr_symbols_module *module, const struct stat *status)
{
	struct lr_file_stamp now = lr_file_stamp_of(status);

	return !module->build_id_size && !lr_file_stamp_fits(&module->stamp, &now);
}

/*
 * O_NONBLOCK: a path in a damaged image may name a pipe, on which open() would wait for ever.
 * Return: the descriptor, or a negative errno.
 */
static int open_file(const struct lr_symbols_module *module)
{
	int fd = open(module->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	int error = -ENOENT;

	if (fd < 0)
		return error;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		error = is_stale(module, &status) ? -ESTALE : 0;
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

static Dwfl_Module *report_module(struct lr_symbols_module *module, int fd)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.section_address = dwfl_offline_section_address,
	};
	Dwfl_Module *reported;

	module->dwfl = dwfl_begin(&callbacks);
	if (!module->dwfl) {
		close(fd);
		return NULL;
	}
	reported = dwfl_report_elf(module->dwfl, module->path, module->path, fd, 0, true);
	if (!reported)
		close(fd);
	if (dwfl_report_end(module->dwfl, NULL, NULL) != 0)
		return NULL;
	return reported;
}

static bool is_wanted(const struct lr_symbols_module *module, Dwfl_Module *reported)
{
	const unsigned char *build_id;
	GElf_Addr address;
	int size;

	if (!module->build_id_size)
		return true;
	size = dwfl_module_build_id(reported, &build_id, &address);
	return size > 0 && (size_t)size == module->build_id_size &&
	       memcmp(build_id, module->build_id, module->build_id_size) == 0;
}

static int read_module(struct lr_symbols_module *module)
{
	int fd = open_file(module);
	Dwfl_Module *reported;
	Dwarf *dwarf;

	if (fd < 0)
		return fd;
	reported = report_module(module, fd);
	if (!reported)
		return -ENOENT;
	if (!is_wanted(module, reported))
		return -ESTALE;
	lr_elf_symbols_init(&module->symbols, reported);
	dwarf = dwfl_module_getdwarf(reported, &module->dwarf_bias);
	if (dwarf)
		lr_dwarf_index_init(&module->dwarf, dwarf);
	return 0;
}

static struct lr_symbols_module *module_create(const struct lr_symbols_file *file)
{
	struct lr_symbols_module *module = calloc(1, sizeof(*module));

	if (!module)
		return NULL;
	module->path = strdup(file->path);
	module->build_id = malloc(file->build_id_size + 1);
	if (!module->path || !module->build_id) {
		module_destroy(module);
		return NULL;
	}
	if (file->build_id_size)
		memcpy(module->build_id, file->build_id, file->build_id_size);
	module->build_id_size = file->build_id_size;
	module->stamp = file->stamp;
	module->status = read_module(module);
	return module;
}

static bool is_module(const struct lr_symbols_module *module, const struct lr_symbols_file *file)
{
	size_t size = file->build_id_size;

	if (module->build_id_size != size || strcmp(module->path, file->path) != 0)
		return false;
	if (size)
		return memcmp(module->build_id, file->build_id, size) == 0;
	return module->stamp.size == file->stamp.size &&
	       module->stamp.modified == file->stamp.modified;
}

static struct lr_symbols_module *find_module(struct lr_symbols *symbols,
					     const struct lr_symbols_file *file)
{
	struct lr_symbols_module **link = &symbols->modules, *module;

	while (*link && !is_module(*link, file))
		link = &(*link)->next;
	module = *link;
	if (module)
		*link = module->next;
	else
		module = module_create(file);
	if (module) {
		module->next = symbols->modules;
		symbols->modules = module;
	}
	return module;
}

int lr_symbols_resolve(struct lr_symbols *symbols, const struct lr_symbols_file *file,
		       uint64_t offset, lr_symbol_emit emit, void *context)
{
	struct lr_symbols_module *module = find_module(symbols, file);
	const char *symbol;
	char *demangled;

	if (!module)
		return -ENOENT;
	if (module->status)
		return module->status;
	symbol = lr_elf_symbols_find(&module->symbols, offset);
	if (lr_dwarf_index_frames(&module->dwarf, offset - module->dwarf_bias, symbol, emit, context) ||
	    !symbol)
		return 0;
	demangled = lr_demangle(symbol);
	emit(&(struct lr_symbol_frame){ .function = demangled ? demangled : symbol }, context);
	free(demangled);
	return 0;
}
