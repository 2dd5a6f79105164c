/* SPDX-License-Identifier: Apache-2.0 */
#include "hot_paths.h"

#include <lastref/hot_count.h>

static void ref(int64_t word, struct hot_step *ret)
{
	struct lastref_hot_count count = { word, 0, 0 };

	ret->is_slow = lastref_hot_count_ref_begin_(&count, &ret->token);
	ret->word = count.word;
}

static void tryref(int64_t word, struct hot_step *ret)
{
	struct lastref_hot_count count = { word, 0, 0 };

	ret->is_slow = !lastref_hot_count_tryref_as_(&count, &ret->token, LASTREF_NULL_, &count);
	ret->word = count.word;
}

static void unref(int64_t word, struct hot_step *ret)
{
	struct lastref_hot_count count = { word, 0, 0 };

	ret->is_slow = lastref_hot_count_unref_begin_(&count, &ret->token);
	ret->word = count.word;
}

#ifdef LASTREF_PORTABLE
const struct hot_paths hot_paths_builtins =
#else
const struct hot_paths hot_paths_assembly =
#endif
	{ LASTREF_X86_ASM_, ref, tryref, unref };
