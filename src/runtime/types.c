/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types.
 *
 * Layer: runtime. Locks: types_lock, for a descriptor that a thread sees for the first time.
 *
 * A descriptor in a header has a copy in every file that includes it, and libraries come and go, so a type is known by name, C type
 * and size, and how and where it counts, and never by address alone. Two types whose names differ only beyond what is stored are told apart by the hash of
 * the whole names.
 *
 * Why a thread's cache compares the text of names
 *      Two plugins built from one template are equal in layout. Loaded one after the other at the same place, they have their
 *      descriptors at the same address, with names of another text at the same address. Nothing tells the runtime of
 *      a dlclose(), and modules.c notices another library when it sees an address of code that is new, which is after the
 *      type was looked for, if ever. So the name itself is compared, which is there whenever its descriptor is. A
 *      descriptor in the program cannot be replaced, and there it need not be: the usual way stays three compares of words.
 *      What then finds another type asks modules.c about its place, so that the stack captured next is the new library's too.
 */
#include "runtime/types.h"

#include "base/attributes.h"
#include "base/globs.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/ranks.h"
#include "runtime/arena.h"
#include "runtime/members.h"
#include "runtime/modules.h"
#include "runtime/start.h"

#include <string.h>

#define TABLE_SIZE (2 * (LR_TYPES_MAX + 1))

static struct lr_lock types_lock = LR_LOCK_INIT(LR_RANK_TYPES);
static struct lr_type_info *infos; /* by id; mapped whole, touched as types come */
static uint32_t *table;		   /* name_hash -> id, open addressing; guarded by types_lock */
static uint32_t type_count;	   /* guarded by types_lock for writing; release */
static const char *checked_globs = "";
static const char *logged_globs = "";
static bool any_logged;

void lr_types_start(const char *checked, const char *logged)
{
	checked_globs = checked;
	logged_globs = logged;
	any_logged = logged[0] != '\0';
}

bool lr_types_any_logged(void)
{
	return __atomic_load_n(&any_logged, __ATOMIC_RELAXED);
}

static const char *or_unnamed(const char *text)
{
	return text && text[0] ? text : "(unnamed)";
}

/* A type that LASTREF_DEFINE_TYPE() made takes its options from another descriptor. */
static const struct lastref_type *options_of(const struct lastref_type *type)
{
	return type->options ? type->options : type;
}

static const char *name_of(const struct lastref_type *type)
{
	const char *name = options_of(type)->name;

	return or_unnamed(name ? name : type->name);
}

static uint32_t module_of(uintptr_t address)
{
	struct lr_cfi_image unused;
	uint32_t id = 0;

	return address != 0 && lr_modules_find(address, &unused, &id) ? id : 0;
}

uint32_t lr_type_modules(const struct lr_type_info *info)
{
	const uintptr_t functions[] = {
		(uintptr_t)info->count,	       (uintptr_t)info->unref,	 (uintptr_t)info->describe,
		(uintptr_t)info->leak_message, (uintptr_t)info->size_of, (uintptr_t)info->visit,
	};
	uint64_t hash = 0;

	for (size_t i = 0; i < LR_ARRAY_SIZE(functions); i++)
		hash = lr_hash_word(hash + module_of(functions[i]));
	return (uint32_t)hash;
}

/* The names are in memory of the descriptor's library. A member without one is known by its offset. */
static void copy_owned(struct lr_type_info *info, const struct lastref_owned *owns)
{
	uint32_t count = 0;

	memset(info->owns, 0, sizeof(info->owns));
	for (; count < LASTREF_OWNS_MAX_ && owns[count].size > 0; count++) {
		info->owns[count] = (struct lr_owned_member){
			.offset = owns[count].offset,
			.size = owns[count].size,
			.name = lr_member_name(owns[count].member),
		};
	}
	info->owned = count;
}

/* Stored only if something is new: a check may be reading it. Caller holds types_lock. */
static void refresh(struct lr_type_info *info, const struct lastref_type *type)
{
	const struct lastref_type *options = options_of(type);
	struct lr_type_info fresh;

	memcpy(&fresh, info, sizeof(fresh));
	fresh.size = type->size;
	fresh.count_offset = type->count_offset;
	fresh.count_kind = type->count_kind;
	fresh.count = type->count ? type->count : options->count;
	fresh.unref = type->unref ? type->unref : options->unref;
	fresh.describe = options->describe;
	fresh.leak_message = options->leak_message;
	fresh.size_of = options->size_of;
	fresh.visit = options->visit;
	copy_owned(&fresh, options->owns);
	fresh.functions_modules = lr_type_modules(&fresh);
	if (options->log)
		fresh.logged = true;
	if (fresh.logged)
		__atomic_store_n(&any_logged, true, __ATOMIC_RELAXED);
	/* Copied byte by byte, so what is between the members is equal too. */
	if (memcmp(&fresh, info, sizeof(fresh)) != 0) /* NOLINT(bugprone-suspicious-memory-comparison) */
		memcpy(info, &fresh, sizeof(fresh));
}

/* Caller holds types_lock. Returns 0 when there is no room. */
static uint32_t add(const struct lastref_type *type, uint64_t hash)
{
	const char *name = name_of(type);
	const char *c_type = or_unnamed(type->c_type);
	struct lr_type_entry *entry;
	struct lr_type_info *info;
	lr_text_ref name_text;
	lr_text_ref c_type_text;
	uint32_t ordinal;

	if (type_count >= LR_TYPES_MAX)
		return 0;
	/* A type without its name would be of no use in a report; it is added when there is memory for it again. */
	name_text = lr_arena_add_text(name, strlen(name));
	c_type_text = name_text ? lr_arena_add_text(c_type, strlen(c_type)) : 0;
	entry = c_type_text ? lr_arena_add(LR_TYPES, &ordinal) : NULL;
	if (!entry)
		return 0;
	entry->c_type = c_type_text;
	entry->name_hash = hash;
	__atomic_store_n(&entry->size, type->size, __ATOMIC_RELAXED);
	/* A check may go through all types meanwhile. Pairs with the acquire in lr_types_make(). */
	__atomic_store_n(&entry->name, name_text, __ATOMIC_RELEASE);
	entry->left_out = checked_globs[0] != '\0' && !lr_globs_match(checked_globs, name);
	info = &infos[ordinal + 1];
	memset(info, 0, sizeof(*info));
	info->id = ordinal + 1;
	info->name = lr_image_text(&lr_arena_image, name_text, NULL);
	info->checked = !entry->left_out;
	info->logged = lr_globs_match(logged_globs, name);
	/* Pairs with the acquire in lr_type_by_id(). */
	__atomic_store_n(&type_count, info->id, __ATOMIC_RELEASE);
	return info->id;
}

/* Caller holds types_lock. */
static uint32_t find_or_add(const struct lastref_type *type)
{
	/* Where the count is and how it counts: two structs of equal names and size must not be read as one another. */
	uint64_t count = lr_hash_word((uint64_t)type->count_kind << 32 ^ type->count_offset);
	uint64_t hash = lr_hash_text(lr_hash_text(type->size ^ count, name_of(type)),
				     or_unnamed(type->c_type));
	uint32_t at = (uint32_t)(lr_hash_word(hash) % TABLE_SIZE);

	if (!infos)
		infos = lr_pages_map((LR_TYPES_MAX + 1) * sizeof(*infos));
	if (!table)
		table = lr_pages_map(TABLE_SIZE * sizeof(*table));
	if (!infos || !table)
		return 0;
	for (; table[at] != 0; at = (at + 1) % TABLE_SIZE) {
		const struct lr_type_entry *entry = lr_arena_at(LR_TYPES, table[at] - 1);

		if (entry->name_hash == hash && entry->size == type->size)
			break;
	}
	if (table[at] == 0)
		table[at] = add(type, hash);
	if (table[at] != 0)
		refresh(&infos[table[at]], type);
	return table[at];
}

static struct lr_cached_type *cache_slot(struct lr_thread *thread, const struct lastref_type *type)
{
	uintptr_t address = (uintptr_t)type;

	return &thread->types[(address >> 4 ^ address >> 10) % LR_TYPE_CACHE_SIZE];
}

/*
 * Caller holds types_lock. A signal handler that comes in between finds no type in the slot; nor does it fill
 * the slot itself, since a lock is held.
 */
static void fill_slot(struct lr_cached_type *slot, const struct lastref_type *type, uint32_t id)
{
	slot->type = NULL;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	slot->name = type->name;
	slot->size = type->size;
	slot->id = id;
	slot->may_go = !lr_modules_is_program((uintptr_t)type);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	slot->type = type;
}

static LR_COLD struct lr_type_info *find_slowly(struct lr_thread *thread,
						const struct lastref_type *type)
{
	struct lr_cached_type *slot = cache_slot(thread, type);
	bool logged_before = lr_types_any_logged();
	uint32_t id;

	/* A signal handler that interrupted a part with a lock. */
	if (lr_lock_held())
		return NULL;
	/* Has its module replaced another one? Then what was concluded from addresses there is void from here on. */
	module_of((uintptr_t)type);
	lr_lock(&types_lock);
	id = find_or_add(type);
	if (id != 0)
		fill_slot(slot, type, id);
	lr_unlock(&types_lock);
	if (lr_types_any_logged() && !logged_before)
		lr_start_watch();
	return id != 0 ? &infos[id] : NULL;
}

static inline bool is_cached(const struct lr_cached_type *slot, const struct lastref_type *type)
{
	return slot->type == type && slot->name == type->name && slot->size == type->size;
}

/*
 * A type of a library, or one that the thread did not use lately. A module that took the place of another may have another text where
 * the name was.
 */
static LR_NOINLINE struct lr_type_info *find_again(struct lr_thread *thread,
						   const struct lastref_type *type)
{
	const struct lr_cached_type *slot = cache_slot(thread, type);

	if (LR_LIKELY(is_cached(slot, type) && infos[slot->id].count_kind == type->count_kind &&
		      infos[slot->id].count_offset == type->count_offset &&
		      strcmp(infos[slot->id].name, name_of(type)) == 0))
		return &infos[slot->id];
	return find_slowly(thread, type);
}

/* What calls is called last, so that the usual way saves no register. */
struct lr_type_info *lr_type_find(struct lr_thread *thread, const struct lastref_type *type)
{
	const struct lr_cached_type *slot = cache_slot(thread, type);

	if (LR_LIKELY(is_cached(slot, type) && !slot->may_go))
		return &infos[slot->id];
	return find_again(thread, type);
}

struct lr_type_info *lr_type_by_id(uint32_t id)
{
	/* Pairs with the release in add(). */
	if (id == 0 || id > __atomic_load_n(&type_count, __ATOMIC_ACQUIRE))
		return NULL;
	return &infos[id];
}

bool lr_type_copy(uint32_t id, struct lr_type_info *ret)
{
	const struct lr_type_info *info = lr_type_by_id(id);

	if (!info)
		return false;
	lr_lock(&types_lock);
	*ret = *info;
	lr_unlock(&types_lock);
	return true;
}

uint32_t lr_types_count(void)
{
	return __atomic_load_n(&type_count, __ATOMIC_RELAXED);
}

bool lr_types_are_too_many(void)
{
	return __atomic_load_n(&type_count, __ATOMIC_RELAXED) >= LR_TYPES_MAX;
}

const char *lr_type_name(uint32_t id)
{
	const struct lr_type_entry *entry = lr_image_type(&lr_arena_image, id);

	return entry ? lr_image_text(&lr_arena_image, entry->name, NULL) : "(unknown)";
}

void lr_types_restart_in_child(void)
{
	lr_lock_restart(&types_lock);
	lr_members_restart_in_child();
	type_count = 0;
	lr_pages_unmap(table, TABLE_SIZE * sizeof(*table));
	lr_pages_unmap(infos, (LR_TYPES_MAX + 1) * sizeof(*infos));
	table = NULL;
	infos = NULL;
}
