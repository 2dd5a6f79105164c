/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function symbols of a module, by address: an index built once, where dwfl_module_addrname() goes through the
 * whole table for each address.
 *
 * Layer: symbolize. Locks: none.
 *
 * A symbol without size (some assembly has them) is left out: how far it reaches is a guess, and module+offset is
 * never wrong.
 */
#include "symbolize/elf_symbols.h"

#include <stdlib.h>
#include <string.h>

struct lr_elf_symbol {
	const char *name; /* in the module's string table */
	uint64_t start;
	uint64_t size;
	int binding; /* STB_* */
};

void lr_elf_symbols_finish(struct lr_elf_symbols *symbols)
{
	free(symbols->items);
	lr_intervals_finish(&symbols->ranges);
	*symbols = (struct lr_elf_symbols){ 0 };
}

static int visibility(int binding)
{
	return binding == STB_LOCAL ? 0 : binding == STB_WEAK ? 1 : 2;
}

/*
 * Of the names of one function the last in this order is shown: rather global than local, few leading underscores,
 * short: malloc, not __libc_malloc.
 */
static int by_readability(const void *left, const void *right)
{
	const struct lr_elf_symbol *a = left, *b = right;
	size_t a_underscores = strspn(a->name, "_"), b_underscores = strspn(b->name, "_");
	size_t a_length = strlen(a->name), b_length = strlen(b->name);

	if (visibility(a->binding) != visibility(b->binding))
		return visibility(a->binding) - visibility(b->binding);
	if (a_underscores != b_underscores)
		return a_underscores > b_underscores ? -1 : 1;
	if (a_length != b_length)
		return a_length > b_length ? -1 : 1;
	return strcmp(b->name, a->name);
}

static void read_table(struct lr_elf_symbols *symbols, Dwfl_Module *module, int size)
{
	for (int i = 1; i < size; i++) {
		GElf_Sym symbol;
		GElf_Addr start;
		GElf_Word section;
		const char *name =
			dwfl_module_getsym_info(module, i, &symbol, &start, &section, NULL, NULL);
		int type = GELF_ST_TYPE(symbol.st_info);

		if (!name || !*name || section == SHN_UNDEF || !symbol.st_size)
			continue;
		if (type != STT_FUNC && type != STT_GNU_IFUNC)
			continue;
		symbols->items[symbols->count++] = (struct lr_elf_symbol){
			.name = name,
			.start = start,
			.size = symbol.st_size,
			.binding = GELF_ST_BIND(symbol.st_info),
		};
	}
}

/* The values of the intervals are ordinals in items, so that the most readable of equal ones wins. */
static int index_by_address(struct lr_elf_symbols *symbols)
{
	qsort(symbols->items, symbols->count, sizeof(*symbols->items), by_readability);
	for (size_t i = 0; i < symbols->count; i++) {
		const struct lr_elf_symbol *symbol = &symbols->items[i];
		uint64_t end;

		if (__builtin_add_overflow(symbol->start, symbol->size, &end))
			continue;
		if (lr_intervals_add(&symbols->ranges, symbol->start, end, (uint32_t)i))
			return -1;
	}
	return lr_intervals_flatten(&symbols->ranges);
}

void lr_elf_symbols_init(struct lr_elf_symbols *symbols, Dwfl_Module *module)
{
	int size = dwfl_module_getsymtab(module);

	*symbols = (struct lr_elf_symbols){ 0 };
	if (size <= 0)
		return;
	symbols->items = calloc((size_t)size, sizeof(*symbols->items));
	if (!symbols->items)
		return;
	read_table(symbols, module, size);
	if (index_by_address(symbols))
		lr_elf_symbols_finish(symbols);
}

const char *lr_elf_symbols_find(const struct lr_elf_symbols *symbols, uint64_t address)
{
	uint32_t ordinal;

	if (!lr_intervals_find(&symbols->ranges, address, &ordinal))
		return NULL;
	return symbols->items[ordinal].name;
}
