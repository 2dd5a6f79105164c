/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbol tables of modules in memory.
 *
 * Layer: runtime. Locks: none.
 *
 * dladdr() takes the loader's lock, and the event log writes in signal handlers too. A handler that has interrupted fork(), which has
 * locked all that malloc() has, would wait for a thread that closes a library; and that one waits for fork() to end. The tables do
 * not change while their module is there, and a module with a frame on the stack stays; so they can be read with no lock.
 */
#include "runtime/exported.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

#if __GLIBC_PREREQ(2, 35)

struct tables {
	uintptr_t bias;
	const ElfW(Sym) * symbols;
	const char *strings;
	size_t strings_size;
	const uint32_t *hash;
	const uint32_t *gnu_hash;
};

/* The loader has put the module's place into these, but for a module that it cannot write to, the vdso. */
static const void *pointer_of(const struct link_map *map, const ElfW(Dyn) * entry)
{
	uintptr_t address = entry->d_un.d_ptr;

	return (const void *)(address < map->l_addr ? address + map->l_addr : address);
}

static bool find_tables(uintptr_t pc, struct tables *ret)
{
	struct dl_find_object found;
	const ElfW(Dyn) * entry;

	if (_dl_find_object((void *)pc, &found) != 0 || !found.dlfo_link_map->l_ld)
		return false;
	*ret = (struct tables){ .bias = found.dlfo_link_map->l_addr };
	for (entry = found.dlfo_link_map->l_ld; entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_SYMTAB)
			ret->symbols = pointer_of(found.dlfo_link_map, entry);
		else if (entry->d_tag == DT_STRTAB)
			ret->strings = pointer_of(found.dlfo_link_map, entry);
		else if (entry->d_tag == DT_STRSZ)
			ret->strings_size = entry->d_un.d_val;
		else if (entry->d_tag == DT_HASH)
			ret->hash = pointer_of(found.dlfo_link_map, entry);
		else if (entry->d_tag == DT_GNU_HASH)
			ret->gnu_hash = pointer_of(found.dlfo_link_map, entry);
	}
	return ret->symbols && ret->strings;
}

/* The table has no length of its own. The last symbol is the end of the chain that begins last. */
static uint32_t count_by_gnu_hash(const uint32_t *table)
{
	uint32_t bucket_count = table[0];
	uint32_t first = table[1];
	const uint32_t *buckets = &table[4] + table[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	const uint32_t *chains = &buckets[bucket_count];
	uint32_t last = 0;

	for (uint32_t i = 0; i < bucket_count; i++)
		last = buckets[i] > last ? buckets[i] : last;
	if (last < first)
		return first;
	while (!(chains[last - first] & 1))
		last++;
	return last + 1;
}

static uint32_t count_symbols(const struct tables *tables)
{
	if (tables->gnu_hash)
		return count_by_gnu_hash(tables->gnu_hash);
	return tables->hash ? tables->hash[1] : 0;
}

/* Without a size, as hand-written assembly often is, it goes on to the next one. */
static bool may_hold(const ElfW(Sym) * symbol, uintptr_t offset)
{
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);

	return (type == STT_FUNC || type == STT_NOTYPE || type == STT_GNU_IFUNC) &&
	       symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS &&
	       symbol->st_value <= offset &&
	       (symbol->st_size == 0 || offset - symbol->st_value < symbol->st_size);
}

const char *lr_exported_name(uintptr_t pc)
{
	const ElfW(Sym) *best = NULL;
	struct tables tables;
	uint32_t count;

	if (!find_tables(pc, &tables))
		return NULL;
	count = count_symbols(&tables);
	for (uint32_t i = 0; i < count; i++) {
		const ElfW(Sym) *symbol = &tables.symbols[i];

		if (may_hold(symbol, pc - tables.bias) && symbol->st_name < tables.strings_size &&
		    (!best || symbol->st_value > best->st_value))
			best = symbol;
	}
	return best ? tables.strings + best->st_name : NULL;
}

#else

const char *lr_exported_name(uintptr_t pc)
{
	(void)pc;
	return NULL;
}

#endif
