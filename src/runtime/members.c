/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of members.
 *
 * Layer: runtime. Locks: members_lock, to add a name. A name that is there is found without it.
 *
 * There are as many names as the program's source has, so the table is small and never grows. They are kept over checks: a daemon that
 * checks itself every minute must not fill the text space with the same names.
 */
#include "runtime/members.h"

#include "base/hash.h"
#include "base/ranks.h"
#include "runtime/arena.h"

#include <string.h>

#define TABLE_SIZE 2048u
#define NAMES_MAX (TABLE_SIZE / 2)

struct name {
	uint64_t hash;
	lr_text_ref text; /* 0: this place is free. Stored with release, last */
};

static struct lr_lock members_lock = LR_LOCK_INIT(LR_RANK_MEMBERS);
static struct name table[TABLE_SIZE]; /* by hash, open addressing; guarded by members_lock for writing */
static uint32_t name_count;	      /* guarded by members_lock */

/* Return: the text, or 0, and then the free place at which it would be. */
static lr_text_ref find(const char *name, uint64_t hash, uint32_t *ret_free)
{
	uint32_t at = (uint32_t)(lr_hash_word(hash) % TABLE_SIZE);

	for (;; at = (at + 1) % TABLE_SIZE) {
		/* Pairs with the release in add(). */
		lr_text_ref text = __atomic_load_n(&table[at].text, __ATOMIC_ACQUIRE);

		if (text == 0) {
			*ret_free = at;
			return 0;
		}
		if (table[at].hash == hash &&
		    strcmp(lr_image_text(&lr_arena_image, text, NULL), name) == 0)
			return text;
	}
}

static lr_text_ref add(const char *name, uint64_t hash)
{
	uint32_t at;
	lr_text_ref text;

	lr_lock(&members_lock);
	text = find(name, hash, &at);
	if (text == 0 && name_count < NAMES_MAX) {
		text = lr_arena_add_text(name, strlen(name));
		name_count += text != 0;
		table[at].hash = hash;
		/* Pairs with the acquire in find(). */
		__atomic_store_n(&table[at].text, text, __ATOMIC_RELEASE);
	}
	lr_unlock(&members_lock);
	return text;
}

lr_text_ref lr_member_name(const char *name)
{
	char copy[LR_MEMBER_NAME_MAX + 1];
	uint64_t hash;
	uint32_t unused;
	lr_text_ref text;
	size_t length;

	if (!name || name[0] == '\0')
		return 0;
	/* What the program does to its string from here on, and where it lies, concerns the copy no more. */
	length = strnlen(name, LR_MEMBER_NAME_MAX);
	memcpy(copy, name, length);
	copy[length] = '\0';
	hash = lr_hash_text(0, copy);
	text = find(copy, hash, &unused);
	return text != 0 ? text : add(copy, hash);
}

void lr_members_restart_in_child(void)
{
	lr_lock_restart(&members_lock);
	memset(table, 0, sizeof(table));
	name_count = 0;
}
