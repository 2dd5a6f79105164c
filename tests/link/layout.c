/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what must be the same however lastref is linked: sizes, places, and the bytes of counts in all states. */
#include "everything.h"

#include <stdio.h>
#include <string.h>

#define SIZE(type) printf("%s %zu %zu\n", #type, sizeof(type), _Alignof(type))
#define PLACE(type, member) printf("%s.%s %zu\n", #type, #member, offsetof(type, member))

static void bytes(const char *what, const void *object, size_t size)
{
	printf("%s", what);
	for (size_t i = 0; i < size; i++)
		printf(" %02x", ((const unsigned char *)object)[i]);
	printf("\n");
}

static void type_places(void)
{
	PLACE(struct lastref_type, name);
	PLACE(struct lastref_type, c_type);
	PLACE(struct lastref_type, size);
	PLACE(struct lastref_type, count);
	PLACE(struct lastref_type, ref);
	PLACE(struct lastref_type, tryref);
	PLACE(struct lastref_type, unref);
	PLACE(struct lastref_type, options);
	PLACE(struct lastref_type, count_offset);
	PLACE(struct lastref_type, count_kind);
	PLACE(struct lastref_type, describe);
	PLACE(struct lastref_type, leak_message);
	PLACE(struct lastref_type, log);
	PLACE(struct lastref_type, size_of);
	PLACE(struct lastref_type, at_rest);
}

static void states(void)
{
	struct lastref_count count;
	struct lastref_hot_count hot;
	struct lastref_cache_count cache;

	memset(&hot, 0, sizeof(hot));
	lastref_count_init(&count);
	lastref_hot_count_init(&hot);
	lastref_cache_count_init(&cache);
	bytes("count, one", &count, sizeof(count));
	bytes("hot, one", &hot, sizeof(hot));
	bytes("cache, one", &cache, sizeof(cache));
	lastref_count_unref(&count);
	lastref_hot_count_unref(&hot);
	lastref_cache_count_unref(&cache);
	bytes("count, dead", &count, sizeof(count));
	bytes("hot, dead", &hot, sizeof(hot));
	bytes("cache, at rest", &cache, sizeof(cache));
	lastref_cache_count_evict(&cache);
	bytes("cache, evicted", &cache, sizeof(cache));
}

int main(void)
{
	SIZE(struct lastref_count);
	SIZE(struct lastref_hot_count);
	SIZE(struct lastref_cache_count);
	SIZE(struct lastref_type);
	SIZE(struct lastref_misuse);
	SIZE(struct box);
	SIZE(struct plaza);
	SIZE(struct entry);
	PLACE(struct box, inside);
	PLACE(struct plaza, content);
	PLACE(struct entry, refs);
	type_places();
	states();
	return live_with_everything();
}
