/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of the library, and how they find each other.
 *
 * Layer: runtime. Locks: the loader's, while it goes through the modules.
 *
 * Names do not do: a copy in a plugin may hide its symbols, and one in a program exports them only if somebody needs them. But
 * every module has program headers, with the notes of the file among them, and dl_iterate_phdr() shows those of all. So each copy
 * carries an ELF note, which no strip and no linker takes away, and it leads to the struct of the copy.
 *
 * Copies start in constructors, which the loader runs one after the other. So the one that finds no other that has begun is the first.
 */
#include "runtime/copies.h"

#include "base/attributes.h"
#include "base/sink.h"
#include "runtime/arena.h"
#include "runtime/loader.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#define NOTE_TYPE 1u

/* Defined in start.c beside lastref_watch: the same byte by a name that nobody else's can replace. */
extern unsigned char lr_own_watch __attribute__((visibility("hidden")));
extern struct lr_copy lr_this_copy __attribute__((visibility("hidden")));

static void noticed(void)
{
	lr_arena_count(LR_OTHER_COPIES, 1);
}

struct lr_copy lr_this_copy = {
	.size = sizeof(lr_this_copy),
	.own = &lr_own_watch,
	.used = &lastref_watch,
	.dying = lastref_object_dying,
	.died = lastref_object_died,
	.unregister = lr_copies_unregister,
	.noticed = noticed,
};

/* Owner "lastref", and the distance to the struct. */
__asm__(".pushsection .note.lastref, \"a\", %note\n"
	".balign 4\n"
	".long 8, 4, 1\n"
	".asciz \"lastref\"\n"
	".long lr_this_copy - .\n"
	".popsection\n");

const struct lr_copy *lr_copies_first_;

/* What the walk through the modules found. */
struct found {
	struct lr_copy *first;	  /* another copy that checks */
	struct lr_copy *replacer; /* another one, whose symbols took the place of ours */
	const char *first_module;
	const char *own_module;
	bool own_module_stays; /* -z nodelete */
};

static struct found found; /* written at start, constant after that */

static bool is_note_of_copy(const ElfW(Nhdr) * note, const char *name)
{
	return note->n_type == NOTE_TYPE && note->n_namesz == 8 && note->n_descsz == 4 &&
	       memcmp(name, "lastref", 8) == 0;
}

static void see(struct lr_copy *copy, const struct dl_phdr_info *module)
{
	if (copy == &lr_this_copy) {
		found.own_module = module->dlpi_name;
		return;
	}
	if (copy->size < sizeof(*copy))
		return;
	if (__atomic_load_n(&copy->role, __ATOMIC_ACQUIRE) == LR_COPY_FIRST) {
		found.first = copy;
		found.first_module = module->dlpi_name;
	}
	/* Both lead to one byte: that of @copy, or one in a program that is not position-independent and has a copy of it. */
	if (copy->own == &lastref_watch || (found.first == copy && copy->used == &lastref_watch))
		found.replacer = copy;
}

static void see_notes(const char *at, size_t size, size_t align, const struct dl_phdr_info *module)
{
	ElfW(Nhdr) note;

	while (size >= sizeof(note)) {
		const char *name = at + sizeof(note);
		size_t name_size;
		size_t whole;

		memcpy(&note, at, sizeof(note));
		name_size = ((size_t)note.n_namesz + align - 1) & ~(align - 1);
		whole = sizeof(note) + name_size +
			(((size_t)note.n_descsz + align - 1) & ~(align - 1));
		if (whole > size)
			return;
		if (is_note_of_copy(&note, name)) {
			int32_t distance;

			memcpy(&distance, name + name_size, sizeof(distance));
			see((struct lr_copy *)((uintptr_t)name + name_size +
					       (uintptr_t)(intptr_t)distance),
			    module);
		}
		at += whole;
		size -= whole;
	}
}

static bool is_never_unloaded(const struct dl_phdr_info *module)
{
	for (ElfW(Half) i = 0; i < module->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &module->dlpi_phdr[i];
		const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(module->dlpi_addr + header->p_vaddr);

		if (header->p_type != PT_DYNAMIC)
			continue;
		for (; entry->d_tag != DT_NULL; entry++) {
			if (entry->d_tag == DT_FLAGS_1)
				return entry->d_un.d_val & DF_1_NODELETE;
		}
	}
	return false;
}

static int see_module(struct dl_phdr_info *module, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	for (ElfW(Half) i = 0; i < module->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &module->dlpi_phdr[i];

		if (header->p_type == PT_NOTE)
			see_notes((const char *)(module->dlpi_addr + header->p_vaddr),
				  header->p_memsz, header->p_align == 8 ? 8 : 4, module);
	}
	if (found.own_module == module->dlpi_name)
		found.own_module_stays = is_never_unloaded(module);
	return 0;
}

/* Its plugin may be closed, and this copy calls into it from now on: it is kept for ever. */
static void keep(const char *module)
{
	if (module && module[0] != '\0')
		lr_loader_keep(module);
}

enum lr_copy_role lr_copies_start(void)
{
	enum lr_copy_role role = LR_COPY_FIRST;

	dl_iterate_phdr(see_module, NULL);
	if (found.replacer)
		role = LR_COPY_REPLACED;
	else if (found.first)
		role = LR_COPY_SECOND;
	if (role == LR_COPY_SECOND) {
		keep(found.first_module);
		found.first->noticed();
		lr_copies_first_ = found.first;
	}
	/* Pairs with the acquire in see(), of another copy. */
	__atomic_store_n(&lr_this_copy.role, role, __ATOMIC_RELEASE);
	return role;
}

enum lr_copy_role lr_copies_role(void)
{
	return __atomic_load_n(&lr_this_copy.role, __ATOMIC_RELAXED);
}

void lr_copies_keep_module(void)
{
	static bool kept;

	if (!found.own_module_stays && !__atomic_exchange_n(&kept, true, __ATOMIC_RELAXED))
		keep(found.own_module);
}

static void write_module(struct lr_sink *sink, const char *module)
{
	if (module && module[0] != '\0')
		lr_sink_foreign(sink, module, strlen(module), 1024);
	else
		lr_sink_text(sink, "the program");
}

void lr_copies_say_off(int fd)
{
	static bool said;
	struct lr_sink sink;

	if (lr_copies_role() != LR_COPY_SECOND || __atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
		return;
	lr_sink_init(&sink, fd);
	lr_sink_text(&sink, "lastref: this library is in the process twice, in ");
	write_module(&sink, found.first_module);
	lr_sink_text(&sink, " and in ");
	write_module(&sink, found.own_module);
	lr_sink_text(&sink, "; the second stays off: what is born through it is not checked "
			    "(link both with the shared library)\n");
	lr_sink_flush(&sink);
}
