/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of words, for the tests of the counts: what each operation returns, what it stores, and which misuse it reports, at both
 * edges of every zone.
 */
#ifndef TESTS_SUPPORT_COUNT_TABLE_H
#define TESTS_SUPPORT_COUNT_TABLE_H

#include <lastref/lastref.h>

#include <criterion/criterion.h>
#include <inttypes.h>

#define NONE (-1)

enum operation { REF, TRYREF, UNREF, UNREF_UNLESS_LAST, OPERATIONS };

static const char *const operation_names[] = { "ref", "tryref", "unref", "unref_unless_last" };

/* A ref returns nothing, which is false here. */
struct outcome {
	bool returns;
	int64_t word; /* that is stored */
	int misuse;   /* enum lastref_misuse_kind, or NONE */
};

struct row {
	int64_t word;
	int64_t read;
	bool is_unique;
	struct outcome outcomes[OPERATIONS];
};

/* A count of the kind under test, of which the table knows the word only. */
struct counted {
	void (*store)(int64_t word);
	int64_t (*load)(void);
	bool (*operations[OPERATIONS])(void);
	int64_t (*read)(void);
	bool (*is_unique)(void);
};

static int misuses;
static int last_misuse = NONE;

static __attribute__((unused)) void note_misuse(const struct lastref_misuse *misuse, void *context)
{
	(void)context;
	misuses++;
	last_misuse = (int)misuse->kind;
}

static __attribute__((unused)) void assert_outcome(const struct counted *counted, int64_t word,
						   enum operation operation,
						   const struct outcome *expected)
{
	const char *name = operation_names[operation];
	bool returned;

	counted->store(word);
	misuses = 0;
	last_misuse = NONE;
	returned = counted->operations[operation]();
	cr_assert_eq(returned, expected->returns, "%s at 0x%" PRIx64 " returns %d", name, word,
		     returned);
	cr_assert_eq(counted->load(), expected->word, "%s at 0x%" PRIx64 " stores 0x%" PRIx64, name,
		     word, counted->load());
	cr_assert_eq(last_misuse, expected->misuse, "%s at 0x%" PRIx64 ": misuse %d", name, word,
		     last_misuse);
	cr_assert_leq(misuses, 1);
}

static __attribute__((unused)) void assert_row(const struct counted *counted, const struct row *row)
{
	lastref_set_misuse_handler(note_misuse, NULL);
	for (int i = 0; i < OPERATIONS; i++)
		assert_outcome(counted, row->word, (enum operation)i, &row->outcomes[i]);
	counted->store(row->word);
	cr_assert_eq(counted->read(), row->read, "0x%" PRIx64 " reads %" PRId64, row->word,
		     counted->read());
	cr_assert_eq(counted->is_unique(), row->is_unique, "0x%" PRIx64, row->word);
	cr_assert_eq(counted->load(), row->word, "looking at 0x%" PRIx64 " changes it", row->word);
}

/* The operations of a @kind, on the variable `subject`. */
#define COUNT_TABLE_OPERATIONS(kind)                                                               \
	static bool subject_ref(void)                                                              \
	{                                                                                          \
		lastref_##kind##_ref(&subject);                                                    \
		return false;                                                                      \
	}                                                                                          \
	static bool subject_tryref(void)                                                           \
	{                                                                                          \
		return lastref_##kind##_tryref(&subject);                                          \
	}                                                                                          \
	static bool subject_unref(void)                                                            \
	{                                                                                          \
		return lastref_##kind##_unref(&subject);                                           \
	}                                                                                          \
	static bool subject_unref_unless_last(void)                                                \
	{                                                                                          \
		return lastref_##kind##_unref_unless_last(&subject);                               \
	}                                                                                          \
	static int64_t subject_read(void)                                                          \
	{                                                                                          \
		return lastref_##kind##_read(&subject);                                            \
	}                                                                                          \
	static bool subject_is_unique(void)                                                        \
	{                                                                                          \
		return lastref_##kind##_is_unique(&subject);                                       \
	}                                                                                          \
	static const struct counted counted = {                                                    \
		subject_store,                                                                     \
		subject_load,                                                                      \
		{ subject_ref, subject_tryref, subject_unref, subject_unref_unless_last },         \
		subject_read,                                                                      \
		subject_is_unique,                                                                 \
	}

/*
 * The rows of the two 32-bit counts, which share their zones. A word is written as it looks in a debugger.
 */

#define WORD(word) ((int64_t)(int32_t)(uint32_t)(word))
#define IMMORTAL_REST WORD(0xa0000000)
#define DEAD_REST WORD(0xe0000000)

/* Nobody holds it, and no operation may: a misuse makes it dead, a tryref fails. */
#define NOT_ALIVE(word, ref_misuse, unref_misuse)                                                  \
	{                                                                                          \
		WORD(word), 0, false,                                                              \
		{                                                                                  \
			{ false, DEAD_REST, LASTREF_MISUSE_##ref_misuse },                         \
				{ false, WORD(word), NONE },                                       \
				{ false, DEAD_REST, LASTREF_MISUSE_##unref_misuse },               \
				{ true, DEAD_REST, LASTREF_MISUSE_##unref_misuse },                \
		}                                                                                  \
	}

#define DEAD(word) NOT_ALIVE(word, REF_DEAD, UNREF_DEAD)

/* Two references or more. */
#define ALIVE(word, references)                                                                    \
	{                                                                                          \
		WORD(word), references, false,                                                     \
		{                                                                                  \
			{ false, WORD((uint32_t)(word) + 1), NONE },                               \
				{ true, WORD((uint32_t)(word) + 1), NONE },                        \
				{ false, WORD((uint32_t)(word)-1), NONE },                         \
				{ true, WORD((uint32_t)(word)-1), NONE },                          \
		}                                                                                  \
	}

/* Far enough from the edges of the immortal zone to drift. */
#define IMMORTAL(word)                                                                             \
	{                                                                                          \
		WORD(word), INT64_MAX, false,                                                      \
		{                                                                                  \
			{ false, WORD((word) + 1), NONE }, { true, WORD(word), NONE },             \
				{ false, WORD((word)-1), NONE }, { true, WORD(word), NONE },       \
		}                                                                                  \
	}

/* Near an edge of the immortal zone: put back to the middle. */
#define IMMORTAL_EDGE(word, misuse)                                                                \
	{                                                                                          \
		WORD(word), INT64_MAX, false,                                                      \
		{                                                                                  \
			{ false, IMMORTAL_REST, misuse }, { true, IMMORTAL_REST, misuse },         \
				{ false, IMMORTAL_REST, misuse }, { true, IMMORTAL_REST, misuse }, \
		}                                                                                  \
	}

/* All rows but those of few references. */
#define COMMON_ROWS                                                                                \
	NOT_ALIVE(0, REF_UNINITIALIZED, UNREF_UNINITIALIZED),                                      \
		IMMORTAL_EDGE(0x80000000, LASTREF_MISUSE_OVERFLOW),                                \
		IMMORTAL_EDGE(0x80000001, NONE), IMMORTAL_EDGE(0x8fffffff, NONE),                  \
		IMMORTAL(0x90000000), IMMORTAL(0xa0000000), IMMORTAL(0xb0000000),                  \
		IMMORTAL_EDGE(0xb0000001, NONE), IMMORTAL_EDGE(0xbfffffff, NONE),                  \
		DEAD(0xc0000000), DEAD(0xdfffffff), DEAD(0xe0000000), DEAD(0xffffffff)

#endif
