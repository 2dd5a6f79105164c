/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pins.
 *
 * Layer: runtime. Locks: none of ours; the loader's.
 *
 * The name of a library is memory of the loader, which it frees with the library. It is copied in a callback of dl_iterate_phdr(),
 * which nothing is unloaded during; that the library is still there when it is opened by that name is what dlopen() answers.
 */
#include "runtime/pin.h"

#include "base/attributes.h"
#include "base/pages.h"
#include "runtime/loader.h"
#include "runtime/modules.h"

#include <limits.h>
#include <link.h>
#include <string.h>

struct search {
	uintptr_t address;
	bool found;
	char name[PATH_MAX];
};

static bool has_address(const struct dl_phdr_info *module, uintptr_t address)
{
	for (ElfW(Half) i = 0; i < module->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &module->dlpi_phdr[i];

		if (header->p_type == PT_LOAD &&
		    address - (module->dlpi_addr + header->p_vaddr) < header->p_memsz)
			return true;
	}
	return false;
}

static int look(struct dl_phdr_info *module, size_t size, void *search_)
{
	struct search *search = search_;

	(void)size;
	if (!has_address(module, search->address))
		return 0;
	search->found = strlen(module->dlpi_name) < sizeof(search->name);
	if (search->found)
		strcpy(search->name, module->dlpi_name);
	return 1;
}

bool lr_pin_take(struct lr_pin *pin, uintptr_t function)
{
	struct search *search;
	bool found = false;

	pin->handle = NULL;
	/* What cannot go needs no lock. */
	if (lr_modules_is_program(function))
		return true;
	search = lr_loader_may_hang() ? NULL : lr_pages_map(sizeof(*search));
	if (!search)
		return false;
	search->address = function;
	dl_iterate_phdr(look, search);
	/* The program itself has no name. */
	if (search->found && search->name[0] != '\0')
		pin->handle = lr_loader_keep(search->name);
	if (search->found)
		found = search->name[0] == '\0' || pin->handle;
	lr_pages_unmap(search, sizeof(*search));
	return found;
}

void lr_pin_drop(const struct lr_pin *pin)
{
	lr_loader_release(pin->handle);
}
