/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the object-code test compares: the operations of each count, each as a function of its own. Compiled, not run, with and without
 * inline assembly.
 */
#include <lastref/count.h>

void count_ref(struct lastref_count *count);
bool count_tryref(struct lastref_count *count);
bool count_unref(struct lastref_count *count);
void hot_ref(struct lastref_hot_count *count);
bool hot_tryref(struct lastref_hot_count *count);
bool hot_unref(struct lastref_hot_count *count);
void cache_ref(struct lastref_cache_count *count);
bool cache_tryref(struct lastref_cache_count *count);
bool cache_unref(struct lastref_cache_count *count);

void count_ref(struct lastref_count *count)
{
	lastref_count_ref(count);
}

bool count_tryref(struct lastref_count *count)
{
	return lastref_count_tryref(count);
}

bool count_unref(struct lastref_count *count)
{
	return lastref_count_unref(count);
}

void hot_ref(struct lastref_hot_count *count)
{
	lastref_hot_count_ref(count);
}

bool hot_tryref(struct lastref_hot_count *count)
{
	return lastref_hot_count_tryref(count);
}

bool hot_unref(struct lastref_hot_count *count)
{
	return lastref_hot_count_unref(count);
}

void cache_ref(struct lastref_cache_count *count)
{
	lastref_cache_count_ref(count);
}

bool cache_tryref(struct lastref_cache_count *count)
{
	return lastref_cache_count_tryref(count);
}

bool cache_unref(struct lastref_cache_count *count)
{
	return lastref_cache_count_unref(count);
}
