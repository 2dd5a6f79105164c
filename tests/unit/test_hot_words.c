/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot count keeps its word with the sign bit flipped. Here is the plain form, in which it is
 * described, and each operation of the header must do with the flipped word what the plain form
 * does: at every border of a zone or a mark, and up to three steps to both sides of it. Built
 * twice: with inline assembly, and with LASTREF_PORTABLE.
 *
 * One thread only; what several do to each other is the business of models/ and tests/explore.
 */
#include <lastref/hot_count.h>

#include <lastref/check.h>

#include <criterion/criterion.h>
#include <inttypes.h>

#define HALF_MARK (INT64_C(1) << 59)
#define MARK (INT64_C(1) << 60)
#define IMMORTAL_FROM (INT64_C(1) << 62)
/* From here on it is zeroed memory from which was subtracted. */
#define IMMORTAL_TO (INT64_MAX - MARK)
#define DEAD (INT64_MIN + (INT64_C(1) << 61))
#define GAP INT64_C(-1)
#define BORDERS 32
#define STEPS 3

/* What an operation made of the word, in the plain form. */
struct outcome {
	int64_t w;
	int64_t result;
	int misuses;
};

static int misuses;
static enum lastref_misuse_kind last_kind;

static void note_misuse(const struct lastref_misuse *misuse, void *context)
{
	(void)context;
	misuses++;
	last_kind = misuse->kind;
}

static bool is_immortal(int64_t w)
{
	return w >= IMMORTAL_FROM && w <= IMMORTAL_TO;
}

static bool is_live(int64_t w)
{
	return w >= 0 && w <= IMMORTAL_TO;
}

static int64_t plus(int64_t w, int64_t step)
{
	return (int64_t)((uint64_t)w + (uint64_t)step);
}

/* References - 1 of a live word, its mark taken off: -1 if nobody is left, less after a misuse. */
static int64_t plain_rest(int64_t w)
{
	while (w >= HALF_MARK)
		w -= MARK;
	return w;
}

static struct outcome plain_misuse(int64_t result)
{
	return (struct outcome){ DEAD, result, 1 };
}

static struct outcome plain_ref(int64_t w)
{
	/* Also where the sum would leave the immortal zone. */
	if (w < 0 || w == INT64_MAX)
		return plain_misuse(0);
	return (struct outcome){ w + 1, 0, 0 };
}

static struct outcome plain_tryref(int64_t w)
{
	if (w == GAP)
		return (struct outcome){ MARK, true, 0 };
	return (struct outcome){ plus(w, 1), w >= 0, 0 };
}

static struct outcome plain_unref(int64_t w)
{
	if (w < 0)
		return plain_misuse(false);
	if (w == 0)
		return (struct outcome){ DEAD, true, 0 };
	return (struct outcome){ w - 1, false, 0 };
}

static struct outcome plain_unref_unless_last(int64_t w)
{
	if (is_immortal(w))
		return (struct outcome){ w, true, 0 };
	if (!is_live(w) || plain_rest(w) < 0)
		return plain_misuse(true);
	if (plain_rest(w) == 0)
		return (struct outcome){ w, false, 0 };
	return (struct outcome){ w - 1, true, 0 };
}

static struct outcome plain_read(int64_t w)
{
	int64_t references = is_live(w) ? plain_rest(w) + 1 : 0;

	if (is_immortal(w))
		references = INT64_MAX;
	return (struct outcome){ w, references < 0 ? 0 : references, 0 };
}

static struct outcome plain_is_unique(int64_t w)
{
	return (struct outcome){ w, w == 0, 0 };
}

static int64_t do_ref(struct lastref_hot_count *count)
{
	lastref_hot_count_ref(count);
	return 0;
}

static int64_t do_tryref(struct lastref_hot_count *count)
{
	return lastref_hot_count_tryref(count);
}

static int64_t do_unref(struct lastref_hot_count *count)
{
	return lastref_hot_count_unref(count);
}

static int64_t do_unref_unless_last(struct lastref_hot_count *count)
{
	return lastref_hot_count_unref_unless_last(count);
}

static int64_t do_read(struct lastref_hot_count *count)
{
	return lastref_hot_count_read(count);
}

static int64_t do_is_unique(struct lastref_hot_count *count)
{
	return lastref_hot_count_is_unique(count);
}

static struct lastref_hot_count count_of(int64_t w)
{
	return (struct lastref_hot_count){ w ^ INT64_MIN, 0, 0 };
}

static struct outcome do_to(int64_t w, int64_t (*operation)(struct lastref_hot_count *count))
{
	struct lastref_hot_count count = count_of(w);
	struct outcome outcome;

	misuses = 0;
	outcome.result = operation(&count);
	outcome.misuses = misuses;
	outcome.w = count.word ^ INT64_MIN;
	return outcome;
}

static void compare(int64_t (*operation)(struct lastref_hot_count *count),
		    struct outcome (*plain)(int64_t w))
{
	lastref_set_misuse_handler(note_misuse, NULL);
	for (int border = 0; border < BORDERS; border++) {
		for (int step = -STEPS; step <= STEPS; step++) {
			int64_t w = plus(INT64_MIN + border * HALF_MARK, step);
			struct outcome is = do_to(w, operation);
			struct outcome ought = plain(w);

			cr_expect(is.w == ought.w && is.result == ought.result &&
					  is.misuses == ought.misuses,
				  "w %#" PRIx64 ": word %#" PRIx64 " result %" PRId64
				  " misuses %d instead of word %#" PRIx64 " result %" PRId64
				  " misuses %d",
				  (uint64_t)w, (uint64_t)is.w, is.result, is.misuses,
				  (uint64_t)ought.w, ought.result, ought.misuses);
		}
	}
}

Test(hot_words, ref_decides_as_in_the_plain_form)
{
	compare(do_ref, plain_ref);
}

Test(hot_words, tryref_decides_as_in_the_plain_form)
{
	compare(do_tryref, plain_tryref);
}

Test(hot_words, unref_decides_as_in_the_plain_form)
{
	compare(do_unref, plain_unref);
}

Test(hot_words, unref_unless_last_decides_as_in_the_plain_form)
{
	compare(do_unref_unless_last, plain_unref_unless_last);
}

Test(hot_words, read_decides_as_in_the_plain_form)
{
	compare(do_read, plain_read);
}

Test(hot_words, is_unique_decides_as_in_the_plain_form)
{
	compare(do_is_unique, plain_is_unique);
}

Test(hot_words, zeroed_memory_is_told_from_a_dead_object)
{
	lastref_set_misuse_handler(note_misuse, NULL);
	do_to(INT64_MIN, do_ref);
	cr_assert_eq(last_kind, LASTREF_MISUSE_REF_UNINITIALIZED);
	do_to(INT64_MIN, do_unref);
	cr_assert_eq(last_kind, LASTREF_MISUSE_UNREF_UNINITIALIZED);
	do_to(DEAD, do_ref);
	cr_assert_eq(last_kind, LASTREF_MISUSE_REF_DEAD);
	do_to(DEAD, do_unref);
	cr_assert_eq(last_kind, LASTREF_MISUSE_UNREF_DEAD);
}
