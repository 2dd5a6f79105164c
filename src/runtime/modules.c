/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modules of the process, found by _dl_find_object() (glibc 2.35), which takes no lock, and noted in the arena when they are first met.
 *
 * Layer: runtime. Locks: modules_lock (rank LR_RANK_MODULES), to note a module. Readers go through known[] with no lock: entries are
 * added at the end and never change, but for `gone`.
 *
 * How an unloaded module is noticed
 *      dlclose() tells nobody, and asking the loader for its counters takes its lock, which the child of a fork may find locked for
 *      ever. So each look-up compares what the loader says of the place, and the build-id in memory there, with what it was when
 *      the module was noted. The same code again at the same place keeps its id; anything else is a new module, and the
 *      generation changes. Without a build-id its first page stands for it: the ELF header, the segments and, as a rule,
 *      the dynamic symbols with their sizes. Two libraries that differ in none of that are one to us.
 *
 *      Look-ups happen on each return address that is met for the first time, each new site, and each type that a thread sees for
 *      the first time, also at the address of an old one. So a new library is met with its first birth of another
 *      type or its first call that the old one did not have at the same address. What remains is a library of the
 *      same types that calls from the same addresses: until then its sites bear the old one's name. The counters of
 *      dl_iterate_phdr() would tell, but a birth that takes the loader's lock may wait for a thread that holds
 *      it and waits for a lock of this birth's caller.
 */
#include "runtime/modules.h"

#include "base/attributes.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/ranks.h"
#include "runtime/arena.h"
#include "runtime/machine.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE_IDS 65535u
/* The first page of a module, with its ELF header and by all linkers' habit its build-id, is always there. */
#define FIRST_PAGE 4096u

/* What the loader says of a module. */
struct place {
	uintptr_t start;
	uintptr_t end;
	uintptr_t header; /* .eh_frame_hdr */
	uintptr_t bias;
	const struct link_map *link_map;
};

/* The build-id, or what stands for it. */
struct build_id {
	uintptr_t at;	     /* where it is in memory */
	uint64_t first_page; /* hash of the first page, if that can be read and has no build-id; else 0 */
	uint32_t size;	     /* 0 if there is none */
	uint8_t bytes[sizeof(((struct lr_module *)0)->build_id)];
};

struct known {
	struct place place;
	struct build_id build_id;
	uint32_t id;
	uint32_t salt; /* id if it took the place of another module, else 0 */
	bool gone; /* another module is there now; relaxed: who compares the build-id is right anyway */
};

static struct lr_lock modules_lock = LR_LOCK_INIT(LR_RANK_MODULES);

static struct known *known;  /* room for MODULE_IDS; set before known_count */
static uint32_t known_count; /* stored with release under modules_lock */
static bool no_unwinder_said;

uint32_t lr_modules_generation = 1;
bool lr_modules_any_salt;

/*
 * Not memcmp(): ThreadSanitizer looks into that one also in a library that it did not compile, and there it does not see the
 * release and the acquire by which another thread's bytes came here.
 */
static bool are_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
	size_t i = 0;

	while (i < size && a[i] == b[i])
		i++;
	return i == size;
}

static bool is_same_place(const struct place *a, const struct place *b)
{
	return a->start == b->start && a->end == b->end && a->header == b->header &&
	       a->bias == b->bias && a->link_map == b->link_map;
}

/* Of a page that is there. Never 0. In lanes, which the processor can work on at once: it is done for each new address. */
static uint64_t hash_first_page(uintptr_t start)
{
	const uint64_t *words = (const uint64_t *)start;
	uint64_t lanes[8] = { 0 };
	uint64_t hash = 0;

	for (size_t i = 0; i < FIRST_PAGE / sizeof(*words); i++) {
		uint64_t *lane = &lanes[i % LR_ARRAY_SIZE(lanes)];

		*lane = (*lane ^ words[i]) * UINT64_C(0x9e6c63d0676a9a99);
	}
	for (size_t i = 0; i < LR_ARRAY_SIZE(lanes); i++)
		hash = lr_hash_word(hash + lanes[i]);
	return hash | 1;
}

/*
 * Another module can be in the same place in all respects, the link map's too; then its build-id is another one. The range is
 * the same, so its first page is there too.
 */
static bool is_same(const struct known *old, const struct place *now)
{
	if (!is_same_place(&old->place, now))
		return false;
	if (old->build_id.size == 0)
		return old->build_id.first_page == 0 ||
		       old->build_id.first_page == hash_first_page(now->start);
	return are_equal((const uint8_t *)old->build_id.at, old->build_id.bytes, old->build_id.size);
}

static uintptr_t main_program_headers(void)
{
	return getauxval(AT_PHDR);
}

static bool holds(const struct place *place, uintptr_t address)
{
	return address >= place->start && address < place->end;
}

/* Without PT_PHDR (static programs have none) a position-independent program is taken to be linked at 0, as linkers do. */
static uintptr_t main_bias(const ElfW(Phdr) * headers, size_t count)
{
	bool is_dynamic = false;

	for (size_t i = 0; headers && i < count; i++) {
		if (headers[i].p_type == PT_PHDR)
			return (uintptr_t)headers - headers[i].p_vaddr;
		if (headers[i].p_type == PT_DYNAMIC)
			is_dynamic = true;
	}
	return is_dynamic ? (uintptr_t)headers - sizeof(ElfW(Ehdr)) : 0;
}

/* The main program as the kernel mapped it: for a static program, of which the loader's table may know nothing. */
static bool find_main(uintptr_t pc, struct place *ret_place)
{
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)main_program_headers();
	size_t count = getauxval(AT_PHNUM);
	struct place place = { .start = UINTPTR_MAX, .bias = main_bias(headers, count) };

	for (size_t i = 0; headers && i < count; i++) {
		uintptr_t start = place.bias + headers[i].p_vaddr;

		if (headers[i].p_type == PT_GNU_EH_FRAME)
			place.header = start;
		if (headers[i].p_type != PT_LOAD)
			continue;
		place.start = start < place.start ? start : place.start;
		place.end = start + headers[i].p_memsz > place.end ? start + headers[i].p_memsz :
								     place.end;
	}
	if (!holds(&place, pc))
		return false;
	*ret_place = place;
	return true;
}

#if __GLIBC_PREREQ(2, 35)
static bool find_loaded(uintptr_t pc, struct place *ret_place)
{
	struct dl_find_object found;

	if (_dl_find_object((void *)pc, &found) != 0)
		return false;
	ret_place->start = (uintptr_t)found.dlfo_map_start;
	ret_place->end = (uintptr_t)found.dlfo_map_end;
	ret_place->header = (uintptr_t)found.dlfo_eh_frame;
	ret_place->bias = found.dlfo_link_map->l_addr;
	ret_place->link_map = found.dlfo_link_map;
	return true;
}
#else
static bool find_loaded(uintptr_t pc, struct place *ret_place)
{
	(void)pc;
	(void)ret_place;
	return false;
}
#endif

static bool is_part_of_main(const struct place *place)
{
	return place->link_map->l_name[0] == '\0' && !holds(place, main_program_headers());
}

/* Of a static program glibc knows the segment with the code alone, which is not enough to find it in the file. */
static bool find_place(uintptr_t pc, struct place *ret_place)
{
	bool is_found = find_loaded(pc, ret_place);

	if (!is_found || is_part_of_main(ret_place))
		is_found |= find_main(pc, ret_place);
	if (!holds(ret_place, ret_place->header))
		ret_place->header = 0;
	return is_found;
}

static const struct known *find_known(const struct place *place)
{
	/* Pairs with the release in append(). */
	uint32_t count = __atomic_load_n(&known_count, __ATOMIC_ACQUIRE);

	while (count-- > 0) {
		if (!__atomic_load_n(&known[count].gone, __ATOMIC_RELAXED) &&
		    is_same(&known[count], place))
			return &known[count];
	}
	return NULL;
}

/* Look for it in the notes in [@at, @at + @size). */
static void find_build_id(uintptr_t at, size_t size, struct build_id *ret_id)
{
	ElfW(Nhdr) note;

	while (size >= sizeof(note)) {
		size_t name_size;
		size_t whole;

		memcpy(&note, (const void *)at, sizeof(note));
		name_size = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		whole = sizeof(note) + name_size + (((size_t)note.n_descsz + 3) & ~(size_t)3);
		if (whole > size)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    note.n_descsz <= sizeof(ret_id->bytes) &&
		    memcmp((const void *)(at + sizeof(note)), "GNU", 4) == 0) {
			ret_id->at = at + sizeof(note) + name_size;
			ret_id->size = note.n_descsz;
			memcpy(ret_id->bytes, (const void *)ret_id->at, ret_id->size);
			return;
		}
		at += whole;
		size -= whole;
	}
}

static void find_build_id_in_page(const struct place *place, struct build_id *ret_id)
{
	ElfW(Ehdr) elf;
	ElfW(Phdr) program;

	memcpy(&elf, (const void *)place->start, sizeof(elf));
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_phentsize != sizeof(program) ||
	    elf.e_phoff > FIRST_PAGE || elf.e_phnum > (FIRST_PAGE - elf.e_phoff) / sizeof(program))
		return;
	for (unsigned int i = 0; i < elf.e_phnum && ret_id->size == 0; i++) {
		uintptr_t offset;

		memcpy(&program, (const void *)(place->start + elf.e_phoff + i * sizeof(program)),
		       sizeof(program));
		offset = place->bias + program.p_vaddr - place->start;
		if (program.p_type == PT_NOTE && offset < FIRST_PAGE &&
		    program.p_memsz <= FIRST_PAGE - offset)
			find_build_id(place->start + offset, program.p_memsz, ret_id);
	}
}

static void read_build_id(const struct place *place, struct build_id *ret_id)
{
	memset(ret_id, 0, sizeof(*ret_id));
	if (place->end - place->start < FIRST_PAGE ||
	    lr_pages_readable((const void *)place->start, FIRST_PAGE) <= 0)
		return;
	find_build_id_in_page(place, ret_id);
	if (ret_id->size == 0)
		ret_id->first_page = hash_first_page(place->start);
}

/* Guarded by modules_lock. Not on the stack, which may be a fibre's. */
static char path_room[4096 + 256];

static lr_text_ref add_link(const char *link)
{
	ssize_t length = readlink(link, path_room, 4096);

	return lr_arena_add_text(path_room, length > 0 ? (size_t)length : 0);
}

/* A library that was opened by a relative name is looked for where the process is now. */
static lr_text_ref add_relative(const char *name)
{
	size_t length = strlen(name);
	size_t folder;

	if (!getcwd(path_room, 4096) || length >= 255)
		return lr_arena_add_text(name, length);
	folder = strlen(path_room);
	path_room[folder] = '/';
	memcpy(path_room + folder + 1, name, length);
	return lr_arena_add_text(path_room, folder + 1 + length);
}

/* Caller holds modules_lock. Return: 0 without memory only; a path that is not known is empty. */
static lr_text_ref add_path(const struct place *place)
{
	static const char vdso[] = "linux-vdso";
	const char *name = place->link_map ? place->link_map->l_name : "";

	if (holds(place, getauxval(AT_SYSINFO_EHDR)))
		return lr_arena_add_text(vdso, sizeof(vdso) - 1);
	if (holds(place, main_program_headers()))
		return add_link("/proc/self/exe");
	if (name && strchr(name, '/') && name[0] != '/')
		return add_relative(name);
	return name ? lr_arena_add_text(name, strlen(name)) : lr_arena_add_text("", 0);
}

/* Without a build-id the file's size and time are noted, by which a reader sees that it was built again. */
static struct lr_file_stamp stamp_of(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return (struct lr_file_stamp){ 0 };
	return lr_file_stamp_of(&status);
}

/* Caller holds modules_lock. Note a module in the arena. Returns its id or 0. */
static uint32_t add_to_arena(const struct place *place, const struct build_id *build_id)
{
	lr_text_ref path = add_path(place);
	uint32_t ordinal;
	struct lr_module *module = path ? lr_arena_add(LR_MODULES, &ordinal) : NULL;

	if (!module || ordinal >= MODULE_IDS)
		return 0;
	module->bias = place->bias;
	module->start = place->start;
	module->end = place->end;
	module->path = path;
	module->build_id_size = build_id->size;
	if (build_id->size > 0)
		memcpy(module->build_id, build_id->bytes, build_id->size);
	else
		module->stamp = stamp_of(lr_image_text(&lr_arena_image, path, NULL));
	return ordinal + 1;
}

static bool has_identity(const struct build_id *id)
{
	return id->size > 0 || id->first_page != 0;
}

static bool is_same_code(const struct build_id *a, const struct build_id *b)
{
	return has_identity(a) && a->size == b->size && a->first_page == b->first_page &&
	       memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* Caller holds modules_lock. Was the same code at the same place before? Then it keeps its id and its salt. */
static bool find_reloaded(struct known *added)
{
	for (uint32_t i = 0; i < known_count; i++) {
		const struct known *old = &known[i];

		if (old->id != 0 && old->place.start == added->place.start &&
		    old->place.bias == added->place.bias &&
		    is_same_code(&old->build_id, &added->build_id)) {
			added->id = old->id;
			added->salt = old->salt;
			return true;
		}
	}
	return false;
}

/* Caller holds modules_lock. What overlaps @added is gone. Returns true if that was other code. */
static bool retire_overlapped(const struct known *added)
{
	bool replaced = false;

	for (uint32_t i = 0; i < known_count; i++) {
		struct known *old = &known[i];

		if (old->gone || old->place.start >= added->place.end ||
		    added->place.start >= old->place.end)
			continue;
		__atomic_store_n(&old->gone, true, __ATOMIC_RELAXED);
		if (old->id != added->id || old->id == 0)
			replaced = true;
	}
	return replaced;
}

/* Caller holds modules_lock. Pairs with the acquire of whoever compares generations. */
static void next_generation(void)
{
	__atomic_fetch_add(&lr_modules_generation, 1, __ATOMIC_RELEASE);
}

/*
 * Caller holds modules_lock. Two libraries that take turns at one place are two entries, however often they do. Returns NULL if
 * this one was not there before just so.
 */
static const struct known *revive(const struct place *place)
{
	for (uint32_t i = 0; i < known_count; i++) {
		struct known *old = &known[i];
		bool replaced;

		if (!is_same(old, place) || !has_identity(&old->build_id))
			continue;
		replaced = retire_overlapped(old);
		__atomic_store_n(&old->gone, false, __ATOMIC_RELAXED);
		if (replaced)
			next_generation();
		return old;
	}
	return NULL;
}

/* Caller holds modules_lock. Returns NULL without memory: then it is tried again when somebody asks again. */
static const struct known *append(const struct place *place)
{
	struct known *added = &known[known_count];
	bool is_new;
	bool replaced;

	added->place = *place;
	read_build_id(place, &added->build_id);
	is_new = !find_reloaded(added);
	if (is_new)
		added->id = add_to_arena(place, &added->build_id);
	if (added->id == 0)
		return NULL;
	replaced = retire_overlapped(added);
	if (replaced && is_new) {
		added->salt = added->id;
		__atomic_store_n(&lr_modules_any_salt, true, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&known_count, known_count + 1, __ATOMIC_RELEASE);
	if (replaced)
		next_generation();
	return added;
}

static const struct known *add(const struct place *place)
{
	const struct known *found;

	lr_lock(&modules_lock);
	if (!known)
		known = lr_pages_map(MODULE_IDS * sizeof(*known));
	found = known ? find_known(place) : NULL;
	if (known && !found)
		found = revive(place);
	if (known && !found && known_count < MODULE_IDS)
		found = append(place);
	lr_unlock(&modules_lock);
	return found;
}

/* The program's own stacks cannot be walked: said once in the image. */
static void note_no_unwinder(const struct place *place)
{
	if (!LR_MACHINE_HAS_UNWINDER || place->header || !holds(place, main_program_headers()))
		return;
	if (!__atomic_exchange_n(&no_unwinder_said, true, __ATOMIC_RELAXED))
		lr_arena_count(LR_NO_UNWINDER, LR_NO_UNWIND_TABLE);
}

bool lr_modules_find(uintptr_t pc, struct lr_cfi_image *ret_image, uint32_t *ret_id)
{
	struct place place = { 0 };
	const struct known *found;

	if (!find_place(pc, &place))
		return false;
	note_no_unwinder(&place);
	found = find_known(&place);
	if (!found)
		found = add(&place);
	ret_image->start = place.start;
	ret_image->end = place.end;
	ret_image->header = place.header;
	*ret_id = found ? found->id : 0;
	return true;
}

bool lr_modules_is_program(uintptr_t address)
{
	struct place place = { 0 };

	return find_place(address, &place) && holds(&place, main_program_headers());
}

uint32_t lr_modules_salt(uintptr_t pc)
{
	/* Pairs with the release in append(). */
	uint32_t count = __atomic_load_n(&known_count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++) {
		if (known[i].salt != 0 && holds(&known[i].place, pc) &&
		    !__atomic_load_n(&known[i].gone, __ATOMIC_RELAXED))
			return known[i].salt;
	}
	return 0;
}

void lr_modules_restart_in_child(void)
{
	lr_lock_restart(&modules_lock);
	if (known)
		memset(known, 0, known_count * sizeof(*known));
	known_count = 0;
	no_unwinder_said = false;
	lr_modules_any_salt = false;
	__atomic_fetch_add(&lr_modules_generation, 1, __ATOMIC_RELEASE);
}
